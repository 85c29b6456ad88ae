//! Transparency: flattening it, dropping it where it says nothing, padding with it.

#[cfg(any(feature = "avif", feature = "heic", feature = "jxl"))]
use crate::picture::Sample;
use crate::picture::{Layout, Picture, Samples, Size};
use minilab_model::Color;
use std::borrow::Cow;

/// The picture without alpha, laid on a colour. Composed in gamma-encoded sRGB, as browsers and libvips do.
pub(crate) fn flatten(picture: Picture, background: Color) -> Picture {
    match flattened(&picture, background) {
        Cow::Owned(flat) => flat,
        Cow::Borrowed(_) => picture,
    }
}

/// As [`flatten`]; a picture without alpha is given back as it is.
pub(crate) fn flattened(picture: &Picture, background: Color) -> Cow<'_, Picture> {
    let Color { red, green, blue } = background;
    match picture.layout {
        Layout::Rgba => Cow::Owned(picture.map_pixels(
            Layout::Rgb,
            |pixel| mix(pixel, [red, green, blue], 255).map(|value| value as u8),
            |pixel| mix(pixel, [red, green, blue].map(wide), 65_535).map(|value| value as u16),
        )),
        Layout::GreyAlpha if red == green && green == blue => Cow::Owned(picture.map_pixels(
            Layout::Grey,
            |pixel| mix(pixel, [red], 255).map(|value| value as u8),
            |pixel| mix(pixel, [wide(red)], 65_535).map(|value| value as u16),
        )),
        // Grey on a colour is a colour.
        Layout::GreyAlpha => Cow::Owned(flattened(&expand(picture), background).into_owned()),
        Layout::Grey | Layout::Rgb | Layout::Cmyk => Cow::Borrowed(picture),
    }
}

/// `value` of 255 as one of 65,535.
const fn wide(value: u8) -> u16 {
    value as u16 * 257
}

/// Mixes the first `N` channels with the background by the alpha behind them, rounded.
fn mix<S: Copy + Into<u64>, const N: usize>(pixel: &[S], background: [S; N], max: u64) -> [u64; N] {
    let alpha: u64 = pixel[N].into();
    std::array::from_fn(|channel| (pixel[channel].into() * alpha + background[channel].into() * (max - alpha) + max / 2) / max)
}

/// Grey as RGB; other layouts are given back as they are.
pub(crate) fn expand(picture: &Picture) -> Cow<'_, Picture> {
    match picture.layout {
        Layout::Grey => Cow::Owned(picture.map_pixels(Layout::Rgb, |pixel| [pixel[0]; 3], |pixel| [pixel[0]; 3])),
        Layout::GreyAlpha => Cow::Owned(picture.map_pixels(
            Layout::Rgba,
            |pixel| [pixel[0], pixel[0], pixel[0], pixel[1]],
            |pixel| [pixel[0], pixel[0], pixel[0], pixel[1]],
        )),
        Layout::Rgb | Layout::Rgba | Layout::Cmyk => Cow::Borrowed(picture),
    }
}

/// Divides the colours of a row by the alpha that they were multiplied with. What is clear becomes black.
#[cfg(any(feature = "avif", feature = "heic", feature = "jxl"))]
pub(crate) fn unpremultiply<S: Sample>(row: &mut [S], channels: usize) {
    for pixel in row.chunks_exact_mut(channels) {
        let Some((alpha, colors)) = pixel.split_last_mut() else { continue };
        let alpha = alpha.to_u64();
        for color in colors {
            *color = (color.to_u64() * S::MAX + alpha / 2).checked_div(alpha).map_or(S::default(), S::from_u64);
        }
    }
}

/// Drops an alpha channel that is opaque everywhere; other pictures are given back as they are.
pub(crate) fn without_needless_alpha(picture: &Picture) -> Cow<'_, Picture> {
    match picture.layout {
        Layout::Rgba if is_opaque(picture) => Cow::Owned(picture.map_pixels(
            Layout::Rgb,
            |pixel| [pixel[0], pixel[1], pixel[2]],
            |pixel| [pixel[0], pixel[1], pixel[2]],
        )),
        Layout::GreyAlpha if is_opaque(picture) => {
            Cow::Owned(picture.map_pixels(Layout::Grey, |pixel| [pixel[0]], |pixel| [pixel[0]]))
        }
        _ => Cow::Borrowed(picture),
    }
}

/// Whether nothing shows through: every pixel has full alpha, or there is none.
pub(crate) fn is_opaque(picture: &Picture) -> bool {
    let channels = picture.layout.channels();
    !picture.layout.has_alpha()
        || match &picture.samples {
            Samples::Eight(samples) => samples.chunks_exact(channels).all(|pixel| pixel[channels - 1] == u8::MAX),
            Samples::Sixteen(samples) => samples.chunks_exact(channels).all(|pixel| pixel[channels - 1] == u16::MAX),
        }
}

/// Lays a picture on a transparent canvas. Without anything to pad it comes back as it is, without an alpha channel.
pub(crate) fn pad(picture: Picture, canvas: Size, offset: (u32, u32)) -> Picture {
    if canvas == picture.size {
        return picture;
    }
    let picture = with_alpha(picture);
    let channels = picture.layout.channels();
    let samples = match &picture.samples {
        Samples::Eight(samples) => Samples::Eight(placed(samples, picture.size, canvas, offset, channels)),
        Samples::Sixteen(samples) => Samples::Sixteen(placed(samples, picture.size, canvas, offset, channels)),
    };
    Picture { size: canvas, layout: picture.layout, samples }
}

/// The picture with an alpha channel, opaque where it had none; inks stay as they are.
pub(crate) fn with_alpha(picture: Picture) -> Picture {
    match picture.layout {
        Layout::Grey => picture.map_pixels(Layout::GreyAlpha, |pixel| [pixel[0], u8::MAX], |pixel| [pixel[0], u16::MAX]),
        Layout::Rgb => picture.map_pixels(
            Layout::Rgba,
            |pixel| [pixel[0], pixel[1], pixel[2], u8::MAX],
            |pixel| [pixel[0], pixel[1], pixel[2], u16::MAX],
        ),
        Layout::GreyAlpha | Layout::Rgba | Layout::Cmyk => picture,
    }
}

fn placed<S: Copy + Default>(samples: &[S], size: Size, canvas: Size, offset: (u32, u32), channels: usize) -> Vec<S> {
    let mut output = vec![S::default(); canvas.pixels() as usize * channels];
    let (row, canvas_row) = (size.width as usize * channels, canvas.width as usize * channels);
    let left = offset.0 as usize * channels;
    for (source, target) in samples.chunks_exact(row).zip(output.chunks_exact_mut(canvas_row).skip(offset.1 as usize)) {
        target[left..left + row].copy_from_slice(source);
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgba(pixels: &[[u8; 4]]) -> Picture {
        Picture::eight(Size { width: pixels.len() as u32, height: 1 }, Layout::Rgba, pixels.concat())
    }

    #[test]
    fn what_is_clear_shows_the_background() {
        let background = Color { red: 10, green: 20, blue: 30 };
        let flat = flatten(rgba(&[[200, 100, 0, 255], [200, 100, 0, 0], [110, 120, 130, 128]]), background);
        assert_eq!(flat.layout, Layout::Rgb);
        assert_eq!(flat.samples, Samples::Eight(vec![200, 100, 0, 10, 20, 30, 60, 70, 80]));
    }

    #[test]
    fn grey_stays_grey_on_grey_alone() {
        let grey = |samples: Vec<u8>| Picture::eight(Size { width: 1, height: 1 }, Layout::GreyAlpha, samples);
        assert_eq!(flatten(grey(vec![40, 255]), Color::WHITE).layout, Layout::Grey);
        let red = flatten(grey(vec![40, 0]), Color { red: 9, green: 8, blue: 7 });
        assert_eq!(red.samples, Samples::Eight(vec![9, 8, 7]));
    }

    #[test]
    fn sixteen_bits_are_mixed_in_full() {
        let size = Size { width: 1, height: 1 };
        let half = Picture { size, layout: Layout::GreyAlpha, samples: Samples::Sixteen(vec![1000, 32_768]) };
        let flat = flatten(half, Color { red: 0, green: 0, blue: 0 });
        assert_eq!(flat.samples, Samples::Sixteen(vec![500]));
    }

    #[test]
    fn padding_is_transparent() {
        let dot = Picture::eight(Size { width: 1, height: 1 }, Layout::Grey, vec![7]);
        let padded = pad(dot.clone(), Size { width: 3, height: 2 }, (1, 0));
        assert_eq!(padded.samples, Samples::Eight(vec![0, 0, 7, 255, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(pad(dot.clone(), dot.size, (0, 0)), dot);
    }

    #[test]
    fn alpha_goes_only_when_it_says_nothing() {
        assert_eq!(without_needless_alpha(&rgba(&[[1, 2, 3, 255]])).layout, Layout::Rgb);
        assert_eq!(without_needless_alpha(&rgba(&[[1, 2, 3, 255], [1, 2, 3, 254]])).layout, Layout::Rgba);
    }
}
