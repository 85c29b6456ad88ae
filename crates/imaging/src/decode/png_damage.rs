//! Finds out where a PNG is damaged, once its decoder has said that it is: the decoder knows what is wrong, not where.

use crate::error::ImageError;
use crate::sniff::PNG_SIGNATURE;
use minilab_model::Format;

/// Bytes of a chunk around its data: length, name, checksum.
const FRAME_BYTES: usize = 12;

/// The decoder's error, or the place where the damage is.
pub(super) fn located(source: &[u8], error: ImageError) -> ImageError {
    match error {
        ImageError::Corrupt { .. } => locate(source).unwrap_or(error),
        other => other,
    }
}

/// The first chunk whose framing or checksum is wrong (PNG, third edition, 5.3), as the error about it. `None` when all of
/// them are sound: then the data in them is not.
pub(super) fn locate(source: &[u8]) -> Option<ImageError> {
    let mut position = PNG_SIGNATURE.len();
    loop {
        let error = |detail: String| Some(ImageError::corrupt_at(Format::Png, detail, position));
        let chunk = source.get(position..).unwrap_or_default();
        let [a, b, c, d, name @ ..] = chunk else {
            return error("it ends before its last chunk, IEND".to_owned());
        };
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let Some(kind) = name.get(..4) else {
            return error("it ends inside the head of a chunk".to_owned());
        };
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return error("there is no chunk where one should begin".to_owned());
        }
        let kind_text = String::from_utf8_lossy(kind);
        let Some(whole) = length.checked_add(FRAME_BYTES).and_then(|length| chunk.get(..length)) else {
            let there = chunk.len().saturating_sub(FRAME_BYTES - 4);
            return error(format!("chunk {kind_text} is cut off: it ends after {there} of {length} bytes"));
        };
        let (body, checksum) = whole[4..].split_at(length + 4);
        if crc32fast::hash(body).to_be_bytes() != checksum {
            return error(format!("chunk {kind_text} has a bad checksum"));
        }
        if kind == b"IEND" {
            return None;
        }
        position += length + FRAME_BYTES;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        let body = [kind, data].concat();
        [&(data.len() as u32).to_be_bytes(), body.as_slice(), &crc32fast::hash(&body).to_be_bytes()].concat()
    }

    fn check(change: impl Fn(&mut Vec<u8>), expected: Option<&str>) {
        let mut file = [PNG_SIGNATURE, &chunk(b"IHDR", &[7; 13]), &chunk(b"IDAT", b"data"), &chunk(b"IEND", b"")].concat();
        change(&mut file);
        let found = locate(&file).map(|error| error.to_string());
        assert_eq!(found.as_deref(), expected.map(|text| format!("the png image is damaged: {text}")).as_deref());
    }

    #[test]
    fn the_damaged_chunk_is_named() {
        check(|_| (), None);
        check(|file| file[42] ^= 1, Some("chunk IDAT has a bad checksum (at byte 33)"));
        check(|file| file.truncate(43), Some("chunk IDAT is cut off: it ends after 2 of 4 bytes (at byte 33)"));
        check(|file| file.truncate(49), Some("it ends before its last chunk, IEND (at byte 49)"));
        check(|file| file.truncate(54), Some("it ends inside the head of a chunk (at byte 49)"));
        check(|file| file[38] = b'\n', Some("there is no chunk where one should begin (at byte 33)"));
        check(|file| file[33] = 0xff, Some("chunk IDAT is cut off: it ends after 20 of 4278190084 bytes (at byte 33)"));
    }
}
