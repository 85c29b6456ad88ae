//! A PNG file as its decoder is given it for the still image: without the animation, whose errors are not the still's, and with
//! what the decoder would take amiss put right.

use crate::sniff::PNG_SIGNATURE;
use std::borrow::Cow;
use std::io::{BufRead, Error, ErrorKind, Read, Seek, SeekFrom};

/// Bytes of a chunk around its data: length, name, checksum.
const FRAME_BYTES: usize = 12;

/// The bytes of the file, piece by piece; what is not changed is not copied.
pub(super) struct Still<'a> {
    pieces: Vec<Cow<'a, [u8]>>,
    piece: usize,
    /// How much of that piece has been read.
    read: usize,
}

impl<'a> Still<'a> {
    pub(super) fn new(source: &'a [u8]) -> Self {
        let mut pieces = Vec::new();
        // What is kept and has no piece yet, and where the walk over the chunks stands.
        let (mut kept, mut position) = (0, PNG_SIGNATURE.len());
        while let Some(chunk) = chunk_at(source, position) {
            let replacement = match &chunk[4..8] {
                b"acTL" | b"fcTL" | b"fdAT" => Some(Vec::new()),
                b"tRNS" => masked_key(source, chunk),
                _ => None,
            };
            let behind = position + chunk.len();
            if let Some(replacement) = replacement {
                pieces.push(Cow::Borrowed(&source[kept..position]));
                pieces.push(Cow::Owned(replacement));
                kept = behind;
            }
            position = behind;
        }
        // Behind the last whole chunk, too: the decoder says what is wrong there.
        pieces.push(Cow::Borrowed(&source[kept..]));
        pieces.retain(|piece| !piece.is_empty());
        Self { pieces, piece: 0, read: 0 }
    }
}

/// The chunk that begins at a position, with its frame; `None` when it is cut off.
fn chunk_at(source: &[u8], position: usize) -> Option<&[u8]> {
    let rest = source.get(position..)?;
    let [a, b, c, d, ..] = *rest else { return None };
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    rest.get(..length.checked_add(FRAME_BYTES)?)
}

/// The transparent grey of a picture of 1, 2 or 4 bits, without the bits above those: decoders must mask them (PNG, third edition,
/// 11.3.1.1). `None` where nothing is to be changed.
fn masked_key(source: &[u8], chunk: &[u8]) -> Option<Vec<u8>> {
    let depth = *source.get(24)?;
    let is_grey = source.get(25) == Some(&0);
    let [high, low] = *chunk.get(8..chunk.len() - 4)? else { return None };
    let mask = (1_u16.checked_shl(depth.into())?).wrapping_sub(1);
    let value = u16::from_be_bytes([high, low]);
    if !is_grey || depth > 4 || value & !mask == 0 {
        return None;
    }
    let body = [b"tRNS".as_slice(), &(value & mask).to_be_bytes()].concat();
    Some([&2_u32.to_be_bytes(), body.as_slice(), &crc32fast::hash(&body).to_be_bytes()].concat())
}

impl BufRead for Still<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        if self.pieces.get(self.piece).is_some_and(|piece| self.read >= piece.len()) {
            (self.piece, self.read) = (self.piece + 1, 0);
        }
        Ok(self.pieces.get(self.piece).and_then(|piece| piece.get(self.read..)).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.read += amount;
    }
}

impl Read for Still<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

/// The decoder asks for it and makes no use of it.
impl Seek for Still<'_> {
    fn seek(&mut self, _to: SeekFrom) -> std::io::Result<u64> {
        Err(Error::new(ErrorKind::Unsupported, "the pieces of a file are read from the first to the last"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let body = [kind, data].concat();
        [&(data.len() as u32).to_be_bytes(), body.as_slice(), &crc32fast::hash(&body).to_be_bytes()].concat()
    }

    /// A grey picture of one bit a pixel; `color_type` 0 is grey.
    fn file(depth: u8, color_type: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
        let header = chunk(b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, depth, color_type, 0, 0, 0]);
        [PNG_SIGNATURE, &header, &chunks.concat()].concat()
    }

    fn check(given: &[u8], expected: &[u8]) {
        let mut found = Vec::new();
        Still::new(given).read_to_end(&mut found).unwrap();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_animation_is_left_out() {
        let (data, end) = (chunk(b"IDAT", b"data"), chunk(b"IEND", b""));
        let animation = [chunk(b"acTL", &[0; 8]), chunk(b"fcTL", &[0; 26]), chunk(b"fdAT", b"0000frame")];
        let [control, frame, more] = animation;
        let given = file(8, 0, &[control, frame, data.clone(), more, end.clone()]);
        check(&given, &file(8, 0, &[data, end]));
        // What is cut off is handed on as it is.
        check(&given[..given.len() - 3], &file(8, 0, &[chunk(b"IDAT", b"data"), chunk(b"IEND", b"")[..9].to_vec()]));
        check(b"no chunks", b"no chunks");
    }

    #[test]
    fn a_key_has_no_more_bits_than_the_pixels() {
        let check_key = |depth, color_type, given: [u8; 2], expected: [u8; 2]| {
            let with = |key: [u8; 2]| file(depth, color_type, &[chunk(b"tRNS", &key), chunk(b"IDAT", b"data")]);
            check(&with(given), &with(expected));
        };
        check_key(1, 0, [0, 255], [0, 1]);
        check_key(4, 0, [1, 0x23], [0, 3]);
        check_key(2, 0, [0, 2], [0, 2]);
        check_key(8, 0, [1, 2], [1, 2]);
        check_key(16, 0, [1, 2], [1, 2]);
        // Of a palette these are the alpha of two entries.
        check_key(1, 3, [0, 255], [0, 255]);
    }
}
