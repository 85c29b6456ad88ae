//! What a file says of its animation, found by walking its blocks without decoding any, as far as they go.

use crate::header::TextBlock;
use minilab_model::{AnimationFacts, Format};
use std::ops::Range;

/// Browsers show GIF frames of up to 10 ms for 100 ms, and writers count on it.
const SHORTEST_GIF_DELAY_MS: u64 = 10;
const SHOWN_GIF_DELAY_MS: u64 = 100;

/// What a walk through a file gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    /// `None` for a still.
    pub animation: Option<AnimationFacts>,
    /// GIF's XMP packet, which can stand anywhere between its blocks.
    pub xmp: Option<TextBlock>,
}

/// Walks a file's blocks; formats without any, or whose animations are not read here, give nothing.
pub(crate) fn walk(source: &[u8], format: Format) -> Walked {
    let mut walk = Walk::default();
    match format {
        Format::Gif => gif(source, &mut walk),
        Format::Png => png(source, &mut walk),
        Format::Webp => webp(source, &mut walk),
        _ => None,
    };
    let Walk { frames, duration_ms, plays, xmp } = walk;
    // Zero plays stand for ever in all three.
    let facts = AnimationFacts { frames, duration_ms, plays: plays.filter(|&plays| plays > 0) };
    Walked { animation: (frames > 1).then_some(facts), xmp: xmp.map(TextBlock::plain) }
}

#[derive(Default)]
struct Walk {
    frames: u32,
    duration_ms: u64,
    /// As the file says it: `Some(0)` is for ever.
    plays: Option<u32>,
    xmp: Option<Range<usize>>,
}

impl Walk {
    fn frame(&mut self, delay_ms: u64) {
        self.frames += 1;
        self.duration_ms += delay_ms;
    }
}

/// GIF89a. `None` at the end, wherever it comes.
fn gif(file: &[u8], walk: &mut Walk) -> Option<()> {
    // Without the extension of Netscape's an animation is played once.
    walk.plays = Some(1);
    let mut delay_ms = 0;
    let mut position = 13 + gif_table_length(*file.get(10)?);
    loop {
        match *file.get(position)? {
            0x21 => {
                let label = *file.get(position + 1)?;
                let end = after_sub_blocks(file, position + 2)?;
                let block = file.get(position + 2..end)?;
                match (label, block) {
                    // Length, flags, delay in hundredths of a second.
                    (0xf9, &[4..=255, _, low, high, ..]) => delay_ms = u64::from(u16::from_le_bytes([low, high])) * 10,
                    (0xff, _) => application(block, position + 2, walk),
                    _ => {}
                }
                position = end;
            }
            0x2c => {
                let table = gif_table_length(*file.get(position + 9)?);
                walk.frame(if delay_ms <= SHORTEST_GIF_DELAY_MS { SHOWN_GIF_DELAY_MS } else { delay_ms });
                delay_ms = 0;
                // A byte of code size stands before the data.
                position = after_sub_blocks(file, position + 10 + table + 1)?;
            }
            _ => return None,
        }
    }
}

/// An application extension: how often it is played, or XMP.
fn application(block: &[u8], at: usize, walk: &mut Walk) {
    if let [11, rest @ ..] = block {
        let (name, data) = rest.split_at_checked(11).unwrap_or((rest, &[]));
        match (name, data) {
            (b"NETSCAPE2.0" | b"ANIMEXTS1.0", &[3..=255, 1, low, high, ..]) => {
                // The number says how often it is repeated after the first time; 0: for ever.
                let repeats = u32::from(u16::from_le_bytes([low, high]));
                walk.plays = Some(if repeats == 0 { 0 } else { repeats + 1 });
            }
            // The packet stands there as it is; behind it, 257 bytes lead whoever takes it for blocks to the end, a zero (XMP
            // specification, part 3, 1.1.2).
            (b"XMP DataXMP", data) if data.len() > 258 => walk.xmp = Some(at + 12..at + block.len() - 258),
            _ => {}
        }
    }
}

/// The position behind blocks of a length and so many bytes, the last of which has none.
fn after_sub_blocks(file: &[u8], mut position: usize) -> Option<usize> {
    loop {
        let length = usize::from(*file.get(position)?);
        position += 1 + length;
        if length == 0 {
            return Some(position);
        }
    }
}

/// Bytes of the colour table that a packed field announces.
fn gif_table_length(packed: u8) -> usize {
    if packed & 0x80 == 0 { 0 } else { 6 << (packed & 7) }
}

/// APNG (PNG, third edition, 11.3.8).
fn png(file: &[u8], walk: &mut Walk) -> Option<()> {
    let mut position = 8;
    loop {
        let length = u32_be(file, position)? as usize;
        let kind = file.get(position + 4..position + 8)?;
        let body = position + 8;
        match kind {
            b"acTL" if length == 8 => walk.plays = Some(u32_be(file, body + 4)?),
            // What has no acTL before its pixels is a still.
            b"IDAT" if walk.plays.is_none() => return None,
            b"fcTL" if length == 26 => {
                let above = u64::from(u16::from_be_bytes(array(file, body + 20)?));
                let below = u64::from(u16::from_be_bytes(array(file, body + 22)?));
                // A divisor of zero stands for 100.
                walk.frame(above * 1000 / if below == 0 { 100 } else { below });
            }
            b"IEND" => return None,
            _ => {}
        }
        position = body.checked_add(length)?.checked_add(4)?;
    }
}

/// WebP (RFC 9649, 2.7).
fn webp(file: &[u8], walk: &mut Walk) -> Option<()> {
    let mut position = 12;
    loop {
        let length = u32::from_le_bytes(array(file, position + 4)?) as usize;
        let kind = file.get(position..position + 4)?;
        let body = position + 8;
        match kind {
            b"VP8 " | b"VP8L" => return None,
            b"ANIM" => walk.plays = Some(u32::from(u16::from_le_bytes(array(file, body + 4)?))),
            b"ANMF" => {
                let [a, b, c] = array(file, body + 12)?;
                walk.frame(u64::from(u32::from_le_bytes([a, b, c, 0])));
            }
            _ => {}
        }
        position = body.checked_add(length)?.checked_add(length % 2)?;
    }
}

fn u32_be(file: &[u8], at: usize) -> Option<u32> {
    array(file, at).map(u32::from_be_bytes)
}

fn array<const N: usize>(file: &[u8], at: usize) -> Option<[u8; N]> {
    file.get(at..at.checked_add(N)?)?.try_into().ok()
}
