//! Windows icons: the largest picture of the file.

use super::bmp::{Colors, stored_row};
use super::{DecodeOptions, Decoded, png, size};
use crate::error::ImageError;
use crate::header::bmp::Bitmap;
use crate::header::{Details, Header};
use crate::picture::Layout;
use crate::sink::RowSink;
use minilab_model::Format;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let Details::Ico { start, end, png: is_png } = header.details else {
        return Err(ImageError::Internal { detail: "the header of an icon says nothing of its picture".to_owned() });
    };
    if is_png {
        let picture = source.get(start..end.min(source.len())).unwrap_or_default();
        return png::decode(picture, header, options);
    }
    let mut bitmap = Bitmap::read(source, start, Format::Ico)?;
    let height = header.height;
    // The fourth byte is alpha, in files that use it.
    if bitmap.bits == 32 && uses_alpha(source, &bitmap, height) {
        bitmap.masks[3] = 0xff00_0000;
    }
    let colors = Colors::new(source, &bitmap);
    let mask = Mask::new(&bitmap, height);
    let mut sink = RowSink::<u8>::new(size(header), Layout::Rgba, options.shrink, options);
    let mut row = Vec::new();
    let mut push_rows = || {
        for y in 0..height {
            let missing = || ImageError::corrupt_at(Format::Ico, format!("it ends before row {y}"), source.len());
            let stored = stored_row(source, &bitmap, height, y).ok_or_else(missing)?;
            row.clear();
            colors.expand(stored, Layout::Rgba, &mut row);
            if bitmap.masks[3] == 0 {
                mask.apply(source, y, &mut row);
            }
            sink.push(&row)?;
        }
        Ok(())
    };
    let pushed = push_rows();
    sink.finish(pushed, header)
}

/// Whether some pixel has an alpha other than 0: old files leave the byte empty.
fn uses_alpha(source: &[u8], bitmap: &Bitmap, height: u32) -> bool {
    (0..height).filter_map(|y| stored_row(source, bitmap, height, y)).any(|row| row.chunks_exact(4).any(|pixel| pixel[3] != 0))
}

/// The mask behind the pixels: a bit a pixel, set where it is clear.
struct Mask {
    start: usize,
    row_bytes: usize,
    height: u32,
    top_down: bool,
}

impl Mask {
    fn new(bitmap: &Bitmap, height: u32) -> Self {
        let start = bitmap.pixels.saturating_add(bitmap.row_bytes().saturating_mul(height as usize));
        let row_bytes = bitmap.width.div_ceil(32) as usize * 4;
        Self { start, row_bytes, height, top_down: bitmap.top_down }
    }

    /// Clears the pixels of row `y` that the mask says are clear; a mask that is cut off clears none.
    fn apply(&self, source: &[u8], y: u32, row: &mut [u8]) {
        let index = if self.top_down { y } else { self.height - 1 - y };
        let start = self.start.saturating_add(self.row_bytes.saturating_mul(index as usize));
        let Some(bits) = source.get(start..start.saturating_add(self.row_bytes)) else { return };
        for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
            let is_clear = bits.get(x / 8).is_some_and(|byte| byte << (x % 8) & 0x80 != 0);
            if is_clear {
                pixel.fill(0);
            }
        }
    }
}
