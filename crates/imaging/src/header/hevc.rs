//! Sequence parameter sets of HEVC (ITU-T H.265, 7.3.2.2 and E.2.1): the size and the depth of what is coded, and what its colours
//! mean. All else is walked over.

use super::heif::Nclx;

/// What is known of a coded picture before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// Width and height that are coded, whole blocks.
    pub coded: (u32, u32),
    /// Width and height that are given out.
    pub shown: (u32, u32),
    /// Bits a sample.
    pub bits: u32,
    /// 0: grey; 1: 4:2:0; 2: 4:2:2; 3: 4:4:4.
    pub chroma: u32,
    /// What its colours mean, for containers that do not say; what is not stated here has the values for that.
    pub colors: Nclx,
}

/// What H.265 has for a stream that says nothing: unspecified colours of limited range.
const UNSTATED: Nclx = Nclx { primaries: 2, transfer: 2, matrix: 2, full_range: false };

/// Reads a parameter set, a NAL unit with its header. `None` for one that is cut off or breaks the rules, has planes that are coded one by
/// one, or differs in depth between luma and colour.
pub(crate) fn sequence(unit: &[u8]) -> Option<Sequence> {
    let payload = unescaped(unit.get(2..)?);
    let mut bits = Bits { bytes: &payload, position: 0 };
    bits.skip(4)?;
    let layers = bits.take(3)?;
    bits.skip(1)?;
    skip_profile(&mut bits, layers)?;
    bits.golomb()?;
    let chroma = bits.golomb()?;
    // Planes that are coded apart have a flag of their own.
    if chroma > 3 || (chroma == 3 && bits.flag()?) {
        return None;
    }
    let coded = (bits.golomb()?, bits.golomb()?);
    let mut margins = [0_u32; 4];
    if bits.flag()? {
        for margin in &mut margins {
            *margin = bits.golomb()?;
        }
    }
    let unit = match chroma {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let cut = |side: u32, first: u32, last: u32, unit: u32| side.checked_sub(first.checked_add(last)?.checked_mul(unit)?);
    let shown = (cut(coded.0, margins[0], margins[1], unit.0)?, cut(coded.1, margins[2], margins[3], unit.1)?);
    let depths = [bits.golomb()?, bits.golomb()?];
    if depths[0] != depths[1] || depths[0] > 8 || shown.0 == 0 || shown.1 == 0 {
        return None;
    }
    let colors = stated_colors(&mut bits, layers).unwrap_or(UNSTATED);
    Some(Sequence { coded, shown, bits: 8 + depths[0], chroma, colors })
}

/// A payload without the bytes that keep it from looking like a start code.
fn unescaped(unit: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}

/// Bits from the highest of each byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// A number of up to 32 bits.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0_u32;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.position = self.position.checked_add(count)?;
        Some(())
    }

    /// A number in exponential Golomb code (H.265, 9.2).
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        if zeros > 31 {
            return None;
        }
        (1_u32 << zeros).checked_add(self.take(zeros)?)?.checked_sub(1)
    }
}

/// `profile_tier_level` (7.3.3).
fn skip_profile(bits: &mut Bits<'_>, layers: u32) -> Option<()> {
    bits.skip(96)?;
    let mut present = Vec::new();
    for _ in 0..layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if layers > 0 {
        bits.skip(2 * (8 - layers as usize))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Some(())
}

/// Walks from behind the depths to what the colours mean. `None` where nothing is said of them.
fn stated_colors(bits: &mut Bits<'_>, layers: u32) -> Option<Nclx> {
    let order_bits = bits.golomb()?.checked_add(4)?;
    let first = if bits.flag()? { 0 } else { layers };
    for _ in first..=layers {
        skip_golombs(bits, 3)?;
    }
    // Sizes of blocks, and depths of their trees.
    skip_golombs(bits, 6)?;
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        skip_golombs(bits, 2)?;
        bits.skip(1)?;
    }
    skip_reference_sets(bits)?;
    if bits.flag()? {
        for _ in 0..bits.golomb()? {
            bits.flag()?;
            bits.skip(order_bits as usize)?;
        }
    }
    bits.skip(2)?;
    if !bits.flag()? {
        return None;
    }
    // The shape of pixels, and whether the edges are to be shown.
    if bits.flag()? && bits.take(8)? == 255 {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if !bits.flag()? {
        return None;
    }
    bits.skip(3)?;
    let full_range = bits.flag()?;
    if !bits.flag()? {
        return Some(Nclx { full_range, ..UNSTATED });
    }
    let mut code = || bits.take(8).and_then(|code| u16::try_from(code).ok());
    Some(Nclx { primaries: code()?, transfer: code()?, matrix: code()?, full_range })
}

fn skip_golombs(bits: &mut Bits<'_>, count: usize) -> Option<()> {
    for _ in 0..count {
        bits.golomb()?;
    }
    Some(())
}

/// `scaling_list_data` (7.3.4).
fn skip_scaling_lists(bits: &mut Bits<'_>) -> Option<()> {
    for size in 0..4 {
        for _ in (0..6).step_by(if size == 3 { 3 } else { 1 }) {
            match bits.flag()? {
                false => skip_golombs(bits, 1)?,
                true => skip_golombs(bits, usize::from(size > 1) + 64.min(1 << (4 + 2 * size)))?,
            }
        }
    }
    Some(())
}

/// The sets of pictures that others refer to (7.3.7).
fn skip_reference_sets(bits: &mut Bits<'_>) -> Option<()> {
    let mut counts: Vec<u32> = Vec::new();
    for index in 0..bits.golomb()?.min(65) {
        let mut count = 0;
        if index > 0 && bits.flag()? {
            bits.skip(1)?;
            skip_golombs(bits, 1)?;
            for _ in 0..=*counts.last()? {
                // Used by this picture, or else kept for later ones.
                count += u32::from(bits.flag()? || bits.flag()?);
            }
        } else {
            count = bits.golomb()?.checked_add(bits.golomb()?)?;
            for _ in 0..count {
                skip_golombs(bits, 1)?;
                bits.flag()?;
            }
        }
        counts.push(count);
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Part of a parameter set: bits as they are, or a number in exponential Golomb code.
    #[derive(Clone, Copy)]
    enum Field {
        Bits(u32, u32),
        Golomb(u32),
    }
    use Field::{Bits as B, Golomb as G};

    /// A unit of these fields, with its header and the bytes that keep it from looking like a start code.
    fn unit(fields: &[Field]) -> Vec<u8> {
        let mut bits = Vec::new();
        for &field in fields {
            let (value, count) = match field {
                B(value, count) => (u64::from(value), count),
                G(value) => (u64::from(value) + 1, 2 * (value + 1).ilog2() + 1),
            };
            bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        }
        let payload = bits.chunks(8).map(|byte| (0..8).fold(0, |all, bit| all << 1 | u8::from(byte.get(bit) == Some(&true))));
        let mut escaped = vec![0x42, 0x01];
        for byte in payload {
            if byte <= 3 && escaped.len() > 3 && escaped.ends_with(&[0, 0]) {
                escaped.push(3);
            }
            escaped.push(byte);
        }
        escaped
    }

    /// The beginning of a set: one layer, a profile, 4:2:0, 72×56 of which 70×54 are shown, 10 bits.
    fn beginning() -> Vec<Field> {
        let profile = [B(0, 4), B(0, 3), B(1, 1), B(0, 32), B(0, 32), B(0, 32)];
        [&profile[..], &[G(0), G(1), G(72), G(56), B(1, 1), G(0), G(1), G(1), G(0), G(2), G(2)]].concat()
    }

    /// What stands between the depth and the lists: the order of pictures, sizes of blocks.
    const BLOCKS: [Field; 11] = [G(4), B(1, 1), G(0), G(0), G(0), G(0), G(1), G(0), G(2), G(0), G(0)];

    #[test]
    fn colours_are_found_behind_all_that_can_stand_before_them() {
        let lists: Vec<Field> = (0..20)
            .flat_map(|list| match list {
                // Told in full: 16 numbers, 64, and 64 behind another for the largest; all others are like one before.
                0 => [vec![B(1, 1)], vec![G(1); 16]].concat(),
                6 => [vec![B(1, 1)], vec![G(2); 64]].concat(),
                19 => [vec![B(1, 1)], vec![G(3); 65]].concat(),
                _ => vec![B(0, 1), G(0)],
            })
            .collect();
        let sets = [G(2), G(1), G(1), G(3), B(1, 1), G(4), B(0, 1), B(1, 1), B(0, 1), G(0), B(1, 1), B(0, 2), B(1, 1)];
        let fields = [
            &beginning()[..],
            &BLOCKS,
            &[B(3, 2)],
            &lists,
            // Two tools; samples as they are, with their depths and sizes.
            &[B(2, 2), B(1, 1), B(0x77, 8), G(0), G(1), B(0, 1)],
            &sets,
            // Two pictures that are kept long, of eight bits of order each.
            &[B(1, 1), G(2), B(9, 8), B(1, 1), B(7, 8), B(0, 1)],
            // Two tools; shape of pixels in full, edges, and what the colours mean.
            &[B(0, 2), B(1, 1), B(1, 1), B(255, 8), B(7, 32), B(1, 1), B(1, 1), B(1, 1), B(5, 3), B(1, 1), B(1, 1)],
            &[B(12, 8), B(13, 8), B(6, 8), B(0, 1)],
        ]
        .concat();
        let colors = Nclx { primaries: 12, transfer: 13, matrix: 6, full_range: true };
        let expected = Sequence { coded: (72, 56), shown: (70, 54), bits: 10, chroma: 1, colors };
        assert_eq!(sequence(&unit(&fields)), Some(expected));
    }

    #[test]
    fn without_a_word_of_colours_they_are_unspecified() {
        let plain = [&beginning()[..], &BLOCKS, &[B(0, 1), B(0, 2), B(0, 1), G(0), B(0, 1), B(0, 2), B(0, 1)]].concat();
        assert_eq!(sequence(&unit(&plain)).unwrap().colors, UNSTATED);
        // What is cut off behind the depths says as little.
        assert_eq!(sequence(&unit(&beginning())).unwrap().colors, UNSTATED);
    }

    #[test]
    fn what_breaks_the_rules_is_none() {
        let check = |fields: &[Field]| assert_eq!(sequence(&unit(&[&beginning()[..7], fields, &BLOCKS].concat())), None);
        // 4:4:4 in planes apart; a fifth kind; a cut of all; depths that differ, and too deep.
        check(&[G(3), B(1, 1), G(72), G(56), B(0, 1), G(0), G(0)]);
        check(&[G(4), G(72), G(56), B(0, 1), G(0), G(0)]);
        check(&[G(1), G(72), G(56), B(1, 1), G(18), G(18), G(0), G(0), G(0), G(0)]);
        check(&[G(1), G(72), G(56), B(0, 1), G(0), G(2)]);
        check(&[G(1), G(72), G(56), B(0, 1), G(9), G(9)]);
        assert_eq!(sequence(b"\x42"), None);
        assert_eq!(sequence(&[0; 600]), None);
    }
}
