use crate::alpha::expand;
use crate::picture::{Layout, Picture};
use webp::{PixelLayout, WebPConfig};

/// The longest side of WebP in pixels.
const MAX_SIDE: u32 = 16_383;

/// libwebp's effort, 0 to 6. Its default.
const METHOD: i32 = 4;

/// WebP, lossy whatever the source was: a recipe with a quality means it. Alpha is kept without loss.
pub(super) fn encode(picture: &Picture, quality: u8) -> Result<Vec<u8>, String> {
    if picture.size.width.max(picture.size.height) > MAX_SIDE {
        return Err(format!("a side has more than {MAX_SIDE} pixels, where WebP ends"));
    }
    let picture = expand(picture);
    let layout = match picture.layout {
        Layout::Rgb => PixelLayout::Rgb,
        Layout::Rgba => PixelLayout::Rgba,
        Layout::Grey | Layout::GreyAlpha | Layout::Cmyk => return Err("its pixels are not RGB".to_owned()),
    };
    let mut config = WebPConfig::new().map_err(|()| "libwebp's version is not the one it was built for".to_owned())?;
    config.quality = super::quality::webp(quality);
    config.method = METHOD;
    let samples = picture.to_eight_bits();
    let encoder = webp::Encoder::new(&samples, layout, picture.size.width, picture.size.height);
    let memory = encoder.encode_advanced(&config).map_err(|error| format!("{error:?}"))?;
    Ok(memory.to_vec())
}
