//! Luma and colour differences into RGB (ITU-T H.273, 8.3), for decoders that give out planes.

use crate::picture::{Layout, Sample};

/// How colour differences are sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chroma {
    None,
    /// 4:2:0
    HalfBoth,
    /// 4:2:2
    HalfAcross,
    /// 4:4:4
    Full,
}

/// Planes as a decoder gives them: 8 bits in bytes, or up to 16 in pairs of bytes of the machine's order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planes<'a> {
    pub data: [&'a [u8]; 3],
    /// Bytes from row to row: of the luma, and of the others.
    pub strides: [usize; 2],
    pub size: (usize, usize),
    pub chroma: Chroma,
    /// Bits a sample.
    pub bits: u32,
}

/// How a triple becomes a colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Matrix {
    kind: Kind,
    /// What is black, and how many steps there are from there to white.
    luma: (f32, f32),
    /// What is no colour, and how many steps there are from -0.5 to 0.5.
    chroma: (f32, f32),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Green, blue, red as they are.
    Identity,
    /// YCgCo.
    Green,
    /// By the shares of red and blue in the luma.
    Shares(f32, f32),
}

impl Matrix {
    /// By the code points for matrix and primaries. `None` for matrices that are not known.
    pub(crate) fn new(code: u16, primaries: u16, full_range: bool, bits: u32) -> Option<Self> {
        let kind = match (code, primaries) {
            (0, _) => Kind::Identity,
            (1, _) | (12, 1) => Kind::Shares(0.2126, 0.0722),
            // Unspecified counts as what JPEG has.
            (2 | 5 | 6, _) | (12, 2 | 5 | 6) => Kind::Shares(0.299, 0.114),
            (4, _) => Kind::Shares(0.30, 0.11),
            (7, _) => Kind::Shares(0.212, 0.087),
            (8, _) => Kind::Green,
            (9, _) | (12, 9) => Kind::Shares(0.2627, 0.0593),
            // SMPTE EG 432: Display P3.
            (12, 12) => Kind::Shares(0.228_975, 0.079_287),
            _ => return None,
        };
        let full = ((1_u32 << bits) - 1) as f32;
        let step = (1_u32 << (bits - 8)) as f32;
        let middle = (1_u32 << (bits - 1)) as f32;
        let (luma, chroma) = match (full_range, kind) {
            (true, Kind::Identity) => ((0.0, full), (0.0, full)),
            (true, _) => ((0.0, full), (middle, full)),
            (false, Kind::Identity) => ((16.0 * step, 219.0 * step), (16.0 * step, 219.0 * step)),
            (false, _) => ((16.0 * step, 219.0 * step), (middle, 224.0 * step)),
        };
        Some(Self { kind, luma, chroma })
    }

    /// Red, green and blue of 1, not clamped.
    #[cfg(test)]
    fn color(&self, y: f32, u: f32, v: f32) -> [f32; 3] {
        let mut color = [0.0; 3];
        self.colors([&[y], &[u], &[v]], std::iter::once(&mut color), |target, found| *target = found);
        color
    }

    /// Gives each target red, green and blue of 1, not clamped, of the luma, blue and red samples in its place. What differs from kind to
    /// kind is decided once, so that compilers can make a loop of it that takes several pixels at a time.
    fn colors<T>(&self, [luma, blue, red]: [&[f32]; 3], targets: impl Iterator<Item = T>, write: impl Fn(T, [f32; 3])) {
        let (luma_scale, chroma_scale) = (1.0 / self.luma.1, 1.0 / self.chroma.1);
        let triples = luma.iter().zip(blue).zip(red).map(|((y, u), v)| {
            ((y - self.luma.0) * luma_scale, (u - self.chroma.0) * chroma_scale, (v - self.chroma.0) * chroma_scale)
        });
        let pairs = triples.zip(targets);
        match self.kind {
            Kind::Identity => pairs.for_each(|((y, u, v), target)| write(target, [v, y, u])),
            Kind::Green => pairs.for_each(|((y, u, v), target)| write(target, [y - u + v, y + u, y - u - v])),
            Kind::Shares(red, blue) => {
                let (from_red, from_blue) = (2.0 * (1.0 - red), 2.0 * (1.0 - blue));
                let green = 1.0 - red - blue;
                let (green_red, green_blue) = (red * from_red / green, blue * from_blue / green);
                pairs.for_each(|((y, u, v), target)| {
                    write(target, [y + from_red * v, y - green_blue * u - green_red * v, y + from_blue * u]);
                });
            }
        }
    }
}

impl Planes<'_> {
    /// Writes row `y` in a layout, which may have fewer pixels than the planes; leaves alpha as it is.
    pub(crate) fn row<S: Sample>(&self, matrix: &Matrix, y: usize, target: &mut [S], layout: Layout) {
        let channels = layout.channels();
        let width = target.len() / channels;
        let luma = self.samples(0, y, width);
        if matches!(layout, Layout::Grey | Layout::GreyAlpha) || self.chroma == Chroma::None {
            let scale = 1.0 / matrix.luma.1;
            for (pixel, value) in target.chunks_exact_mut(channels).zip(luma) {
                let shade = full::<S>((value - matrix.luma.0) * scale);
                let colors = if layout.has_alpha() { channels - 1 } else { channels };
                pixel[..colors].fill(shade);
            }
            return;
        }
        let (blue, red) = (self.upsampled(1, y, width), self.upsampled(2, y, width));
        let samples = [&luma[..], &blue, &red];
        match channels {
            3 => matrix.colors(samples, target.as_chunks_mut::<3>().0.iter_mut(), |pixel, color| *pixel = color.map(full)),
            _ => matrix.colors(samples, target.as_chunks_mut::<4>().0.iter_mut(), |pixel, color| {
                let [red, green, blue, _] = pixel;
                [*red, *green, *blue] = color.map(full);
            }),
        }
    }

    /// Writes the luma of row `y` as the last channel.
    pub(crate) fn alpha_row<S: Sample>(&self, full_range: bool, y: usize, target: &mut [S], channels: usize) {
        let Some(matrix) = Matrix::new(2, 2, full_range, self.bits) else { return };
        let values = self.samples(0, y, target.len() / channels);
        for (pixel, value) in target.chunks_exact_mut(channels).zip(values) {
            if let Some(alpha) = pixel.last_mut() {
                *alpha = full((value - matrix.luma.0) / matrix.luma.1);
            }
        }
    }

    /// A row of a plane; what is missing is the last value that there is.
    fn samples(&self, plane: usize, y: usize, width: usize) -> Vec<f32> {
        let stride = self.strides[plane.min(1)];
        let row = self.data[plane].get(y.saturating_mul(stride)..).unwrap_or_default();
        let mut values: Vec<f32> = match self.bits {
            8 => row.iter().take(width).map(|&byte| f32::from(byte)).collect(),
            _ => row.as_chunks().0.iter().take(width).map(|&pair| f32::from(u16::from_ne_bytes(pair))).collect(),
        };
        values.resize(width, values.last().copied().unwrap_or_default());
        values
    }

    /// A row of a plane of colour differences at the luma's width. Samples stand between the luma's in the direction in which
    /// there are fewer, so each pixel takes three quarters of the nearer one.
    fn upsampled(&self, plane: usize, y: usize, width: usize) -> Vec<f32> {
        let (full_width, full_height) = self.size;
        let narrow = full_width.div_ceil(2);
        match self.chroma {
            Chroma::Full | Chroma::None => self.samples(plane, y, width),
            Chroma::HalfAcross => widened(&self.samples(plane, y, narrow), width),
            Chroma::HalfBoth => {
                let near = y / 2;
                let far = if y.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(full_height.div_ceil(2) - 1) };
                let mut mixed = self.samples(plane, near, narrow);
                for (near, far) in mixed.iter_mut().zip(self.samples(plane, far, narrow)) {
                    *near = *near * 0.75 + far * 0.25;
                }
                widened(&mixed, width)
            }
        }
    }
}

/// Twice as many values, each three quarters of the nearer one and one of the other neighbour.
fn widened(narrow: &[f32], width: usize) -> Vec<f32> {
    let mut wide = vec![0.0; narrow.len() * 2];
    let (pairs, _) = wide.as_chunks_mut::<2>();
    let ends = [narrow.first(), narrow.last()].map(|end| end.copied().unwrap_or_default());
    let before = std::iter::once(&ends[0]).chain(narrow);
    let behind = narrow.iter().skip(1).chain(std::iter::once(&ends[1]));
    for (((pair, near), before), behind) in pairs.iter_mut().zip(narrow).zip(before).zip(behind) {
        *pair = [near * 0.75 + before * 0.25, near * 0.75 + behind * 0.25];
    }
    wide.resize(width, ends[1]);
    wide
}

/// A share of full value, rounded and clamped.
fn full<S: Sample>(value: f32) -> S {
    // By way of 32 bits with a sign, which processors convert several at a time to.
    let rounded = (value * S::MAX as f32 + 0.5).clamp(0.0, S::MAX as f32) as i32;
    S::from_u64(u64::from(rounded.cast_unsigned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn known_triples_give_known_colours() {
        let check = |code, full_range, bits, triple: [f32; 3], expected: [f32; 3]| {
            let found = Matrix::new(code, 1, full_range, bits).unwrap().color(triple[0], triple[1], triple[2]);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.01), "{code} {triple:?}: {found:?}");
        };
        check(6, true, 8, [255.0, 128.0, 128.0], [1.0, 1.0, 1.0]);
        check(6, true, 8, [76.2, 85.0, 255.5], [1.0, 0.0, 0.0]);
        check(1, false, 8, [235.0, 128.0, 128.0], [1.0, 1.0, 1.0]);
        check(1, false, 10, [250.0, 409.0, 960.0], [1.0, 0.0, 0.0]);
        check(0, true, 8, [255.0, 0.0, 127.5], [0.5, 1.0, 0.0]);
        check(8, true, 8, [127.5, 255.5, 128.0], [0.0, 1.0, 0.0]);
        assert_eq!(Matrix::new(14, 1, true, 8), None);
    }
}
