//! What changes the frame of an image, and filters over neighbouring pixels.

use super::{Gravity, one, side, within};
use crate::{Color, Real};
use serde::{Deserialize, Serialize};

/// Keeps a rectangle. What of it lies outside the image is left out, so the output can be smaller.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// Width in pixels, 1 to 16,383.
    pub width: u32,
    /// Height in pixels, 1 to 16,383.
    pub height: u32,
    /// Pixels left of it. With `y`; without both the gravity decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<u32>,
    /// Pixels above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<u32>,
    /// Which part is kept where `x` and `y` do not say. Default: the centre.
    #[serde(default)]
    pub gravity: Gravity,
}

/// Adds borders.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// Rows above. Default 0, as for the other sides; at most 16,383.
    #[serde(default)]
    pub top: u32,
    /// Columns to the right.
    #[serde(default)]
    pub right: u32,
    /// Rows below.
    #[serde(default)]
    pub bottom: u32,
    /// Columns to the left.
    #[serde(default)]
    pub left: u32,
    /// What the borders show.
    #[serde(default)]
    pub fill: ExtendFill,
    /// The colour where `fill` is `color`. Default: transparent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Color>,
}

/// What added borders show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExtendFill {
    /// The background, or nothing: transparent.
    #[default]
    Color,
    /// The nearest pixel of the image.
    Edge,
    /// The image as in a mirror.
    Mirror,
}

/// Cuts off a border of one colour. An image of one colour stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trim {
    /// How far a channel may be from the border's colour, of 255. Default 10.
    #[serde(default = "default_trim")]
    pub threshold: u8,
    /// The border's colour. Default: that of the left upper pixel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Color>,
}

/// Turns clockwise. Quarter turns move pixels; any other angle enlarges the frame so that the whole image is in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotate {
    /// The angle, -360 to 360.
    pub degrees: Real,
    /// The colour of the new corners. Default: transparent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Color>,
}

/// Blurs by a Gaussian.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blur {
    /// Standard deviation in pixels, 0.3 to 250.
    pub sigma: Real,
}

/// Sharpens by an unsharp mask over brightness: `amount` times what a blur takes away is added.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sharpen {
    /// Standard deviation of the blur in pixels, 0.3 to 10. Default 1.
    #[serde(default = "one")]
    pub sigma: Real,
    /// How much is added, 0 to 10. Default 1.
    #[serde(default = "one")]
    pub amount: Real,
    /// Differences up to this, of 255, are left alone, so that noise is not sharpened. Default 0.
    #[serde(default)]
    pub threshold: u8,
}

/// Rounds the corners off.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundCorners {
    /// Radius in pixels, 1 to 16,383; at most half of the shorter side counts.
    pub radius: u32,
}

/// Lays the image on a colour.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Background {
    /// The colour.
    pub color: Color,
}

fn default_trim() -> u8 {
    10
}

impl Default for Trim {
    fn default() -> Self {
        Self { threshold: default_trim(), background: None }
    }
}

impl Default for Sharpen {
    fn default() -> Self {
        Self { sigma: Real::ONE, amount: Real::ONE, threshold: 0 }
    }
}

impl Crop {
    pub(super) fn validate(&self) -> Result<(), String> {
        side("crop.width", self.width, 1)?;
        side("crop.height", self.height, 1)?;
        match (self.x, self.y, self.gravity) {
            (Some(_), None, _) => Err("crop.x is given without crop.y; give both or neither".to_owned()),
            (None, Some(_), _) => Err("crop.y is given without crop.x; give both or neither".to_owned()),
            (Some(_), Some(_), gravity) if gravity != Gravity::Center => {
                Err("crop.gravity says nothing where crop.x and crop.y are given; leave it out".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Extend {
    pub(super) fn validate(&self) -> Result<(), String> {
        let sides = [("top", self.top), ("right", self.right), ("bottom", self.bottom), ("left", self.left)];
        if sides.iter().all(|&(_, pixels)| pixels == 0) {
            return Err("extend needs top, right, bottom or left".to_owned());
        }
        for (name, pixels) in sides {
            side(&format!("extend.{name}"), pixels, 0)?;
        }
        match (self.fill, self.background) {
            (ExtendFill::Edge | ExtendFill::Mirror, Some(_)) => {
                Err("extend.background needs fill = \"color\", the default".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Sharpen {
    pub(super) fn validate(&self) -> Result<(), String> {
        within("sharpen.sigma", self.sigma, 0.3, 10.0)?;
        within("sharpen.amount", self.amount, 0.0, 10.0)
    }
}

impl RoundCorners {
    pub(super) fn validate(&self) -> Result<(), String> {
        side("round_corners.radius", self.radius, 1)
    }
}
