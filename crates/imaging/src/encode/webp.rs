use super::EncodeOptions;
use crate::alpha::expand;
use crate::animation::Animation;
use crate::picture::{Layout, Picture};
use minilab_webp::{AnimationEncoder, Attachments, EncodeOptions as WebpOptions, Error, Image, attach};
use std::borrow::Cow;

/// Lossless files: how long a smaller one is sought, 0 to 100. libwebp's default.
const LOSSLESS_EFFORT: f32 = 75.0;

/// WebP, lossy unless asked otherwise, whatever the source was: a recipe with a quality means it. Alpha is kept without loss.
pub(super) fn encode(picture: &Picture, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let (picture, has_alpha) = expanded(picture)?;
    let samples = picture.to_eight_bits();
    let size = (picture.size.width, picture.size.height);
    let image = Image { width: size.0, height: size.1, has_alpha, samples: &samples };
    let file = minilab_webp::encode(image, webp_options(options)).map_err(text)?;
    attach(file, size, attachments(options)).map_err(text)
}

/// An animation, each frame stored as what differs from the one before.
pub(super) fn encode_animation(animation: &Animation, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let first = animation.frames.first().ok_or("there is no frame")?;
    let size = (first.picture.size.width, first.picture.size.height);
    let mut encoder = AnimationEncoder::new(size, animation.plays, webp_options(options)).map_err(text)?;
    for frame in &animation.frames {
        options.check_deadline()?;
        let (picture, has_alpha) = expanded(&frame.picture)?;
        let samples = picture.to_eight_bits();
        let image = Image { width: picture.size.width, height: picture.size.height, has_alpha, samples: &samples };
        encoder.add(image, frame.delay).map_err(text)?;
    }
    attach(encoder.finish().map_err(text)?, size, attachments(options)).map_err(text)
}

/// The picture as RGB or RGBA, and whether it is the latter.
fn expanded(picture: &Picture) -> Result<(Cow<'_, Picture>, bool), String> {
    match picture.layout {
        Layout::Rgb => Ok((Cow::Borrowed(picture), false)),
        Layout::Rgba => Ok((Cow::Borrowed(picture), true)),
        Layout::Grey => Ok((expand(picture), false)),
        Layout::GreyAlpha => Ok((expand(picture), true)),
        Layout::Cmyk => Err("its pixels are not RGB".to_owned()),
    }
}

fn webp_options(options: &EncodeOptions<'_>) -> WebpOptions {
    let quality = if options.lossless { LOSSLESS_EFFORT } else { super::quality::webp(options.quality) };
    WebpOptions { lossless: options.lossless, quality, ..WebpOptions::default() }
}

fn attachments<'a>(options: &EncodeOptions<'a>) -> Attachments<'a> {
    let attached = options.attachments;
    Attachments { icc: attached.icc.as_deref(), exif: attached.exif.as_deref(), xmp: attached.xmp.as_deref() }
}

fn text(error: Error) -> String {
    error.to_string()
}
