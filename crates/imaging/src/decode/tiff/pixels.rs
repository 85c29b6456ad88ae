//! From unpacked bytes to pixels: predictors, depths, palettes, alpha.

use super::{lab, layout};
use crate::error::ImageError;
use crate::header::tiff::{Alpha, Directory, Field, Photometric, Predictor, Shape, tag};
use crate::picture::{Layout, Sample};
use minilab_model::Format;

/// Puts rows together from the bytes of strips and tiles.
pub(super) struct RowMaker<S> {
    shape: Shape,
    little_endian: bool,
    /// Channels as they are stored, in the picture's own scale (a palette's indexes as they are).
    samples: Vec<S>,
    /// Red, green and blue of each index.
    palette: Vec<[u8; 3]>,
    bytes: Vec<u8>,
    row: Vec<S>,
}

impl<S: Sample> RowMaker<S> {
    pub(super) fn new(shape: &Shape, directory: &Directory<'_>) -> Result<Self, ImageError> {
        let palette = if shape.photometric == Photometric::Palette { palette(shape, directory)? } else { Vec::new() };
        let samples = vec![S::default(); shape.width as usize * usize::from(shape.samples)];
        let little_endian = directory.little_endian;
        Ok(Self { shape: *shape, little_endian, samples, palette, bytes: Vec::new(), row: Vec::new() })
    }

    pub(super) fn layout(&self) -> Layout {
        layout(&self.shape)
    }

    /// Takes one row of a chunk: the bytes of all channels, or of the channel `plane` where they stand by themselves.
    pub(super) fn take(&mut self, packed: &[u8], plane: usize, column: usize) {
        let shape = &self.shape;
        let channels = usize::from(shape.samples);
        // Channels that stand side by side in these bytes, and how far apart their values go.
        let (together, stride) = if shape.planar { (1, channels) } else { (channels, 1) };
        self.bytes.clear();
        self.bytes.extend_from_slice(packed);
        undo(&mut self.bytes, shape, together, self.little_endian);
        let left = column * shape.chunk.0 as usize * channels;
        let Some(target) = self.samples.get_mut(left..) else { return };
        let target = target.iter_mut().skip(plane).step_by(stride);
        // Below nothing is nothing. Bytes that are said to have a sign come from writers that mean none.
        let positive = |value: u64, sign: u64| if shape.signed && value & sign != 0 { 0 } else { value };
        // Numbers stand with the lowest byte first once a predictor is undone.
        let little = self.little_endian || shape.predictor != Predictor::None;
        match (shape.float, shape.bits) {
            (true, 32) => fill(
                target,
                self.bytes.as_chunks().0.iter().map(|&bytes| light(f64::from(f32::from_le_bytes(ordered(bytes, little))))),
            ),
            (true, _) => {
                fill(target, self.bytes.as_chunks().0.iter().map(|&bytes| light(f64::from_le_bytes(ordered(bytes, little)))))
            }
            (false, 8) => fill(target, self.bytes.iter().map(|&byte| S::from_u64(u64::from(byte)))),
            (false, 16) => {
                fill(
                    target,
                    self.bytes
                        .as_chunks()
                        .0
                        .iter()
                        .map(|&bytes| u64::from(u16::from_le_bytes(ordered(bytes, little))))
                        .map(|value| S::from_u64(positive(value, 1 << 15))),
                );
            }
            (false, 32) => {
                let narrow = |value: u32| S::from_u64(positive(u64::from(value), 1 << 31) >> 16);
                fill(target, self.bytes.as_chunks().0.iter().map(|&bytes| narrow(u32::from_le_bytes(ordered(bytes, little)))));
            }
            (false, bits) => {
                let full = (1_u64 << bits) - 1;
                let scale =
                    |value: u64| if shape.photometric == Photometric::Palette { value } else { (value * S::MAX + full / 2) / full };
                fill(target, Bits { bytes: &self.bytes, position: 0, bits: bits as usize }.map(|value| S::from_u64(scale(value))));
            }
        }
    }

    /// The row that has been taken, as pixels.
    pub(super) fn row(&mut self) -> &[S] {
        let channels = usize::from(self.shape.samples);
        let colors = self.layout().channels() - usize::from(self.layout().has_alpha());
        self.row.clear();
        for pixel in self.samples.chunks_exact(channels) {
            let start = self.row.len();
            match self.shape.photometric {
                Photometric::Palette => {
                    let color = self.palette.get(pixel[0].to_u64() as usize).copied().unwrap_or_default();
                    self.row.extend(color.map(|value| S::from_u64(u64::from(value))));
                }
                Photometric::Lab(encoding) => {
                    let stored = [pixel[0], pixel[1], pixel[2]].map(S::to_u64);
                    self.row.extend(lab::to_srgb(stored, self.shape.bits, encoding).map(S::from_u64));
                }
                Photometric::WhiteIsZero => self.row.push(S::from_u64(S::MAX - pixel[0].to_u64())),
                _ => self.row.extend_from_slice(&pixel[..colors]),
            }
            if self.layout().has_alpha() {
                let alpha = pixel.get(if self.palette.is_empty() { colors } else { 1 }).copied().unwrap_or(S::from_u64(S::MAX));
                if self.shape.alpha == Alpha::Associated {
                    let whole = alpha.to_u64();
                    for color in &mut self.row[start..] {
                        *color = (color.to_u64() * S::MAX + whole / 2).checked_div(whole).map_or(S::default(), S::from_u64);
                    }
                }
                self.row.push(alpha);
            }
        }
        &self.row
    }
}

fn fill<'a, S: 'a>(target: impl Iterator<Item = &'a mut S>, values: impl Iterator<Item = S>) {
    target.zip(values).for_each(|(target, value)| *target = value);
}

/// The bytes of a number with the lowest first.
fn ordered<const N: usize>(mut bytes: [u8; N], little_endian: bool) -> [u8; N] {
    if !little_endian {
        bytes.reverse();
    }
    bytes
}

/// A floating-point value as one of 65,535; what lies outside of 0 to 1 is clamped, and what is no number is 0.
fn light<S: Sample>(value: f64) -> S {
    S::from_u64((value.clamp(0.0, 1.0) * S::MAX as f64).round() as u64)
}

/// Numbers of up to 16 bits, from the highest bit of each byte.
struct Bits<'a> {
    bytes: &'a [u8],
    /// In bits.
    position: usize,
    bits: usize,
}

impl Iterator for Bits<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let mut value = 0;
        // At most three bytes hold a number of 16 bits.
        let end = self.position + self.bits;
        let last = (end - 1) / 8;
        for index in self.position / 8..=last {
            value = value << 8 | u64::from(*self.bytes.get(index)?);
        }
        self.position = end;
        Some(value >> (last * 8 + 8 - end) & ((1 << self.bits) - 1))
    }
}

/// Undoes the predictor; numbers then stand with the lowest byte first.
fn undo(bytes: &mut Vec<u8>, shape: &Shape, together: usize, little_endian: bool) {
    match (shape.predictor, shape.bits) {
        (Predictor::None, _) => {}
        (Predictor::Horizontal, 8) => {
            for index in together..bytes.len() {
                bytes[index] = bytes[index].wrapping_add(bytes[index - together]);
            }
        }
        (Predictor::Horizontal, 16) => {
            add::<2>(bytes, together, little_endian, |a, b| u16::from_le_bytes(a).wrapping_add(u16::from_le_bytes(b)).to_le_bytes())
        }
        (Predictor::Horizontal, _) => {
            add::<4>(bytes, together, little_endian, |a, b| u32::from_le_bytes(a).wrapping_add(u32::from_le_bytes(b)).to_le_bytes())
        }
        (Predictor::FloatingPoint, bits) => {
            // The bytes were sorted by significance, highest first, then subtracted from their neighbours.
            for index in together..bytes.len() {
                bytes[index] = bytes[index].wrapping_add(bytes[index - together]);
            }
            let width = bits as usize / 8;
            let count = bytes.len() / width;
            let sorted = std::mem::take(bytes);
            bytes.extend(
                (0..count)
                    .flat_map(|value| (0..width).rev().map(move |byte| (value, byte)))
                    .map(|(value, byte)| sorted[byte * count + value]),
            );
        }
    }
}

fn add<const N: usize>(bytes: &mut [u8], together: usize, little_endian: bool, sum: impl Fn([u8; N], [u8; N]) -> [u8; N]) {
    let (numbers, _) = bytes.as_chunks_mut::<N>();
    for number in numbers.iter_mut() {
        *number = ordered(*number, little_endian);
    }
    for index in together..numbers.len() {
        numbers[index] = sum(numbers[index], numbers[index - together]);
    }
}

/// The colour map (TIFF 6.0, section 5): 16-bit reds, then greens, then blues. Some writers use 8 of the 16 bits.
fn palette(shape: &Shape, directory: &Directory<'_>) -> Result<Vec<[u8; 3]>, ImageError> {
    let missing = || ImageError::corrupt(Format::Tiff, "its palette is missing or cut off");
    let count = 1_usize << shape.bits;
    let field = directory.field(tag::COLOR_MAP)?.filter(|field: &Field| field.count >= count * 3).ok_or_else(missing)?;
    let value = |index: usize| directory.value(field, index);
    let entry = |index: usize| Ok([value(index)?, value(count + index)?, value(2 * count + index)?]);
    let entries: Vec<[u64; 3]> = (0..count).map(entry).collect::<Result<_, ImageError>>()?;
    let shift = if entries.iter().flatten().all(|&value| value < 256) { 0 } else { 8 };
    Ok(entries.into_iter().map(|entry| entry.map(|value| (value >> shift).min(255) as u8)).collect())
}
