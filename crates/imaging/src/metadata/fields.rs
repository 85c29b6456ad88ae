//! The fields of the record that take pixels, found on a small picture of the image.

use super::thumbhash;
use crate::picture::Picture;
use minilab_model::{ImageMetadata, PixelField};

/// Whether one of the fields takes the small picture.
pub(crate) fn need_picture(fields: &[PixelField]) -> bool {
    fields.iter().any(|field| *field != PixelField::IsOpaque)
}

/// Whether it is asked whether every pixel is opaque.
pub(crate) fn need_opacity(fields: &[PixelField]) -> bool {
    fields.contains(&PixelField::IsOpaque)
}

/// Fills in the fields that are asked for, from an upright sRGB picture of at most [`thumbhash::MAX_SIDE`] pixels a side.
pub(crate) fn describe(picture: &Picture, fields: &[PixelField], metadata: &mut ImageMetadata) {
    for field in fields {
        match field {
            PixelField::Thumbhash => metadata.thumbhash = thumbhash::hash(picture),
            PixelField::Blurhash | PixelField::Palette | PixelField::PerceptualHash | PixelField::Entropy => {}
            // Known from decoding, not from a picture that is shrunk.
            PixelField::IsOpaque => {}
        }
    }
}
