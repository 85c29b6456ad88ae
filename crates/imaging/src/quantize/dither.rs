//! Each pixel's place in a palette, with or without dithering.

use super::oklab;
use super::{Palette, Pixel};

/// What is done about the colours between the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dither {
    /// The error of each pixel goes to its neighbours, rows to and fro (Floyd and Steinberg, 1976). For stills: a change
    /// anywhere changes the pattern everywhere behind it.
    Diffused,
    /// Each pixel is moved by a fixed pattern (Bayer, 1973). For animations: the same colour at the same place always comes
    /// out the same. The pattern begins where the canvas does, so a part of it says how far right and down it lies.
    Ordered { x: usize, y: usize },
}

/// How much of the error is passed on. All of it makes smooth parts noisier than it makes them truer.
const PASSED_ON: f32 = 0.875;

/// The error passed on to a pixel is at most this, of 255: an error that grows would smear.
const MOST_ERROR: f32 = 48.0;

/// Finds indices, and remembers those of colours that were asked for lately.
struct Finder<'a> {
    palette: &'a Palette,
    /// By a hash of the colour: the colour, above the index.
    lately: Vec<u64>,
}

/// Slots in [`Finder::lately`], a power of two: 256 KiB, which a processor's second cache holds.
const SLOT_BITS: u32 = 15;

impl<'a> Finder<'a> {
    fn new(palette: &'a Palette) -> Self {
        Self { palette, lately: vec![u64::MAX; 1 << SLOT_BITS] }
    }

    fn find(&mut self, pixel: Pixel) -> u8 {
        let key = u32::from_le_bytes(pixel);
        let slot = &mut self.lately[(key.wrapping_mul(0x9e37_79b1) >> (32 - SLOT_BITS)) as usize];
        if *slot >> 8 == u64::from(key) {
            return (*slot & 0xff) as u8;
        }
        let index = self.palette.index(pixel);
        *slot = u64::from(key) << 8 | u64::from(index);
        index
    }
}

/// The palette's index for each pixel of a picture `width` pixels wide. A palette that holds every colour is not dithered.
pub(crate) fn indices(pixels: &[Pixel], width: usize, palette: &Palette, dither: Dither) -> Vec<u8> {
    let mut finder = Finder::new(palette);
    match dither {
        _ if palette.is_exact() => pixels.iter().map(|&pixel| finder.find(clear_is_black(pixel))).collect(),
        Dither::Diffused => diffused(pixels, width, &mut finder),
        Dither::Ordered { x, y } => ordered(pixels, width, (x, y), &mut finder),
    }
}

fn clear_is_black(pixel: Pixel) -> Pixel {
    if pixel[3] == 0 { [0; 4] } else { pixel }
}

fn diffused(pixels: &[Pixel], width: usize, finder: &mut Finder<'_>) -> Vec<u8> {
    let mut indices = vec![0; pixels.len()];
    // Errors that rows are to take on, with a pixel to spare at both ends.
    let mut here = vec![[0.0_f32; 4]; width + 2];
    let mut below = here.clone();
    for (y, (row, targets)) in pixels.chunks_exact(width).zip(indices.chunks_exact_mut(width)).enumerate() {
        for step in 0..width {
            let (x, ahead, behind) =
                if y % 2 == 0 { (step, step + 2, step) } else { (width - 1 - step, width - 1 - step, width + 1 - step) };
            let pixel = clear_is_black(row[x]);
            let passed = here[x + 1];
            // Nothing shows in clear pixels, so they neither take an error nor pass one on; and what is opaque stays so.
            let wanted: Pixel = match pixel[3] {
                0 => pixel,
                alpha => {
                    let mut wanted = std::array::from_fn(|channel| {
                        let error = passed[channel].clamp(-MOST_ERROR, MOST_ERROR);
                        (f32::from(pixel[channel]) + error).round() as u8
                    });
                    if alpha == u8::MAX {
                        wanted[3] = alpha;
                    }
                    wanted
                }
            };
            let index = finder.find(wanted);
            targets[x] = index;
            let entry = finder.palette.entries()[usize::from(index)];
            if wanted[3] == 0 || entry[3] == 0 {
                continue;
            }
            for channel in 0..4 {
                let error = f32::from(wanted[channel]) - f32::from(entry[channel]);
                let part = error * (PASSED_ON / 16.0);
                here[ahead][channel] += part * 7.0;
                below[behind][channel] += part * 3.0;
                below[x + 1][channel] += part * 5.0;
                below[ahead][channel] += part;
            }
        }
        std::mem::swap(&mut here, &mut below);
        below.fill([0.0; 4]);
    }
    indices
}

/// Bayer's matrix of 8×8: 0 to 63.
const BAYER: [[u8; 8]; 8] = bayer();

const fn bayer() -> [[u8; 8]; 8] {
    let mut matrix = [[0; 8]; 8];
    let mut at = 0;
    while at < 64 {
        let (x, y) = (at % 8, at / 8);
        // The bits of x ^ y and y, interleaved, from the lowest as the highest.
        let (mixed, mut bit, mut value) = (x ^ y, 0, 0);
        while bit < 3 {
            value = value << 2 | (mixed >> bit & 1) << 1 | y >> bit & 1;
            bit += 1;
        }
        matrix[y][x] = value as u8;
        at += 1;
    }
    matrix
}

fn ordered(pixels: &[Pixel], width: usize, origin: (usize, usize), finder: &mut Finder<'_>) -> Vec<u8> {
    let palette = finder.palette;
    // How far a pixel may be moved: as far as its entry is from the next, in levels.
    let reach: Vec<f32> = (0..=u8::MAX).zip(palette.entries()).map(|(index, _)| palette.spacing(index)).collect();
    let mut indices = Vec::with_capacity(pixels.len());
    for (y, row) in pixels.chunks_exact(width).enumerate() {
        for (x, &pixel) in row.iter().enumerate() {
            let pixel = clear_is_black(pixel);
            let index = finder.find(pixel);
            let entry = palette.entries()[usize::from(index)];
            let off = (0..3).map(|channel| pixel[channel].abs_diff(entry[channel])).max().unwrap_or(0);
            // What is met well enough stays flat.
            if off <= 2 || pixel[3] == 0 {
                indices.push(index);
                continue;
            }
            let threshold = (f32::from(BAYER[(y + origin.1) % 8][(x + origin.0) % 8]) - 31.5) / 64.0;
            let shift = threshold * reach[usize::from(index)];
            let moved = |value: u8| (f32::from(value) + shift).round() as u8;
            indices.push(finder.find([moved(pixel[0]), moved(pixel[1]), moved(pixel[2]), pixel[3]]));
        }
    }
    indices
}

impl Palette {
    /// How far an entry is from the nearest other one, in levels of 255.
    fn spacing(&self, index: u8) -> f32 {
        let place = oklab::place(self.entries[usize::from(index)]);
        // Lightness of 1 is 255 levels of grey, roughly.
        self.nearest.spacing(place, index).sqrt().min(0.25) * 255.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::Histogram;
    use super::*;

    /// 64 squares of 8×8 pixels, each a bit lighter than the one before, and too few entries for them.
    fn squares() -> (Vec<Pixel>, Palette) {
        let level = |at: usize| (60 + (at / 512 * 8 + at % 64 / 8) * 2) as u8;
        let pixels: Vec<Pixel> = (0..4096).map(|at| [level(at), level(at), level(at), 255]).collect();
        let mut histogram = Histogram::default();
        histogram.add(&pixels);
        (pixels, Palette::new(&histogram, 6))
    }

    /// The mean difference of the means of boxes of 8×8.
    fn seen_difference(pixels: &[Pixel], palette: &Palette, indices: &[u8]) -> f64 {
        let mut sum = 0.0;
        for (y, x) in (0..8).flat_map(|y| (0..8).map(move |x| (y * 8, x * 8))) {
            let at = |index: usize| (y + index / 8) * 64 + x + index % 8;
            let mean = |value: &dyn Fn(usize) -> u8| (0..64).map(|index| f64::from(value(at(index)))).sum::<f64>() / 64.0;
            sum += (mean(&|at| pixels[at][0]) - mean(&|at| palette.entries()[usize::from(indices[at])][0])).abs();
        }
        sum / 64.0
    }

    #[test]
    fn dithering_shows_the_colours_between() {
        let (pixels, palette) = squares();
        let flat: Vec<u8> = pixels.iter().map(|&pixel| palette.index(pixel)).collect();
        let flat = seen_difference(&pixels, &palette, &flat);
        let diffused = seen_difference(&pixels, &palette, &indices(&pixels, 64, &palette, Dither::Diffused));
        let ordered = seen_difference(&pixels, &palette, &indices(&pixels, 64, &palette, Dither::Ordered { x: 0, y: 0 }));
        assert!(diffused < flat / 3.0 && ordered < flat / 2.0, "{flat} {diffused} {ordered}");
    }

    #[test]
    fn an_ordered_pattern_stays_where_it_is() {
        let (mut pixels, palette) = squares();
        let before = indices(&pixels, 64, &palette, Dither::Ordered { x: 0, y: 0 });
        pixels[..640].fill([0, 0, 0, 255]);
        let after = indices(&pixels, 64, &palette, Dither::Ordered { x: 0, y: 0 });
        assert_eq!(before[20 * 64..], indices(&pixels[20 * 64..], 64, &palette, Dither::Ordered { x: 0, y: 20 }));
        assert_eq!(before[640..], after[640..]);
        assert_ne!(before[..640], after[..640]);
    }

    #[test]
    fn bayers_matrix_has_every_value_once() {
        let mut values: Vec<u8> = BAYER.concat();
        assert_eq!(values[..4], [0, 32, 8, 40]);
        values.sort_unstable();
        assert!(values.into_iter().eq(0..64));
    }
}
