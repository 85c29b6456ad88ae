//! What changes each pixel for itself. Values are of gamma-encoded sRGB, as in CSS filters.

use super::{one, within};
use crate::{Color, Real};
use serde::{Deserialize, Serialize};

/// Browns, as an old print.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sepia {
    /// 0 changes nothing, 1 (the default) leaves no other colour.
    #[serde(default = "one")]
    pub amount: Real,
}

/// Brightness, contrast, saturation and hue, in this order; each means what the CSS filter of its name does.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    /// Factor on each channel, 0 (black) to 10. Default 1.
    #[serde(default = "one")]
    pub brightness: Real,
    /// Factor on the distance from middle grey, 0 (grey) to 10. Default 1.
    #[serde(default = "one")]
    pub contrast: Real,
    /// Factor on the distance from grey of the same luma, 0 (grey) to 10. Default 1.
    #[serde(default = "one")]
    pub saturation: Real,
    /// Turns all hues by so many degrees, -360 to 360. Default 0.
    #[serde(default)]
    pub hue: Real,
}

/// Changes the middle tones: `output = input ^ (1 / value)`, both from 0 to 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gamma {
    /// 0.1 to 10; above 1 is brighter.
    pub value: Real,
}

/// Colours the image in the shades of one colour; brightness stays.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tint {
    /// The colour.
    pub color: Color,
    /// 0 changes nothing, 1 (the default) leaves no other colour.
    #[serde(default = "one")]
    pub amount: Real,
}

/// Black where luma is below the level, white elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The level, of 255. Default 128.
    #[serde(default = "middle")]
    pub level: u8,
}

fn middle() -> u8 {
    128
}

impl Default for Sepia {
    fn default() -> Self {
        Self { amount: Real::ONE }
    }
}

impl Default for Adjust {
    fn default() -> Self {
        Self { brightness: Real::ONE, contrast: Real::ONE, saturation: Real::ONE, hue: Real::ZERO }
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self { level: middle() }
    }
}

impl Adjust {
    pub(super) fn validate(&self) -> Result<(), String> {
        within("adjust.brightness", self.brightness, 0.0, 10.0)?;
        within("adjust.contrast", self.contrast, 0.0, 10.0)?;
        within("adjust.saturation", self.saturation, 0.0, 10.0)?;
        within("adjust.hue", self.hue, -360.0, 360.0)
    }
}
