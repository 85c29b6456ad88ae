//! Which instructions the encoder uses, found out once for each image.

use super::color;
use super::fdct::Portable;
#[cfg(target_arch = "x86_64")]
use super::fdct_avx2::Avx2;
#[cfg(target_arch = "aarch64")]
use super::fdct_neon::Neon;

/// What there is of vectors.
#[derive(Debug, Clone, Copy)]
pub(super) enum Machine {
    /// Nothing beyond what the compiler takes for granted.
    Portable(Portable),
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

impl Machine {
    /// The best that this machine has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            return Self::Avx2(avx2);
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(neon) = Neon::detect() {
            return Self::Neon(neon);
        }
        Self::Portable(Portable)
    }

    /// As [`color::convert_row`].
    pub fn convert_row(self, pixels: &[u8], luma: &mut [u8], blue: &mut [u8], red: &mut [u8]) {
        match self {
            Self::Portable(_) => color::convert_row(pixels, luma, blue, red),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.convert_row(pixels, luma, blue, red),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.convert_row(pixels, luma, blue, red),
        }
    }

    /// As [`color::halve_rows`].
    pub fn halve_rows(self, upper: &[u8], lower: &[u8], half: &mut [u8]) {
        match self {
            Self::Portable(_) => color::halve_rows(upper, lower, half),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.halve_rows(upper, lower, half),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.halve_rows(upper, lower, half),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_converted_as_in_plain_rust() {
        let machine = Machine::detect();
        for count in [0, 1, 15, 16, 17, 31, 32, 33, 34, 63, 64, 65, 66, 200, 256 * 97] {
            // All values, extreme ones often.
            let values = (0..count * 3).map(|index| (index * index / 7 * 31 % 997) as u32);
            let pixels: Vec<u8> = values.map(|value| (value % 383).saturating_sub(64).min(255) as u8).collect();
            let [mut expected, mut got] = [[(); 3]; 2].map(|planes| planes.map(|()| vec![0; count]));
            let [y, cb, cr] = &mut expected;
            color::convert_row(&pixels, y, cb, cr);
            let [y, cb, cr] = &mut got;
            machine.convert_row(&pixels, y, cb, cr);
            assert!(got == expected, "{count} pixels");
        }
    }

    #[test]
    fn rows_are_halved_as_in_plain_rust() {
        let machine = Machine::detect();
        for count in [0, 1, 15, 16, 17, 31, 32, 100, 1000] {
            let samples: Vec<u8> = (0..count * 4).map(|index| (index * index % 251 + index % 6) as u8).collect();
            let (upper, lower) = samples.split_at(count * 2);
            let [mut expected, mut got] = [(); 2].map(|()| vec![0; count]);
            color::halve_rows(upper, lower, &mut expected);
            machine.halve_rows(upper, lower, &mut got);
            assert_eq!(got, expected, "{count} means");
        }
    }
}
