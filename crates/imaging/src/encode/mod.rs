//! Writing variants. Pictures come upright, in sRGB, with straight alpha; no metadata is written but that.

mod jpeg;
mod png;
mod webp;

use crate::alpha::{flatten, without_needless_alpha};
use crate::error::ImageError;
use crate::picture::Picture;
use minilab_model::{Color, Format};

/// How a variant is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EncodeOptions {
    /// The output format, never [`Format::Gif`] or [`Format::Avif`].
    pub format: Format,
    /// 1 to 100, for lossy formats.
    pub quality: u8,
    /// What shows through where the format has no alpha.
    pub background: Color,
}

/// The encoded file.
///
/// # Errors
/// What went wrong, as a part of a sentence.
pub(crate) fn encode(picture: Picture, options: &EncodeOptions) -> Result<Vec<u8>, String> {
    match options.format {
        Format::Jpeg => jpeg::encode(&flatten(picture, options.background), options.quality),
        Format::Png => png::encode(&without_needless_alpha(picture)),
        Format::Webp => webp::encode(&without_needless_alpha(picture), options.quality),
        Format::Gif | Format::Avif => Err("there is no encoder".to_owned()),
    }
}

/// The format that a variant of a source is written in.
///
/// # Errors
/// [`ImageError::Unsupported`] for formats that cannot be written.
pub(crate) fn output_format(source: Format, wanted: minilab_model::OutputFormat) -> Result<Format, ImageError> {
    match wanted.fixed() {
        // GIF cannot be written yet; PNG keeps its transparency and its colours.
        None if source == Format::Gif => Ok(Format::Png),
        None => Ok(source),
        Some(format @ (Format::Gif | Format::Avif)) => Err(ImageError::unsupported(format, "writing")),
        Some(format) => Ok(format),
    }
}
