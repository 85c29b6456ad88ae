//! Writes a zip: deflate, no encryption, no 64-bit fields, always the same bytes for the same content ("APPNOTE.TXT - .ZIP File
//! Format Specification", 6.3.10).

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::{self, Write};

/// The first of January 1980, the earliest that the format can say: the time of every file.
const DATE: u16 = 0x0021;
/// Deflate, as the format counts methods.
const DEFLATED: u16 = 8;
/// The version of the format that a reader has to know: 2.0, for deflate.
const NEEDED: u16 = 20;
/// Made on Unix, so that modes count; version 2.0.
const MADE_BY: u16 = 3 << 8 | NEEDED;
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;

/// A file to be packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// Its name in the zip.
    pub(super) name: &'a str,
    /// Permissions, as in `0o755`.
    pub(super) mode: u32,
    /// Its content, less than 4 GiB.
    pub(super) content: &'a [u8],
}

/// The whole zip.
///
/// # Errors
/// When something is larger than 32 bits can say.
pub(super) fn write(entries: &[Entry<'_>]) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = small(out.len())?;
        let mut crc = Crc::new();
        crc.update(entry.content);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(entry.content)?;
        let packed = encoder.finish()?;
        // What the local header and the directory both say.
        let mut common = Vec::new();
        for field in [NEEDED, UTF8, DEFLATED, 0, DATE] {
            common.extend(field.to_le_bytes());
        }
        for field in [crc.sum(), small(packed.len())?, small(entry.content.len())?] {
            common.extend(field.to_le_bytes());
        }
        let name_length = u16::try_from(entry.name.len()).map_err(|_| too_large())?;
        common.extend(name_length.to_le_bytes());
        common.extend(0_u16.to_le_bytes());

        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(entry.name.as_bytes());
        out.extend(packed);

        directory.extend(b"PK\x01\x02");
        directory.extend(MADE_BY.to_le_bytes());
        directory.extend(&common);
        // No comment, first disk, nothing inside.
        directory.extend([0; 6]);
        // A regular file with these permissions, in the upper half of the attributes.
        directory.extend(((0o100_000 | entry.mode) << 16).to_le_bytes());
        directory.extend(offset.to_le_bytes());
        directory.extend(entry.name.as_bytes());
    }
    let (offset, length) = (small(out.len())?, small(directory.len())?);
    let number = u16::try_from(entries.len()).map_err(|_| too_large())?;
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(number.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend(0_u16.to_le_bytes());
    Ok(out)
}

fn small(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(|_| too_large())
}

fn too_large() -> io::Error {
    io::Error::other("a zip of this kind ends at 4 GiB")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use flate2::read::DeflateDecoder;
    use std::io::Read;

    #[test]
    fn what_is_written_can_be_read_and_is_always_the_same() {
        let content = b"minilab minilab minilab".repeat(100);
        let entries = [
            Entry { name: "bootstrap", mode: 0o755, content: &content },
            Entry { name: "minilab.json", mode: 0o644, content: b"{}" },
        ];
        let zip = write(&entries).unwrap();
        assert_eq!(zip, write(&entries).unwrap());
        assert!(zip.len() < content.len());
        // The local header has 30 bytes before the name.
        let start = 30 + "bootstrap".len();
        let length = u32::from_le_bytes(zip[18..22].try_into().unwrap()) as usize;
        let mut unpacked = Vec::new();
        DeflateDecoder::new(&zip[start..start + length]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, content);
    }
}
