//! Subsampled components at the output's size: repeated, or interpolated as libjpeg does it by default ("fancy upsampling",
//! `jdsample.c`), where a sample counts three quarters and its neighbour one.

/// How a row of samples becomes a row of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Across {
    /// It is one.
    Same,
    /// Each sample is repeated.
    Repeated {
        /// Samples in an MCU.
        samples: usize,
        /// Pixels in an MCU.
        pixels: usize,
    },
    /// Twice as many, interpolated.
    Interpolated,
}

/// How rows of samples become rows of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Down {
    /// They are.
    Same,
    /// Each row is repeated.
    Repeated {
        /// Rows of samples in an MCU.
        samples: usize,
        /// Rows of pixels in an MCU.
        pixels: usize,
    },
    /// Twice as many, each mixed of two.
    Mixed,
}

/// Chooses as libjpeg does. `across` and `down` are samples and pixels of an MCU, `width` the samples of a row.
pub(crate) fn choose(across: (usize, usize), down: (usize, usize), width: usize, fancy: bool) -> (Across, Down) {
    let repeated = || {
        let across = match across {
            (samples, pixels) if samples == pixels => Across::Same,
            (samples, pixels) => Across::Repeated { samples, pixels },
        };
        let down = match down {
            (samples, pixels) if samples == pixels => Down::Same,
            (samples, pixels) => Down::Repeated { samples, pixels },
        };
        (across, down)
    };
    let ratio = |(samples, pixels): (usize, usize)| if pixels.is_multiple_of(samples) { pixels / samples } else { 0 };
    match (ratio(across), ratio(down)) {
        (2, 1) if fancy && width > 2 => (Across::Interpolated, Down::Same),
        (2, 2) if fancy && width > 2 => (Across::Interpolated, Down::Mixed),
        (1, 2) if fancy => (Across::Same, Down::Mixed),
        _ => repeated(),
    }
}

impl Across {
    /// Fills `row` from one row of samples.
    pub fn enlarge(self, samples: &[u8], row: &mut [u8]) {
        match self {
            Self::Same => row.copy_from_slice(&samples[..row.len()]),
            Self::Repeated { samples: 1, pixels: 2 } => repeat(samples, row),
            Self::Repeated { samples: from, pixels: to } if to == 2 * from => repeat(samples, row),
            Self::Repeated { samples: from, pixels: to } => {
                for (x, pixel) in row.iter_mut().enumerate() {
                    *pixel = samples[x * from / to];
                }
            }
            Self::Interpolated => interpolate(samples, row, |near, other, right| {
                ((u16::from(near) * 3 + u16::from(other) + if right { 2 } else { 1 }) >> 2) as u8
            }),
        }
    }

    /// Fills `row` from two rows of samples; `lower` says whether the row lies in the lower half of the near one.
    pub fn enlarge_mixed(self, near: &[u8], other: &[u8], lower: bool, mixed: &mut [u16], row: &mut [u8]) {
        for ((mixed, &near), &other) in mixed.iter_mut().zip(near).zip(other) {
            *mixed = u16::from(near) * 3 + u16::from(other);
        }
        if self == Self::Same {
            let bias = if lower { 2 } else { 1 };
            for (pixel, &mixed) in row.iter_mut().zip(&*mixed) {
                *pixel = ((mixed + bias) >> 2) as u8;
            }
            return;
        }
        interpolate(mixed, row, |near, other, right| ((near * 3 + other + if right { 7 } else { 8 }) >> 4) as u8);
    }
}

fn repeat(samples: &[u8], row: &mut [u8]) {
    for (pair, &sample) in row.chunks_mut(2).zip(samples) {
        pair.fill(sample);
    }
}

/// Two pixels of each sample: the left one mixed with the sample before, the right one with the sample after. At the ends,
/// where there is none, the sample stands for it.
#[inline(always)]
fn interpolate<T: Copy>(samples: &[T], row: &mut [u8], mix: impl Fn(T, T, bool) -> u8) {
    let (Some(&first), Some(&last)) = (samples.first(), samples.last()) else { return };
    let second = samples.get(1).copied().unwrap_or(first);
    let before_last = samples.iter().rev().nth(1).copied().unwrap_or(last);
    let mut pairs = row.chunks_mut(2);
    if let Some([left, right]) = pairs.next() {
        (*left, *right) = (mix(first, first, false), mix(first, second, true));
    }
    for (window, pair) in samples.windows(3).zip(&mut pairs) {
        if let ([before, sample, after], [left, right]) = (window, pair) {
            (*left, *right) = (mix(*sample, *before, false), mix(*sample, *after, true));
        }
    }
    match pairs.next() {
        Some([left, right]) => (*left, *right) = (mix(last, before_last, false), mix(last, last, true)),
        // In an odd row, the last sample gives one pixel.
        Some([left]) => *left = mix(last, before_last, false),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_mixed() {
        let mut row = [0; 8];
        Across::Interpolated.enlarge(&[0, 100, 200, 40], &mut row);
        assert_eq!(row, [0, 25, 75, 125, 175, 160, 80, 40]);
        let mut odd = [0; 7];
        Across::Interpolated.enlarge(&[0, 100, 200, 40], &mut odd);
        assert_eq!(odd, row[..7]);
        let mut mixed = [0; 4];
        Across::Interpolated.enlarge_mixed(&[0, 100, 200, 40], &[0, 100, 200, 40], true, &mut mixed, &mut row);
        assert_eq!(row, [0, 25, 75, 125, 175, 160, 80, 40]);
        let mut same = [0; 4];
        Across::Same.enlarge_mixed(&[0, 100, 200, 40], &[40, 0, 200, 41], true, &mut mixed, &mut same);
        assert_eq!(same, [10, 75, 200, 40]);
    }

    #[test]
    fn a_choice_is_made_as_libjpeg_makes_it() {
        assert_eq!(choose((8, 16), (8, 16), 3, true), (Across::Interpolated, Down::Mixed));
        assert_eq!(
            choose((8, 16), (8, 16), 2, true),
            (Across::Repeated { samples: 8, pixels: 16 }, Down::Repeated { samples: 8, pixels: 16 })
        );
        assert_eq!(choose((8, 8), (8, 16), 1, true), (Across::Same, Down::Mixed));
        assert_eq!(choose((8, 32), (8, 8), 9, true), (Across::Repeated { samples: 8, pixels: 32 }, Down::Same));
        assert_eq!(choose((1, 2), (1, 1), 9, false), (Across::Repeated { samples: 1, pixels: 2 }, Down::Same));
    }
}
