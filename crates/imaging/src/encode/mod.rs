//! Writing variants. Pictures come upright, with straight alpha, in the colours that are to be written.

mod apng;
mod attachments;
#[cfg(feature = "avif")]
mod avif;
mod gif;
mod indexed;
mod jpeg;
mod png;
mod quality;
mod search;
mod webp;

use crate::alpha::{flattened, without_needless_alpha};
use crate::animation::Animation;
use crate::picture::{Deadline, Picture};
use crate::ycc::Ycc;
use minilab_model::{ChromaSubsampling, Color, Format, OutputFormat, VariantSpec};
use std::sync::Arc;

pub(crate) use attachments::Attachments;
pub(crate) use jpeg::chroma as jpeg_chroma;
pub use search::is_written;
pub(crate) use search::{check_avif, encode_variant};

/// How a variant is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EncodeOptions<'a> {
    /// The output format: one that can be written.
    pub format: Format,
    /// 1 to 100 on JPEG's scale, for lossy formats.
    pub quality: u8,
    /// WebP without loss.
    pub lossless: bool,
    /// Most colours of PNG and GIF.
    pub palette: Option<u16>,
    /// Chroma in JPEG.
    pub chroma: ChromaSubsampling,
    /// Progressive JPEG.
    pub progressive: bool,
    /// What shows through where the format has no alpha.
    pub background: Color,
    /// What is written beside the pixels.
    pub attachments: &'a Attachments,
    /// When an animation is given up, looked at between frames. Never by default.
    pub deadline: Deadline,
}

impl<'a> EncodeOptions<'a> {
    /// As a variant says.
    pub(crate) fn of(spec: &VariantSpec, format: Format, attachments: &'a Attachments) -> Self {
        Self {
            format,
            quality: spec.quality(),
            lossless: spec.lossless,
            palette: spec.palette,
            chroma: spec.chroma,
            progressive: spec.progressive,
            background: spec.background,
            attachments,
            deadline: Deadline::default(),
        }
    }

    /// Ends an animation whose time is up. Who asked for it looks at the deadline too, and says so.
    fn check_deadline(&self) -> Result<(), String> {
        self.deadline.check().map_err(|error| error.to_string())
    }
}

/// What is to be written: a still, or an animation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Made {
    Still(Arc<Picture>),
    /// A still that is written as JPEG.
    Ycc(Arc<Ycc>),
    Animation(Animation),
}

/// The encoded file.
///
/// # Errors
/// What went wrong, as a part of a sentence.
pub(crate) fn encode(picture: &Picture, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let picture = &*attachments::as_profiled(picture, options.attachments);
    match options.format {
        Format::Jpeg => jpeg::encode(&flattened(picture, options.background), options),
        Format::Png => png::encode(&without_needless_alpha(picture), options),
        Format::Gif => gif::encode(picture, options),
        Format::Webp => webp::encode(&without_needless_alpha(picture), options),
        #[cfg(feature = "avif")]
        Format::Avif => avif::encode(&without_needless_alpha(picture), options),
        _ => Err(unwritten(options.format)),
    }
}

/// The encoded file of luma and chroma as they are.
///
/// # Errors
/// As [`encode`].
pub(crate) fn encode_ycc(ycc: &Ycc, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    match options.format {
        Format::Jpeg => jpeg::encode_ycc(ycc, options),
        _ => Err(unwritten(options.format)),
    }
}

/// An animation as a file, in a format that holds animations.
///
/// # Errors
/// As [`encode`].
pub(crate) fn encode_animation(animation: &Animation, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    match options.format {
        Format::Gif => gif::encode_animation(animation, options),
        Format::Webp => webp::encode_animation(animation, options),
        Format::Png => apng::encode(animation, options),
        _ => Err(unwritten(options.format)),
    }
}

/// Why a format is not written.
fn unwritten(format: Format) -> String {
    match format {
        Format::Avif => "this engine is built without AVIF (the feature `avif`)".to_owned(),
        _ => "there is no encoder".to_owned(),
    }
}

/// The formats that a variant of a source can be written in: one, or those that `auto` chooses from.
pub(crate) fn candidates(source: Format, has_alpha: bool, spec: &VariantSpec) -> Vec<Format> {
    match spec.format {
        OutputFormat::Keep => vec![kept(source, has_alpha)],
        OutputFormat::Auto => spec.accept.iter().filter_map(|format| format.fixed()).collect(),
        fixed => fixed.fixed().into_iter().collect(),
    }
}

/// The format of a variant that keeps the source's.
fn kept(source: Format, has_alpha: bool) -> Format {
    match source {
        Format::Jpeg | Format::Png | Format::Webp | Format::Gif | Format::Avif => source,
        Format::Tiff | Format::Bmp | Format::Ico | Format::Svg => Format::Png,
        Format::Heic | Format::Jxl if has_alpha => Format::Png,
        Format::Heic | Format::Jxl => Format::Jpeg,
    }
}

/// Whether an animated source stays animated in this format. PNG does so only where the source is one already: people who ask
/// for a PNG of a GIF want a still.
pub(crate) fn keeps_animation(source: Format, output: Format) -> bool {
    output.holds_animation() && (output != Format::Png || source == Format::Png)
}
