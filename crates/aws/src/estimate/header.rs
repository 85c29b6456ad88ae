//! A header of an image that nobody has, to ask the engine what its work would take.

use minilab_imaging::{Header, ImageError, read_header};
use minilab_model::{DecodeLimits, Format};

/// The header of a baseline JPEG with 4:2:0 chroma, or of a PNG with 8-bit colours.
///
/// # Errors
/// [`ImageError`] when the limits refuse such an image.
pub(super) fn of(format: Format, width: u32, height: u32, limits: &DecodeLimits) -> Result<Header, ImageError> {
    let bytes = match format {
        Format::Png => png(width, height),
        _ => jpeg(width, height),
    };
    read_header(&bytes, limits)
}

/// SOI, SOF0 with three components, SOS (ITU-T T.81, annex B).
fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let side = |length: u32| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xc0, 0, 17, 8];
    bytes.extend(side(height));
    bytes.extend(side(width));
    bytes.extend([3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
    bytes.extend([0xff, 0xda, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0, 0, 0]);
    bytes
}

/// The signature, IHDR and the start of an empty IDAT (PNG specification, third edition, 5 and 11.2).
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8], data: &[u8]| {
        let content = [name, data].concat();
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(&content);
        let mut crc = flate2::Crc::new();
        crc.update(&content);
        bytes.extend(crc.sum().to_be_bytes());
    };
    let sizes = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&sizes[..], &[8, 2, 0, 0, 0]].concat());
    chunk(b"IDAT", &[]);
    chunk(b"IEND", &[]);
    bytes
}
