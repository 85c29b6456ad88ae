//! Whether a program can run in Lambda: for which processor it is, and which libraries it asks for.
//!
//! Layouts: "System V Application Binary Interface", chapters 4 and 5, in their 64-bit form; `.gnu.version_r` as in "Linux Standard
//! Base Core Specification", 10.7.

use super::PackageError;
use crate::config::Architecture;

/// The newest version of glibc's symbols that `provided.al2023` has.
pub(super) const NEWEST_GLIBC: (u32, u32) = (2, 34);
/// The shared libraries that `provided.al2023` has, as far as programs in Rust ask for them.
const LIBRARIES: [&str; 9] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];
/// `sh_type` of `.dynamic`.
const DYNAMIC: u32 = 6;
/// `sh_type` of `.gnu.version_r`.
pub(super) const VERSIONS_NEEDED: u32 = 0x6fff_fffe;
/// `p_type` of the program's loader.
const INTERPRETER: u32 = 3;
/// `d_tag` of a library's name.
const NEEDED: u64 = 1;
/// Most entries of any table that are looked at.
const MOST: usize = 65_536;

/// Checks that Lambda's `provided.al2023` on this architecture can start the program.
///
/// # Errors
/// [`PackageError`] says what is wrong with it.
pub fn check(program: &[u8], architecture: Architecture) -> Result<(), PackageError> {
    let elf = Elf::new(program).ok_or(PackageError::NotElf)?;
    let wanted = match architecture {
        Architecture::X86_64 => 62,
        Architecture::Arm64 => 183,
    };
    if elf.machine != wanted {
        return Err(PackageError::Machine { machine: machine_name(elf.machine), architecture });
    }
    let links = elf.links().ok_or(PackageError::Damaged)?;
    if links.is_empty() && elf.has_interpreter().ok_or(PackageError::Damaged)? {
        // Stripped of its sections: what it asks for cannot be told.
        return Err(PackageError::Damaged);
    }
    for link in links {
        match link {
            Link::Library(name) if !LIBRARIES.contains(&name.as_str()) => return Err(PackageError::Library { name }),
            Link::Version(name) if glibc(&name).is_some_and(|version| version > NEWEST_GLIBC) => {
                return Err(PackageError::Glibc { version: name });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The numbers of `GLIBC_2.34`.
pub(super) fn glibc(name: &str) -> Option<(u32, u32)> {
    let (major, minor) = name.strip_prefix("GLIBC_")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

fn machine_name(machine: u16) -> String {
    match machine {
        3 => "32-bit x86".to_owned(),
        40 => "32-bit ARM".to_owned(),
        62 => "x86_64".to_owned(),
        183 => "arm64".to_owned(),
        243 => "RISC-V".to_owned(),
        other => format!("machine {other}"),
    }
}

/// What a program asks its loader for.
#[derive(Debug, PartialEq, Eq)]
enum Link {
    /// A library.
    Library(String),
    /// A version of a library's symbols.
    Version(String),
}

/// A little-endian 64-bit ELF file.
pub(super) struct Elf<'a> {
    bytes: &'a [u8],
    machine: u16,
}

/// A section's header, as far as it is used.
pub(super) struct Section {
    kind: u32,
    pub(super) offset: u64,
    pub(super) size: u64,
    /// Which section has its texts.
    pub(super) link: u32,
    /// In `.gnu.version_r`: how many libraries.
    pub(super) info: u32,
}

impl<'a> Elf<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Option<Self> {
        // The magic number, 64 bits, little-endian.
        let starts_well = bytes.starts_with(&[0x7f, b'E', b'L', b'F', 2, 1]);
        let elf = Self { bytes, machine: 0 };
        let machine = elf.u16(18)?;
        starts_well.then_some(Self { machine, ..elf })
    }

    fn at<const LENGTH: usize>(&self, offset: u64) -> Option<[u8; LENGTH]> {
        let start = usize::try_from(offset).ok()?;
        self.bytes.get(start..start.checked_add(LENGTH)?)?.try_into().ok()
    }

    pub(super) fn u16(&self, offset: u64) -> Option<u16> {
        self.at(offset).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&self, offset: u64) -> Option<u32> {
        self.at(offset).map(u32::from_le_bytes)
    }

    fn u64(&self, offset: u64) -> Option<u64> {
        self.at(offset).map(u64::from_le_bytes)
    }

    /// The text that ends with a zero byte in a table of texts.
    pub(super) fn text(&self, table: &Section, index: u64) -> Option<String> {
        let start = usize::try_from(table.offset.checked_add(index)?).ok()?;
        let end = usize::try_from(table.offset.checked_add(table.size)?).ok()?;
        let text = self.bytes.get(start..end)?;
        let length = text.iter().take(256).position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(text.get(..length)?).into_owned())
    }

    fn has_interpreter(&self) -> Option<bool> {
        let (table, size, number) = (self.u64(32)?, self.u16(54)?, self.u16(56)?);
        let mut found = false;
        for index in 0..u64::from(number) {
            found |= self.u32(table.checked_add(index * u64::from(size))?)? == INTERPRETER;
        }
        Some(found)
    }

    pub(super) fn section(&self, index: u64) -> Option<Section> {
        let (table, size) = (self.u64(40)?, self.u16(58)?);
        let header = table.checked_add(index.checked_mul(u64::from(size))?)?;
        let field = |offset| header.checked_add(offset);
        Some(Section {
            kind: self.u32(field(4)?)?,
            offset: self.u64(field(24)?)?,
            size: self.u64(field(32)?)?,
            link: self.u32(field(40)?)?,
            info: self.u32(field(44)?)?,
        })
    }

    /// The first section of a kind, if there is one.
    pub(super) fn section_of_kind(&self, kind: u32) -> Option<Option<Section>> {
        for index in 0..u64::from(self.u16(60)?) {
            let section = self.section(index)?;
            if section.kind == kind {
                return Some(Some(section));
            }
        }
        Some(None)
    }

    fn links(&self) -> Option<Vec<Link>> {
        let mut links = Vec::new();
        for index in 0..u64::from(self.u16(60)?) {
            let section = self.section(index)?;
            match section.kind {
                DYNAMIC => self.libraries(&section, &mut links)?,
                VERSIONS_NEEDED => self.versions(&section, &mut links)?,
                _ => {}
            }
        }
        Some(links)
    }

    fn libraries(&self, section: &Section, links: &mut Vec<Link>) -> Option<()> {
        let texts = self.section(u64::from(section.link))?;
        for index in 0..(section.size / 16).min(MOST as u64) {
            let entry = section.offset.checked_add(index * 16)?;
            if self.u64(entry)? == NEEDED {
                links.push(Link::Library(self.text(&texts, self.u64(entry.checked_add(8)?)?)?));
            }
        }
        Some(())
    }

    fn versions(&self, section: &Section, links: &mut Vec<Link>) -> Option<()> {
        let texts = self.section(u64::from(section.link))?;
        let mut library = section.offset;
        for _ in 0..section.info {
            let number = self.u16(library.checked_add(2)?)?;
            let mut version = library.checked_add(u64::from(self.u32(library.checked_add(8)?)?))?;
            for _ in 0..number {
                if links.len() > MOST {
                    return None;
                }
                let name = u64::from(self.u32(version.checked_add(8)?)?);
                links.push(Link::Version(self.text(&texts, name)?));
                version = version.checked_add(u64::from(self.u32(version.checked_add(12)?)?))?;
            }
            library = library.checked_add(u64::from(self.u32(library.checked_add(12)?)?))?;
            if links.len() > MOST {
                return None;
            }
        }
        Some(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// An ELF file with a table of texts, a list of libraries and one of versions.
    fn program(machine: u16, library: &str, version: &str) -> Vec<u8> {
        let texts = format!("\0{library}\0{version}\0");
        let (texts_at, dynamic_at, versions_at, sections_at) = (64_u64, 256_u64, 320_u64, 384_u64);
        let mut bytes = vec![0; 384 + 3 * 64];
        let mut put =
            |offset: u64, content: &[u8]| bytes[offset as usize..offset as usize + content.len()].copy_from_slice(content);
        put(0, &[0x7f, b'E', b'L', b'F', 2, 1]);
        put(18, &machine.to_le_bytes());
        put(40, &sections_at.to_le_bytes());
        put(58, &64_u16.to_le_bytes());
        put(60, &3_u16.to_le_bytes());
        put(texts_at, texts.as_bytes());
        put(dynamic_at, &1_u64.to_le_bytes());
        put(dynamic_at + 8, &1_u64.to_le_bytes());
        put(versions_at + 2, &1_u16.to_le_bytes());
        put(versions_at + 8, &16_u32.to_le_bytes());
        put(versions_at + 16 + 8, &(library.len() as u32 + 2).to_le_bytes());
        let sections = [(3_u32, texts_at, texts.len(), 0_u32), (DYNAMIC, dynamic_at, 32, 0), (VERSIONS_NEEDED, versions_at, 32, 1)];
        for (index, (kind, offset, size, info)) in sections.into_iter().enumerate() {
            let header = sections_at + index as u64 * 64;
            put(header + 4, &kind.to_le_bytes());
            put(header + 24, &offset.to_le_bytes());
            put(header + 32, &(size as u64).to_le_bytes());
            put(header + 44, &info.to_le_bytes());
        }
        bytes
    }

    fn verdict(program: &[u8], architecture: Architecture) -> String {
        check(program, architecture).map_or_else(|error| error.to_string(), |()| "runs".to_owned())
    }

    #[test]
    fn only_what_lambda_can_start_passes() {
        let check = |machine, library: &str, version: &str, expected: &str| {
            let message = verdict(&program(machine, library, version), Architecture::X86_64);
            assert!(message.contains(expected), "{expected:?} is not in {message:?}");
        };
        check(62, "libc.so.6", "GLIBC_2.34", "runs");
        check(62, "libc.so.6", "GLIBC_2.2.5", "runs");
        check(62, "libc.so.6", "GLIBC_2.35", "GLIBC_2.35");
        check(62, "libc.so.6", "GLIBC_3.0", "GLIBC_3.0");
        check(62, "libssl.so.3", "OPENSSL_3.0.0", "libssl.so.3");
        check(183, "libc.so.6", "GLIBC_2.34", "is for arm64");
        assert!(verdict(b"#!/bin/sh\n", Architecture::X86_64).contains("no 64-bit Linux program"));
    }

    #[test]
    fn damaged_programs_are_refused_not_read_beyond_their_end() {
        let whole = program(62, "libc.so.6", "GLIBC_2.34");
        // The last section's header ends with fields that nobody reads.
        for length in 0..whole.len() - 16 {
            assert_ne!(verdict(&whole[..length], Architecture::X86_64), "runs", "{length}");
        }
        // Every byte as large as can be: no panic, no endless loop.
        for index in 16..whole.len() {
            let mut broken = whole.clone();
            broken[index] = 0xff;
            let _ = verdict(&broken, Architecture::X86_64);
        }
    }

    #[test]
    fn the_program_that_runs_this_is_read() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let links = Elf::new(&own).unwrap().links().unwrap();
        assert!(links.contains(&Link::Library("libc.so.6".to_owned())), "{links:?}");
        assert!(links.iter().any(|link| matches!(link, Link::Version(name) if name.starts_with("GLIBC_2."))), "{links:?}");
    }
}
