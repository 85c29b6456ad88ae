//! How often each colour is there.

use super::Pixel;
use super::cut::Point;
use super::oklab;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Most colours that are told apart. Where there are more, neighbours are put together: the lowest bits of each channel
/// are dropped, as many as it takes.
const MAX_CELLS: usize = 32_768;

/// Counts colours. Its memory is bounded whatever it is given.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    cells: HashMap<u32, Cell, BuildHasherDefault<CellHasher>>,
    /// How many low bits of a channel are dropped.
    dropped_bits: u32,
}

/// Colours that are counted together.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    sums: [u64; 4],
    count: u64,
}

impl Histogram {
    /// Counts pixels. What is clear is one colour.
    pub(crate) fn add(&mut self, pixels: &[Pixel]) {
        for equal in pixels.chunk_by(|a, b| a == b) {
            let pixel = if equal[0][3] == 0 { [0; 4] } else { equal[0] };
            let count = equal.len() as u64;
            let cell = self.cells.entry(key(pixel, self.dropped_bits)).or_default();
            cell.count += count;
            cell.sums.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u64::from(value) * count);
            if self.cells.len() > MAX_CELLS {
                self.coarsen();
            }
        }
    }

    /// Whether so many colours, and no more, were counted.
    pub(crate) fn has_at_most(&self, colors: usize) -> bool {
        self.dropped_bits == 0 && self.cells.len() <= colors
    }

    /// Every colour that was counted, where there are no more than `most`.
    pub(super) fn colors(&self, most: usize) -> Option<Vec<Pixel>> {
        self.has_at_most(most).then(|| self.cells.keys().map(|key| key.to_le_bytes()).collect())
    }

    /// What was counted, as weighted places; always in the same order.
    pub(super) fn points(&self) -> Vec<Point> {
        let mut cells: Vec<_> = self.cells.iter().map(|(&key, &cell)| (key, cell)).collect();
        cells.sort_unstable_by_key(|&(key, _)| key);
        cells.into_iter().map(|(_, cell)| Point { place: oklab::place(cell.mean()), weight: cell.count as f32 }).collect()
    }

    fn coarsen(&mut self) {
        self.dropped_bits += 1;
        for (_, cell) in std::mem::take(&mut self.cells) {
            let merged = self.cells.entry(key(cell.mean(), self.dropped_bits)).or_default();
            merged.count += cell.count;
            merged.sums.iter_mut().zip(cell.sums).for_each(|(sum, more)| *sum += more);
        }
    }
}

impl Cell {
    fn mean(&self) -> Pixel {
        self.sums.map(|sum| ((sum + self.count / 2) / self.count.max(1)) as u8)
    }
}

/// The cell of a colour. Opaque and clear pixels are never put together with others.
fn key([red, green, blue, alpha]: Pixel, dropped_bits: u32) -> u32 {
    let mask = 0xff_u8.checked_shl(dropped_bits).unwrap_or(0);
    let alpha = match alpha {
        0 | u8::MAX => alpha,
        _ => (alpha & mask).max(1),
    };
    u32::from_le_bytes([red & mask, green & mask, blue & mask, alpha])
}

/// Mixes the bits of a cell's key (the finaliser of MurmurHash3).
#[derive(Debug, Default)]
struct CellHasher(u64);

impl Hasher for CellHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }

    fn write_u32(&mut self, key: u32) {
        let mixed = (self.0 ^ u64::from(key)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        self.0 = (mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_colours_is_counted_in_bounded_memory() {
        let mut histogram = Histogram::default();
        let pixels: Vec<Pixel> = (0..1_000_000_u32).map(|index| index.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        histogram.add(&pixels);
        assert!(histogram.cells.len() <= MAX_CELLS && histogram.cells.len() > 1000);
        let weight: f64 = histogram.points().iter().map(|point| f64::from(point.weight)).sum();
        assert_eq!(weight, 1e6);
        assert_eq!(histogram.colors(usize::MAX), None);
    }

    #[test]
    fn opaque_colours_are_counted_apart() {
        for bits in 0..8 {
            assert_ne!(key([9, 9, 9, 255], bits), key([9, 9, 9, 254], bits));
            assert_ne!(key([0, 0, 0, 0], bits), key([0, 0, 0, 1], bits));
        }
    }
}
