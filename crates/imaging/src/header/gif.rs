//! GIF blocks up to the first image (GIF89a specification).

use super::{Bytes, Details, Found, IccParts};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format};

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let bytes = Bytes(file);
    let (width, height) = (bytes.u16_le(6)?, bytes.u16_le(8)?);
    let mut position = 13 + color_table_length(bytes.u8(10)?);
    let mut transparent = false;
    let mut animated = false;
    loop {
        match bytes.u8(position)? {
            0x21 => {
                let label = bytes.u8(position + 1)?;
                if label == 0xf9 {
                    transparent = bytes.u8(position + 3)? & 1 == 1;
                }
                // NETSCAPE2.0 asks for repetition: more than one frame.
                animated |= label == 0xff && bytes.slice(position + 3, 11)? == b"NETSCAPE2.0";
                position += 2;
                loop {
                    let length = usize::from(bytes.u8(position)?);
                    position += 1 + length;
                    if length == 0 {
                        break;
                    }
                }
            }
            0x2c => {
                let [left, top, frame_width, frame_height] =
                    [1, 3, 5, 7].map(|offset| bytes.u16_le(position + offset).map(u32::from));
                let covers = left? == 0 && top? == 0 && frame_width? >= u32::from(width) && frame_height? >= u32::from(height);
                return Ok(Found {
                    width: u32::from(width),
                    height: u32::from(height),
                    color_space: ColorSpace::Rgb,
                    bit_depth: 8,
                    has_alpha: transparent || !covers,
                    progressive: bytes.u8(position + 9)? & 0x40 != 0,
                    animated,
                    icc: IccParts::default(),
                    exif: None,
                    orientation: None,
                    details: Details::Other,
                });
            }
            0x3b => return Err(ImageError::corrupt_at(Format::Gif, "it ends before its first image", position)),
            other => return Err(ImageError::corrupt_at(Format::Gif, format!("an unknown block 0x{other:02x}"), position)),
        }
    }
}

/// Bytes of the colour table that a packed field announces.
fn color_table_length(packed: u8) -> usize {
    if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) }
}
