//! One decoder per format; each writes rows to a [`RowSink`](crate::sink::RowSink), or frames to a function.

mod apng;
#[cfg(feature = "avif")]
mod avif;
mod bmp;
mod canvas;
#[cfg(test)]
mod frame_tests;
mod gif;
#[cfg(feature = "heic")]
mod heic;
#[cfg(any(feature = "avif", feature = "heic"))]
mod heif;
mod ico;
mod jpeg;
mod jpeg_planes;
#[cfg(feature = "jxl")]
pub(crate) mod jxl;
mod png;
mod png_damage;
mod png_still;
#[cfg(feature = "svg")]
mod svg;
mod tiff;
mod webp;

use crate::animation::Frame;
use crate::error::ImageError;
use crate::header::Header;
use crate::picture::{Deadline, Picture, Size};
use crate::sink::Take;
use crate::ycc::Pixels;
use minilab_model::{DecodeLimits, Format};

/// How a source is to be decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecodeOptions<'a> {
    /// The picture comes out this many times smaller in each direction, edges rounded up. 1 for formats that are drawn.
    pub shrink: u32,
    /// The size of the picture that comes out: what `shrink` makes of the stored one, or the size at which a format that is
    /// drawn is drawn.
    #[cfg_attr(not(feature = "svg"), allow(dead_code, reason = "all other formats are stored"))]
    pub base: Size,
    /// What is wanted of that picture.
    pub take: &'a Take,
    pub limits: &'a DecodeLimits,
    pub deadline: Deadline,
    /// Whether a damaged file gives what is there.
    pub tolerant: bool,
}

/// What was wanted of a picture. It is as stored: not turned, in its own colours.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decoded {
    /// All of it, if wanted.
    pub whole: Option<Picture>,
    /// The parts, resized, in the order in which they were asked for.
    pub resized: Vec<Pixels>,
    /// Whether every pixel is opaque.
    pub opaque: bool,
    /// What was wrong with the file, when it was taken all the same.
    pub damage: Option<String>,
}

impl<'a> DecodeOptions<'a> {
    /// At full size, strictly, without a deadline.
    pub(crate) fn new(limits: &'a DecodeLimits, take: &'a Take) -> Self {
        let base = Size { width: 0, height: 0 };
        Self { shrink: 1, base, take, limits, deadline: Deadline::default(), tolerant: false }
    }
}

/// Decodes a whole file whose header has been read and checked; of an animation the first frame.
pub(crate) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    match header.format {
        Format::Jpeg => jpeg::decode(source, header, options),
        Format::Png => png::decode(source, header, options).map_err(|error| png_damage::located(source, error)),
        Format::Webp => webp::decode(source, header, options),
        Format::Gif => gif::decode(source, header, options),
        Format::Tiff => tiff::decode(source, header, options),
        Format::Bmp => bmp::decode(source, header, options),
        Format::Ico => ico::decode(source, header, options),
        #[cfg(feature = "avif")]
        Format::Avif => avif::decode(source, header, options),
        #[cfg(feature = "svg")]
        Format::Svg => svg::decode(source, header, options),
        #[cfg(feature = "jxl")]
        Format::Jxl => jxl::decode(source, header, options),
        #[cfg(feature = "heic")]
        Format::Heic => heic::decode(source, header, options),
        #[cfg(not(feature = "heic"))]
        Format::Heic => Err(ImageError::no_decoder(header.format)),
        #[cfg(not(feature = "jxl"))]
        Format::Jxl => Err(ImageError::no_decoder(header.format)),
        #[cfg(not(feature = "avif"))]
        Format::Avif => Err(ImageError::no_decoder(header.format)),
        #[cfg(not(feature = "svg"))]
        Format::Svg => Err(ImageError::no_decoder(header.format)),
    }
}

/// How an animation ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Played {
    /// How often it is played; `None`: for ever.
    pub plays: Option<u32>,
    /// What was wrong with the file after the frames that were given, when it was taken all the same; or that there were more
    /// frames than are looked at.
    pub cut_short: Option<String>,
}

/// Decodes the frames of an animation in order and gives each, composed onto the canvas as it is shown, to `each`. All
/// frames have the same layout, one with alpha, and 8 bits a channel. No more than `limits.frames` are given, and no more than
/// make `limits.pixels` together. A delay of 10 ms or less comes as 100 ms: see [`crate::animation::shown_delay`].
///
/// # Errors
/// What the decoder or `each` says.
pub(crate) fn decode_frames(
    source: &[u8],
    header: &Header,
    options: &DecodeOptions<'_>,
    each: &mut dyn FnMut(Frame) -> Result<(), ImageError>,
) -> Result<Played, ImageError> {
    match header.format {
        Format::Gif => gif::decode_frames(source, header, options, each),
        Format::Png => apng::decode_frames(source, header, options, each),
        Format::Webp => webp::decode_frames(source, header, options, each),
        _ => Err(ImageError::unsupported(header.format, "animation")),
    }
}

fn size(header: &Header) -> Size {
    Size { width: header.width, height: header.height }
}
