//! The bits of the scan on their way into the file.
//!
//! A byte 0xFF of the scan is followed by a zero (T.81, B.1.1.5). Instead of looking at every byte as it is made, bits go to a
//! buffer as they are, eight bytes at a time with no branch, and from there to the file in pieces, of which most hold no 0xFF.

/// Bytes of the buffer: a power of two that leaves the first cache to others.
const BUFFER_BYTES: usize = 1 << 13;
/// More than is written between two calls of [`Cursor::make_room`]: ten blocks of 64 coefficients of 27 bits.
const GROUP_BYTES: usize = 2560;
/// Bytes that are looked at together for a 0xFF.
const PIECE_BYTES: usize = 32;

/// Where the next bits go. A value of its own, so that it stays in registers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cursor {
    /// Bits that are not yet in the buffer, from the top.
    word: u64,
    /// How many: 0 to 7 between two calls.
    filled: u32,
    /// Bytes in the buffer.
    at: usize,
}

/// Bytes of the scan before stuffing, and room for a word that begins at the last of them.
pub(super) struct Buffer {
    bytes: Box<[u8; BUFFER_BYTES + 8]>,
}

impl Buffer {
    pub fn new() -> Self {
        Self { bytes: Box::new([0; BUFFER_BYTES + 8]) }
    }
}

impl Cursor {
    /// Appends the low `count` bits of `bits`, at most 32; the others are zero.
    #[inline(always)]
    pub fn put(&mut self, buffer: &mut Buffer, bits: u32, count: u32) {
        let filled = self.filled + count;
        let word = self.word | u64::from(bits).wrapping_shl(64 - filled);
        // The mask changes nothing: `make_room` came before. It tells the compiler so.
        let at = self.at & (BUFFER_BYTES - 1);
        buffer.bytes[at..at + 8].copy_from_slice(&word.to_be_bytes());
        self.at = at + (filled >> 3) as usize;
        self.word = word << (filled & !7);
        self.filled = filled & 7;
    }

    /// Empties the buffer into `output` if ten more blocks might not fit.
    #[inline(always)]
    pub fn make_room(&mut self, buffer: &Buffer, output: &mut Vec<u8>) {
        if self.at > BUFFER_BYTES - GROUP_BYTES {
            self.drain(buffer, output);
        }
    }

    /// Ends the scan: the last byte is filled with ones (T.81, F.1.2.3), and all of it is in `output`.
    pub fn finish(mut self, buffer: &mut Buffer, output: &mut Vec<u8>) {
        let missing = (8 - self.filled) & 7;
        self.put(buffer, (1 << missing) - 1, missing);
        self.drain(buffer, output);
    }

    #[inline(never)]
    fn drain(&mut self, buffer: &Buffer, output: &mut Vec<u8>) {
        stuff(&buffer.bytes[..self.at.min(BUFFER_BYTES)], output);
        self.at = 0;
    }
}

/// Appends bytes of a scan, with a zero after each 0xFF.
fn stuff(bytes: &[u8], output: &mut Vec<u8>) {
    output.reserve(bytes.len() + bytes.len() / 64);
    let (pieces, rest) = bytes.as_chunks::<PIECE_BYTES>();
    for piece in pieces {
        // Without a way out, so that it becomes a comparison of the whole piece.
        if piece.iter().fold(false, |found, &byte| found | (byte == 0xff)) {
            stuff_bytes(piece, output);
        } else {
            output.extend_from_slice(piece);
        }
    }
    stuff_bytes(rest, output);
}

fn stuff_bytes(bytes: &[u8], output: &mut Vec<u8>) {
    for &byte in bytes {
        output.push(byte);
        if byte == 0xff {
            output.push(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scan of these codes (bits, count), over and over.
    fn written(codes: &[(u32, u32)], times: usize) -> Vec<u8> {
        let (mut buffer, mut output, mut cursor) = (Buffer::new(), Vec::new(), Cursor::default());
        for _ in 0..times {
            cursor.make_room(&buffer, &mut output);
            for &(bits, count) in codes {
                cursor.put(&mut buffer, bits, count);
            }
        }
        cursor.finish(&mut buffer, &mut output);
        output
    }

    #[test]
    fn bits_follow_each_other_from_the_top() {
        let check = |codes: &[(u32, u32)], expected: &[u8]| assert_eq!(written(codes, 1), expected, "{codes:?}");
        check(&[], &[]);
        check(&[(0, 0)], &[]);
        check(&[(0, 1)], &[0x7f]);
        check(&[(0b101, 3), (0, 2), (0b111, 3)], &[0b1010_0111]);
        check(&[(0x1234_5678, 32), (0x9abc_def0, 32)], &[0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0]);
        check(&[(1, 7), (0x0765_4321, 27), (0, 0), (3, 2)], &[3, 0xd9, 0x50, 0xc8, 0x7f]);
    }

    #[test]
    fn a_zero_follows_each_byte_of_ones() {
        let check = |codes: &[(u32, u32)], expected: &[u8]| assert_eq!(written(codes, 1), expected, "{codes:?}");
        check(&[(0xff, 8)], &[0xff, 0]);
        check(&[(0xffff_ffff, 32)], &[0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0]);
        // The filling makes it one.
        check(&[(0x7f, 7)], &[0xff, 0]);
    }

    #[test]
    fn what_is_larger_than_the_buffer_arrives_whole() {
        let output = written(&[(0x00ff_1234, 32), (0xff, 8)], 30_000);
        assert_eq!(output.len(), 30_000 * 7);
        assert!(output.as_chunks::<7>().0.iter().all(|piece| piece == &[0, 0xff, 0, 0x12, 0x34, 0xff, 0]));
    }
}
