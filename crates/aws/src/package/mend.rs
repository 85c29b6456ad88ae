//! Making a program that was linked on a newer system fit Lambda's glibc, where nothing but a label is in the way.
//!
//! glibc gives a function a new version also when only the treatment of errors changes: in 2.35 that of `hypot`, in 2.38 that of `fmod`
//! left out the hook of SVID, which no program in Rust has (glibc's NEWS of these releases, "SVID error handling"). Whoever links on
//! Debian 12 or Ubuntu 22.04 asks for the new one. The old one is still in every glibc, computes the same and takes the same
//! arguments, so that the label in `.gnu.version_r` is all that is changed.

use super::elf::{Elf, NEWEST_GLIBC, VERSIONS_NEEDED, glibc};

/// Functions of `libm.so.6` by the version that differs from the former one in its treatment of errors alone.
const SAME: [((u32, u32), &[&str]); 2] = [((2, 35), &["hypot", "hypotf"]), ((2, 38), &["fmod", "fmodf"])];
/// `sh_type` of `.dynsym`.
const SYMBOLS: u32 = 11;
/// `sh_type` of `.gnu.version`.
const SYMBOL_VERSIONS: u32 = 0x6fff_ffff;
/// Most entries of a table that are looked at.
const MOST: usize = 65_536;

/// A version of a library that is asked for: one entry of `.gnu.version_r`.
struct Version {
    /// Where the entry is.
    offset: u64,
    /// Its numbers; `None` for one that is not glibc's.
    glibc: Option<(u32, u32)>,
    /// What symbols name it by.
    index: u16,
    /// Its name as a hash and as an offset: what is put in the place of another's.
    label: (u32, u32),
}

/// Asks for older versions of the functions that are the same in them. Anything else, also what is damaged, stays as it is.
pub(super) fn mend(mut program: Vec<u8>) -> Vec<u8> {
    let changes = Elf::new(&program).and_then(|elf| changes(&elf)).unwrap_or_default();
    for (offset, (hash, name)) in changes {
        for (offset, value) in [(offset, hash), (offset.saturating_add(8), name)] {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            if let Some(field) = program.get_mut(start..start.saturating_add(4)) {
                field.copy_from_slice(&value.to_le_bytes());
            }
        }
    }
    program
}

/// Entries of `.gnu.version_r` and the labels that they are to have.
fn changes(elf: &Elf<'_>) -> Option<Vec<(u64, (u32, u32))>> {
    let versions = versions(elf)?;
    let newest_known = |version: &&Version| version.glibc.is_some_and(|numbers| numbers <= NEWEST_GLIBC);
    let Some(oldest) = versions.iter().filter(newest_known).min_by_key(|version| version.glibc) else { return Some(Vec::new()) };
    let mut changes = Vec::new();
    for version in versions.iter().filter(|version| !newest_known(version)) {
        let same = SAME.iter().find(|(numbers, _)| version.glibc == Some(*numbers)).map(|(_, names)| *names);
        if let Some(same) = same
            && symbols(elf, version.index)?.iter().all(|name| same.contains(&name.as_str()))
        {
            changes.push((version.offset, oldest.label));
        }
    }
    Some(changes)
}

/// The versions of `libm.so.6` that are asked for.
fn versions(elf: &Elf<'_>) -> Option<Vec<Version>> {
    let mut found = Vec::new();
    let Some(section) = elf.section_of_kind(VERSIONS_NEEDED)? else { return Some(found) };
    let texts = elf.section(u64::from(section.link))?;
    let mut library = section.offset;
    for _ in 0..u64::from(section.info).min(MOST as u64) {
        let is_libm = elf.text(&texts, u64::from(elf.u32(library.checked_add(4)?)?))? == "libm.so.6";
        let mut offset = library.checked_add(u64::from(elf.u32(library.checked_add(8)?)?))?;
        for _ in 0..if is_libm { elf.u16(library.checked_add(2)?)? } else { 0 } {
            if found.len() >= MOST {
                return None;
            }
            let (hash, name) = (elf.u32(offset)?, elf.u32(offset.checked_add(8)?)?);
            found.push(Version {
                offset,
                glibc: glibc(&elf.text(&texts, u64::from(name))?),
                index: elf.u16(offset.checked_add(6)?)?,
                label: (hash, name),
            });
            offset = offset.checked_add(u64::from(elf.u32(offset.checked_add(12)?)?))?;
        }
        library = library.checked_add(u64::from(elf.u32(library.checked_add(12)?)?))?;
    }
    Some(found)
}

/// The names of the symbols that ask for a version.
fn symbols(elf: &Elf<'_>, version: u16) -> Option<Vec<String>> {
    let (table, versions) = (elf.section_of_kind(SYMBOLS)??, elf.section_of_kind(SYMBOL_VERSIONS)??);
    let texts = elf.section(u64::from(table.link))?;
    let mut names = Vec::new();
    for index in 0..(versions.size / 2).min(MOST as u64) {
        // The highest bit says that a symbol is hidden.
        if elf.u16(versions.offset.checked_add(index * 2)?)? & 0x7fff == version {
            let symbol = table.offset.checked_add(index * 24)?;
            names.push(elf.text(&texts, u64::from(elf.u32(symbol)?))?);
        }
    }
    Some(names)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// An ELF file that asks `libm.so.6` for `function`, of `version`, and for something old.
    fn program(function: &str, version: &str) -> Vec<u8> {
        let texts = format!("\0libm.so.6\0GLIBC_2.2.5\0{version}\0{function}\0");
        let at = |text: &str| texts.find(&format!("\0{text}\0")).unwrap() as u32 + 1;
        let (texts_at, needed_at, symbols_at, versions_at, sections_at) = (64_u64, 256_u64, 320_u64, 384_u64, 448_u64);
        let mut bytes = vec![0; 448 + 4 * 64];
        let mut put =
            |offset: u64, content: &[u8]| bytes[offset as usize..offset as usize + content.len()].copy_from_slice(content);
        put(0, &[0x7f, b'E', b'L', b'F', 2, 1]);
        put(40, &sections_at.to_le_bytes());
        put(58, &64_u16.to_le_bytes());
        put(60, &4_u16.to_le_bytes());
        put(texts_at, texts.as_bytes());
        put(needed_at + 2, &2_u16.to_le_bytes());
        put(needed_at + 4, &at("libm.so.6").to_le_bytes());
        put(needed_at + 8, &16_u32.to_le_bytes());
        for (entry, name, index, next) in [(16, "GLIBC_2.2.5", 2_u16, 16_u32), (32, version, 3, 0)] {
            put(needed_at + entry, &u32::from(index).to_le_bytes());
            put(needed_at + entry + 6, &index.to_le_bytes());
            put(needed_at + entry + 8, &at(name).to_le_bytes());
            put(needed_at + entry + 12, &next.to_le_bytes());
        }
        put(symbols_at + 24, &at(function).to_le_bytes());
        put(versions_at + 2, &3_u16.to_le_bytes());
        let sections = [
            (3_u32, texts_at, texts.len() as u64, 0_u32),
            (VERSIONS_NEEDED, needed_at, 48, 1),
            (SYMBOLS, symbols_at, 48, 0),
            (SYMBOL_VERSIONS, versions_at, 4, 0),
        ];
        for (index, (kind, offset, size, info)) in sections.into_iter().enumerate() {
            let header = sections_at + index as u64 * 64;
            put(header + 4, &kind.to_le_bytes());
            put(header + 24, &offset.to_le_bytes());
            put(header + 32, &size.to_le_bytes());
            put(header + 44, &info.to_le_bytes());
        }
        bytes
    }

    fn asked(program: &[u8]) -> Vec<Option<(u32, u32)>> {
        versions(&Elf::new(program).unwrap()).unwrap().iter().map(|version| version.glibc).collect()
    }

    #[test]
    fn only_labels_of_functions_that_are_the_same_are_changed() {
        let check = |function: &str, version: &str, expected| {
            let found = asked(&mend(program(function, version)));
            assert_eq!(found, [Some((2, 2)), Some(expected)], "{function} of {version}");
        };
        check("hypotf", "GLIBC_2.35", (2, 2));
        check("fmod", "GLIBC_2.38", (2, 2));
        check("expf", "GLIBC_2.27", (2, 27));
        check("hypotf", "GLIBC_2.38", (2, 38));
        check("exp10", "GLIBC_2.39", (2, 39));
    }

    #[test]
    fn damaged_programs_stay_as_they_are_or_are_as_long() {
        let whole = program("hypotf", "GLIBC_2.35");
        for length in 0..whole.len() {
            assert_eq!(mend(whole[..length].to_vec()).len(), length);
        }
        for index in 0..whole.len() {
            let mut broken = whole.clone();
            broken[index] = 0xff;
            assert_eq!(mend(broken).len(), whole.len(), "{index}");
        }
    }
}
