use super::{side, within};
use crate::Real;
use serde::{Deserialize, Serialize};

/// A change of size. At least one side must be given; a missing one follows from the aspect ratio.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// Width of the box in pixels, 1 to 16,383.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height of the box in pixels, 1 to 16,383.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// How the image meets the box.
    #[serde(default)]
    pub fit: Fit,
    /// Whether a smaller image is enlarged. Off by default.
    #[serde(default)]
    pub enlarge: bool,
    /// Which part `cover` keeps, and where `contain` puts the image. Default: the centre.
    #[serde(default, skip_serializing_if = "is_default")]
    pub gravity: Gravity,
    /// The point that `cover` keeps as near to the middle as it can, instead of a gravity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus: Option<Focus>,
    /// The resampling filter.
    #[serde(default, skip_serializing_if = "is_default")]
    pub kernel: Kernel,
    /// Whether light is averaged rather than its gamma-encoded values: right for fine bright detail on dark, several times
    /// slower, because the decoder cannot help. Off by default, as elsewhere.
    #[serde(default, skip_serializing_if = "is_default")]
    pub linear_light: bool,
}

/// How an image meets the box that it is resized to. Terms as in CSS `object-fit` and sharp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// As large as fits inside the box, aspect ratio kept: the output can be smaller than the box.
    #[default]
    Inside,
    /// As small as covers the box, aspect ratio kept, nothing cut off: the output can be larger than the box.
    Outside,
    /// Fills the box, aspect ratio kept; what stands out is cut off.
    Cover,
    /// Fits inside, then padded to exactly the box: transparent, or the background where the output has no alpha.
    Contain,
    /// Stretched to exactly the box; the aspect ratio is not kept.
    Fill,
}

/// Which part of an image matters: a side or corner, the centre, or what the engine finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gravity {
    /// The middle.
    #[default]
    Center,
    /// The upper edge.
    North,
    /// The upper right corner.
    NorthEast,
    /// The right edge.
    East,
    /// The lower right corner.
    SouthEast,
    /// The lower edge.
    South,
    /// The lower left corner.
    SouthWest,
    /// The left edge.
    West,
    /// The upper left corner.
    NorthWest,
    /// The part that catches the eye: edges, strong colours, skin.
    Attention,
    /// The part with most information: the highest Shannon entropy of its brightness.
    Entropy,
}

impl Gravity {
    /// Where the part lies, across and down: 0 at the left or top, 1 at the right or bottom. `None` where it takes pixels
    /// to know.
    #[must_use]
    pub const fn position(self) -> Option<(f64, f64)> {
        match self {
            Self::Center => Some((0.5, 0.5)),
            Self::North => Some((0.5, 0.0)),
            Self::NorthEast => Some((1.0, 0.0)),
            Self::East => Some((1.0, 0.5)),
            Self::SouthEast => Some((1.0, 1.0)),
            Self::South => Some((0.5, 1.0)),
            Self::SouthWest => Some((0.0, 1.0)),
            Self::West => Some((0.0, 0.5)),
            Self::NorthWest => Some((0.0, 0.0)),
            Self::Attention | Self::Entropy => None,
        }
    }
}

/// A point of the image as fractions of its width and height: `{ x = 0, y = 0 }` is the left upper corner, `{ x = 1, y = 1 }`
/// the right lower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Focus {
    /// Across.
    pub x: Real,
    /// Down.
    pub y: Real,
}

/// A resampling filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// Lanczos with three lobes: sharp, rings a little.
    #[default]
    Lanczos3,
    /// Catmull and Rom's cubic: nearly as sharp, rings less.
    CatmullRom,
    /// Mitchell and Netravali's cubic: soft, hardly rings.
    Mitchell,
    /// A triangle: soft, never rings.
    Linear,
    /// The mean of the pixels under each new one.
    Box,
    /// The nearest pixel alone: for pixel art and for masks.
    Nearest,
}

impl Resize {
    /// The largest side that can be asked for, in pixels (WebP's limit).
    pub const MAX_SIDE: u32 = 16_383;

    /// Says what is impossible about the fields, if anything.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn validate(&self) -> Result<(), String> {
        for (name, length) in [("resize.width", self.width), ("resize.height", self.height)] {
            length.map_or(Ok(()), |length| side(name, length, 1))?;
        }
        if let Some(focus) = self.focus {
            within("resize.focus.x", focus.x, 0.0, 1.0)?;
            within("resize.focus.y", focus.y, 0.0, 1.0)?;
        }
        match (self.width, self.height, self.fit) {
            (None, None, _) => return Err("resize needs width, height or both".to_owned()),
            (Some(_), Some(_), _) | (_, _, Fit::Inside) => {}
            (_, _, fit) => return Err(format!("resize with fit = \"{}\" needs both width and height", fit.as_str())),
        }
        let fit = self.fit.as_str();
        match (self.fit, self.gravity, self.focus) {
            (Fit::Cover, Gravity::Center, Some(_)) | (Fit::Cover, _, None) => Ok(()),
            (Fit::Cover, _, Some(_)) => Err("resize.focus and resize.gravity exclude each other; give one".to_owned()),
            (_, _, Some(_)) => Err(format!("resize.focus needs fit = \"cover\"; \"{fit}\" cuts nothing")),
            (_, Gravity::Center, None) => Ok(()),
            (Fit::Contain, gravity, None) if gravity.position().is_some() => Ok(()),
            (Fit::Contain, ..) => Err("resize.gravity must be a side or a corner where fit = \"contain\"".to_owned()),
            _ => Err(format!("resize.gravity needs fit = \"cover\" or \"contain\"; \"{fit}\" cuts nothing")),
        }
    }
}

impl Fit {
    /// The lower-case name used in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Outside => "outside",
            Self::Cover => "cover",
            Self::Contain => "contain",
            Self::Fill => "fill",
        }
    }
}

/// Keeps what was not there in earlier versions out of the recipe's text where it says nothing.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
