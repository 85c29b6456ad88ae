//! CIE L*a*b* as sRGB.

use crate::header::tiff::LabEncoding;

/// White of D50, in XYZ (ICC.1, 7.2.16).
const WHITE: [f64; 3] = [0.9642, 1.0, 0.8249];

/// From XYZ under D50 to linear sRGB: the inverse of sRGB's own matrix, adapted by Bradford.
const TO_LINEAR: [[f64; 3]; 3] =
    [[3.133_856_1, -1.616_866_7, -0.490_614_6], [-0.978_768_4, 1.916_141_5, 0.033_454_0], [0.071_945_3, -0.228_991_4, 1.405_242_7]];

/// Samples of 8 or 16 bits as sRGB of the same depth; colours that sRGB does not have are clipped.
pub(super) fn to_srgb(stored: [u64; 3], bits: u32, encoding: LabEncoding) -> [u64; 3] {
    let full = ((1_u64 << bits) - 1) as f64;
    let half = 1_u64 << (bits - 1);
    let unit = f64::from(1_u32 << (bits - 8));
    // 16-bit values of ICC profiles are 8-bit ones with a fraction: 100 is 0xff00.
    let lightness = stored[0] as f64 * 100.0 / if encoding == LabEncoding::Icc { 255.0 * unit } else { full };
    let chroma = |value: u64| match encoding {
        LabEncoding::Cie if value >= half => (value as f64 - (half * 2) as f64) / unit,
        LabEncoding::Cie => value as f64 / unit,
        LabEncoding::Icc => (value as f64 - half as f64) / unit,
    };
    let y = (lightness + 16.0) / 116.0;
    let of_white = [y + chroma(stored[1]) / 500.0, y, y - chroma(stored[2]) / 200.0].map(inverse);
    let xyz = [of_white[0] * WHITE[0], of_white[1] * WHITE[1], of_white[2] * WHITE[2]];
    TO_LINEAR.map(|row| {
        let light = row.iter().zip(xyz).map(|(a, b)| a * b).sum::<f64>().clamp(0.0, 1.0);
        let value = if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
        (value * full).round() as u64
    })
}

/// CIE 15: the cube, but for the darkest.
fn inverse(value: f64) -> f64 {
    if value > 6.0 / 29.0 { value.powi(3) } else { (value - 4.0 / 29.0) * 108.0 / 841.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours_are_met() {
        let check = |stored, bits, encoding, expected: [u64; 3]| {
            let found = to_srgb(stored, bits, encoding);
            // A step of 8 bits, and an eighth of one in 16.
            let tolerance = if bits == 16 { 32 } else { 1 };
            assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= tolerance), "{stored:?}: {found:?}");
        };
        check([255, 0, 0], 8, LabEncoding::Cie, [255, 255, 255]);
        check([0, 128, 128], 8, LabEncoding::Icc, [0, 0, 0]);
        check([0xff00, 0x8000, 0x8000], 16, LabEncoding::Icc, [65_535, 65_535, 65_535]);
        // sRGB's red under D50 is L* 54.29, a* 80.81, b* 69.89.
        check([138, 81, 70], 8, LabEncoding::Cie, [254, 0, 0]);
        // And its blue L* 29.57, a* 68.30, b* -112.03.
        check([75, 68, 144], 8, LabEncoding::Cie, [0, 0, 255]);
    }
}
