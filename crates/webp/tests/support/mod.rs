//! What the tests share.
#![allow(clippy::unwrap_used, dead_code)]

use minilab_webp::{DecodeOptions, Decoder, EncodeOptions, Error, Pixels};

/// Bytes without order, the same each time.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Soft colour; the fourth channel falls from the left to the right.
pub fn painting(width: usize, height: usize, channels: usize) -> Vec<u8> {
    let wave = |value: f64| (127.0 + 110.0 * value.sin()) as u8;
    let pixel = |index: usize| {
        let (x, y) = ((index % width) as f64, (index / width) as f64);
        [wave(x / 19.0 + y / 37.0), wave(y / 11.0), wave(x / 23.0 - y / 29.0), 255 - (index % width * 255 / width) as u8]
    };
    (0..width * height).flat_map(|index| pixel(index)[..channels].to_vec()).collect()
}

/// Without loss.
pub fn lossless() -> EncodeOptions {
    EncodeOptions { lossless: true, ..EncodeOptions::default() }
}

/// All samples, decoded `step` bytes at a time.
pub fn decoded(file: &[u8], pixels: Pixels, step: usize) -> Result<Vec<u8>, Error> {
    let mut decoder = Decoder::new(file, pixels, DecodeOptions::default())?;
    while !decoder.decode_some(step)? {}
    Ok(decoder.samples().to_vec())
}
