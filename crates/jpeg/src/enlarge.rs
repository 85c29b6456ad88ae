//! Subsampled components at the output's size: repeated, or interpolated as libjpeg does it by default ("fancy upsampling",
//! `jdsample.c`), where a sample counts three quarters and its neighbour one.
//!
//! The loops are such that the compiler makes vector instructions of them, of AVX2 where the processor has them.

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
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            #[allow(unsafe_code)]
            // SAFETY: this processor has AVX2.
            return unsafe { self.enlarge_avx2(samples, row) };
        }
        self.enlarge_portable(samples, row);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn enlarge_avx2(self, samples: &[u8], row: &mut [u8]) {
        self.enlarge_portable(samples, row);
    }

    #[inline(always)]
    fn enlarge_portable(self, samples: &[u8], row: &mut [u8]) {
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
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            #[allow(unsafe_code)]
            // SAFETY: this processor has AVX2.
            return unsafe { self.enlarge_mixed_avx2(near, other, lower, mixed, row) };
        }
        self.enlarge_mixed_portable(near, other, lower, mixed, row);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn enlarge_mixed_avx2(self, near: &[u8], other: &[u8], lower: bool, mixed: &mut [u16], row: &mut [u8]) {
        self.enlarge_mixed_portable(near, other, lower, mixed, row);
    }

    #[inline(always)]
    fn enlarge_mixed_portable(self, near: &[u8], other: &[u8], lower: bool, mixed: &mut [u16], row: &mut [u8]) {
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
    let (pairs, odd) = row.as_chunks_mut::<2>();
    for (pair, &sample) in pairs.iter_mut().zip(samples) {
        *pair = [sample; 2];
    }
    if let ([last], Some(&sample)) = (odd, samples.get(pairs.len())) {
        *last = sample;
    }
}

/// Two pixels of each sample: the left one mixed with the sample before, the right one with the sample after. At the ends,
/// where there is none, the sample stands for it.
#[inline(always)]
fn interpolate<T: Copy>(samples: &[T], row: &mut [u8], mix: impl Fn(T, T, bool) -> u8) {
    let (Some(&first), Some(&last)) = (samples.first(), samples.last()) else { return };
    let second = samples.get(1).copied().unwrap_or(first);
    let before_last = samples.iter().rev().nth(1).copied().unwrap_or(last);
    let (pairs, odd) = row.as_chunks_mut::<2>();
    let inner = samples.len().saturating_sub(2).min(pairs.len().saturating_sub(1));
    if let Some([left, right]) = pairs.first_mut() {
        (*left, *right) = (mix(first, first, false), mix(first, second, true));
    }
    // Slices of one length, so that this becomes vector code.
    if inner > 0 {
        let (before, near, after) = (&samples[..inner], &samples[1..=inner], &samples[2..inner + 2]);
        for (((pair, &before), &near), &after) in pairs[1..=inner].iter_mut().zip(before).zip(near).zip(after) {
            *pair = [mix(near, before, false), mix(near, after, true)];
        }
    }
    match (pairs.get_mut(inner + 1), odd) {
        (Some([left, right]), _) => (*left, *right) = (mix(last, before_last, false), mix(last, last, true)),
        // In an odd row, the last sample gives one pixel.
        (None, [left]) => *left = mix(last, before_last, false),
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
