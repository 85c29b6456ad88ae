//! Items of the High Efficiency Image File Format (ISO/IEC 23008-12 and 14496-12, 8.11), which AVIF and HEIC are made of: pictures,
//! their properties and how they refer to each other. What is kept is bounded by the bytes that are there, not by what they claim.

use super::Bytes;
use crate::error::ImageError;
use minilab_model::Format;
use std::borrow::Cow;
use std::ops::Range;

/// What the `meta` box of a file says.
#[derive(Debug, Default)]
pub(crate) struct Items {
    format: Option<Format>,
    pub primary: u32,
    kinds: Vec<(u32, [u8; 4])>,
    locations: Vec<Location>,
    /// In the order by which they are numbered, from 1.
    properties: Vec<Property>,
    /// Items and the numbers of their properties, in order.
    associations: Vec<(u32, usize)>,
    references: Vec<Reference>,
    /// Data that stands in the box itself.
    data: Option<Range<usize>>,
}

/// Where the bytes of an item lie.
#[derive(Debug)]
struct Location {
    item: u32,
    /// 0: in the file; 1: in the box; 2: in another item.
    method: u8,
    extents: Vec<(usize, usize)>,
}

/// A box that describes items.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub kind: [u8; 4],
    pub body: Range<usize>,
}

/// An item that speaks of others.
#[derive(Debug)]
struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

/// A box: its kind, where its content lies, and where the next one begins.
struct FileBox {
    kind: [u8; 4],
    body: Range<usize>,
}

/// Most entries of a table that are kept. Tables are searched from the start, so long ones would take long.
const MAX_ENTRIES: usize = 1 << 13;

impl Items {
    /// Finds and reads the `meta` box.
    pub(crate) fn read(file: &[u8], format: Format) -> Result<Self, ImageError> {
        let bytes = Bytes(file);
        let mut position = 0;
        loop {
            let next = next_box(bytes, position, usize::MAX, format)?;
            if &next.kind == b"meta" {
                bytes.slice(next.body.start, next.body.len())?;
                let mut items = Self { format: Some(format), ..Self::default() };
                // A version and flags stand before the boxes inside.
                items.read_boxes(bytes, next.body.start.saturating_add(4)..next.body.end)?;
                return Ok(items);
            }
            if next.body.end <= position || next.body.end == usize::MAX {
                return Err(ImageError::corrupt(format, "it holds no picture items"));
            }
            position = next.body.end;
        }
    }

    /// The format of the file.
    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Avif)
    }

    fn corrupt(&self, detail: impl Into<String>, at: usize) -> ImageError {
        ImageError::corrupt_at(self.format(), detail, at)
    }

    /// Adds an entry to a table.
    fn keep<T>(table: &mut Vec<T>, entry: T, format: Format) -> Result<(), ImageError> {
        if table.len() >= MAX_ENTRIES {
            return Err(ImageError::unsupported(format, format!("a table of more than {MAX_ENTRIES} items")));
        }
        table.push(entry);
        Ok(())
    }

    fn read_boxes(&mut self, bytes: Bytes<'_>, range: Range<usize>) -> Result<(), ImageError> {
        let mut position = range.start;
        while position < range.end {
            let inner = next_box(bytes, position, range.end, self.format())?;
            position = inner.body.end;
            let body = inner.body;
            match &inner.kind {
                b"pitm" => {
                    let wide = bytes.u8(body.start)? > 0;
                    self.primary = self.id(bytes, body.start + 4, wide)?.0;
                }
                b"iinf" => self.read_kinds(bytes, body)?,
                b"iloc" => self.read_locations(bytes, body)?,
                b"iref" => self.read_references(bytes, body)?,
                b"iprp" => self.read_boxes(bytes, body)?,
                b"ipco" => self.read_properties(bytes, body)?,
                b"ipma" => self.read_associations(bytes, body)?,
                b"idat" => self.data = Some(body),
                _ => {}
            }
        }
        Ok(())
    }

    /// A number of an item, of two or four bytes, and where it ends.
    fn id(&self, bytes: Bytes<'_>, at: usize, wide: bool) -> Result<(u32, usize), ImageError> {
        match wide {
            true => Ok((bytes.u32_be(at)?, at + 4)),
            false => Ok((u32::from(bytes.u16_be(at)?), at + 2)),
        }
    }

    fn read_kinds(&mut self, bytes: Bytes<'_>, body: Range<usize>) -> Result<(), ImageError> {
        let mut position = body.start + if bytes.u8(body.start)? == 0 { 6 } else { 8 };
        while position < body.end {
            let entry = next_box(bytes, position, body.end, self.format())?;
            position = entry.body.end;
            let version = bytes.u8(entry.body.start)?;
            // Older versions name no kind; pictures have newer ones.
            if &entry.kind == b"infe" && version >= 2 {
                let (item, end) = self.id(bytes, entry.body.start + 4, version > 2)?;
                let format = self.format();
                Self::keep(&mut self.kinds, (item, bytes.array(end + 2)?), format)?;
            }
        }
        Ok(())
    }

    fn read_locations(&mut self, bytes: Bytes<'_>, body: Range<usize>) -> Result<(), ImageError> {
        let version = bytes.u8(body.start)?;
        let sizes = bytes.u16_be(body.start + 4)?;
        let nibble = |shift: u16| usize::from(sizes >> shift & 15);
        let (offset_size, length_size, base_size) = (nibble(12), nibble(8), nibble(4));
        let index_size = if version == 0 { 0 } else { nibble(0) };
        let number = |at: &mut usize, size: usize| -> Result<usize, ImageError> {
            let value = bytes.slice(*at, size)?.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
            *at += size;
            Ok(usize::try_from(value).unwrap_or(usize::MAX))
        };
        if [offset_size, length_size, base_size, index_size].iter().any(|size| ![0, 4, 8].contains(size)) {
            return Err(self.corrupt("its table of locations has numbers of an unknown size", body.start));
        }
        let wide = version == 2;
        let (count, mut position) = self.id(bytes, body.start + 6, wide)?;
        let mut extents_left = MAX_ENTRIES;
        for _ in 0..count {
            if position >= body.end {
                return Err(self.corrupt("its table of locations is cut off", body.start));
            }
            let (item, end) = self.id(bytes, position, wide)?;
            position = end;
            let mut method = 0;
            if version > 0 {
                method = (bytes.u16_be(position)? & 15) as u8;
                position += 2;
            }
            position += 2;
            let base = number(&mut position, base_size)?;
            let extent_count = usize::from(bytes.u16_be(position)?);
            position += 2;
            extents_left = extents_left
                .checked_sub(extent_count)
                .ok_or_else(|| self.corrupt("its table of locations is too long", body.start))?;
            let mut extents = Vec::new();
            for _ in 0..extent_count {
                number(&mut position, index_size)?;
                let offset = number(&mut position, offset_size)?;
                extents.push((base.saturating_add(offset), number(&mut position, length_size)?));
            }
            let format = self.format();
            Self::keep(&mut self.locations, Location { item, method, extents }, format)?;
        }
        Ok(())
    }

    fn read_references(&mut self, bytes: Bytes<'_>, body: Range<usize>) -> Result<(), ImageError> {
        let wide = bytes.u8(body.start)? > 0;
        let mut position = body.start + 4;
        while position < body.end {
            let entry = next_box(bytes, position, body.end, self.format())?;
            position = entry.body.end;
            let (from, end) = self.id(bytes, entry.body.start, wide)?;
            let count = usize::from(bytes.u16_be(end)?);
            let mut at = end + 2;
            let mut to = Vec::new();
            for _ in 0..count {
                let (item, end) = self.id(bytes, at, wide)?;
                at = end;
                Self::keep(&mut to, item, self.format())?;
            }
            let format = self.format();
            Self::keep(&mut self.references, Reference { kind: entry.kind, from, to }, format)?;
        }
        Ok(())
    }

    fn read_properties(&mut self, bytes: Bytes<'_>, body: Range<usize>) -> Result<(), ImageError> {
        let mut position = body.start;
        while position < body.end {
            let property = next_box(bytes, position, body.end, self.format())?;
            position = property.body.end;
            let format = self.format();
            Self::keep(&mut self.properties, Property { kind: property.kind, body: property.body }, format)?;
        }
        Ok(())
    }

    fn read_associations(&mut self, bytes: Bytes<'_>, body: Range<usize>) -> Result<(), ImageError> {
        let version = bytes.u8(body.start)?;
        let long = bytes.u8(body.start + 3)? & 1 == 1;
        let count = bytes.u32_be(body.start + 4)?;
        let mut position = body.start + 8;
        for _ in 0..count {
            if position >= body.end {
                return Err(self.corrupt("its table of properties is cut off", body.start));
            }
            let (item, end) = self.id(bytes, position, version > 0)?;
            let properties = bytes.u8(end)?;
            position = end + 1;
            for _ in 0..properties {
                // The highest bit says that a reader has to know the property.
                let (index, end) = match long {
                    true => (usize::from(bytes.u16_be(position)? & 0x7fff), position + 2),
                    false => (usize::from(bytes.u8(position)? & 0x7f), position + 1),
                };
                position = end;
                let format = self.format();
                Self::keep(&mut self.associations, (item, index), format)?;
            }
        }
        Ok(())
    }

    /// The kind of an item: `av01`, `grid`, `Exif`.
    pub(crate) fn kind(&self, item: u32) -> Option<[u8; 4]> {
        self.kinds.iter().find(|(id, _)| *id == item).map(|&(_, kind)| kind)
    }

    /// The properties of an item, in the order in which they apply.
    pub(crate) fn properties(&self, item: u32) -> impl Iterator<Item = &Property> {
        let indexes = self.associations.iter().filter(move |(id, _)| *id == item);
        indexes.filter_map(|&(_, index)| self.properties.get(index.checked_sub(1)?))
    }

    /// The first property of a kind.
    pub(crate) fn property(&self, item: u32, kind: &[u8; 4]) -> Option<&Property> {
        self.properties(item).find(|property| &property.kind == kind)
    }

    /// The items that an item refers to in some way.
    pub(crate) fn referred(&self, kind: &[u8; 4], from: u32) -> &[u32] {
        let found = self.references.iter().find(|reference| &reference.kind == kind && reference.from == from);
        found.map_or(&[], |reference| &reference.to)
    }

    /// The items that refer to an item in some way.
    pub(crate) fn referring<'a>(&'a self, kind: &'a [u8; 4], to: u32) -> impl Iterator<Item = u32> + 'a {
        self.references
            .iter()
            .filter(move |reference| &reference.kind == kind && reference.to.contains(&to))
            .map(|found| found.from)
    }

    /// Where the bytes of an item lie in the file, when they lie together.
    pub(crate) fn range(&self, item: u32) -> Option<Range<usize>> {
        let location = self.locations.iter().find(|location| location.item == item)?;
        let &[(start, length)] = location.extents.as_slice() else { return None };
        let base = match location.method {
            0 => 0,
            1 => self.data.as_ref()?.start,
            _ => return None,
        };
        let start = base.saturating_add(start);
        // A length of 0 reaches to the end of the file.
        Some(start..if length == 0 { usize::MAX } else { start.saturating_add(length) })
    }

    /// The bytes of an item, put together.
    pub(crate) fn bytes<'a>(&self, file: &'a [u8], item: u32) -> Result<Cow<'a, [u8]>, ImageError> {
        let missing = || ImageError::corrupt(self.format(), format!("the data of item {item} is missing"));
        if let Some(range) = self.range(item) {
            let end = if range.end == usize::MAX { file.len() } else { range.end };
            return file.get(range.start..end).map(Cow::Borrowed).ok_or_else(missing);
        }
        let location = self.locations.iter().find(|location| location.item == item).ok_or_else(missing)?;
        let whole = match (location.method, &self.data) {
            (0, _) => file,
            (1, Some(data)) => file.get(data.clone()).ok_or_else(missing)?,
            _ => return Err(ImageError::unsupported(self.format(), "data inside of other items")),
        };
        let mut joined = Vec::new();
        for &(start, length) in &location.extents {
            let part = whole.get(start..start.saturating_add(length)).ok_or_else(missing)?;
            // Extents can name the same bytes again and again.
            if joined.len() + part.len() > file.len() {
                return Err(ImageError::corrupt(self.format(), format!("item {item} is longer than the file")));
            }
            joined.extend_from_slice(part);
        }
        Ok(Cow::Owned(joined))
    }
}

/// The box at `position`, which must end by `end`.
fn next_box(bytes: Bytes<'_>, position: usize, end: usize, format: Format) -> Result<FileBox, ImageError> {
    let kind = bytes.array(position + 4)?;
    let (start, length) = match bytes.u32_be(position)? {
        // To the end of the file, or of the box around it.
        0 => (position + 8, end.saturating_sub(position)),
        1 => {
            let length = bytes.array(position + 8).map(u64::from_be_bytes)?;
            (position + 16, usize::try_from(length).unwrap_or(usize::MAX))
        }
        length => (position + 8, length as usize),
    };
    let body = start..position.saturating_add(length);
    if body.end < body.start || body.end > end {
        let name = String::from_utf8_lossy(&kind).into_owned();
        return Err(ImageError::corrupt_at(format, format!("the box {name:?} has a length of {length} bytes"), position));
    }
    Ok(FileBox { kind, body })
}
