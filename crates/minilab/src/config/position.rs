//! Where in the file something stands.

/// The line, from 1, that holds this byte.
pub(super) fn line(text: &str, offset: usize) -> usize {
    1 + text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count()
}

/// The first place from `start` where `key` is set; `start` when it is not.
pub(super) fn of_key(text: &str, start: usize, key: &str) -> usize {
    find_line(text, start, |line| sets(line, key)).unwrap_or(start)
}

/// The place in the table whose header stands at `table` where `key` is set; the header when it is not.
pub(super) fn of_key_in_table(text: &str, table: usize, key: &str) -> usize {
    let header_end = text[table..].find('\n').map_or(text.len(), |newline| table + newline + 1);
    let end = find_line(text, header_end, |line| line.trim_start().starts_with('[')).unwrap_or(text.len());
    let offset = of_key(&text[..end], table, key);
    if offset < end { offset } else { table }
}

/// The place of the header that comes after so many others of its kind; the start when there is none.
pub(super) fn of_table(text: &str, header: &str, before: usize) -> usize {
    let mut offset = 0;
    let mut seen = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with(header) {
            if seen == before {
                return offset;
            }
            seen += 1;
        }
        offset += line.len();
    }
    0
}

/// The first place where `key` is set to something that holds this text; the start when it is not.
pub(super) fn of_key_with(text: &str, key: &str, value: &str) -> usize {
    find_line(text, 0, |line| sets(line, key) && line.contains(value)).unwrap_or(0)
}

/// The first place where `key` is set to this text; the start when it is not.
pub(super) fn of_value(text: &str, key: &str, value: &str) -> usize {
    find_line(text, 0, |line| sets(line, key) && line.contains(&format!("\"{value}\""))).unwrap_or(0)
}

/// The key whose value holds this byte: the word before the last `=` ahead of it on its line.
pub(super) fn key_at(text: &str, offset: usize) -> Option<&str> {
    let line_start = text[..offset].rfind('\n').map_or(0, |newline| newline + 1);
    let (before, _) = text[line_start..offset].rsplit_once('=')?;
    let before = before.trim_end();
    let start = before.rfind(|letter: char| !letter.is_alphanumeric() && letter != '_').map_or(0, |end| end + 1);
    (start < before.len()).then(|| &before[start..])
}

/// The place where a rule, or a variant of it, sets `key`. A key inside a step is found in the step's line.
pub(super) fn of_field(text: &str, rule_start: usize, variant: Option<&str>, key: &str) -> usize {
    let named = |name: &str| find_line(text, rule_start, |line| sets(line, "name") && line.contains(&format!("\"{name}\"")));
    let table = variant.and_then(named).map_or(rule_start, |name| table_start(text, name));
    of_key(text, table, key)
}

/// The start of the table that the line at `offset` belongs to: its last header before.
fn table_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind("\n[").map_or(0, |newline| newline + 1)
}

fn sets(line: &str, key: &str) -> bool {
    line.match_indices(key).any(|(at, _)| {
        let starts_word = !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
        starts_word && line[at + key.len()..].trim_start().starts_with('=')
    })
}

fn find_line(text: &str, start: usize, wanted: impl Fn(&str) -> bool) -> Option<usize> {
    let mut offset = start;
    for line in text[start..].split_inclusive('\n') {
        if wanted(line) {
            return Some(offset);
        }
        offset += line.len();
    }
    None
}
