//! One decoder per format; each writes rows to a [`RowSink`](crate::shrink::RowSink).

mod gif;
mod jpeg;
mod png;
mod webp;

use crate::error::ImageError;
use crate::header::Header;
use crate::picture::{Deadline, Picture, Size};
use minilab_model::{DecodeLimits, Format};

/// How a source is to be decoded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecodeOptions<'a> {
    /// The picture comes out this many times smaller in each direction, edges rounded up.
    pub shrink: u32,
    pub limits: &'a DecodeLimits,
    pub deadline: Deadline,
}

/// Decodes a whole file whose header has been read and checked. The picture is as stored: not turned, in its own colours.
pub(crate) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Picture, ImageError> {
    match header.format {
        Format::Jpeg => jpeg::decode(source, header, options),
        Format::Png => png::decode(source, header, options),
        Format::Webp => webp::decode(source, header, options),
        Format::Gif => gif::decode(source, header, options),
        Format::Avif => Err(ImageError::unsupported(header.format, "decoding")),
    }
}

fn size(header: &Header) -> Size {
    Size { width: header.width, height: header.height }
}

/// The error for a decoder that ended well but too soon.
fn rows_missing(header: &Header, rows: u32) -> ImageError {
    ImageError::corrupt(header.format, format!("it ends after {rows} of {} rows", header.height))
}
