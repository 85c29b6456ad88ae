//! Marker segments: everything in a JPEG but the entropy-coded data (ITU-T T.81, annex B).

use crate::Error;
use crate::huffman::HuffmanSpec;
use crate::info::{ColorModel, Info, Kind, Sampling};
use crate::standard;

/// One component of the frame header.
#[derive(Debug, Clone)]
pub(crate) struct FrameComponent {
    pub id: u8,
    pub sampling: Sampling,
    /// Which of the four quantisation tables applies.
    pub quant: usize,
}

/// One component of a scan header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanComponent {
    /// Place in the frame.
    pub index: usize,
    pub dc_table: usize,
    pub ac_table: usize,
}

/// A scan header, and where its entropy-coded data begins.
#[derive(Debug, Clone)]
pub(crate) struct Scan {
    pub components: Vec<ScanComponent>,
    pub spectral_start: u8,
    pub spectral_end: u8,
    pub approx_high: u8,
    pub approx_low: u8,
    pub data_start: usize,
}

/// The decoder's tables as they stand at one point of the file; later segments replace them.
#[derive(Debug, Clone)]
pub(crate) struct Tables {
    /// In zigzag order, as stored.
    pub quant: [Option<Box<[u16; 64]>>; 4],
    pub dc: [Option<Box<HuffmanSpec>>; 4],
    pub ac: [Option<Box<HuffmanSpec>>; 4],
    /// MCUs between restart markers; 0 for none.
    pub restart_interval: u32,
}

/// Everything up to and including the first scan header.
#[derive(Debug, Clone)]
pub(crate) struct Headers {
    pub info: Info,
    pub frame: Vec<FrameComponent>,
    pub tables: Tables,
    pub scan: Scan,
}

/// What the APPn segments say about colour.
#[derive(Debug, Clone, Copy, Default)]
struct ColorHints {
    jfif: bool,
    adobe_transform: Option<u8>,
}

impl Headers {
    /// Reads from the start of the file to the first SOS.
    pub fn parse(data: &[u8]) -> Result<Self, Error> {
        if !data.starts_with(&[0xFF, 0xD8]) {
            return Err(Error::NotJpeg);
        }
        let mut tables = Tables::default();
        let mut hints = ColorHints::default();
        let mut frame: Option<(Info, Vec<FrameComponent>)> = None;
        let mut position = 2;
        loop {
            let segment = Segment::next(data, position)?;
            position = segment.end;
            match segment.marker {
                0xC0..=0xC2 if frame.is_some() => {
                    return Err(segment.corrupt("a second frame header"));
                }
                0xC0..=0xC2 => frame = Some(parse_frame(&segment)?),
                0xC3 | 0xC7 | 0xCB | 0xCF => return Err(unsupported("lossless coding")),
                0xC5 | 0xC6 => return Err(unsupported("hierarchical coding")),
                0xC9 | 0xCA | 0xCD | 0xCE => return Err(unsupported("arithmetic coding")),
                0xD9 => {
                    return Err(Error::Truncated { offset: segment.start, what: "end of image before the first scan" });
                }
                0xDA => {
                    let Some((mut info, frame)) = frame else {
                        return Err(segment.corrupt("a scan before the frame header"));
                    };
                    let scan = parse_scan(&segment, &frame)?;
                    if info.height == 0 {
                        info.height = number_of_lines(data, scan.data_start)?;
                    }
                    info.color_model = color_model(&frame, hints);
                    return Ok(Self { info, frame, tables, scan });
                }
                0xE0 if segment.payload.starts_with(b"JFIF\0") => hints.jfif = true,
                0xEE if segment.payload.starts_with(b"Adobe") => {
                    // version 2, flags 2 + 2, then the transform.
                    hints.adobe_transform = segment.payload.get(11).copied();
                }
                _ => tables.apply(&segment)?,
            }
        }
    }
}

impl Default for Tables {
    /// Before any segment: no quantisation, and the Huffman tables that need not be given.
    fn default() -> Self {
        let huffman = |is_ac| [0, 1, 2, 3].map(|slot| standard::table(is_ac, slot));
        Self { quant: Default::default(), dc: huffman(false), ac: huffman(true), restart_interval: 0 }
    }
}

impl Tables {
    /// Reads on from `position` (at or before a marker) to the next scan header; `None` at the end
    /// of the image.
    pub fn next_scan(&mut self, data: &[u8], mut position: usize, frame: &[FrameComponent]) -> Result<Option<Scan>, Error> {
        loop {
            let segment = Segment::next(data, position)?;
            position = segment.end;
            match segment.marker {
                0xD9 => return Ok(None),
                0xDA => return parse_scan(&segment, frame).map(Some),
                0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                    return Err(segment.corrupt("a second frame header"));
                }
                _ => self.apply(&segment)?,
            }
        }
    }

    /// Takes in DQT, DHT and DRI; every other segment is passed over.
    fn apply(&mut self, segment: &Segment<'_>) -> Result<(), Error> {
        match segment.marker {
            0xDB => self.parse_quant(segment),
            0xC4 => self.parse_huffman(segment),
            0xDD => {
                let mut payload = Payload::of(segment);
                self.restart_interval = payload.u16()?.into();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn parse_quant(&mut self, segment: &Segment<'_>) -> Result<(), Error> {
        let mut payload = Payload::of(segment);
        while !payload.rest.is_empty() {
            let (wide, slot) = nibbles(payload.u8()?);
            if wide > 1 || slot > 3 {
                return Err(segment.corrupt("a quantisation table out of range"));
            }
            let mut table = Box::new([0u16; 64]);
            for value in table.iter_mut() {
                *value = match wide {
                    0 => payload.u8()?.into(),
                    _ => payload.u16()?,
                };
            }
            self.quant[usize::from(slot)] = Some(table);
        }
        Ok(())
    }

    fn parse_huffman(&mut self, segment: &Segment<'_>) -> Result<(), Error> {
        let mut payload = Payload::of(segment);
        while !payload.rest.is_empty() {
            let (class, slot) = nibbles(payload.u8()?);
            if class > 1 || slot > 3 {
                return Err(segment.corrupt("a huffman table out of range"));
            }
            let mut counts = [0u8; 16];
            counts.copy_from_slice(payload.take(16)?);
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let spec =
                HuffmanSpec::new(counts, payload.take(total)?).ok_or_else(|| segment.corrupt("an impossible huffman table"))?;
            let tables = if class == 0 { &mut self.dc } else { &mut self.ac };
            tables[usize::from(slot)] = Some(Box::new(spec));
        }
        Ok(())
    }
}

/// The height that follows the first scan (T.81, B.2.5), where the frame header leaves it open.
fn number_of_lines(data: &[u8], scan: usize) -> Result<u32, Error> {
    let segment = Segment::next(data, scan)?;
    if segment.marker != 0xDC {
        return Err(segment.corrupt("a height of zero, and none after the first scan"));
    }
    match Payload::of(&segment).u16()? {
        0 => Err(segment.corrupt("a height of zero")),
        height => Ok(height.into()),
    }
}

/// Where the next marker stands, from `position` on: the offset of its last 0xFF. Stuffed bytes
/// and restart markers are passed over.
pub(crate) fn find_marker(data: &[u8], mut position: usize) -> Option<usize> {
    loop {
        position = crate::bits::find_ff(data, position)?;
        match data.get(position + 1)? {
            0x00 | 0xD0..=0xD7 => position += 2,
            0xFF => position += 1,
            _ => return Some(position),
        }
    }
}

/// A marker and what follows it.
struct Segment<'a> {
    marker: u8,
    /// Offset of the marker.
    start: usize,
    /// Empty for markers that stand alone.
    payload: &'a [u8],
    /// Offset of the first byte after the segment.
    end: usize,
}

impl<'a> Segment<'a> {
    /// Finds the next marker at or after `position` and cuts out its segment. Bytes that belong to
    /// no segment are passed over, as other decoders do.
    fn next(data: &'a [u8], position: usize) -> Result<Self, Error> {
        let truncated = |what| Error::Truncated { offset: data.len(), what };
        let start = find_marker(data, position).ok_or_else(|| truncated("no further marker"))?;
        let marker = data[start + 1];
        if matches!(marker, 0x01 | 0xD8 | 0xD9) {
            return Ok(Self { marker, start, payload: &[], end: start + 2 });
        }
        let length = match data.get(start + 2..start + 4) {
            Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
            _ => return Err(truncated("a segment's length")),
        };
        if length < 2 {
            return Err(Error::Corrupt { offset: start, what: "a segment shorter than its own length field" });
        }
        let end = start + 2 + length;
        let payload = data.get(start + 4..end).ok_or_else(|| truncated("a segment"))?;
        Ok(Self { marker, start, payload, end })
    }

    fn corrupt(&self, what: &'static str) -> Error {
        Error::Corrupt { offset: self.start, what }
    }
}

/// A cursor over one segment's payload.
struct Payload<'a> {
    rest: &'a [u8],
    start: usize,
}

impl<'a> Payload<'a> {
    fn of(segment: &Segment<'a>) -> Self {
        Self { rest: segment.payload, start: segment.start }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(Error::Corrupt { offset: self.start, what: "a segment too short for its content" });
        };
        self.rest = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.take(1)?[0])
    }

    fn u16(&mut self) -> Result<u16, Error> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }
}

fn nibbles(byte: u8) -> (u8, u8) {
    (byte >> 4, byte & 15)
}

fn unsupported(what: &'static str) -> Error {
    Error::Unsupported { what }
}

fn parse_frame(segment: &Segment<'_>) -> Result<(Info, Vec<FrameComponent>), Error> {
    let mut payload = Payload::of(segment);
    let precision = payload.u8()?;
    let height = payload.u16()?;
    let width = payload.u16()?;
    let count = payload.u8()?;
    let kind = match segment.marker {
        0xC0 => Kind::Baseline,
        0xC1 => Kind::Extended,
        _ => Kind::Progressive,
    };
    if !matches!(precision, 8 | 12) {
        return Err(segment.corrupt("a sample precision other than 8 or 12 bits"));
    }
    if width == 0 {
        return Err(segment.corrupt("a width of zero"));
    }
    if !matches!(count, 1 | 3 | 4) {
        return Err(unsupported("a number of components other than 1, 3 or 4"));
    }
    let mut frame: Vec<FrameComponent> = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let id = payload.u8()?;
        let (horizontal, vertical) = nibbles(payload.u8()?);
        let quant = payload.u8()?;
        if !(1..=4).contains(&horizontal) || !(1..=4).contains(&vertical) {
            return Err(segment.corrupt("a sampling factor out of range"));
        }
        if quant > 3 {
            return Err(segment.corrupt("a quantisation table out of range"));
        }
        if frame.iter().any(|other| other.id == id) {
            return Err(segment.corrupt("two components with one id"));
        }
        frame.push(FrameComponent { id, sampling: Sampling { horizontal, vertical }, quant: quant.into() });
    }
    let info = Info {
        width: width.into(),
        height: height.into(),
        kind,
        precision,
        components: count,
        sampling: frame.iter().map(|component| component.sampling).collect(),
        // Settled at the first scan, when all APPn segments are known.
        color_model: ColorModel::Grey,
    };
    Ok((info, frame))
}

fn parse_scan(segment: &Segment<'_>, frame: &[FrameComponent]) -> Result<Scan, Error> {
    let mut payload = Payload::of(segment);
    let count = payload.u8()?;
    if !(1..=4).contains(&count) {
        return Err(segment.corrupt("a scan of no or too many components"));
    }
    let mut components: Vec<ScanComponent> = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let id = payload.u8()?;
        let (dc_table, ac_table) = nibbles(payload.u8()?);
        let index = frame
            .iter()
            .position(|component| component.id == id)
            .ok_or_else(|| segment.corrupt("a scan of a component that the frame lacks"))?;
        if components.iter().any(|other| other.index == index) {
            return Err(segment.corrupt("a component twice in one scan"));
        }
        if dc_table > 3 || ac_table > 3 {
            return Err(segment.corrupt("a huffman table out of range"));
        }
        components.push(ScanComponent { index, dc_table: dc_table.into(), ac_table: ac_table.into() });
    }
    let spectral_start = payload.u8()?;
    let spectral_end = payload.u8()?;
    let (approx_high, approx_low) = nibbles(payload.u8()?);
    Ok(Scan { components, spectral_start, spectral_end, approx_high, approx_low, data_start: segment.end })
}

/// The order of evidence that libjpeg follows: JFIF, then Adobe, then the ids.
fn color_model(frame: &[FrameComponent], hints: ColorHints) -> ColorModel {
    let ids: Vec<u8> = frame.iter().map(|component| component.id).collect();
    match (frame.len(), hints.adobe_transform) {
        (1, _) => ColorModel::Grey,
        (4, Some(2)) => ColorModel::Ycck,
        (4, _) => ColorModel::Cmyk,
        _ if hints.jfif => ColorModel::YCbCr,
        (_, Some(0)) => ColorModel::Rgb,
        (_, Some(_)) => ColorModel::YCbCr,
        _ if ids == *b"RGB" => ColorModel::Rgb,
        _ => ColorModel::YCbCr,
    }
}
