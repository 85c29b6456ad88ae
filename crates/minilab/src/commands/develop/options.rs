//! The values of the options.

use clap::ValueEnum;
use std::str::FromStr;

/// A size in pixels; a missing side follows from the aspect ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    width: Option<u32>,
    height: Option<u32>,
}

/// [`Fit`](minilab_model::Fit) on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FitName {
    /// As large as fits, shape kept
    Inside,
    /// As small as covers the size, shape kept
    Outside,
    /// Fills the size, the rest is cut off
    Cover,
    /// Fits, then padded to the size
    Contain,
    /// Stretched to the size
    Fill,
}

/// [`OutputFormat`](minilab_model::OutputFormat) on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FormatName {
    /// The source's own
    Keep,
    /// JPEG
    Jpeg,
    /// PNG
    Png,
    /// WebP
    Webp,
    /// AVIF
    Avif,
    /// GIF
    Gif,
    /// The smallest of --accept
    Auto,
}

/// [`ChromaSubsampling`](minilab_model::ChromaSubsampling) on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ChromaName {
    /// By the quality
    Auto,
    /// Half in both directions
    #[value(name = "4:2:0")]
    Half,
    /// All of it
    #[value(name = "4:4:4")]
    Full,
}

/// [`MetadataPolicy`](minilab_model::MetadataPolicy) on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum MetadataName {
    /// Nothing is written
    Strip,
    /// Artist and copyright alone
    Copyright,
    /// All but GPS and previews
    Keep,
}

/// One step of a recipe, as JSON.
#[derive(Debug, Clone)]
pub struct StepText(pub serde_json::Value);

impl FromStr for StepText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim();
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let value = if is_name { format!("\"{name}\"") } else { name.to_owned() };
        let document: toml::Table =
            format!("step = {value}").parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let step = serde_json::to_value(&document["step"]).map_err(|error| error.to_string())?;
        // Read once for its message; the rule reads it again.
        serde_json::from_value::<minilab_model::Step>(step.clone()).map_err(|error| error.to_string())?;
        Ok(Self(step))
    }
}

impl Size {
    /// The `resize` step with this size.
    pub fn resize(self, fit: &str, enlarge: bool) -> serde_json::Value {
        serde_json::json!({ "width": self.width, "height": self.height, "fit": fit, "enlarge": enlarge })
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |side: &str| match side {
            "" => Ok(None),
            digits => digits.parse().map(Some).map_err(|_| format!("`{side}` is not a number of pixels")),
        };
        let size = match text.split_once(['x', 'X', '×']) {
            Some((width, height)) => Self { width: side(width)?, height: side(height)? },
            None => Self { width: side(text)?, height: side(text)? },
        };
        match size {
            Self { width: None, height: None } => Err("give a width, a height or both: 800x600, 800x, x600".to_owned()),
            size => Ok(size),
        }
    }
}

impl FitName {
    /// The name in a rules file.
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

impl FormatName {
    /// The name in a rules file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Avif => "avif",
            Self::Gif => "gif",
            Self::Auto => "auto",
        }
    }
}

impl ChromaName {
    /// The name in a rules file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Half => "4:2:0",
            Self::Full => "4:4:4",
        }
    }
}

impl MetadataName {
    /// The name in a rules file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Strip => "strip",
            Self::Copyright => "copyright",
            Self::Keep => "keep",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_names_or_tables() {
        let check = |text: &str, expected: serde_json::Value| {
            assert_eq!(text.parse::<StepText>().map(|step| step.0), Ok(expected), "{text}");
        };
        check("grayscale", serde_json::json!("grayscale"));
        check("{ blur = { sigma = 2 } }", serde_json::json!({"blur": {"sigma": 2}}));
        for wrong in ["", "polish", "{ blur = {} }", "{ blur", "step = 1"] {
            assert!(wrong.parse::<StepText>().is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn sizes_are_read() {
        let check = |text: &str, width, height| assert_eq!(text.parse(), Ok(Size { width, height }), "{text}");
        check("800x600", Some(800), Some(600));
        check("800x", Some(800), None);
        check("x600", None, Some(600));
        check("800", Some(800), Some(800));
        for wrong in ["", "x", "axb", "-1x2", "8x8x8"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong:?} was accepted");
        }
    }
}
