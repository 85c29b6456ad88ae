//! What a quality on JPEG's scale is in other formats: what looks alike by SSIMULACRA 2, the mean of four photographs of 512
//! pixels (astronaut, coffee, chelsea and rocket of `testdata/demo`) against JPEG as it is written here.
//!
//! | JPEG | its score | WebP | its bytes | AV1 quantizer | its bytes |
//! | --- | --- | --- | --- | --- | --- |
//! | 30 | 35 to 57 | 32 | 0.72 | 170 | 0.59 |
//! | 50 | 54 to 70 | 57 | 0.78 | 146 | 0.65 |
//! | 60 | 58 to 73 | 65 | 0.78 | 137 | 0.66 |
//! | 70 | 64 to 78 | 76 | 0.79 | 125 | 0.66 |
//! | 80 | 72 to 82 | 83 | 0.81 | 105 | 0.68 |
//! | 85 | 75 to 85 | 86 | 0.82 | 91 | 0.67 |
//! | 90 | 85 to 90 | 94 (one of four) | 0.89 | 53 (4:4:4) | 0.72 |
//! | 95 | 91 to 93 | none | | 26 (4:4:4) | 0.78 |
//!
//! Bytes are shares of the JPEG's. Photographs differ by 3 on WebP's scale and by 8 on the quantizer's. WebP halves chroma at any
//! quality, so from 90 on it does not reach JPEG. What was not measured is drawn on.

/// JPEG's quality and WebP's.
const WEBP: &[(u8, f32)] =
    &[(1, 1.0), (30, 32.0), (50, 57.0), (60, 65.0), (70, 76.0), (80, 83.0), (85, 86.5), (90, 94.0), (100, 100.0)];

/// JPEG's quality and AV1's quantizer. It leaps where chroma is kept whole, as JPEG does.
#[cfg(feature = "avif")]
const AVIF: &[(u8, f32)] = &[
    (1, 245.0),
    (10, 224.0),
    (30, 170.0),
    (50, 146.0),
    (60, 137.0),
    (70, 125.0),
    (80, 105.0),
    (85, 91.0),
    (89, 80.0),
    (90, 53.0),
    (95, 26.0),
    (100, 8.0),
];

/// WebP's quality, 1 to 100.
pub(super) fn webp(quality: u8) -> f32 {
    on_line(WEBP, quality)
}

/// AV1's base quantizer index: 255 is the coarsest, 0 would be lossless.
#[cfg(feature = "avif")]
pub(super) fn avif_quantizer(quality: u8) -> u8 {
    on_line(AVIF, quality).round() as u8
}

/// The same for alpha, twice as fine: an outline that frays is seen before a colour that is off.
#[cfg(feature = "avif")]
pub(super) fn avif_alpha_quantizer(quality: u8) -> u8 {
    (avif_quantizer(quality) / 2).max(1)
}

/// The value of a line through points at a quality; the first or last point's outside of them.
fn on_line(points: &[(u8, f32)], quality: u8) -> f32 {
    let next = points.iter().position(|&(at, _)| at >= quality);
    let (before, after) = match next {
        Some(0) => return points.first().map_or(0.0, |point| point.1),
        Some(next) => (points[next - 1], points[next]),
        None => return points.last().map_or(0.0, |point| point.1),
    };
    let share = f32::from(quality - before.0) / f32::from(after.0 - before.0);
    before.1 + (after.1 - before.1) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_points_are_met_and_the_rest_lies_between() {
        let check = |quality, expected: f32| assert!((webp(quality) - expected).abs() < 0.01, "{quality}: {}", webp(quality));
        check(0, 1.0);
        check(1, 1.0);
        check(80, 83.0);
        check(75, 79.5);
        check(100, 100.0);
        check(255, 100.0);
    }

    #[test]
    fn more_quality_is_never_less() {
        for quality in 1..100 {
            assert!(webp(quality) < webp(quality + 1), "{quality}");
            #[cfg(feature = "avif")]
            assert!(avif_quantizer(quality) >= avif_quantizer(quality + 1), "{quality}");
        }
    }
}
