use super::{Gravity, one, within};
use crate::{Color, ObjectRef, Real};
use serde::{Deserialize, Serialize};

/// Lays an image or a text over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    /// The image, an object of a bucket; transparency is kept. Either this or `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ObjectRef>,
    /// The text, 1 to 200 characters, in the built-in font (Latin, Greek and Cyrillic).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where it lies. Default: the lower right corner. `attention` and `entropy` are not possible.
    #[serde(default = "lower_right")]
    pub gravity: Gravity,
    /// Distance from the edges that the gravity names, in pixels; at most 16,383. Default 10.
    #[serde(default = "ten")]
    pub margin: u32,
    /// Width of the mark as a fraction of the image's, above 0 to 1. Default: an image keeps its own size (or is shrunk to fit),
    /// a text is set at `size` pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Real>,
    /// Opacity, 0 to 1. Default 1.
    #[serde(default = "one")]
    pub opacity: Real,
    /// Whether the mark is repeated over the whole image. Off by default.
    #[serde(default)]
    pub tile: bool,
    /// Size of the text in pixels (its em), 4 to 1,000. Default 24.
    #[serde(default = "text_size")]
    pub size: u32,
    /// Colour of the text. Default white.
    #[serde(default)]
    pub color: Color,
}

fn lower_right() -> Gravity {
    Gravity::SouthEast
}

fn ten() -> u32 {
    10
}

fn text_size() -> u32 {
    24
}

impl Watermark {
    /// Longest text in characters.
    pub const MAX_TEXT: usize = 200;

    pub(super) fn validate(&self) -> Result<(), String> {
        match (&self.image, &self.text) {
            (None, None) => return Err("watermark needs image or text".to_owned()),
            (Some(_), Some(_)) => return Err("watermark takes image or text, not both".to_owned()),
            (None, Some(text)) if text.trim().is_empty() || text.chars().count() > Self::MAX_TEXT => {
                return Err(format!("watermark.text must have 1 to {} characters", Self::MAX_TEXT));
            }
            _ => {}
        }
        if self.gravity.position().is_none() {
            return Err("watermark.gravity must be center, a side or a corner".to_owned());
        }
        if let Some(scale) = self.scale {
            within("watermark.scale", scale, 0.001, 1.0)?;
        }
        if !(4..=1000).contains(&self.size) {
            return Err(format!("watermark.size is {}; it must be 4 to 1000", self.size));
        }
        super::side("watermark.margin", self.margin, 0)?;
        within("watermark.opacity", self.opacity, 0.0, 1.0)
    }
}
