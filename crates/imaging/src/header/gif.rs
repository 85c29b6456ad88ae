//! GIF blocks up to the first image, and whether there is a second (GIF89a specification).

use super::{Bytes, Found};
use crate::error::ImageError;
use minilab_model::Format;

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    let bytes = Bytes(file);
    let (width, height) = (u32::from(bytes.u16_le(6)?), u32::from(bytes.u16_le(8)?));
    let mut position = 13 + color_table_length(bytes.u8(10)?);
    let mut transparent = false;
    loop {
        match bytes.u8(position)? {
            0x21 => {
                let label = bytes.u8(position + 1)?;
                if label == 0xf9 {
                    transparent = bytes.u8(position + 3)? & 1 == 1;
                }
                position = behind_sub_blocks(bytes, position + 2)?;
            }
            0x2c => {
                let number = |offset: usize| bytes.u16_le(position + offset).map(u32::from);
                let (left, top, frame_width, frame_height) = (number(1)?, number(3)?, number(5)?, number(7)?);
                let covers = left == 0 && top == 0 && frame_width >= width && frame_height >= height;
                return Ok(Found {
                    // Some writers give a screen that is too small for the picture; browsers then enlarge it to the first frame.
                    width: width.max(left + frame_width),
                    height: height.max(top + frame_height),
                    has_alpha: transparent || !covers,
                    progressive: bytes.u8(position + 9)? & 0x40 != 0,
                    // Where the bytes end before that is known, work is planned for an animation.
                    animated: has_second_image(bytes, position).unwrap_or(true),
                    ..Found::default()
                });
            }
            0x3b => return Err(ImageError::corrupt_at(Format::Gif, "it ends before its first image", position)),
            other => return Err(ImageError::corrupt_at(Format::Gif, format!("an unknown block 0x{other:02x}"), position)),
        }
    }
}

/// Whether another image follows the one whose descriptor is at `position`.
fn has_second_image(bytes: Bytes<'_>, position: usize) -> Result<bool, ImageError> {
    // The descriptor, its colour table and the code size.
    let mut position = behind_sub_blocks(bytes, position + 11 + color_table_length(bytes.u8(position + 9)?))?;
    loop {
        match bytes.u8(position)? {
            0x2c => return Ok(true),
            0x21 => position = behind_sub_blocks(bytes, position + 2)?,
            // The trailer, or what no decoder goes beyond.
            _ => return Ok(false),
        }
    }
}

/// Where the chain of sub-blocks that begins at `position` ends.
fn behind_sub_blocks(bytes: Bytes<'_>, mut position: usize) -> Result<usize, ImageError> {
    loop {
        let length = usize::from(bytes.u8(position)?);
        position += 1 + length;
        if length == 0 {
            return Ok(position);
        }
    }
}

/// Bytes of the colour table that a packed field announces.
fn color_table_length(packed: u8) -> usize {
    if packed & 0x80 == 0 { 0 } else { 3 << ((packed & 7) + 1) }
}
