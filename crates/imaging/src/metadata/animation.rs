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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &[u8], format: Format, expected: Option<(u32, u64, Option<u32>)>) {
        let expected = expected.map(|(frames, duration_ms, plays)| AnimationFacts { frames, duration_ms, plays });
        assert_eq!(walk(file, format).animation, expected, "{format:?}");
    }

    /// A GIF of 1 × 1 pixels with a frame for each delay, in hundredths of a second.
    fn gif_of(before: &[u8], delays: &[u16]) -> Vec<u8> {
        let mut file = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0".to_vec();
        file.extend_from_slice(before);
        for delay in delays {
            file.extend_from_slice(b"\x21\xf9\x04\0");
            file.extend_from_slice(&delay.to_le_bytes());
            file.extend_from_slice(b"\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0");
        }
        file.push(b';');
        file
    }

    fn loops(repeats: u16) -> Vec<u8> {
        [b"\x21\xff\x0bNETSCAPE2.0\x03\x01".as_slice(), &repeats.to_le_bytes(), b"\0"].concat()
    }

    #[test]
    fn gif_frames_are_counted() {
        check(&gif_of(&loops(0), &[10, 20, 1, 0]), Format::Gif, Some((4, 500, None)));
        check(&gif_of(&loops(2), &[10, 20]), Format::Gif, Some((2, 300, Some(3))));
        check(&gif_of(b"", &[10, 20]), Format::Gif, Some((2, 300, Some(1))));
        check(&gif_of(&loops(0), &[10]), Format::Gif, None);
        // Cut off inside the third frame's pixels.
        let whole = gif_of(b"", &[10, 20, 30]);
        check(&whole[..whole.len() - 4], Format::Gif, Some((3, 600, Some(1))));
        check(b"GIF89a", Format::Gif, None);
    }

    #[test]
    fn gif_keeps_xmp_as_it_is() {
        let packet = b"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>";
        let trailer: Vec<u8> = [1].into_iter().chain((0..=255).rev()).chain([0]).collect();
        let block = [b"\x21\xff\x0bXMP DataXMP".as_slice(), packet, &trailer].concat();
        for file in [gif_of(&block, &[10]), gif_of(&[loops(0), block.clone()].concat(), &[10, 20])] {
            let found = walk(&file, Format::Gif).xmp.map(|block| file[block.range].to_vec());
            assert_eq!(found.as_deref(), Some(packet.as_slice()));
        }
    }

    fn png_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let chunk =
            |&(kind, body): &(&[u8; 4], &[u8])| [&(body.len() as u32).to_be_bytes(), kind.as_slice(), body, &[0; 4]].concat();
        [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.iter().flat_map(chunk).collect()].concat()
    }

    #[test]
    fn apng_frames_are_counted() {
        let control = |above: u16, below: u16| [&[0; 20][..], &above.to_be_bytes(), &below.to_be_bytes(), &[0, 0]].concat();
        let (tenth, hundredth) = (control(1, 10), control(5, 0));
        let animation = |plays: u32| [5_u32.to_be_bytes(), plays.to_be_bytes()].concat();
        let frames: [(&[u8; 4], &[u8]); 4] = [(b"IDAT", b"x"), (b"fcTL", &tenth), (b"fcTL", &hundredth), (b"IEND", b"")];
        for (plays, expected) in [(0, None), (7, Some(7))] {
            let control = animation(plays);
            let moving = [&[(b"IHDR", &[0; 13][..]), (b"acTL", &control[..])][..], &frames].concat();
            check(&png_of(&moving), Format::Png, Some((2, 150, expected)));
        }
        check(&png_of(&frames), Format::Png, None);
        check(&png_of(&[(b"acTL", b"short")]), Format::Png, None);
    }

    #[test]
    fn webp_frames_are_counted() {
        let chunk = |kind: &[u8; 4], body: &[u8]| [kind.as_slice(), &(body.len() as u32).to_le_bytes(), body].concat();
        let frame = chunk(b"ANMF", &[&[0; 12][..], &[100, 1, 0], &[0]].concat());
        let file = |loops: u8| {
            let body = [chunk(b"VP8X", &[0; 10]), chunk(b"ANIM", &[0, 0, 0, 0, loops, 0]), frame.repeat(3)].concat();
            [b"RIFF\0\0\0\0WEBP".to_vec(), body].concat()
        };
        check(&file(0), Format::Webp, Some((3, 3 * 356, None)));
        check(&file(2), Format::Webp, Some((3, 3 * 356, Some(2))));
        let still = [b"RIFF\0\0\0\0WEBP".to_vec(), chunk(b"VP8 ", &[0; 10])].concat();
        check(&still, Format::Webp, None);
    }
}
