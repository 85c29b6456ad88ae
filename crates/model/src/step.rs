use serde::{Deserialize, Serialize};

/// One operation of a recipe. A recipe is a list of these: the configuration format, the API format, and what the
/// engine runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Changes the size.
    Resize(Resize),
}

/// A change of size. At least one side must be given; a missing one follows from the aspect ratio.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

/// How an image meets the box that it is resized to. Terms as in CSS `object-fit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// As large as fits inside the box, aspect ratio kept: the output can be smaller than the box.
    #[default]
    Inside,
    /// Fills the box, aspect ratio kept; what stands out is cut off evenly on both sides.
    Cover,
    /// Fits inside, then padded to exactly the box: transparent, or the background where the output has no alpha.
    Contain,
    /// Stretched to exactly the box; the aspect ratio is not kept.
    Fill,
}

impl Resize {
    /// The largest side that can be asked for, in pixels (WebP's limit).
    pub const MAX_SIDE: u32 = 16_383;

    /// Says what is impossible about the fields, if anything.
    ///
    /// # Errors
    /// A sentence that names the field.
    pub fn validate(&self) -> Result<(), String> {
        for (name, side) in [("width", self.width), ("height", self.height)] {
            if let Some(side) = side
                && !(1..=Self::MAX_SIDE).contains(&side)
            {
                return Err(format!("resize.{name} is {side}; it must be 1 to {}", Self::MAX_SIDE));
            }
        }
        match (self.width, self.height, self.fit) {
            (None, None, _) => Err("resize needs width, height or both".to_owned()),
            (Some(_), Some(_), _) | (_, _, Fit::Inside) => Ok(()),
            (_, _, fit) => Err(format!("resize with fit = \"{}\" needs both width and height", fit.as_str())),
        }
    }
}

impl Fit {
    /// The lower-case name used in configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::Cover => "cover",
            Self::Contain => "contain",
            Self::Fill => "fill",
        }
    }
}
