//! What a file says of itself before its pixels: read from its first bytes, checked against the limits.

#[cfg(feature = "avif")]
mod avif;
pub(crate) mod bmp;
mod gif;
#[cfg(feature = "heic")]
pub(crate) mod heic;
#[cfg(any(feature = "avif", feature = "heic"))]
pub(crate) mod heif;
#[cfg(feature = "heic")]
pub(crate) mod hevc;
mod ico;
#[cfg(any(feature = "avif", feature = "heic"))]
pub(crate) mod items;
mod jpeg;
#[cfg(feature = "jxl")]
pub(crate) mod jxl;
mod png;
pub(crate) mod svg;
pub(crate) mod tiff;
mod webp;

use crate::error::{ImageError, SIDE};
use crate::sniff::{describe, sniff};
use minilab_model::{ColorSpace, DecodeLimits, Format, Orientation};
use std::ops::Range;

/// What the header of an image says. Sizes are as stored, before orientation.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The format, by content.
    pub format: Format,
    /// Width in pixels; at least 1.
    pub width: u32,
    /// Height in pixels; at least 1.
    pub height: u32,
    /// How to turn it for display. PNG and WebP can say so after the pixels, so this is final only when the whole file
    /// was given.
    pub orientation: Orientation,
    /// The colour model that the pixels are stored in.
    pub color_space: ColorSpace,
    /// Bits a channel: 8 or 16, or the palette's or grey's 1, 2 and 4 in PNG.
    pub bit_depth: u8,
    /// Whether it can hold transparency.
    pub has_alpha: bool,
    /// Progressive JPEG, or interlaced PNG or GIF: its pixels do not come row by row.
    pub progressive: bool,
    /// Animated PNG, WebP or GIF. A GIF says so with its second image, so this is final only when that, or the whole file,
    /// was given; until then it is taken for one.
    pub animated: bool,
    /// Where the ICC profile lies, its parts in order; empty when there is none.
    pub(crate) icc: IccParts,
    /// The colours that the file states by code points. A profile says more, where there is one.
    pub(crate) cicp: Option<Cicp>,
    /// Where the EXIF block lies: a TIFF structure, without the container's own prefix.
    pub(crate) exif: Option<Range<usize>>,
    /// What else is recorded of the file.
    pub(crate) blocks: Blocks,
    /// What only the format's own decoder needs.
    pub(crate) details: Details,
}

/// Where an ICC profile lies in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct IccParts {
    /// In order; JPEG splits a profile over segments.
    pub parts: Vec<Range<usize>>,
    /// Whether the bytes are zlib-compressed, as PNG has it.
    pub deflated: bool,
}

/// Code points of primaries and of the transfer curve (ITU-T H.273, 8.1 and 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cicp {
    pub primaries: u16,
    pub transfer: u16,
}

/// Where a file keeps what is only recorded, and the resolution that its container states.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Blocks {
    /// The XMP packet. Final only when the whole file was given.
    pub xmp: Option<TextBlock>,
    /// The IPTC IIM datasets, without Photoshop's wrapping.
    pub iptc: Option<Range<usize>>,
    /// Dots per inch, across and down.
    pub dpi: Option<[f64; 2]>,
}

/// Where a text lies in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TextBlock {
    pub range: Range<usize>,
    /// Whether the bytes are zlib-compressed.
    pub deflated: bool,
}

impl TextBlock {
    /// A text that stands in the file as it is.
    pub(crate) fn plain(range: Range<usize>) -> Self {
        Self { range, deflated: false }
    }
}

/// Dots per inch of a resolution in dots per unit, across and down; `None` where one is nothing.
pub(crate) fn dots_per_inch(dots: [u32; 2], units_per_inch: f64) -> Option<[f64; 2]> {
    // Two decimals: 11,811 dots a metre are 300 dots an inch.
    let inch = dots.map(|dots| (f64::from(dots) * units_per_inch * 100.0).round() / 100.0);
    inch.iter().all(|&dots| dots > 0.0).then_some(inch)
}

/// What only one format knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Details {
    Jpeg {
        /// Whether an Adobe marker stands there: four inks are then stored inverted.
        adobe: bool,
        /// Where the first scan's header begins.
        scan_offset: usize,
        /// Whether the first scan holds all components.
        interleaved: bool,
    },
    Png {
        /// Palette images are expanded to RGB.
        palette: bool,
    },
    Webp {
        /// VP8L rather than VP8.
        lossless: bool,
    },
    Tiff {
        /// Strips or tiles are JPEG data, unpacked whole.
        jpeg: bool,
        /// Rows of a strip or tile.
        chunk_rows: u32,
        /// How many strips or tiles a row takes.
        readers: u32,
    },
    Bmp {
        /// Run-length coded.
        runs: bool,
    },
    Ico {
        /// Where the largest picture lies.
        start: usize,
        end: usize,
        /// A PNG file rather than a bitmap.
        png: bool,
    },
    #[cfg(any(feature = "avif", feature = "heic"))]
    Heif {
        /// Where the part that is shown begins, in pixels of what is coded.
        origin: (u32, u32),
        /// Width and height of a tile; of the whole picture, where it has none.
        tile: (u32, u32),
        /// Tiles of a row, which are decoded together.
        columns: u32,
        /// Samples of colour differences that four pixels have.
        color_samples: u8,
    },
    #[cfg(feature = "jxl")]
    Jxl {
        /// How its colours are stated.
        colors: jxl::Colors,
        /// What its profile is packed in.
        profile_bytes: u64,
        /// Channels beside the colours: alpha, and what is not shown.
        extra_channels: u16,
    },
    /// GIF and the formats of which nothing more needs to be known.
    Other,
}

impl Details {
    /// Pixels that are decoded at once, which may be more than are shown.
    pub(crate) fn coded_pixels(self) -> u64 {
        match self {
            #[cfg(any(feature = "avif", feature = "heic"))]
            Self::Heif { tile, columns, .. } => (u64::from(tile.0) * u64::from(tile.1)).saturating_mul(u64::from(columns)),
            _ => 0,
        }
    }

    /// Bytes that a profile takes which does not lie in the file as it is.
    fn profile_bytes(self) -> u64 {
        match self {
            #[cfg(feature = "jxl")]
            Self::Jxl { profile_bytes, .. } => profile_bytes,
            _ => 0,
        }
    }
}

/// What a format's parser finds; [`read_header`] completes it.
struct Found {
    width: u32,
    height: u32,
    color_space: ColorSpace,
    bit_depth: u8,
    has_alpha: bool,
    progressive: bool,
    animated: bool,
    icc: IccParts,
    cicp: Option<Cicp>,
    exif: Option<Range<usize>>,
    blocks: Blocks,
    /// What the container itself says, where it does: an EXIF block then has no say.
    orientation: Option<Orientation>,
    details: Details,
}

impl Default for Found {
    /// RGB with 8 bits a channel and nothing besides; the size is to be filled in.
    fn default() -> Self {
        Self {
            width: 0,
            height: 0,
            color_space: ColorSpace::Rgb,
            bit_depth: 8,
            has_alpha: false,
            progressive: false,
            animated: false,
            icc: IccParts::default(),
            cicp: None,
            exif: None,
            blocks: Blocks::default(),
            orientation: None,
            details: Details::Other,
        }
    }
}

/// Reads the header of an image from the first bytes of its file and checks it against the limits. Nothing is decoded,
/// and nothing is allocated in proportion to what the header claims.
///
/// # Errors
/// [`ImageError::HeaderIncomplete`] when more bytes are needed; [`ImageError::NotAnImage`],
/// [`ImageError::Unsupported`], [`ImageError::LimitExceeded`] and [`ImageError::Corrupt`] are final.
pub fn read_header(bytes: &[u8], limits: &DecodeLimits) -> Result<Header, ImageError> {
    let format = sniff(bytes).ok_or_else(|| ImageError::NotAnImage { beginning: describe(bytes) })?;
    let found = match format {
        Format::Jpeg => jpeg::read(bytes)?,
        Format::Png => png::read(bytes)?,
        Format::Webp => webp::read(bytes)?,
        Format::Gif => gif::read(bytes)?,
        Format::Tiff => tiff::read(bytes)?,
        Format::Bmp => bmp::read(bytes)?,
        Format::Ico => ico::read(bytes)?,
        #[cfg(feature = "avif")]
        Format::Avif => avif::read(bytes)?,
        Format::Svg => svg::read(bytes)?,
        #[cfg(feature = "jxl")]
        Format::Jxl => jxl::read(bytes)?,
        #[cfg(feature = "heic")]
        Format::Heic => heic::read(bytes)?,
        #[cfg(not(feature = "heic"))]
        Format::Heic => return Err(ImageError::no_decoder(format)),
        #[cfg(not(feature = "jxl"))]
        Format::Jxl => return Err(ImageError::no_decoder(format)),
        #[cfg(not(feature = "avif"))]
        Format::Avif => return Err(ImageError::no_decoder(format)),
    };
    if found.width == 0 || found.height == 0 {
        let detail = format!("its size is {}×{} pixels", found.width, found.height);
        return Err(ImageError::corrupt(format, detail));
    }
    let pixels = (u64::from(found.width) * u64::from(found.height)).max(found.details.coded_pixels());
    let side = u64::from(found.width.max(found.height));
    let icc_bytes = found.icc.parts.iter().map(|part| part.len() as u64).sum::<u64>().max(found.details.profile_bytes());
    let exif_bytes = found.exif.as_ref().map_or(0, ExactSizeIterator::len);
    ImageError::check_limit("pixels", pixels, limits.pixels)?;
    ImageError::check_limit(SIDE, side, u64::from(limits.side))?;
    ImageError::check_limit("bytes of colour profile", icc_bytes, limits.icc_bytes as u64)?;
    ImageError::check_limit("bytes of EXIF data", exif_bytes as u64, limits.exif_bytes as u64)?;
    let in_exif = || {
        let block = found.exif.clone().and_then(|range| bytes.get(range.start..range.end.min(bytes.len())));
        block.and_then(crate::metadata::exif::orientation)
    };
    Ok(Header {
        format,
        width: found.width,
        height: found.height,
        orientation: found.orientation.or_else(in_exif).unwrap_or_default(),
        color_space: found.color_space,
        bit_depth: found.bit_depth,
        has_alpha: found.has_alpha,
        progressive: found.progressive,
        animated: found.animated,
        icc: found.icc,
        cicp: found.cicp,
        exif: found.exif,
        blocks: found.blocks,
        details: found.details,
    })
}

#[cfg(test)]
impl Header {
    /// The header of an RGB image of which nothing else is said.
    pub(crate) fn plain(format: Format, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            orientation: Orientation::UPRIGHT,
            color_space: ColorSpace::Rgb,
            bit_depth: 8,
            has_alpha: false,
            progressive: false,
            animated: false,
            icc: IccParts::default(),
            cicp: None,
            exif: None,
            blocks: Blocks::default(),
            details: Details::Other,
        }
    }
}

impl Header {
    /// Whether an ICC profile is embedded.
    #[must_use]
    pub fn has_icc_profile(&self) -> bool {
        !self.icc.parts.is_empty() || self.details.profile_bytes() > 0
    }

    /// Whether it has no pixels of its own and is drawn at the size that is wanted.
    #[must_use]
    pub fn is_drawn(&self) -> bool {
        self.format == Format::Svg
    }

    /// Width and height as shown, after orientation.
    #[must_use]
    pub fn upright_size(&self) -> (u32, u32) {
        if self.orientation.swaps_sides() { (self.height, self.width) } else { (self.width, self.height) }
    }
}

/// Reads numbers out of the beginning of a file; what lies past the end is [`ImageError::HeaderIncomplete`].
#[derive(Clone, Copy)]
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn incomplete(self) -> ImageError {
        ImageError::HeaderIncomplete { available: self.0.len() as u64 }
    }

    fn slice(self, start: usize, length: usize) -> Result<&'a [u8], ImageError> {
        let end = start.checked_add(length).ok_or_else(|| self.incomplete())?;
        self.0.get(start..end).ok_or_else(|| self.incomplete())
    }

    fn array<const N: usize>(self, start: usize) -> Result<[u8; N], ImageError> {
        self.slice(start, N)?.try_into().map_err(|_| self.incomplete())
    }

    fn u8(self, at: usize) -> Result<u8, ImageError> {
        self.array::<1>(at).map(|[byte]| byte)
    }

    fn u16_be(self, at: usize) -> Result<u16, ImageError> {
        self.array(at).map(u16::from_be_bytes)
    }

    fn u16_le(self, at: usize) -> Result<u16, ImageError> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u24_le(self, at: usize) -> Result<u32, ImageError> {
        self.array(at).map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    fn u32_be(self, at: usize) -> Result<u32, ImageError> {
        self.array(at).map(u32::from_be_bytes)
    }

    fn u32_le(self, at: usize) -> Result<u32, ImageError> {
        self.array(at).map(u32::from_le_bytes)
    }
}
