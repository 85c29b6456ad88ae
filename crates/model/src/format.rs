use serde::{Deserialize, Serialize};
use std::fmt;

/// An image format, as found in the bytes; names of files play no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// JPEG (ITU-T T.81).
    Jpeg,
    /// PNG (W3C, third edition), animated or not.
    Png,
    /// WebP (RFC 9649), lossy or lossless, animated or not.
    Webp,
    /// GIF (89a), animated or not.
    Gif,
    /// AVIF (AV1 Image File Format); read and written where the engine was built for it.
    Avif,
    /// TIFF (revision 6.0).
    Tiff,
    /// Windows bitmap.
    Bmp,
    /// Windows icon.
    Ico,
    /// SVG: drawn, never scripted, and without anything outside the file.
    Svg,
    /// HEIC (HEVC in the High Efficiency Image File Format); read where the engine was built for it.
    Heic,
    /// JPEG XL; read where the engine was built for it.
    Jxl,
}

impl Format {
    /// Every format, in the order of the enum.
    pub const ALL: [Format; 11] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Gif,
        Self::Avif,
        Self::Tiff,
        Self::Bmp,
        Self::Ico,
        Self::Svg,
        Self::Heic,
        Self::Jxl,
    ];

    /// The lower-case name used in configuration, JSON and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Avif => "avif",
            Self::Tiff => "tiff",
            Self::Bmp => "bmp",
            Self::Ico => "ico",
            Self::Svg => "svg",
            Self::Heic => "heic",
            Self::Jxl => "jxl",
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
            Self::Tiff => "image/tiff",
            Self::Bmp => "image/bmp",
            Self::Ico => "image/vnd.microsoft.icon",
            Self::Svg => "image/svg+xml",
            Self::Heic => "image/heic",
            Self::Jxl => "image/jxl",
        }
    }

    /// The extension, without its dot, that files of this format are given.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Tiff => "tif",
            other => other.as_str(),
        }
    }

    /// Whether it can hold transparency.
    #[must_use]
    pub const fn holds_alpha(self) -> bool {
        !matches!(self, Self::Jpeg | Self::Bmp)
    }

    /// Whether variants can be animations in it.
    #[must_use]
    pub const fn holds_animation(self) -> bool {
        matches!(self, Self::Webp | Self::Gif | Self::Png)
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
    /// The source's own. Without anything to change the bytes are copied untouched. From formats that are not written, a
    /// variant is a PNG where the source is drawn or lossless (TIFF, BMP, ICO, SVG), else a JPEG (HEIC, JPEG XL), or a PNG if it has
    /// transparency.
    #[default]
    Keep,
    /// The one among `accept` that gives the fewest bytes, and holds what the image has: transparency, animation.
    Auto,
    /// JPEG; transparency is flattened onto the variant's background.
    Jpeg,
    /// PNG.
    Png,
    /// WebP, lossy unless `lossless` is set.
    Webp,
    /// AVIF.
    Avif,
    /// GIF.
    Gif,
}

impl OutputFormat {
    /// The fixed format, or `None` where it depends on the source.
    #[must_use]
    pub const fn fixed(self) -> Option<Format> {
        match self {
            Self::Keep | Self::Auto => None,
            Self::Jpeg => Some(Format::Jpeg),
            Self::Png => Some(Format::Png),
            Self::Webp => Some(Format::Webp),
            Self::Avif => Some(Format::Avif),
            Self::Gif => Some(Format::Gif),
        }
    }
}
