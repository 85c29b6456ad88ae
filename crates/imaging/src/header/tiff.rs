//! TIFF's first directory (TIFF 6.0; Adobe's supplements 1 and 2; BigTIFF). Entries are read where they stand: nothing is copied
//! or allocated by what they claim. Later directories are never looked at, so there are no chains to run in circles.

use super::{Bytes, Details, Found, IccParts};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format, Orientation};
use std::ops::Range;

/// Tags that are looked at.
pub(crate) mod tag {
    pub(crate) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(crate) const IMAGE_WIDTH: u16 = 256;
    pub(crate) const IMAGE_LENGTH: u16 = 257;
    pub(crate) const BITS_PER_SAMPLE: u16 = 258;
    pub(crate) const COMPRESSION: u16 = 259;
    pub(crate) const PHOTOMETRIC: u16 = 262;
    pub(crate) const FILL_ORDER: u16 = 266;
    pub(crate) const STRIP_OFFSETS: u16 = 273;
    pub(crate) const ORIENTATION: u16 = 274;
    pub(crate) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(crate) const ROWS_PER_STRIP: u16 = 278;
    pub(crate) const STRIP_BYTE_COUNTS: u16 = 279;
    pub(crate) const PLANAR_CONFIGURATION: u16 = 284;
    pub(crate) const PREDICTOR: u16 = 317;
    pub(crate) const COLOR_MAP: u16 = 320;
    pub(crate) const TILE_WIDTH: u16 = 322;
    pub(crate) const TILE_LENGTH: u16 = 323;
    pub(crate) const TILE_OFFSETS: u16 = 324;
    pub(crate) const TILE_BYTE_COUNTS: u16 = 325;
    pub(crate) const INK_SET: u16 = 332;
    pub(crate) const EXTRA_SAMPLES: u16 = 338;
    pub(crate) const SAMPLE_FORMAT: u16 = 339;
    pub(crate) const JPEG_TABLES: u16 = 347;
    pub(crate) const ICC_PROFILE: u16 = 34_675;
    pub(crate) const DNG_VERSION: u16 = 50_706;
}

/// The first directory of a file.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'a> {
    bytes: Bytes<'a>,
    pub little_endian: bool,
    /// Offsets and counts of eight bytes.
    big: bool,
    /// Where its first entry stands.
    start: usize,
    entries: usize,
}

/// An entry's values.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    /// Bytes a value, and whether it is a number without sign.
    width: usize,
    is_number: bool,
    pub count: usize,
    /// Where the first value stands in the file.
    pub at: usize,
}

impl<'a> Directory<'a> {
    pub(crate) fn first(file: &'a [u8]) -> Result<Self, ImageError> {
        let bytes = Bytes(file);
        let little_endian = bytes.u8(0)? == b'I';
        let mut directory = Self { bytes, little_endian, big: false, start: 0, entries: 0 };
        directory.big = directory.u16(2)? == 43;
        let at = if directory.big { directory.offset(8)? } else { directory.offset(4)? };
        directory.entries = match directory.big {
            true => usize::try_from(directory.u64(at)?).unwrap_or(usize::MAX),
            false => usize::from(directory.u16(at)?),
        };
        directory.start = at.saturating_add(if directory.big { 8 } else { 2 });
        // A directory is sorted and has each tag once, so there are no more entries than tags.
        if directory.entries == 0 || directory.entries > usize::from(u16::MAX) {
            return Err(corrupt(format!("its directory has {} entries", directory.entries), at));
        }
        directory.bytes.slice(directory.start, directory.entries * directory.entry_length())?;
        Ok(directory)
    }

    /// The first entry with this tag.
    pub(crate) fn field(&self, tag: u16) -> Result<Option<Field>, ImageError> {
        for entry in (0..self.entries).map(|index| self.start + index * self.entry_length()) {
            if self.u16(entry)? == tag {
                return self.field_at(entry).map(Some);
            }
        }
        Ok(None)
    }

    fn field_at(&self, entry: usize) -> Result<Field, ImageError> {
        let kind = self.u16(entry + 2)?;
        let (width, is_number) = match kind {
            1 | 7 => (1, true),
            3 => (2, true),
            4 | 13 => (4, true),
            16 | 18 => (8, true),
            2 | 6 => (1, false),
            8 => (2, false),
            9 | 11 => (4, false),
            5 | 10 | 12 | 17 => (8, false),
            other => return Err(corrupt(format!("an entry of the unknown kind {other}"), entry)),
        };
        let (count, value) = match self.big {
            true => (usize::try_from(self.u64(entry + 4)?).unwrap_or(usize::MAX), entry + 12),
            false => (self.u32(entry + 4)? as usize, entry + 8),
        };
        let fits = count.saturating_mul(width) <= if self.big { 8 } else { 4 };
        let at = if fits { value } else { self.offset(value)? };
        Ok(Field { width, is_number, count, at })
    }

    /// The value of an entry at an index; values without a sign only.
    pub(crate) fn value(&self, field: Field, index: usize) -> Result<u64, ImageError> {
        if !field.is_number || index >= field.count {
            return Err(corrupt("an entry without the number that is expected", field.at));
        }
        let at = field.at.saturating_add(index.saturating_mul(field.width));
        match field.width {
            1 => self.bytes.u8(at).map(u64::from),
            2 => self.u16(at).map(u64::from),
            4 => self.u32(at).map(u64::from),
            _ => self.u64(at),
        }
    }

    /// The first value of a tag.
    pub(crate) fn number(&self, tag: u16) -> Result<Option<u32>, ImageError> {
        let Some(field) = self.field(tag)? else { return Ok(None) };
        let value = self.value(field, 0)?;
        u32::try_from(value).map(Some).map_err(|_| corrupt(format!("tag {tag} is {value}"), field.at))
    }

    /// The one value that all values of a tag have.
    fn same(&self, tag: u16, what: &str) -> Result<Option<u32>, ImageError> {
        let Some(field) = self.field(tag)? else { return Ok(None) };
        let first = self.number(tag)?;
        for index in 1..field.count.min(usize::from(MAX_SAMPLES)) {
            if Some(self.value(field, index)?) != first.map(u64::from) {
                return Err(unsupported(format!("{what} that differ between channels")));
            }
        }
        Ok(first)
    }

    /// Where the bytes of a tag lie.
    pub(crate) fn range(&self, tag: u16) -> Result<Option<Range<usize>>, ImageError> {
        let field = self.field(tag)?.filter(|field| field.width == 1 && field.count > 0);
        Ok(field.map(|field| field.at..field.at.saturating_add(field.count)))
    }

    fn entry_length(&self) -> usize {
        if self.big { 20 } else { 12 }
    }

    fn offset(&self, at: usize) -> Result<usize, ImageError> {
        match self.big {
            true => self.u64(at).map(|offset| usize::try_from(offset).unwrap_or(usize::MAX)),
            false => self.u32(at).map(|offset| offset as usize),
        }
    }

    fn u16(&self, at: usize) -> Result<u16, ImageError> {
        if self.little_endian { self.bytes.u16_le(at) } else { self.bytes.u16_be(at) }
    }

    fn u32(&self, at: usize) -> Result<u32, ImageError> {
        if self.little_endian { self.bytes.u32_le(at) } else { self.bytes.u32_be(at) }
    }

    fn u64(&self, at: usize) -> Result<u64, ImageError> {
        let bytes = self.bytes.array::<8>(at)?;
        Ok(if self.little_endian { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }
}

/// Most channels of a pixel, colours and others.
const MAX_SAMPLES: u16 = 16;

/// What numbers in the file mean as colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Photometric {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    Palette,
    Cmyk,
    /// In JPEG data only.
    Ycbcr,
}

/// How the first channel behind the colours is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpha {
    None,
    /// Colours are multiplied by it.
    Associated,
    Straight,
}

/// How chunks are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    /// ITU-T T.6.
    Group4,
    Lzw,
    Jpeg,
    Deflate,
    PackBits,
}

/// How neighbouring samples were subtracted before packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Predictor {
    None,
    Horizontal,
    /// Adobe's TIFF technical note 3.
    FloatingPoint,
}

/// How the pixels of a picture lie in its file; of the kinds that are read here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub width: u32,
    pub height: u32,
    /// Bits a sample: 1 to 16 or 32 for whole numbers, 32 or 64 for floating-point ones.
    pub bits: u32,
    pub float: bool,
    /// Channels a pixel, colours and others.
    pub samples: u16,
    pub photometric: Photometric,
    pub alpha: Alpha,
    pub compression: Compression,
    pub predictor: Predictor,
    /// Each channel by itself.
    pub planar: bool,
    pub tiled: bool,
    /// Bits of a byte from the lowest.
    pub reversed_bits: bool,
    /// Width and height of a strip or tile.
    pub chunk: (u32, u32),
}

impl Shape {
    /// Reads and checks it.
    ///
    /// # Errors
    /// [`ImageError::Unsupported`] for kinds that are not read here, and what is wrong with the directory.
    pub(crate) fn read(directory: &Directory<'_>) -> Result<Self, ImageError> {
        let missing = |what| move || ImageError::corrupt(Format::Tiff, format!("its {what} is missing"));
        let width = directory.number(tag::IMAGE_WIDTH)?.ok_or_else(missing("width"))?;
        let height = directory.number(tag::IMAGE_LENGTH)?.ok_or_else(missing("height"))?;
        let is_preview = directory.number(tag::NEW_SUBFILE_TYPE)?.unwrap_or(0) & 1 == 1;
        if is_preview || directory.field(tag::DNG_VERSION)?.is_some() {
            return Err(unsupported("the raw data of a camera"));
        }
        let samples = directory.number(tag::SAMPLES_PER_PIXEL)?.unwrap_or(1);
        let samples = u16::try_from(samples).ok().filter(|samples| (1..=MAX_SAMPLES).contains(samples));
        let samples = samples.ok_or_else(|| unsupported("so many channels"))?;
        let photometric = photometric(directory)?;
        let compression = compression(directory)?;
        let (alpha, extra) = extra_samples(directory, photometric, samples)?;
        let colors = usize::from(samples) - extra;
        if colors != photometric.colors() {
            return Err(unsupported(format!("{photometric:?} with {colors} colour channels")));
        }
        let bits = directory.same(tag::BITS_PER_SAMPLE, "depths")?.unwrap_or(1);
        let float = match directory.same(tag::SAMPLE_FORMAT, "sample formats")?.unwrap_or(1) {
            1 | 4 => false,
            3 => true,
            _ => return Err(unsupported("samples with a sign, or complex ones,")),
        };
        let predictor = match directory.number(tag::PREDICTOR)?.unwrap_or(1) {
            1 => Predictor::None,
            2 => Predictor::Horizontal,
            3 => Predictor::FloatingPoint,
            other => return Err(unsupported(format!("the predictor {other}"))),
        };
        let tiled = directory.field(tag::TILE_OFFSETS)?.is_some();
        let chunk = match tiled {
            true => (
                directory.number(tag::TILE_WIDTH)?.ok_or_else(missing("tile width"))?,
                directory.number(tag::TILE_LENGTH)?.ok_or_else(missing("tile height"))?,
            ),
            false => (width, directory.number(tag::ROWS_PER_STRIP)?.unwrap_or(u32::MAX).min(height.max(1))),
        };
        let planar = directory.number(tag::PLANAR_CONFIGURATION)?.unwrap_or(1) == 2 && samples > 1;
        let reversed_bits = directory.number(tag::FILL_ORDER)?.unwrap_or(1) == 2;
        let shape = Self {
            width,
            height,
            bits,
            float,
            samples,
            photometric,
            alpha,
            compression,
            predictor,
            planar,
            tiled,
            reversed_bits,
            chunk,
        };
        shape.check()?;
        Ok(shape)
    }

    /// Refuses what does not go together.
    fn check(&self) -> Result<(), ImageError> {
        let depth_is_known = match (self.float, self.photometric) {
            (true, Photometric::Palette) => false,
            (true, _) => matches!(self.bits, 32 | 64),
            (false, Photometric::Palette) => (1..=8).contains(&self.bits),
            (false, _) => (1..=16).contains(&self.bits) || self.bits == 32,
        };
        if !depth_is_known {
            return Err(unsupported(format!("a depth of {} bits", self.bits)));
        }
        let predictor_fits = match self.predictor {
            Predictor::None => true,
            Predictor::Horizontal => matches!(self.bits, 8 | 16 | 32),
            Predictor::FloatingPoint => self.float,
        };
        if !predictor_fits {
            return Err(unsupported(format!("a predictor at {} bits", self.bits)));
        }
        let compression_fits = match self.compression {
            Compression::Group4 => self.bits == 1 && self.samples == 1 && self.chunk.0 <= u32::from(u16::MAX),
            // Colours come in three channels or in one; others would need JPEG's own planes.
            Compression::Jpeg => self.bits == 8 && matches!(self.samples, 1 | 3 | 4) && !self.planar,
            _ => self.photometric != Photometric::Ycbcr,
        };
        if !compression_fits {
            return Err(unsupported(format!("{:?} colours with the compression {:?}", self.photometric, self.compression)));
        }
        if self.reversed_bits && self.compression != Compression::Group4 {
            return Err(unsupported("a reversed order of bits"));
        }
        if self.readers() > MAX_READERS {
            return Err(unsupported("so many tiles in a row"));
        }
        let (width, height) = self.chunk;
        // Tiles are larger than the picture only to fill their grid.
        let is_sane = width > 0 && height > 0 && (!self.tiled || width <= self.width.saturating_add(MAX_TILE_EXCESS));
        if !is_sane && self.width > 0 && self.height > 0 {
            return Err(ImageError::corrupt(Format::Tiff, format!("its strips or tiles are {width}×{height} pixels")));
        }
        Ok(())
    }

    pub(crate) fn has_alpha(&self) -> bool {
        self.alpha != Alpha::None && self.photometric != Photometric::Cmyk
    }

    /// Bits a channel that the pixels come out with.
    pub(crate) fn depth(&self) -> u8 {
        match self.bits {
            _ if self.photometric == Photometric::Palette => 8,
            bits @ 1..=8 => bits as u8,
            _ => 16,
        }
    }

    /// How many chunks a row takes: those across, for each channel that stands by itself.
    fn readers(&self) -> u64 {
        let planes = if self.planar { u64::from(self.samples) } else { 1 };
        u64::from(self.width.div_ceil(self.chunk.0.max(1))) * planes
    }

    /// Bytes of one row of a chunk: of all channels, or of one where they stand by themselves.
    pub(crate) fn row_bytes(&self) -> usize {
        let samples = if self.planar { 1 } else { u64::from(self.samples) };
        (u64::from(self.chunk.0) * samples * u64::from(self.bits)).div_ceil(8) as usize
    }
}

/// Most chunks that are read side by side. Each takes a window of its own.
const MAX_READERS: u64 = 1024;

/// How much wider than the picture a tile may be.
const MAX_TILE_EXCESS: u32 = 8192;

impl Photometric {
    const fn colors(self) -> usize {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette => 1,
            Self::Rgb | Self::Ycbcr => 3,
            Self::Cmyk => 4,
        }
    }
}

fn photometric(directory: &Directory<'_>) -> Result<Photometric, ImageError> {
    match directory.number(tag::PHOTOMETRIC)? {
        Some(0) => Ok(Photometric::WhiteIsZero),
        // Some scanners' files leave it out.
        Some(1) | None => Ok(Photometric::BlackIsZero),
        Some(2) => Ok(Photometric::Rgb),
        Some(3) => Ok(Photometric::Palette),
        Some(5) if directory.number(tag::INK_SET)?.unwrap_or(1) == 1 => Ok(Photometric::Cmyk),
        Some(5) => Err(unsupported("inks other than CMYK")),
        Some(6) => Ok(Photometric::Ycbcr),
        Some(8..=10) => Err(unsupported("the Lab colour model")),
        Some(32_803 | 34_892) => Err(unsupported("the raw data of a camera")),
        Some(other) => Err(unsupported(format!("the colour model {other}"))),
    }
}

fn compression(directory: &Directory<'_>) -> Result<Compression, ImageError> {
    match directory.number(tag::COMPRESSION)?.unwrap_or(1) {
        1 => Ok(Compression::None),
        4 => Ok(Compression::Group4),
        5 => Ok(Compression::Lzw),
        7 => Ok(Compression::Jpeg),
        8 | 32_946 => Ok(Compression::Deflate),
        32_773 => Ok(Compression::PackBits),
        2 | 3 => Err(unsupported("CCITT Group 3 compression")),
        6 => Err(unsupported("old-style JPEG compression")),
        33_003 | 33_005 | 34_712 => Err(unsupported("JPEG 2000 compression")),
        34_925 => Err(unsupported("LZMA compression")),
        50_000 => Err(unsupported("Zstandard compression")),
        50_001 => Err(unsupported("WebP compression")),
        other => Err(unsupported(format!("the compression {other}"))),
    }
}

/// What the channels behind the colours are, and how many there are.
fn extra_samples(directory: &Directory<'_>, photometric: Photometric, samples: u16) -> Result<(Alpha, usize), ImageError> {
    let Some(field) = directory.field(tag::EXTRA_SAMPLES)? else {
        let extra = usize::from(samples).saturating_sub(photometric.colors());
        // Old writers do not say what the fourth channel of RGB is.
        let alpha = if photometric == Photometric::Rgb && extra == 1 { Alpha::Straight } else { Alpha::None };
        return Ok((alpha, extra));
    };
    if field.count >= usize::from(samples) {
        return Err(corrupt("it has more other channels than channels", field.at));
    }
    let alpha = match directory.value(field, 0)? {
        1 => Alpha::Associated,
        2 => Alpha::Straight,
        _ => Alpha::None,
    };
    Ok((alpha, field.count))
}

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    if file.get(8..10) == Some(b"CR") {
        return Err(unsupported("the raw data of a camera"));
    }
    let directory = Directory::first(file)?;
    let shape = Shape::read(&directory)?;
    let orientation = directory.number(tag::ORIENTATION)?.and_then(|value| Orientation::try_from(u8::try_from(value).ok()?).ok());
    let icc = directory.range(tag::ICC_PROFILE)?;
    Ok(Found {
        width: shape.width,
        height: shape.height,
        color_space: match shape.photometric {
            Photometric::WhiteIsZero | Photometric::BlackIsZero => ColorSpace::Grey,
            Photometric::Rgb | Photometric::Palette => ColorSpace::Rgb,
            Photometric::Ycbcr => ColorSpace::Ycbcr,
            Photometric::Cmyk => ColorSpace::Cmyk,
        },
        bit_depth: shape.depth(),
        has_alpha: shape.has_alpha(),
        icc: IccParts { parts: icc.into_iter().collect(), deflated: false },
        orientation: Some(orientation.unwrap_or_default()),
        details: Details::Tiff {
            jpeg: shape.compression == Compression::Jpeg,
            chunk_rows: shape.chunk.1,
            readers: shape.readers() as u32,
        },
        ..Found::default()
    })
}

fn unsupported(what: impl Into<String>) -> ImageError {
    ImageError::unsupported(Format::Tiff, what)
}

fn corrupt(detail: impl Into<String>, offset: usize) -> ImageError {
    ImageError::corrupt_at(Format::Tiff, detail, offset)
}
