//! What the processor can do beyond the least that the build asks of it.
//!
//! The hot loops are compiled twice on x86-64: for any processor, and for those of 2013 and later, whose shifts by a variable
//! amount take one step rather than three (BMI2) and whose registers hold eight floats (AVX2). The arithmetic is the same, so
//! the pixels are, too.

/// Whether the second version of the loops can run: AVX2, BMI1, BMI2 and LZCNT are there.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) fn is_modern() -> bool {
    // Each is looked up once and kept by the standard library.
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
}
