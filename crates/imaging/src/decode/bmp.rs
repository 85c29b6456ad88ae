//! Windows bitmaps. Rows that lie in the file as they are get read where they stand; runs are unpacked whole.

use super::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::Header;
use crate::header::bmp::{Bitmap, Packing, header_start};
use crate::picture::Layout;
use crate::sink::RowSink;
use minilab_model::Format;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let start = header_start(source);
    let mut bitmap = Bitmap::read(source, start, Format::Bmp)?;
    // Where the file header says, unless it says nothing of use.
    if let (true, Some(&[a, b, c, d])) = (start > 0, source.get(10..14)) {
        let stated = u32::from_le_bytes([a, b, c, d]) as usize;
        let is_the_palette = stated == bitmap.palette.start && bitmap.bits <= 8 && !bitmap.palette.is_empty();
        if stated >= bitmap.palette.start && !is_the_palette {
            bitmap.pixels = stated;
        }
    }
    let layout = if bitmap.masks[3] != 0 { Layout::Rgba } else { Layout::Rgb };
    let mut sink = RowSink::<u8>::new(size(header), layout, options.shrink, options);
    let pushed = match bitmap.packing {
        Packing::Plain => plain(source, &bitmap, layout, options.tolerant, &mut sink),
        Packing::Runs(bits) => runs(source, &bitmap, bits, &mut sink),
    };
    sink.finish(pushed, header)
}

fn plain(source: &[u8], bitmap: &Bitmap, layout: Layout, tolerant: bool, sink: &mut RowSink<u8>) -> Result<(), ImageError> {
    let colors = Colors::new(source, bitmap);
    let (mut row, mut missing) = (Vec::new(), None);
    for y in 0..bitmap.height {
        row.clear();
        match stored_row(source, bitmap, bitmap.height, y) {
            Some(stored) => colors.expand(stored, layout, &mut row),
            // Most bitmaps begin with their last row, so one that was cut off lacks its first.
            None => {
                let cut = ImageError::corrupt_at(Format::Bmp, format!("it ends before row {y}"), source.len());
                if !tolerant || y + 1 == bitmap.height {
                    return Err(missing.unwrap_or(cut));
                }
                missing = Some(cut);
                row.resize(bitmap.width as usize * layout.channels(), 0);
            }
        }
        sink.push(&row)?;
    }
    missing.map_or(Ok(()), Err)
}

/// Row `y` from the top of a bitmap of `height` rows, as it is stored.
pub(super) fn stored_row<'a>(source: &'a [u8], bitmap: &Bitmap, height: u32, y: u32) -> Option<&'a [u8]> {
    let index = if bitmap.top_down { y } else { height - 1 - y };
    let length = bitmap.row_bytes();
    let start = bitmap.pixels.checked_add(length.checked_mul(index as usize)?)?;
    // The filling behind the very last row may be missing.
    let used = (bitmap.width as usize * bitmap.bits as usize).div_ceil(8);
    source.get(start..start.checked_add(used)?)
}

/// What stored values mean as colours.
pub(super) struct Colors<'a> {
    bitmap: &'a Bitmap,
    palette: Vec<[u8; 3]>,
    fields: [Field; 4],
}

/// Some of the bits of a pixel.
#[derive(Clone, Copy)]
struct Field {
    mask: u32,
    shift: u32,
    full: u64,
}

impl Field {
    fn new(mask: u32) -> Self {
        let shift = mask.trailing_zeros().min(31);
        Self { mask, shift, full: u64::from(mask >> shift) }
    }

    /// The value as one of 255.
    fn of(self, pixel: u32) -> u8 {
        let value = u64::from((pixel & self.mask) >> self.shift);
        (value * 255 + self.full / 2).checked_div(self.full).unwrap_or(0) as u8
    }
}

impl<'a> Colors<'a> {
    pub(super) fn new(source: &[u8], bitmap: &'a Bitmap) -> Self {
        let end = bitmap.palette.end.min(source.len());
        let entries = source.get(bitmap.palette.start..end).unwrap_or_default().chunks_exact(bitmap.palette_entry);
        let palette = entries.take(256).map(|entry| [entry[2], entry[1], entry[0]]).collect();
        Self { bitmap, palette, fields: bitmap.masks.map(Field::new) }
    }

    /// The colour of an index; what the palette does not have is black.
    fn color(&self, index: u8) -> [u8; 3] {
        self.palette.get(usize::from(index)).copied().unwrap_or_default()
    }

    /// Adds a stored row as pixels, in RGB or RGBA.
    pub(super) fn expand(&self, stored: &[u8], layout: Layout, row: &mut Vec<u8>) {
        let width = self.bitmap.width as usize;
        let alpha = layout.has_alpha();
        let mut push = |[red, green, blue]: [u8; 3], opacity: u8| {
            row.extend_from_slice(&[red, green, blue]);
            if alpha {
                row.push(opacity);
            }
        };
        let mut masked = |pixel: u32| {
            let [red, green, blue, opacity] = self.fields.map(|field| field.of(pixel));
            push([red, green, blue], if self.fields[3].full == 0 { 255 } else { opacity });
        };
        match self.bitmap.bits {
            16 => stored.chunks_exact(2).for_each(|pixel| masked(u32::from(u16::from_le_bytes([pixel[0], pixel[1]])))),
            32 => stored.chunks_exact(4).for_each(|pixel| masked(u32::from_le_bytes([pixel[0], pixel[1], pixel[2], pixel[3]]))),
            24 => stored.chunks_exact(3).for_each(|pixel| push([pixel[2], pixel[1], pixel[0]], 255)),
            bits => {
                let per_byte = 8 / bits as usize;
                for x in 0..width {
                    let Some(byte) = stored.get(x / per_byte) else { break };
                    let shift = 8 - bits as usize * (x % per_byte + 1);
                    push(self.color((byte >> shift) & (0xff >> (8 - bits))), 255);
                }
            }
        }
    }
}

/// Runs of indexes (BI_RLE8, BI_RLE4): pairs of a count and an index, literal runs, jumps. What is jumped over has index 0.
fn runs(source: &[u8], bitmap: &Bitmap, bits: u32, sink: &mut RowSink<u8>) -> Result<(), ImageError> {
    let (width, height) = (bitmap.width as usize, bitmap.height as usize);
    let mut indexes = vec![0_u8; width * height];
    let painted = paint(source.get(bitmap.pixels..).unwrap_or_default(), bits, width, height, &mut indexes);
    let colors = Colors::new(source, bitmap);
    let mut row = Vec::new();
    for y in 0..height {
        let stored = if bitmap.top_down { y } else { height - 1 - y };
        row.clear();
        row.extend(indexes[stored * width..(stored + 1) * width].iter().flat_map(|&index| colors.color(index)));
        sink.push(&row)?;
    }
    painted
}

/// Unpacks runs into `indexes`, row by row in the file's order. What would stand outside of the picture is dropped.
fn paint(mut packed: &[u8], bits: u32, width: usize, height: usize, indexes: &mut [u8]) -> Result<(), ImageError> {
    let (mut x, mut y) = (0_usize, 0_usize);
    let index_at = |byte: u8, position: usize| match (bits, position % 2) {
        (8, _) => byte,
        (_, 0) => byte >> 4,
        _ => byte & 15,
    };
    let mut put = |x: usize, y: usize, index: u8| {
        if x < width
            && let Some(target) = indexes.get_mut(y * width + x)
        {
            *target = index;
        }
    };
    while y < height {
        match packed {
            [0, 0, rest @ ..] => {
                (x, y) = (0, y + 1);
                packed = rest;
            }
            [0, 1, ..] => return Ok(()),
            [0, 2, right, down, rest @ ..] => {
                x += usize::from(*right);
                y += usize::from(*down);
                packed = rest;
            }
            [0, count @ 3..=255, rest @ ..] => {
                let count = usize::from(*count);
                let bytes = if bits == 8 { count } else { count.div_ceil(2) };
                for position in 0..count {
                    let Some(&byte) = rest.get(if bits == 8 { position } else { position / 2 }) else { break };
                    put(x + position, y, index_at(byte, position));
                }
                x += count;
                // Literal runs are filled up to two bytes.
                packed = rest.get(bytes + bytes % 2..).unwrap_or_default();
            }
            [count, value, rest @ ..] if *count > 0 => {
                for position in 0..usize::from(*count) {
                    put(x + position, y, index_at(*value, position));
                }
                x += usize::from(*count);
                packed = rest;
            }
            _ => return Err(ImageError::corrupt(Format::Bmp, format!("its runs end in row {y} of {height}"))),
        }
    }
    Ok(())
}
