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
