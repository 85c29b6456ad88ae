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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
