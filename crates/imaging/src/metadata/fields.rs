//! The fields of the record that take pixels, found on a small picture of the image.

use super::{blurhash, palette, perceptual_hash, thumbhash};
use crate::alpha::expand;
use crate::picture::{Layout, Picture};
use minilab_model::{ImageMetadata, PixelField};

/// Whether one of the fields takes the small picture.
pub(crate) fn need_picture(fields: &[PixelField]) -> bool {
    fields.iter().any(|field| *field != PixelField::IsOpaque)
}

/// Whether it is asked whether every pixel is opaque.
pub(crate) fn need_opacity(fields: &[PixelField]) -> bool {
    fields.contains(&PixelField::IsOpaque)
}

/// Fills in the fields that are asked for, from an upright sRGB picture of at most [`thumbhash::MAX_SIDE`] pixels a side.
pub(crate) fn describe(picture: &Picture, fields: &[PixelField], metadata: &mut ImageMetadata) {
    let small = Small::of(picture);
    for field in fields {
        match field {
            PixelField::Thumbhash => metadata.thumbhash = thumbhash::hash(picture),
            PixelField::Blurhash => metadata.blurhash = blurhash::hash(&small),
            PixelField::Palette => metadata.palette = palette::palette(&small),
            PixelField::PerceptualHash => {
                metadata.perceptual_hash = perceptual_hash::hash(&small).map(|hash| format!("{hash:016x}"))
            }
            PixelField::Entropy => metadata.entropy = Some(entropy(&small)),
            // Known from decoding, not from a picture that is shrunk.
            PixelField::IsOpaque => {}
        }
    }
}

/// A picture as RGBA with 8 bits a channel, straight alpha, rows from the top.
pub(crate) struct Small {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<[u8; 4]>,
}

impl Small {
    fn of(picture: &Picture) -> Self {
        let expanded = expand(picture);
        let samples = expanded.to_eight_bits();
        let pixels = match expanded.layout {
            Layout::Rgba => samples.as_chunks::<4>().0.to_vec(),
            _ => samples.as_chunks::<3>().0.iter().map(|&[red, green, blue]| [red, green, blue, u8::MAX]).collect(),
        };
        Self { width: picture.size.width as usize, height: picture.size.height as usize, pixels }
    }

    /// The pixels on white, as most pages show them.
    pub(crate) fn on_white(&self) -> impl Iterator<Item = [u8; 3]> {
        self.pixels.iter().map(|&[red, green, blue, alpha]| {
            let alpha = u32::from(alpha);
            [red, green, blue].map(|value| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
        })
    }

    /// The brightness of the pixels on white, 0 to 255: luma by ITU-R BT.601, as JPEG has it.
    pub(crate) fn luma(&self) -> impl Iterator<Item = f64> {
        self.on_white().map(|[red, green, blue]| 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue))
    }
}

/// Shannon's entropy of the brightness in bits, to the third decimal: 0 for one shade, 8 where all 256 are as frequent.
fn entropy(small: &Small) -> f64 {
    let mut counts = [0_u32; 256];
    for luma in small.luma() {
        counts[usize::from(luma.round().clamp(0.0, 255.0) as u8)] += 1;
    }
    let total = small.pixels.len().max(1) as f64;
    let shares = counts.iter().filter(|&&count| count > 0).map(|&count| f64::from(count) / total);
    let bits: f64 = shares.map(|share| -share * share.log2()).sum();
    // Adding zero turns −0 into 0.
    (bits * 1000.0).round() / 1000.0 + 0.0
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn small(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 4]) -> Small {
        let pixels = (0..width * height).map(|index| pixel(index % width, index / width)).collect();
        Small { width, height, pixels }
    }

    fn grey(value: u8) -> [u8; 4] {
        [value, value, value, 255]
    }

    #[test]
    fn entropy_counts_shades() {
        let check = |small: Small, expected: f64| assert!((entropy(&small) - expected).abs() < 1e-9, "{}", entropy(&small));
        check(small(7, 5, |_, _| grey(99)), 0.0);
        check(small(10, 10, |x, _| grey(if x < 5 { 0 } else { 255 })), 1.0);
        check(small(16, 16, |x, y| grey((y * 16 + x) as u8)), 8.0);
        // What is transparent is as white as the rest.
        check(small(4, 4, |x, _| if x < 2 { [0, 0, 0, 0] } else { grey(255) }), 0.0);
    }
}
