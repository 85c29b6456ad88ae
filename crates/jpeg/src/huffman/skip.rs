//! Tables that pass over symbols: they know lengths, and no values.

use std::hint::select_unpredictable;

use super::{AcSymbol, END_OF_BLOCK, HuffmanSpec, spread};

/// Bits looked at by the tables that pass over symbols. An image has up to four of them, two of AC and two of DC symbols: of 12 bits they fill
/// the first-level cache of most processors, of 13 they do not fit.
pub(crate) const SKIP_BITS: u32 = 12;
/// Where a block's AC coefficients begin, as [`SkipTable`] counts: coefficient `k` is `FIRST + k - 1`, so that only bit 7 need be looked at to
/// see that something is wrong, and one comparison tells whether the block is complete.
pub(crate) const FIRST: u32 = 64;
/// All 63 coefficients have been passed. Greater values come of an end of block.
pub(crate) const PASSED: u32 = FIRST + 63;
/// Added by an end of block. Where the coefficients before it already reach the end of the block, the sum has [`ASTRAY`] set.
const SKIP_END: u32 = 257;
/// The advance of an entry that decides nothing. Added to any count of coefficients it sets [`ASTRAY`].
const SKIP_UNDECIDED: u32 = 64;
/// Set in the sum of count and advance where the entry must not be taken: it says nothing, or its symbols reach the end of the block before the
/// last of them, and what follows belongs to the next block.
pub(crate) const ASTRAY: u32 = 128;

/// Symbols to be passed over. Entries: bits consumed (6), advance (10).
pub(crate) type SkipLookup = [u16; 1 << SKIP_BITS];

/// The entry where there is no code.
const NO_CODE: u16 = (SKIP_UNDECIDED << 6) as u16;

/// AC symbols, or DC differences, to be passed over.
pub(crate) struct SkipTable {
    /// As many symbols in one look-up as end within it. The extra bits of the last one may lie beyond it, since nobody reads them.
    pub lookup: Box<SkipLookup>,
    /// One symbol, whose code ends within the look-up.
    single: Box<SkipLookup>,
    /// One symbol, by 16 bits from `first_long` on: all codes that are longer than the look-up.
    long: Vec<u16>,
    first_long: u32,
}

impl SkipTable {
    /// AC symbols.
    pub fn ac(spec: &HuffmanSpec) -> Self {
        let mut lengths = [0; 1 << SKIP_BITS];
        spec.each_code(|code, length, _| {
            if length <= SKIP_BITS {
                spread(&mut lengths, SKIP_BITS, code, length, length);
            }
        });
        let mut table = Self::singly(spec, |symbol| {
            let ac = AcSymbol::from(symbol);
            (ac.size, if ac.advance >= END_OF_BLOCK { SKIP_END } else { ac.advance })
        });
        for (window, entry) in (0u32..).zip(table.lookup.iter_mut()) {
            *entry = chain(&table.single, &lengths, window);
        }
        table
    }

    /// DC differences, as if each were a block of its own that has ended.
    pub fn dc(spec: &HuffmanSpec) -> Self {
        Self::singly(spec, |symbol| (u32::from(symbol & 15), SKIP_END))
    }

    /// One symbol in a look-up. `meaning` tells of each how many extra bits it has, and its advance.
    fn singly(spec: &HuffmanSpec, meaning: impl Fn(u8) -> (u32, u32)) -> Self {
        let mut single = Box::new([NO_CODE; 1 << SKIP_BITS]);
        let (mut long, mut first_long) = (Vec::new(), 1 << 16);
        spec.each_code(|code, length, symbol| {
            let (extra_bits, advance) = meaning(symbol);
            let entry = ((length + extra_bits) | advance << 6) as u16;
            if length <= SKIP_BITS {
                spread(&mut single[..], SKIP_BITS, code, length, entry);
                return;
            }
            let shift = 16 - length;
            first_long = first_long.min(code << shift);
            long.extend(std::iter::repeat_n(entry, 1 << shift));
        });
        long.push(NO_CODE);
        Self { lookup: single.clone(), single, long, first_long }
    }

    /// The entry of the one symbol at the front of `next16`. If there is none, [`ASTRAY`] is in the sum of its advance and any count.
    #[inline(always)]
    pub fn symbol(&self, next16: u32) -> u32 {
        let short = self.single[(next16 >> (16 - SKIP_BITS)) as usize & ((1 << SKIP_BITS) - 1)];
        let place = next16.saturating_sub(self.first_long) as usize;
        let long = self.long[place.min(self.long.len() - 1)];
        u32::from(select_unpredictable(next16 >= self.first_long, long, short))
    }
}

/// Joins the symbols that follow each other in `window`.
fn chain(single: &SkipLookup, lengths: &[u32; 1 << SKIP_BITS], window: u32) -> u16 {
    let (mut bits, mut advance) = (0, 0);
    while bits < SKIP_BITS {
        let rest = (window << bits) as usize & ((1 << SKIP_BITS) - 1);
        let (length, entry) = (lengths[rest], u32::from(single[rest]));
        if length == 0 || bits + length > SKIP_BITS {
            break;
        }
        let step = entry >> 6;
        if step < SKIP_END && advance + step > 63 {
            break;
        }
        bits += entry & 63;
        advance += step;
        if step >= SKIP_END {
            break;
        }
    }
    if bits == 0 { NO_CODE } else { (bits | advance << 6) as u16 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::huffman::Canonical;
    use crate::huffman::tests::spec;

    #[test]
    fn skip_table_joins_symbols() {
        let table = SkipTable::ac(&spec());
        let entry = |window: usize| {
            let entry = u32::from(table.lookup[window]);
            (entry & 63, entry >> 6)
        };
        // (0,1)+x, (1,2)+xx, end of block: 3 + 5 + 2 bits, three coefficients, end.
        assert_eq!(entry(0b0111_0011_0011), (10, 3 + SKIP_END));
        // (0,10): its ten extra bits reach beyond the look-up.
        assert_eq!(entry(0b1100_0000_0000), (14, 1));
        // No code.
        assert_eq!(entry(0b1111_0000_0000), (0, SKIP_UNDECIDED));
    }

    /// Every code, with what follows it, beside the canonical decoder.
    #[test]
    fn single_symbols_are_those_of_the_canonical_decoder() {
        // Codes of 1, 2, 12, 13 and 16 bits, and some that there are not.
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[11], counts[12], counts[15]) = (1, 1, 2, 3, 4);
        let spec = HuffmanSpec::new(counts, &[0x01, 0x00, 0xF0, 0x0A, 0x21, 0x35, 0x7F, 0x06, 0x11, 0x12, 0xA1]).unwrap();
        let (table, canonical) = (SkipTable::ac(&spec), Canonical::new(&spec));
        for next16 in 0..1 << 16 {
            let expected = canonical.decode(next16).map(|(symbol, length)| {
                let ac = AcSymbol::from(symbol);
                (length + ac.size, if ac.advance == END_OF_BLOCK { SKIP_END } else { ac.advance })
            });
            let entry = table.symbol(next16);
            assert_eq!((entry & 63, entry >> 6), expected.unwrap_or((0, SKIP_UNDECIDED)), "{next16:016b}");
        }
    }

    /// From every coefficient on, whatever is added: the three answers are told apart.
    #[test]
    fn sums_say_what_has_come_of_a_block() {
        for next in FIRST..PASSED {
            let left = PASSED - next;
            assert_ne!((next + SKIP_UNDECIDED) & ASTRAY, 0);
            assert_eq!((next + SKIP_END) & ASTRAY, 0);
            assert!(next + SKIP_END >= PASSED);
            for advance in 1..=63 {
                let after = next + advance;
                assert_eq!(after & ASTRAY != 0, advance > left);
                assert_eq!(after < PASSED, advance < left);
                // A full block has no end-of-block code.
                assert_eq!((after + SKIP_END) & ASTRAY != 0, advance >= left);
            }
        }
    }
}
