//! What a directory says of the pixels: which kinds are read here, and what does not go together.

use super::{Directory, corrupt, tag, unsupported};
use crate::error::ImageError;
use minilab_model::Format;

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
    /// With chroma as coarse as [`Shape::subsampling`] says. JPEG data brings its own.
    Ycbcr,
    /// CIE L*a*b* under D50.
    Lab(LabEncoding),
}

/// How a* and b* are stored (TIFF 6.0, section 23; TIFF technical note 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabEncoding {
    /// With a sign.
    Cie,
    /// Moved by half the range, as in ICC profiles.
    Icc,
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
    /// ITU-T T.4, one-dimensional, without marks between rows, each of which begins with a byte.
    FaxRuns,
    /// ITU-T T.4.
    Group3 {
        two_dimensional: bool,
    },
    /// ITU-T T.6.
    Group4,
    Lzw,
    Jpeg,
    /// As TIFF 6.0 itself has it (section 22), for the whole picture.
    OldJpeg,
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
    /// Whole numbers have a sign.
    pub signed: bool,
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
    /// Pixels that share a chroma sample, across and down; 1 or more. Of use where JPEG data does not say it.
    pub subsampling: (u32, u32),
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
        let photometric = photometric(directory)?;
        let compression = compression(directory)?;
        // Some files of that kind leave the number of channels to the JPEG data.
        let unsaid = if compression == Compression::OldJpeg { photometric.colors() as u32 } else { 1 };
        let samples = directory.number(tag::SAMPLES_PER_PIXEL)?.unwrap_or(unsaid);
        let samples = u16::try_from(samples).ok().filter(|samples| (1..=MAX_SAMPLES).contains(samples));
        let samples = samples.ok_or_else(|| unsupported("so many channels"))?;
        let (alpha, extra) = extra_samples(directory, photometric, samples)?;
        let colors = usize::from(samples) - extra;
        if colors != photometric.colors() {
            return Err(unsupported(format!("{photometric:?} with {colors} colour channels")));
        }
        let bits = directory.same(tag::BITS_PER_SAMPLE, samples, "depths")?.unwrap_or(1);
        let (signed, float) = match directory.same(tag::SAMPLE_FORMAT, samples, "sample formats")?.unwrap_or(1) {
            1 | 4 => (false, false),
            2 => (true, false),
            3 => (false, true),
            _ => return Err(unsupported("complex samples")),
        };
        let predictor = match directory.number(tag::PREDICTOR)?.unwrap_or(1) {
            1 => Predictor::None,
            2 => Predictor::Horizontal,
            3 => Predictor::FloatingPoint,
            other => return Err(unsupported(format!("the predictor {other}"))),
        };
        let tiled = directory.field(tag::TILE_OFFSETS)?.is_some();
        let chunk = match tiled {
            // Its JPEG data is one file.
            false if compression == Compression::OldJpeg => (width, height),
            true => (
                directory.number(tag::TILE_WIDTH)?.ok_or_else(missing("tile width"))?,
                directory.number(tag::TILE_LENGTH)?.ok_or_else(missing("tile height"))?,
            ),
            false => (width, directory.number(tag::ROWS_PER_STRIP)?.unwrap_or(u32::MAX).min(height.max(1))),
        };
        let planar = directory.number(tag::PLANAR_CONFIGURATION)?.unwrap_or(1) == 2 && samples > 1;
        let reversed_bits = directory.number(tag::FILL_ORDER)?.unwrap_or(1) == 2;
        let subsampling = match directory.field(tag::YCBCR_SUBSAMPLING)? {
            Some(field) if photometric == Photometric::Ycbcr => {
                (directory.value(field, 0)? as u32, directory.value(field, 1)? as u32)
            }
            _ if photometric == Photometric::Ycbcr => (2, 2),
            _ => (1, 1),
        };
        let shape = Self {
            width,
            height,
            bits,
            float,
            signed,
            samples,
            photometric,
            alpha,
            compression,
            predictor,
            planar,
            tiled,
            reversed_bits,
            chunk,
            subsampling,
        };
        shape.check()?;
        Ok(shape)
    }

    /// Refuses what does not go together.
    fn check(&self) -> Result<(), ImageError> {
        let depth_is_known = match (self.float, self.photometric) {
            (_, Photometric::Lab(_)) => !self.float && matches!(self.bits, 8 | 16),
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
            Compression::FaxRuns | Compression::Group3 { .. } | Compression::Group4 => {
                self.bits == 1 && self.samples == 1 && self.chunk.0 <= u32::from(u16::MAX)
            }
            // Colours come in three channels or in one; others would need JPEG's own planes.
            Compression::Jpeg if self.planar => self.bits == 8 && self.photometric != Photometric::Ycbcr,
            Compression::Jpeg => self.bits == 8 && matches!(self.samples, 1 | 3 | 4),
            Compression::OldJpeg => self.bits == 8 && matches!(self.samples, 1 | 3) && !self.planar,
            _ if self.photometric == Photometric::Ycbcr => {
                let known = |pixels: u32| matches!(pixels, 1 | 2 | 4);
                let is_plain = self.bits == 8 && self.samples == 3 && !self.planar && self.predictor == Predictor::None;
                is_plain && known(self.subsampling.0) && known(self.subsampling.1)
            }
            _ => true,
        };
        if !compression_fits {
            return Err(unsupported(format!("{:?} colours with the compression {:?}", self.photometric, self.compression)));
        }
        let order_is_known = match self.compression {
            Compression::Lzw | Compression::PackBits | Compression::Jpeg | Compression::OldJpeg => !self.reversed_bits,
            _ => true,
        };
        if !order_is_known {
            return Err(unsupported(format!("a reversed order of bits with the compression {:?}", self.compression)));
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

    /// Channels that are looked at: the colours and their alpha.
    pub(crate) fn channels_used(&self) -> u16 {
        (self.photometric.colors() as u16 + u16::from(self.has_alpha())).min(self.samples)
    }

    /// How many chunks a row takes: those across, for each channel that stands by itself.
    pub(super) fn readers(&self) -> u64 {
        let planes = if self.planar { u64::from(self.channels_used()) } else { 1 };
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
            Self::Rgb | Self::Ycbcr | Self::Lab(_) => 3,
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
        Some(8) => Ok(Photometric::Lab(LabEncoding::Cie)),
        Some(9) => Ok(Photometric::Lab(LabEncoding::Icc)),
        Some(10) => Err(unsupported("the Lab colour model of faxes")),
        Some(32_803 | 34_892) => Err(unsupported("the raw data of a camera")),
        Some(other) => Err(unsupported(format!("the colour model {other}"))),
    }
}

fn compression(directory: &Directory<'_>) -> Result<Compression, ImageError> {
    match directory.number(tag::COMPRESSION)?.unwrap_or(1) {
        1 => Ok(Compression::None),
        2 => Ok(Compression::FaxRuns),
        3 => {
            let options = directory.number(tag::T4_OPTIONS)?.unwrap_or(0);
            match options & 2 {
                0 => Ok(Compression::Group3 { two_dimensional: options & 1 == 1 }),
                _ => Err(unsupported("CCITT Group 3 compression in its uncompressed mode")),
            }
        }
        4 => Ok(Compression::Group4),
        5 => Ok(Compression::Lzw),
        6 => Ok(Compression::OldJpeg),
        7 => Ok(Compression::Jpeg),
        8 | 32_946 => Ok(Compression::Deflate),
        32_773 => Ok(Compression::PackBits),
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
