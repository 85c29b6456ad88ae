//! TIFF's first directory (TIFF 6.0; Adobe's supplements 1 and 2; BigTIFF). Entries are read where they stand: nothing is copied
//! or allocated by what they claim. Later directories are never looked at, so there are no chains to run in circles.

mod shape;

use super::{Bytes, Details, Found, IccParts};
use crate::error::ImageError;
use minilab_model::{ColorSpace, Format, Orientation};
pub(crate) use shape::{Alpha, Compression, LabEncoding, Photometric, Predictor, Shape};
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
    pub(crate) const T4_OPTIONS: u16 = 292;
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
    pub(crate) const JPEG_FILE: u16 = 513;
    pub(crate) const JPEG_QUANTISATION: u16 = 519;
    pub(crate) const JPEG_DC_TABLES: u16 = 520;
    pub(crate) const JPEG_AC_TABLES: u16 = 521;
    pub(crate) const YCBCR_COEFFICIENTS: u16 = 529;
    pub(crate) const YCBCR_SUBSAMPLING: u16 = 530;
    pub(crate) const REFERENCE_BLACK_WHITE: u16 = 532;
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
    /// A fraction of two numbers without sign.
    is_fraction: bool,
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
        Ok(Field { width, is_number, is_fraction: kind == 5, count, at })
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

    /// The one value that the values of a tag have for each of so many channels; what more there are is not looked at.
    fn same(&self, tag: u16, channels: u16, what: &str) -> Result<Option<u32>, ImageError> {
        let Some(field) = self.field(tag)? else { return Ok(None) };
        let first = self.number(tag)?;
        for index in 1..field.count.min(usize::from(channels)) {
            if Some(self.value(field, index)?) != first.map(u64::from) {
                return Err(unsupported(format!("{what} that differ between channels")));
            }
        }
        Ok(first)
    }

    /// So many fractions without a sign; `None` where the tag does not hold them.
    pub(crate) fn fractions<const N: usize>(&self, tag: u16) -> Result<Option<[f64; N]>, ImageError> {
        let Some(field) = self.field(tag)?.filter(|field| field.is_fraction && field.count >= N) else { return Ok(None) };
        let mut values = [0.0; N];
        for (index, value) in values.iter_mut().enumerate() {
            let at = field.at.saturating_add(index * 8);
            *value = f64::from(self.u32(at)?) / f64::from(self.u32(at.saturating_add(4))?);
        }
        Ok(values.iter().all(|value| value.is_finite()).then_some(values))
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

pub(super) fn read(file: &[u8]) -> Result<Found, ImageError> {
    if file.get(8..10) == Some(b"CR") {
        return Err(unsupported("the raw data of a camera"));
    }
    let directory = Directory::first(file)?;
    let shape = Shape::read(&directory)?;
    let orientation = directory.number(tag::ORIENTATION)?.and_then(|value| Orientation::try_from(u8::try_from(value).ok()?).ok());
    // A profile of Lab has nothing to add to what Lab is.
    let is_lab = matches!(shape.photometric, Photometric::Lab(_));
    let icc = directory.range(tag::ICC_PROFILE)?.filter(|_| !is_lab);
    Ok(Found {
        width: shape.width,
        height: shape.height,
        color_space: match shape.photometric {
            Photometric::WhiteIsZero | Photometric::BlackIsZero => ColorSpace::Grey,
            // Lab has no name there; it comes out as RGB.
            Photometric::Rgb | Photometric::Palette | Photometric::Lab(_) => ColorSpace::Rgb,
            Photometric::Ycbcr => ColorSpace::Ycbcr,
            Photometric::Cmyk => ColorSpace::Cmyk,
        },
        bit_depth: shape.depth(),
        has_alpha: shape.has_alpha(),
        icc: IccParts { parts: icc.into_iter().collect(), deflated: false },
        orientation: Some(orientation.unwrap_or_default()),
        details: Details::Tiff {
            jpeg: matches!(shape.compression, Compression::Jpeg | Compression::OldJpeg),
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
