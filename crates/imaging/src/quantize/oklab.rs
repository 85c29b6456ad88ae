//! sRGB and Oklab (B. Ottosson, "A perceptual color space for image processing", 2020).

use super::Pixel;
use std::sync::LazyLock;

/// A colour as a place in which distance is how different colours look: Oklab's L, a and b, each times alpha, and alpha; all
/// about 0 to 1. What is clear is the origin.
pub(super) type Place = [f32; 4];

/// Linear light, 0 to 1, by gamma-encoded sRGB (IEC 61966-2-1).
static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let value = value as f32 / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
});

/// Where a colour lies.
pub(super) fn place(pixel: Pixel) -> Place {
    let [red, green, blue, alpha] = pixel;
    let linear = &*LINEAR;
    let [r, g, b] = [red, green, blue].map(|value| linear[usize::from(value)]);
    let l = cube_root(0.412_221_47 * r + 0.536_332_54 * g + 0.051_445_99 * b);
    let m = cube_root(0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b);
    let s = cube_root(0.088_302_46 * r + 0.281_718_84 * g + 0.629_978_7 * b);
    let alpha = f32::from(alpha) / 255.0;
    [
        alpha * (0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s),
        alpha * (1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s),
        alpha * (0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s),
        alpha,
    ]
}

/// The colour at a place, clamped to sRGB.
pub(super) fn pixel(place: Place) -> Pixel {
    let alpha = place[3].clamp(0.0, 1.0);
    let [lightness, a, b] = [0, 1, 2].map(|axis| if alpha > 0.0 { place[axis] / alpha } else { 0.0 });
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    let rgb = [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ];
    let [red, green, blue] = rgb.map(|value| (gamma(value) * 255.0).round() as u8);
    [red, green, blue, (alpha * 255.0).round() as u8]
}

/// The squared distance of two places.
pub(super) fn distance(a: Place, b: Place) -> f32 {
    let [l, x, y, alpha] = std::array::from_fn(|axis| a[axis] - b[axis]);
    l * l + x * x + y * y + alpha * alpha
}

fn gamma(value: f32) -> f32 {
    if value <= 0.003_130_8 { value * 12.92 } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 }
}

/// The cube root of 0 to 1, to about 1e-5: a guess by the exponent, and two of Newton's steps. A fifth of the time of `cbrt`.
fn cube_root(value: f32) -> f32 {
    if value < 1e-9 {
        return 0.0;
    }
    let mut root = f32::from_bits(value.to_bits() / 3 + 709_921_077);
    for _ in 0..2 {
        root = (2.0 * root + value / (root * root)) / 3.0;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values by the reference C++ of Ottosson's article, as CSS Color 4 has them.
    #[test]
    fn known_colours_lie_where_they_should() {
        let check = |pixel: Pixel, expected: Place| {
            let found = place(pixel);
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 2e-4), "{pixel:?}: {found:?}");
        };
        check([255; 4], [1.0, 0.0, 0.0, 1.0]);
        check([255, 0, 0, 255], [0.627_96, 0.224_86, 0.125_85, 1.0]);
        check([0, 0, 255, 255], [0.452_01, -0.032_46, -0.311_53, 1.0]);
        check([255, 255, 255, 51], [0.2, 0.0, 0.0, 0.2]);
        check([200, 100, 50, 0], [0.0; 4]);
    }

    #[test]
    fn colours_come_back() {
        for index in 0..5000_u32 {
            let [red, green, blue, _] = index.wrapping_mul(2_654_435_761).to_le_bytes();
            for color in [[red, green, blue, 255], [red / 8, green / 8, blue / 8, 200]] {
                let back = pixel(place(color));
                assert!(back.iter().zip(color).all(|(a, b)| a.abs_diff(b) <= 1), "{color:?}: {back:?}");
            }
        }
    }
}
