//! Text from strangers, made fit to be recorded.

use serde_json::Value as Json;

/// Longest name or title that is recorded, in characters. Some writers pad a field with thousands.
pub(crate) const SHORT_TEXT: usize = 200;
/// Longest description that is recorded, in characters: as IPTC has it for captions.
pub(crate) const LONG_TEXT: usize = 2000;
/// Most values of a list that are recorded.
pub(crate) const MAX_VALUES: usize = 100;

/// Text without padding and control characters, lines kept, cut off at `limit` characters; `None` when nothing is left.
pub(crate) fn clean(text: &str, limit: usize) -> Option<String> {
    let lines = text.trim_matches(|character: char| character.is_whitespace() || character.is_control());
    let kept = lines.chars().filter(|&character| character == '\n' || !character.is_control());
    let text: String = kept.take(limit).collect();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// [`clean`] text as a value of the record. Bytes that are no UTF-8 are taken as Latin-1.
pub(crate) fn json(bytes: &[u8], limit: usize) -> Option<Json> {
    clean(&utf_8_or_latin_1(bytes), limit).map(Json::String)
}

/// Bytes as Latin-1, in which every byte is the character of its number.
pub(crate) fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Bytes as UTF-8 if that is what they are, else as Latin-1.
pub(crate) fn utf_8_or_latin_1(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| latin_1(bytes), str::to_owned)
}
