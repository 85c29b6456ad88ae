//! Embedded ICC profiles (ICC.1), and those that stand for a file's code points (ITU-T H.273).

use crate::error::ImageError;
use crate::header::{Cicp, Header};
#[cfg(feature = "jxl")]
use crate::header::{Details, jxl::Colors};
use flate2::read::ZlibDecoder;
use minilab_model::ColorSpace;
use moxcms::{
    CicpColorPrimaries, CicpProfile, ColorProfile, LocalizableString, MatrixCoefficients, ProfileText, ToneReprCurve,
    TransferCharacteristics,
};
use std::io::Read;

/// A profile that a file carries, or that says what its code points do.
pub(crate) struct EmbeddedProfile {
    pub parsed: ColorProfile,
    /// As it stands in the file, unpacked; of code points, what a variant that keeps the colours is given.
    pub bytes: Vec<u8>,
}

/// The embedded profile, or one made of code points where there is none. One that is damaged is warned of and counts as none: the
/// image is then taken as sRGB.
///
/// # Errors
/// [`ImageError::LimitExceeded`] when a compressed profile unpacks to more than `limit` bytes.
pub(crate) fn embedded_profile(
    source: &[u8],
    header: &Header,
    limit: usize,
    warnings: &mut Vec<String>,
) -> Result<Option<EmbeddedProfile>, ImageError> {
    #[cfg(feature = "jxl")]
    if matches!(header.details, Details::Jxl { colors: Colors::Profile, .. }) {
        let bytes = crate::decode::jxl::profile(source, header, limit)?.unwrap_or_default();
        return Ok(parsed(bytes, warnings));
    }
    if header.icc.parts.is_empty() {
        return Ok(header.cicp.and_then(|cicp| stated_profile(cicp, header.color_space)));
    }
    let mut bytes = Vec::new();
    for part in &header.icc.parts {
        bytes.extend_from_slice(source.get(part.clone()).unwrap_or_default());
    }
    if header.icc.deflated {
        let mut unpacked = Vec::new();
        let one_too_many = limit as u64 + 1;
        if let Err(error) = ZlibDecoder::new(bytes.as_slice()).take(one_too_many).read_to_end(&mut unpacked) {
            warnings.push(format!("the colour profile cannot be unpacked, taken as sRGB: {error}"));
            return Ok(None);
        }
        ImageError::check_limit("bytes of colour profile", unpacked.len() as u64, limit as u64)?;
        bytes = unpacked;
    }
    Ok(parsed(bytes, warnings))
}

fn parsed(bytes: Vec<u8>, warnings: &mut Vec<String>) -> Option<EmbeddedProfile> {
    match ColorProfile::new_from_slice(&bytes) {
        Ok(parsed) => Some(EmbeddedProfile { parsed, bytes }),
        Err(error) => {
            warnings.push(format!("the colour profile is damaged, taken as sRGB: {error}"));
            None
        }
    }
}

/// The profile of code points; `None` for sRGB, and for what says nothing.
///
/// The curves of television (BT.709, BT.601, BT.2020) count as sRGB's: screens show them much like it (BT.1886), and so does hybrid
/// log-gamma, which was made to be shown on screens that know nothing of it.
fn stated_profile(cicp: Cicp, color_space: ColorSpace) -> Option<EmbeddedProfile> {
    let is_grey = color_space == ColorSpace::Grey;
    let stated = u8::try_from(cicp.primaries).ok().and_then(|code| CicpColorPrimaries::try_from(code).ok());
    let primaries = match stated {
        None | Some(CicpColorPrimaries::Reserved | CicpColorPrimaries::Unspecified) => CicpColorPrimaries::Bt709,
        Some(primaries) => primaries,
    };
    let curve = match cicp.transfer {
        4 => Some(ToneReprCurve::Parametric(vec![2.2])),
        5 => Some(ToneReprCurve::Parametric(vec![2.8])),
        8 => Some(ToneReprCurve::Lut(Vec::new())),
        16 => Some(perceptual_quantizer()),
        _ => None,
    };
    if curve.is_none() && (is_grey || primaries == CicpColorPrimaries::Bt709) {
        return None;
    }
    let mut profile = match (is_grey, curve) {
        (true, curve) => {
            let mut profile = ColorProfile::new_gray_with_gamma(2.2);
            profile.gray_trc = curve;
            profile
        }
        (false, curve) => {
            let mut profile = ColorProfile::new_from_cicp(CicpProfile {
                color_primaries: primaries,
                transfer_characteristics: TransferCharacteristics::Srgb,
                matrix_coefficients: MatrixCoefficients::Identity,
                full_range: true,
            });
            if let Some(curve) = curve {
                // The code points would say something else than the curve.
                profile.cicp = None;
                (profile.red_trc, profile.green_trc, profile.blue_trc) = (Some(curve.clone()), Some(curve.clone()), Some(curve));
            }
            profile
        }
    };
    let text = format!("Code points {}/{} of H.273", cicp.primaries, cicp.transfer);
    profile.description = Some(ProfileText::Localizable(vec![LocalizableString::new("en".to_owned(), "US".to_owned(), text)]));
    let bytes = profile.encode().unwrap_or_default();
    Some(EmbeddedProfile { parsed: profile, bytes })
}

/// Entries of a curve that is tabulated.
const CURVE_ENTRIES: u16 = 4096;

/// Light that diffuse white has, and the brightest that is told from what is brighter still, in cd/m² (BT.2408).
const WHITE_LIGHT: f64 = 203.0;
const BRIGHTEST_LIGHT: f64 = 1000.0;

/// The curve of SMPTE ST 2084, which tells light up to 10,000 cd/m², brought into the range between black and white: what is brighter
/// than white is pressed together (Reinhard et al. 2002, equation 4), or it would all be white.
fn perceptual_quantizer() -> ToneReprCurve {
    let light = |code: f64| {
        let root = code.powf(1.0 / 78.843_75);
        10_000.0 * ((root - 0.835_937_5).max(0.0) / (18.851_562_5 - 18.6875 * root)).powf(1.0 / 0.159_301_757_812_5)
    };
    let pressed = |light: f64| {
        let (share, brightest) = (light / WHITE_LIGHT, BRIGHTEST_LIGHT / WHITE_LIGHT);
        (share * (1.0 + share / (brightest * brightest)) / (1.0 + share)).min(1.0)
    };
    let entry = |index| pressed(light(f64::from(index) / f64::from(CURVE_ENTRIES - 1)));
    ToneReprCurve::Lut((0..CURVE_ENTRIES).map(|index| (entry(index) * 65_535.0).round() as u16).collect())
}

/// The name that the profile gives itself, in English where it has several.
pub(crate) fn name(profile: &ColorProfile) -> Option<String> {
    let text = match profile.description.as_ref()? {
        ProfileText::PlainString(text) => text,
        ProfileText::Description(description) if description.ascii_string.is_empty() => &description.unicode_string,
        ProfileText::Description(description) => &description.ascii_string,
        ProfileText::Localizable(texts) => {
            let english = texts.iter().find(|text| text.language.eq_ignore_ascii_case("en"));
            &english.or_else(|| texts.first())?.value
        }
    };
    let text: String = text.trim_matches(['\0', ' ']).chars().filter(|character| !character.is_control()).take(200).collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::color::Colors;
    use crate::picture::{Layout, Picture, Samples, Size};

    /// What becomes of a pixel that is stated to be in these colours.
    fn shown(primaries: u16, transfer: u16, color_space: ColorSpace, pixel: &[u8]) -> Vec<u8> {
        let mut warnings = Vec::new();
        let profile = stated_profile(Cicp { primaries, transfer }, color_space);
        let layout = if pixel.len() == 1 { Layout::Grey } else { Layout::Rgb };
        let picture = Picture::eight(Size { width: 1, height: 1 }, layout, pixel.to_vec());
        let converted = Colors::new(color_space, profile, &mut warnings).in_srgb(picture, &mut warnings);
        assert_eq!(warnings, Vec::<String>::new());
        let Samples::Eight(samples) = converted.samples else { panic!("not 8 bits") };
        samples
    }

    /// Expected values by the matrices and curves of CSS Color 4 and ST 2084, computed apart from this code.
    #[test]
    fn code_points_are_followed() {
        let check = |primaries, transfer, color_space, pixel: &[u8], expected: &[u8]| {
            let found = shown(primaries, transfer, color_space, pixel);
            let near = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 1);
            assert!(near, "{primaries}/{transfer} {pixel:?}: {found:?} is not {expected:?}");
        };
        // Display P3, by two transfer curves that are taken for sRGB's.
        check(12, 13, ColorSpace::Ycbcr, &[220, 30, 30], &[240, 0, 0]);
        check(12, 1, ColorSpace::Ycbcr, &[30, 180, 60], &[0, 183, 31]);
        // BT.2020.
        check(9, 13, ColorSpace::Ycbcr, &[200, 100, 100], &[240, 76, 97]);
        check(9, 14, ColorSpace::Ycbcr, &[128, 128, 128], &[128, 128, 128]);
        // Half the light, and gammas.
        check(1, 8, ColorSpace::Ycbcr, &[128, 128, 128], &[188, 188, 188]);
        check(1, 8, ColorSpace::Grey, &[128], &[188]);
        check(2, 4, ColorSpace::Ycbcr, &[128, 0, 255], &[129, 0, 255]);
        check(1, 5, ColorSpace::Grey, &[128], &[106]);
        // Diffuse white is a little over half of the light; the brightest and what is beyond is white.
        check(9, 16, ColorSpace::Ycbcr, &[148, 148, 148], &[191, 191, 191]);
        check(9, 16, ColorSpace::Ycbcr, &[255, 255, 255], &[255, 255, 255]);
    }

    #[test]
    fn what_says_srgb_or_nothing_needs_no_profile() {
        for (primaries, transfer) in [(1, 13), (2, 2), (1, 1), (0, 0), (999, 999), (1, 6)] {
            assert!(stated_profile(Cicp { primaries, transfer }, ColorSpace::Ycbcr).is_none(), "{primaries}/{transfer}");
        }
        assert!(stated_profile(Cicp { primaries: 9, transfer: 13 }, ColorSpace::Grey).is_none());
    }

    #[test]
    fn variants_that_keep_the_colours_are_given_a_profile() {
        let profile = stated_profile(Cicp { primaries: 12, transfer: 13 }, ColorSpace::Rgb).unwrap();
        let read = ColorProfile::new_from_slice(&profile.bytes).unwrap();
        assert_eq!(name(&read).unwrap(), "Code points 12/13 of H.273");
        assert_eq!(read.color_space, moxcms::DataColorSpace::Rgb);
    }
}
