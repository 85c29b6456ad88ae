//! Entropy-coded bytes to bits: a window of the scan with the byte stuffing taken out, and a
//! reader on it.
//!
//! The window is topped up before each MCU so that an MCU never runs out of it. What follows the
//! end of a segment is read as zeros, and noticed afterwards by [`Window::overrun`]: the block
//! decoders need no test for the end.

/// Bytes of one MCU at the most: ten blocks of 64 symbols of 32 bits, rounded up.
pub(crate) const MCU_BYTES: usize = 10 * 64 * 4;
/// Bytes that the reader may touch beyond what it consumes.
pub(crate) const LOOK_AHEAD: usize = 16;
/// Bytes that stay in the window behind the reader, so that its next bit is there too.
const BEHIND: usize = 8;
/// Size of the window. A power of two, so that a mask keeps the reader in it. Two readers have half of it each.
const WINDOW: usize = 1 << 16;
/// Room for real data; the rest holds zeros when the segment ends.
const CAPACITY: usize = WINDOW - MCU_BYTES - 2 * LOOK_AHEAD;

/// The unstuffed bytes, as the reader sees them: eight more than the mask can reach.
pub(crate) type Buffer = [u8; WINDOW + 8];

/// Bits of the buffer, most significant first.
///
/// `bits` holds the next bits at its top; of them `count mod 64` are good. The upper part of
/// `count` is noise, since whole table entries are subtracted from it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BitReader {
    pub bits: u64,
    pub count: u32,
    /// Next byte of the buffer to be loaded.
    pub position: usize,
}

impl BitReader {
    /// Makes at least 56 bits good.
    #[inline(always)]
    pub fn refill(&mut self, buffer: &Buffer) {
        let start = self.position & (WINDOW - 1);
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&buffer[start..start + 8]);
        let count = self.count & 63;
        self.bits |= u64::from_be_bytes(bytes) >> count;
        self.position += ((63 - count) >> 3) as usize;
        self.count = count | 56;
    }

    /// Passes over as many bits as the low six bits of `entry` say.
    #[inline(always)]
    pub fn consume(&mut self, entry: u32) {
        self.bits <<= entry & 63;
        self.count = self.count.wrapping_sub(entry);
    }

    /// A reader whose next bit is `bit` of the buffer.
    pub fn at(buffer: &Buffer, bit: usize) -> Self {
        let (position, within) = (bit / 8, bit % 8);
        let byte = u64::from(buffer[position & (WINDOW - 1)]);
        Self { bits: byte << (56 + within), count: 8 - within as u32, position: position + 1 }
    }

    /// Bits read since the front of the buffer.
    pub fn bits_read(&self) -> usize {
        (self.position * 8).saturating_sub((self.count & 63) as usize)
    }
}

/// A moving window on the entropy-coded bytes of one segment: from a scan header or restart
/// marker to the next marker.
pub(crate) struct Window<'a> {
    source: &'a [u8],
    /// Next byte of the source to be copied.
    source_position: usize,
    segment_start: usize,
    buffer: Box<Buffer>,
    /// Good bytes in the buffer.
    end: usize,
    /// Bytes of the segment that have left the buffer.
    dropped: usize,
    /// The segment's last byte is in the buffer.
    complete: bool,
}

impl<'a> Window<'a> {
    pub fn new(source: &'a [u8], start: usize) -> Self {
        Self { source, source_position: start, segment_start: start, buffer: empty_buffer(), end: 0, dropped: 0, complete: false }
    }

    #[inline(always)]
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// Good bytes in the buffer, and whether they are all that is left of the segment.
    pub fn end(&self) -> (usize, bool) {
        (self.end, self.complete)
    }

    /// Fills up a buffer of which the reader has left a half or more.
    pub fn top_up(&mut self, reader: &mut BitReader) {
        if !self.complete && self.end < reader.position + WINDOW / 2 {
            *reader = self.slide(*reader);
        }
    }

    /// Sees to it that a whole MCU can be read.
    #[inline(always)]
    pub fn prepare(&mut self, reader: &mut BitReader) {
        if reader.position + MCU_BYTES + LOOK_AHEAD > self.end && !self.complete {
            *reader = self.slide(*reader);
        }
    }

    /// Has the reader gone past the end of the segment?
    #[inline(always)]
    pub fn overrun(&self, reader: &BitReader) -> bool {
        reader.position > self.end && reader.bits_read() > self.end * 8
    }

    /// Would a code of 16 bits reach past the end of the segment?
    pub fn at_end(&self, reader: &BitReader) -> bool {
        self.complete && reader.bits_read() + 16 > self.end * 8
    }

    #[inline(never)]
    fn slide(&mut self, mut reader: BitReader) -> BitReader {
        let left = reader.position.saturating_sub(BEHIND);
        self.buffer.copy_within(left..self.end, 0);
        self.dropped += left;
        self.end -= left;
        reader.position -= left;
        self.fill();
        reader
    }

    /// Copies source bytes until the buffer is full or the segment ends.
    fn fill(&mut self) {
        while self.end < CAPACITY && !self.complete {
            self.copy_run();
            if self.end >= CAPACITY {
                break;
            }
            // At a 0xFF, or at the end of the source.
            match self.source.get(self.source_position + 1) {
                Some(0x00) => {
                    self.buffer[self.end] = 0xFF;
                    self.end += 1;
                    self.source_position += 2;
                }
                // Fill bytes may stand before a marker.
                Some(0xFF) => self.source_position += 1,
                _ => {
                    self.complete = true;
                    self.buffer[self.end..][..MCU_BYTES + LOOK_AHEAD].fill(0);
                }
            }
        }
    }

    /// Copies bytes up to the next 0xFF, 32 at a time. The buffer has room for as many behind its capacity.
    fn copy_run(&mut self) {
        let source = &self.source[self.source_position..];
        let (mut end, mut copied) = (self.end, 0);
        while end < CAPACITY {
            let Some(chunk) = source[copied..].first_chunk::<32>() else {
                let Some(&byte) = source.get(copied).filter(|&&byte| byte != 0xFF) else {
                    break;
                };
                self.buffer[end] = byte;
                end += 1;
                copied += 1;
                continue;
            };
            self.buffer[end..end + 32].copy_from_slice(chunk);
            let plain = first_ff(chunk);
            end += plain;
            copied += plain;
            if plain < 32 {
                break;
            }
        }
        self.end = end;
        self.source_position += copied;
    }

    /// Leaves the rest of this segment and goes past the restart marker that ends it. Gives the
    /// marker's number, or `None` if something else ends the segment.
    pub fn next_segment(&mut self) -> Option<u8> {
        let marker = self.marker()?;
        let number = self.source[marker + 1];
        if !(0xD0..=0xD7).contains(&number) {
            return None;
        }
        self.source_position = marker + 2;
        self.segment_start = marker + 2;
        self.end = 0;
        self.dropped = 0;
        self.complete = false;
        Some(number - 0xD0)
    }

    /// Offset of the marker that ends the segment; `None` if the source ends without one.
    pub fn marker(&self) -> Option<usize> {
        let mut position = self.source_position;
        loop {
            position = find_ff(self.source, position)?;
            match self.source.get(position + 1)? {
                0x00 => position += 2,
                0xFF => position += 1,
                _ => return Some(position),
            }
        }
    }

    /// Offset in the source of what the reader reads next.
    ///
    /// Counts through the segment again, so it is for error messages only.
    pub fn source_offset(&self, reader: &BitReader) -> usize {
        let in_buffer = reader.bits_read() / 8;
        let mut wanted = self.dropped + in_buffer.min(self.end);
        let mut position = self.segment_start;
        while wanted > 0 && position < self.source_position {
            let stuffed = self.source[position..].starts_with(&[0xFF, 0x00]);
            position += if stuffed { 2 } else { 1 };
            wanted -= 1;
        }
        position
    }
}

/// Made on the heap: it would be large for a stack.
fn empty_buffer() -> Box<Buffer> {
    match vec![0; WINDOW + 8].into_boxed_slice().try_into() {
        Ok(buffer) => buffer,
        Err(_) => unreachable!("it has just this size"),
    }
}

/// Offset of the first 0xFF at or after `position`.
pub(crate) fn find_ff(data: &[u8], mut position: usize) -> Option<usize> {
    while let Some(chunk) = data.get(position..)?.first_chunk::<32>() {
        let plain = first_ff(chunk);
        position += plain;
        if plain < 32 {
            return Some(position);
        }
    }
    let rest = data.get(position..)?;
    Some(position + rest.iter().position(|&byte| byte == 0xFF)?)
}

/// How many bytes stand before the first 0xFF; 32 if there is none.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
#[inline(always)]
fn first_ff(chunk: &[u8; 32]) -> usize {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
    // SAFETY: these need SSE2, which every x86-64 processor has; twice sixteen bytes are read of an array of 32.
    let [low, high] = [0, 16].map(|offset| unsafe {
        let bytes = _mm_loadu_si128(chunk.as_ptr().add(offset).cast());
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(-1))) as u32
    });
    (low | high << 16).trailing_zeros() as usize
}

/// How many bytes stand before the first 0xFF; 32 if there is none.
#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
#[inline(always)]
fn first_ff(chunk: &[u8; 32]) -> usize {
    use std::arch::aarch64::{
        vceqq_u8, vdupq_n_u8, vget_lane_u64, vld1q_u8, vreinterpret_u64_u8, vreinterpretq_u16_u8, vshrn_n_u16,
    };
    // SAFETY: these need NEON, which every processor of this kind has; twice sixteen bytes are read of an array of 32.
    let [low, high] = [0, 16].map(|offset| unsafe {
        let found = vceqq_u8(vld1q_u8(chunk.as_ptr().add(offset)), vdupq_n_u8(0xFF));
        // Four bits for each byte.
        let mask = vshrn_n_u16::<4>(vreinterpretq_u16_u8(found));
        u128::from(vget_lane_u64::<0>(vreinterpret_u64_u8(mask)))
    });
    (low | high << 64).trailing_zeros() as usize / 4
}

/// How many bytes stand before the first 0xFF; 32 if there is none.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
fn first_ff(chunk: &[u8; 32]) -> usize {
    first_ff_portable(chunk)
}

/// [`first_ff`] in ordinary arithmetic, for processors without SSE2 or NEON.
#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
#[inline(always)]
fn first_ff_portable(chunk: &[u8; 32]) -> usize {
    const LOW: u128 = u128::from_ne_bytes([1; 16]);
    const HIGH: u128 = LOW << 7;
    let first = |half: [u8; 16]| {
        // The classic test for a zero byte; false hits lie above the first true one only.
        let inverted = !u128::from_le_bytes(half);
        let zeros = inverted.wrapping_sub(LOW) & !inverted & HIGH;
        zeros.trailing_zeros() as usize / 8
    };
    let (halves, _) = chunk.as_chunks::<16>();
    match first(halves[0]) {
        16 => 16 + first(halves[1]),
        place => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ff_is_found_at_every_place() {
        for length in 0..80 {
            for place in 0..length {
                let mut data = vec![0xFE; length];
                data[place] = 0xFF;
                assert_eq!(find_ff(&data, 0), Some(place));
                assert_eq!(find_ff(&data, place + 1), None);
            }
            assert_eq!(find_ff(&vec![0x7F; length], 0), None);
        }
    }

    #[test]
    fn both_searches_agree() {
        for background in [0x00, 0x01, 0x7F, 0x80, 0xFE] {
            assert_eq!(first_ff_portable(&[background; 32]), 32);
            assert_eq!(first_ff(&[background; 32]), 32);
            for first in 0..32 {
                for second in first..32 {
                    let mut chunk = [background; 32];
                    (chunk[first], chunk[second]) = (0xFF, 0xFF);
                    assert_eq!(first_ff(&chunk), first);
                    assert_eq!(first_ff_portable(&chunk), first);
                }
            }
        }
    }

    /// Reads a long stuffed segment bit by bit and compares with the plain bytes.
    #[test]
    fn window_gives_back_the_unstuffed_bytes() {
        let mut state = 1u32;
        let mut plain = Vec::new();
        for _ in 0..100_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            plain.push(if state >> 29 == 0 { 0xFF } else { (state >> 24) as u8 });
        }
        let mut source = Vec::new();
        for &byte in &plain {
            source.push(byte);
            if byte == 0xFF {
                source.push(0);
            }
        }
        source.extend([0xFF, 0xFF, 0xD3, 1, 2, 3]);

        let mut window = Window::new(&source, 0);
        let mut reader = BitReader::default();
        for (index, &byte) in plain.iter().enumerate() {
            window.prepare(&mut reader);
            reader.refill(window.buffer());
            // In two uneven pieces, to cross the byte boundaries.
            let high = reader.bits >> 61;
            reader.consume(3);
            let low = reader.bits >> 59;
            reader.consume(5);
            assert_eq!((high << 5 | low) as u8, byte, "byte {index}");
            assert!(!window.overrun(&reader));
        }
        assert_eq!(window.source_offset(&reader), source.len() - 6);
        reader.refill(window.buffer());
        assert_eq!(reader.bits, 0);
        reader.consume(1);
        assert!(window.overrun(&reader));
        assert_eq!(window.next_segment(), Some(3));
    }
}
