//! The directories of a TIFF structure (TIFF revision 6.0, section 2), which EXIF is made of. Nothing is copied, and no
//! pointer is followed but those that the caller asks for.

/// Most entries of a directory that are looked at. Cameras write fewer than a hundred.
const MAX_ENTRIES: usize = 1000;

/// Text of 7-bit characters, ended by a zero.
const ASCII: u16 = 2;
const BYTE: u16 = 1;
/// Unsigned, 16 bits.
pub(crate) const SHORT: u16 = 3;
/// Unsigned, 32 bits.
pub(crate) const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const SIGNED_RATIONAL: u16 = 10;
/// A pointer to another directory (TIFF technical note 1).
pub(crate) const DIRECTORY: u16 = 13;
/// UTF-8 text (EXIF 3.0).
const UTF_8: u16 = 129;

/// A TIFF structure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiff<'a> {
    bytes: &'a [u8],
    /// Whether numbers have their low byte first.
    pub little: bool,
}

/// One entry of a directory, its value where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    /// What it says.
    pub tag: u16,
    /// The type of its values, by number.
    pub kind: u16,
    /// How many values.
    pub count: u32,
    /// The values as they are stored.
    pub bytes: &'a [u8],
    little: bool,
}

/// A directory's readable entries, and what could not be read.
#[derive(Debug, Default)]
pub(crate) struct Directory<'a> {
    pub entries: Vec<Entry<'a>>,
    pub damage: Vec<String>,
}

impl<'a> Tiff<'a> {
    /// `None` when the bytes do not begin as a TIFF structure does.
    pub(crate) fn new(bytes: &'a [u8]) -> Option<Self> {
        match bytes.get(..4)? {
            b"II*\0" => Some(Self { bytes, little: true }),
            b"MM\0*" => Some(Self { bytes, little: false }),
            _ => None,
        }
    }

    /// Where the first directory lies.
    pub(crate) fn first(self) -> usize {
        self.u32_at(4).unwrap_or(0) as usize
    }

    /// The entries of the directory at an offset, as they stand; an entry that cannot be read is an error, and the end of
    /// the bytes is the end of the entries.
    pub(crate) fn entries(self, offset: usize) -> impl Iterator<Item = Result<Entry<'a>, String>> {
        let count = usize::from(self.u16_at(offset).unwrap_or(0)).min(MAX_ENTRIES);
        (0..count).map_while(move |index| self.entry(offset.checked_add(2 + index * 12)?))
    }

    /// The directory at an offset.
    pub(crate) fn directory(self, offset: usize) -> Directory<'a> {
        let mut directory = Directory::default();
        let Some(count) = self.u16_at(offset) else {
            directory.damage.push(format!("a directory at byte {offset} is not there"));
            return directory;
        };
        let mut seen = 0;
        for entry in self.entries(offset) {
            seen += 1;
            match entry {
                Ok(entry) => directory.entries.push(entry),
                Err(damage) => directory.damage.push(damage),
            }
        }
        if seen < usize::from(count) {
            directory.damage.push(format!("the directory at byte {offset} has {count} entries, of which {seen} can be read"));
        }
        directory
    }

    fn entry(self, at: usize) -> Option<Result<Entry<'a>, String>> {
        let (tag, kind, count) = (self.u16_at(at)?, self.u16_at(at + 2)?, self.u32_at(at + 4)?);
        let inline = self.bytes.get(at + 8..at + 12)?;
        let Some(size) = value_size(kind) else {
            return Some(Err(format!("entry 0x{tag:04x} has the unknown type {kind}")));
        };
        let value = (count as usize).checked_mul(size).and_then(|length| {
            if length <= 4 {
                return inline.get(..length);
            }
            let start = self.u32_at(at + 8)? as usize;
            self.bytes.get(start..start.checked_add(length)?)
        });
        Some(match value {
            Some(bytes) => Ok(Entry { tag, kind, count, bytes, little: self.little }),
            None => Err(format!("entry 0x{tag:04x} lies outside the block")),
        })
    }

    fn u16_at(self, at: usize) -> Option<u16> {
        Some(u16_of(self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?, self.little))
    }

    fn u32_at(self, at: usize) -> Option<u32> {
        Some(u32_of(self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?, self.little))
    }
}

impl<'a> Entry<'a> {
    /// The first value of a whole, unsigned type.
    pub(crate) fn unsigned(&self) -> Option<u32> {
        match (self.kind, self.bytes) {
            (BYTE, &[byte, ..]) => Some(u32::from(byte)),
            (SHORT, &[a, b, ..]) => Some(u32::from(u16_of([a, b], self.little))),
            (LONG | DIRECTORY, &[a, b, c, d, ..]) => Some(u32_of([a, b, c, d], self.little)),
            _ => None,
        }
    }

    /// Rationals, signed or not. `None` stands for one that is divided by zero, and the unsigned 2³² − 1 parts that stand for
    /// "infinite" in EXIF.
    pub(crate) fn rationals(&self) -> impl Iterator<Item = Option<f64>> + use<'a> {
        let (kind, little) = (self.kind, self.little);
        let pairs = if matches!(kind, RATIONAL | SIGNED_RATIONAL) { self.bytes } else { &[] };
        pairs.as_chunks::<8>().0.iter().map(move |&[a, b, c, d, e, f, g, h]| {
            let (above, below) = (u32_of([a, b, c, d], little), u32_of([e, f, g, h], little));
            let (above, below) = match kind {
                SIGNED_RATIONAL => (f64::from(above.cast_signed()), f64::from(below.cast_signed())),
                _ if above == u32::MAX => return None,
                _ => (f64::from(above), f64::from(below)),
            };
            (below != 0.0).then_some(above / below)
        })
    }

    /// A text's bytes up to its first zero.
    pub(crate) fn text(&self) -> Option<&'a [u8]> {
        matches!(self.kind, ASCII | UTF_8).then(|| self.bytes.split(|&byte| byte == 0).next().unwrap_or_default())
    }
}

/// Bytes of one value of a type.
pub(crate) const fn value_size(kind: u16) -> Option<usize> {
    match kind {
        // Byte, text, signed byte, undefined, UTF-8 text.
        1 | 2 | 6 | 7 | UTF_8 => Some(1),
        3 | 8 => Some(2),
        // Long, signed long, float, directory.
        4 | 9 | 11 | DIRECTORY => Some(4),
        5 | 10 | 12 => Some(8),
        _ => None,
    }
}

const fn u16_of(bytes: [u8; 2], little: bool) -> u16 {
    if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
}

const fn u32_of(bytes: [u8; 4], little: bool) -> u32 {
    if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    /// An entry to be laid out: tag, type, count, value.
    pub(crate) type Given<'a> = (u16, u16, u32, &'a [u8]);

    /// A block with its low bytes first: a first directory, and those of EXIF and of the place where they have entries.
    pub(crate) fn block(image: &[Given<'_>], photo: &[Given<'_>], gps: &[Given<'_>]) -> Vec<u8> {
        let length = |entries: &[Given<'_>]| 6 + entries.iter().map(|entry| 12 + entry.3.len()).sum::<usize>();
        let pointers = usize::from(!photo.is_empty()) + usize::from(!gps.is_empty());
        // A pointer is an entry and its value's room.
        let photo_at = 8 + length(image) + 16 * pointers;
        let gps_at = photo_at + if photo.is_empty() { 0 } else { length(photo) };
        let [photo_pointer, gps_pointer] = [photo_at, gps_at].map(|at| (at as u32).to_le_bytes());
        let mut image = image.to_vec();
        for (tag, pointer, entries) in [(0x8769, &photo_pointer, photo), (0x8825, &gps_pointer, gps)] {
            if !entries.is_empty() {
                image.push((tag, LONG, 1, pointer));
            }
        }
        let mut block = b"II*\0\x08\0\0\0".to_vec();
        for entries in [&image[..], photo, gps] {
            if entries.is_empty() {
                continue;
            }
            let mut value_at = block.len() + 6 + 12 * entries.len();
            let mut values = Vec::new();
            block.extend((entries.len() as u16).to_le_bytes());
            for (tag, kind, count, value) in entries {
                block.extend(tag.to_le_bytes());
                block.extend(kind.to_le_bytes());
                block.extend(count.to_le_bytes());
                let mut inline = [0; 4];
                if value.len() <= 4 {
                    inline[..value.len()].copy_from_slice(value);
                } else {
                    inline = (value_at as u32).to_le_bytes();
                }
                // Every value has its room, so that lengths are simple.
                value_at += value.len();
                values.extend_from_slice(value);
                block.extend(inline);
            }
            block.extend([0; 4]);
            block.extend(values);
        }
        block
    }

    #[test]
    fn values_are_read_in_both_orders() {
        let check = |block: &[u8]| {
            let tiff = Tiff::new(block).unwrap();
            let directory = tiff.directory(tiff.first());
            assert!(directory.damage.is_empty(), "{:?}", directory.damage);
            let [short, ratio] = directory.entries[..] else { panic!("{directory:?}") };
            assert_eq!((short.tag, short.unsigned()), (0x0112, Some(6)));
            assert_eq!(ratio.rationals().collect::<Vec<_>>(), [Some(-0.5), None]);
        };
        check(b"MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\x92\x04\0\x0a\0\0\0\x02\0\0\0\x26\0\0\0\0\xff\xff\xff\xff\0\0\0\x02\0\0\0\x01\0\0\0\0");
        let ratio = [-1_i32, 2, 1, 0].map(i32::to_le_bytes).concat();
        check(&block(&[(0x0112, SHORT, 1, &[6, 0]), (0x9204, SIGNED_RATIONAL, 2, &ratio)], &[], &[]));
    }

    #[test]
    fn damage_is_named_and_the_rest_read() {
        let check = |block: &[u8], entries: usize, expected: &[&str]| {
            let tiff = Tiff::new(block).unwrap();
            let directory = tiff.directory(tiff.first());
            assert_eq!(directory.entries.len(), entries);
            assert_eq!(directory.damage, expected);
        };
        let fine = (0x0112, SHORT, 1, &[6, 0][..]);
        check(&block(&[(0x010f, ASCII, u32::MAX, b"a"), fine], &[], &[]), 1, &["entry 0x010f lies outside the block"]);
        check(&block(&[(0x010f, RATIONAL, u32::MAX, b"a"), fine], &[], &[]), 1, &["entry 0x010f lies outside the block"]);
        check(&block(&[(0x010f, 99, 1, b"a"), fine], &[], &[]), 1, &["entry 0x010f has the unknown type 99"]);
        check(b"II*\0\xff\xff\xff\xff", 0, &["a directory at byte 4294967295 is not there"]);
        let many = [b"II*\0\x08\0\0\0\xff\xff".as_slice(), &[0x12, 1, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0].repeat(3)].concat();
        check(&many, 3, &["the directory at byte 8 has 65535 entries, of which 3 can be read"]);
        assert!(Tiff::new(b"II+\0\x08\0\0\0").is_none());
    }
}
