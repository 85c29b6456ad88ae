//! The operations of a recipe, with their fields and bounds. What they do to pixels is the engine's.

mod color;
mod frame;
mod overlay;
mod resize;

pub use color::{Adjust, Gamma, Sepia, Threshold, Tint};
pub use frame::{Background, Blur, Crop, Extend, ExtendFill, Rotate, RoundCorners, Sharpen, Trim};
pub use overlay::Watermark;
pub use resize::{Fit, Focus, Gravity, Kernel, Resize};

use crate::Real;
use serde::{Deserialize, Serialize};

/// One operation of a recipe. A recipe is a list of these, done in order: the configuration format, the API format, and
/// what the engine runs. Operations without fields are written as a text, the others as a table:
/// `steps = [{ resize = { width = 300 } }, "grayscale", { sharpen = { sigma = 0.8 } }]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Changes the size.
    Resize(Resize),
    /// Keeps a rectangle.
    Crop(Crop),
    /// Adds borders.
    Extend(Extend),
    /// Cuts off a border of one colour.
    Trim(Trim),
    /// Turns clockwise.
    Rotate(Rotate),
    /// Exchanges top and bottom.
    Flip,
    /// Exchanges left and right.
    Flop,
    /// Blurs by a Gaussian.
    Blur(Blur),
    /// Sharpens by an unsharp mask.
    Sharpen(Sharpen),
    /// Takes the colour away.
    Grayscale,
    /// Browns, as an old print.
    Sepia(Sepia),
    /// Changes brightness, contrast, saturation and hue.
    Adjust(Adjust),
    /// Changes the middle tones.
    Gamma(Gamma),
    /// Turns each channel into its opposite; alpha stays.
    Negate,
    /// Colours the image in the shades of one colour.
    Tint(Tint),
    /// Black and white without shades.
    Threshold(Threshold),
    /// Rounds the corners off; what is cut is transparent.
    RoundCorners(RoundCorners),
    /// Keeps the ellipse that touches all four sides (a circle in a square image); the rest is transparent.
    Circle,
    /// Lays an image or a text over.
    Watermark(Watermark),
    /// Lays the image on a colour: nothing is transparent afterwards.
    Background(Background),
}

impl Step {
    /// The name in the configuration.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Resize(_) => "resize",
            Self::Crop(_) => "crop",
            Self::Extend(_) => "extend",
            Self::Trim(_) => "trim",
            Self::Rotate(_) => "rotate",
            Self::Flip => "flip",
            Self::Flop => "flop",
            Self::Blur(_) => "blur",
            Self::Sharpen(_) => "sharpen",
            Self::Grayscale => "grayscale",
            Self::Sepia(_) => "sepia",
            Self::Adjust(_) => "adjust",
            Self::Gamma(_) => "gamma",
            Self::Negate => "negate",
            Self::Tint(_) => "tint",
            Self::Threshold(_) => "threshold",
            Self::RoundCorners(_) => "round_corners",
            Self::Circle => "circle",
            Self::Watermark(_) => "watermark",
            Self::Background(_) => "background",
        }
    }

    /// Says what is impossible about the fields, if anything.
    ///
    /// # Errors
    /// A sentence that names the step and the field.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Self::Resize(resize) => resize.validate(),
            Self::Crop(crop) => crop.validate(),
            Self::Extend(extend) => extend.validate(),
            Self::Rotate(rotate) => within("rotate.degrees", rotate.degrees, -360.0, 360.0),
            Self::Blur(blur) => within("blur.sigma", blur.sigma, 0.3, 250.0),
            Self::Sharpen(sharpen) => sharpen.validate(),
            Self::Sepia(sepia) => within("sepia.amount", sepia.amount, 0.0, 1.0),
            Self::Adjust(adjust) => adjust.validate(),
            Self::Gamma(gamma) => within("gamma.value", gamma.value, 0.1, 10.0),
            Self::Tint(tint) => within("tint.amount", tint.amount, 0.0, 1.0),
            Self::Watermark(watermark) => watermark.validate(),
            Self::RoundCorners(corners) => corners.validate(),
            Self::Trim(_) | Self::Threshold(_) | Self::Background(_) => Ok(()),
            Self::Flip | Self::Flop | Self::Grayscale | Self::Negate | Self::Circle => Ok(()),
        }
    }
}

/// `Err` with a sentence when a field's value is not from `min` to `max`.
fn within(field: &str, value: Real, min: f64, max: f64) -> Result<(), String> {
    match (min..=max).contains(&value.get()) {
        true => Ok(()),
        false => Err(format!("{field} is {value}; it must be {min} to {max}")),
    }
}

/// `Err` with a sentence when a side in pixels is not from `min` to [`Resize::MAX_SIDE`].
fn side(field: &str, value: u32, min: u32) -> Result<(), String> {
    match (min..=Resize::MAX_SIDE).contains(&value) {
        true => Ok(()),
        false => Err(format!("{field} is {value}; it must be {min} to {}", Resize::MAX_SIDE)),
    }
}

fn one() -> Real {
    Real::ONE
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(json: &str, wrong: Option<&str>) {
        let step: Step = serde_json::from_str(json).unwrap();
        let found = step.validate().err();
        assert_eq!(found.is_some(), wrong.is_some(), "{json}: {found:?}");
        assert!(found.unwrap_or_default().contains(wrong.unwrap_or_default()), "{json}");
        assert_eq!(serde_json::from_str::<Step>(&serde_json::to_string(&step).unwrap()).unwrap(), step);
    }

    #[test]
    fn steps_are_read_as_they_are_written() {
        check(r#""flip""#, None);
        check(r#""grayscale""#, None);
        check(r#"{"resize": {"width": 10}}"#, None);
        check(r#"{"resize": {"width": 10, "height": 5, "fit": "cover", "gravity": "attention"}}"#, None);
        check(r#"{"resize": {"width": 10, "height": 5, "fit": "cover", "focus": {"x": 0.2, "y": 1}}}"#, None);
        check(r#"{"adjust": {"brightness": 1.2, "hue": -30}}"#, None);
        check(r##"{"watermark": {"text": "© Ann", "color": "#ffffff", "opacity": 0.5}}"##, None);
        check(r#"{"watermark": {"image": {"bucket": "assets", "key": "logo.png"}}}"#, None);
        check(r##"{"extend": {"top": 4, "background": "#102030"}}"##, None);
        check(r#"{"trim": {}}"#, None);
    }

    #[test]
    fn impossible_fields_are_named() {
        check(r#"{"resize": {}}"#, Some("needs width"));
        check(r#"{"resize": {"width": 10, "fit": "cover"}}"#, Some("both width and height"));
        check(r#"{"resize": {"width": 10, "height": 5, "gravity": "north"}}"#, Some("resize.gravity"));
        check(r#"{"resize": {"width": 10, "height": 5, "fit": "cover", "focus": {"x": 2, "y": 0}}}"#, Some("focus.x"));
        check(r#"{"crop": {"width": 0, "height": 5}}"#, Some("crop.width"));
        check(r#"{"crop": {"width": 3, "height": 5, "x": 1}}"#, Some("crop.y"));
        check(r#"{"blur": {"sigma": 1000}}"#, Some("blur.sigma"));
        check(r#"{"adjust": {"contrast": -1}}"#, Some("adjust.contrast"));
        check(r#"{"watermark": {}}"#, Some("watermark"));
        check(r#"{"watermark": {"text": ""}}"#, Some("watermark.text"));
        check(r#"{"watermark": {"text": "a", "image": {"bucket": "assets", "key": "logo.png"}}}"#, Some("not both"));
        check(r#"{"extend": {}}"#, Some("extend"));
        check(r#"{"round_corners": {"radius": 0}}"#, Some("round_corners.radius"));
    }

    #[test]
    fn unknown_fields_are_refused() {
        for json in [r#"{"blur": {"sgma": 1}}"#, r#""blur""#, r#"{"trim": {"colour": 1}}"#, r#""polish""#] {
            assert!(serde_json::from_str::<Step>(json).is_err(), "{json}");
        }
    }
}
