use serde::{Deserialize, Serialize};
use std::fmt;

/// An image format, as found in the bytes; names of files play no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// PNG (W3C, third edition).
    Png,
    /// WebP (RFC 9649), lossy or lossless.
    Webp,
    /// GIF (89a).
    Gif,
    /// AVIF: recognised, not yet decoded or made.
    Avif,
}

impl Format {
    /// The lower-case name used in configuration, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }

    /// The registered media type.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Avif => "image/avif",
        }
    }

    /// The extension, without its dot, that files of this format are given.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The format that a variant is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// The source's own. Without steps the bytes are copied untouched.
    #[default]
    Keep,
    /// JPEG; transparency is flattened onto the variant's background.
    Jpeg,
    /// PNG.
    Png,
    /// WebP, lossy.
    Webp,
    /// AVIF; refused when the rules are loaded until the engine can write it.
    Avif,
    /// GIF; refused when the rules are loaded until the engine can write it.
    Gif,
}

impl OutputFormat {
    /// The fixed format, or `None` for [`OutputFormat::Keep`].
    #[must_use]
    pub const fn fixed(self) -> Option<Format> {
        match self {
            Self::Keep => None,
            Self::Jpeg => Some(Format::Jpeg),
            Self::Png => Some(Format::Png),
            Self::Webp => Some(Format::Webp),
            Self::Avif => Some(Format::Avif),
            Self::Gif => Some(Format::Gif),
        }
    }
}
