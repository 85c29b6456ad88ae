//! ThumbHash: a picture in about 25 bytes, to show before the image is there (<https://evanw.github.io/thumbhash/>).

use crate::alpha;
use crate::picture::{Layout, Picture};
use base64::Engine as _;

/// The longest side that the hash takes, in pixels.
pub(crate) const MAX_SIDE: u32 = 100;

/// The hash of an upright sRGB picture of at most [`MAX_SIDE`] pixels a side, in standard base64 with padding.
pub(crate) fn hash(picture: &Picture) -> Option<String> {
    if picture.size.width.max(picture.size.height) > MAX_SIDE {
        return None;
    }
    let picture = alpha::expand(picture);
    let samples = picture.to_eight_bits();
    let rgba = match picture.layout {
        Layout::Rgba => samples.into_owned(),
        _ => samples.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], u8::MAX]).collect(),
    };
    let hash = fast_thumbhash::rgba_to_thumb_hash(picture.size.width as usize, picture.size.height as usize, &rgba);
    Some(base64::engine::general_purpose::STANDARD.encode(hash))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Size;

    #[test]
    fn the_average_colour_is_in_the_hash() {
        let size = Size { width: 20, height: 10 };
        let red = Picture::eight(size, Layout::Rgb, [250, 10, 10].repeat(200));
        let bytes = base64::engine::general_purpose::STANDARD.decode(hash(&red).unwrap()).unwrap();
        let (width, height, rgba) = fast_thumbhash::thumb_hash_to_rgba(&bytes).unwrap();
        assert!(width > height);
        assert!(rgba[0] > 220 && rgba[1] < 40 && rgba[2] < 40 && rgba[3] == 255, "{:?}", &rgba[..4]);
    }

    #[test]
    fn what_is_too_large_has_none() {
        let size = Size { width: MAX_SIDE + 1, height: 1 };
        assert!(hash(&Picture::eight(size, Layout::Grey, vec![0; 101])).is_none());
    }
}
