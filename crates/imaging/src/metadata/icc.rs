//! Embedded ICC profiles (ICC.1).

use crate::error::ImageError;
use crate::header::Header;
use flate2::read::ZlibDecoder;
use moxcms::{ColorProfile, ProfileText};
use std::io::Read;

/// A profile that a file carries.
pub(crate) struct EmbeddedProfile {
    pub parsed: ColorProfile,
    /// As it stands in the file, unpacked.
    pub bytes: Vec<u8>,
}

/// The embedded profile. One that is damaged is warned of and counts as none: the image is then taken as sRGB.
///
/// # Errors
/// [`ImageError::LimitExceeded`] when a compressed profile unpacks to more than `limit` bytes.
pub(crate) fn embedded_profile(
    source: &[u8],
    header: &Header,
    limit: usize,
    warnings: &mut Vec<String>,
) -> Result<Option<EmbeddedProfile>, ImageError> {
    if header.icc.parts.is_empty() {
        return Ok(None);
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
    match ColorProfile::new_from_slice(&bytes) {
        Ok(parsed) => Ok(Some(EmbeddedProfile { parsed, bytes })),
        Err(error) => {
            warnings.push(format!("the colour profile is damaged, taken as sRGB: {error}"));
            Ok(None)
        }
    }
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
