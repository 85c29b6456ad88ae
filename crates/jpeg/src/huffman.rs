//! Huffman tables (ITU-T T.81, annex C), in the three forms that the block decoders read.
//!
//! Each form is a look-up on the next bits of the stream with a canonical decoder behind it for
//! codes longer than the look-up. An entry's low six bits are always the number of bits it
//! consumes, extra bits included: the block decoders shift by the entry itself.

use std::hint::select_unpredictable;

/// Bits looked at by the AC tables.
pub(crate) const AC_BITS: u32 = 12;
/// Bits looked at by the tables that pass over symbols. An image has up to four of them, two of AC and two of DC symbols: of 12 bits they fill
/// the first-level cache of most processors, of 13 they do not fit.
pub(crate) const SKIP_BITS: u32 = 12;
/// Bits looked at by the DC table.
pub(crate) const DC_BITS: u32 = 10;
/// Bits looked at by the tables of progressive scans.
const SYMBOL_BITS: u32 = 10;
/// Added to the advance of an entry that ends the block, so that one comparison with 64 sees
/// both a full block and an end-of-block code.
pub(crate) const END_OF_BLOCK: u32 = 128;
/// The advance of an entry that decides nothing: decode one symbol the long way.
pub(crate) const UNDECIDED: u32 = 255;

/// A table as it stands in the file: how many codes of each length, and the symbols in order.
#[derive(Debug, Clone)]
pub(crate) struct HuffmanSpec {
    counts: [u8; 16],
    symbols: [u8; 256],
}

impl HuffmanSpec {
    /// `None` when the counts do not describe a prefix code or the symbols do not fit.
    pub fn new(counts: [u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut code = 0u32;
        for (length, &count) in (1u32..).zip(&counts) {
            code += u32::from(count);
            if code > 1 << length {
                return None;
            }
            code <<= 1;
        }
        let mut all = [0u8; 256];
        all.get_mut(..symbols.len())?.copy_from_slice(symbols);
        Some(Self { counts, symbols: all })
    }

    /// Calls back with the code, its length and its symbol, in order of the codes.
    fn each_code(&self, mut visit: impl FnMut(u32, u32, u8)) {
        let mut code = 0u32;
        let mut symbols = self.symbols.iter();
        for (length, &count) in (1u32..).zip(&self.counts) {
            for &symbol in symbols.by_ref().take(usize::from(count)) {
                visit(code, length, symbol);
                code += 1;
            }
            code <<= 1;
        }
    }
}

/// Decodes one symbol of any length by comparing with the first code of each length.
#[derive(Debug, Clone)]
pub(crate) struct Canonical {
    /// For each length less one, one past the last code, aligned to 16 bits.
    limits: [u32; 16],
    /// For each length less one, what to add to a code to get the place of its symbol.
    offsets: [i32; 16],
    symbols: [u8; 256],
}

impl Canonical {
    fn new(spec: &HuffmanSpec) -> Self {
        let mut limits = [0u32; 16];
        let mut offsets = [0i32; 16];
        let mut code = 0u32;
        let mut place = 0i32;
        for index in 0..16 {
            let count = u32::from(spec.counts[index]);
            offsets[index] = place - code as i32;
            code += count;
            place += count as i32;
            limits[index] = code << (15 - index);
            code <<= 1;
        }
        Self { limits, offsets, symbols: spec.symbols }
    }

    /// The symbol at the front of `next16` and its code's length; `None` if no code fits.
    pub fn decode(&self, next16: u32) -> Option<(u8, u32)> {
        let index = self.limits.iter().position(|&limit| next16 < limit)?;
        let code = (next16 >> (15 - index)) as i32;
        let place = usize::try_from(code + self.offsets[index]).ok()?;
        Some((*self.symbols.get(place)?, index as u32 + 1))
    }
}

/// DC differences: the code and its extra bits in one look-up.
pub(crate) struct DcTable {
    /// Bits consumed (6), size of the value (4); 0 sends to the canonical decoder.
    pub lookup: Box<[u16; 1 << DC_BITS]>,
    pub canonical: Canonical,
}

impl DcTable {
    /// `None` when a symbol is no size that a difference can have.
    pub fn new(spec: &HuffmanSpec) -> Option<Self> {
        let mut lookup = Box::new([0u16; 1 << DC_BITS]);
        let mut valid = true;
        spec.each_code(|code, length, symbol| {
            valid &= symbol <= 15;
            if length <= DC_BITS && symbol <= 15 {
                let entry = (length as u16 + u16::from(symbol)) | u16::from(symbol) << 6;
                spread(&mut lookup[..], DC_BITS, code, length, entry);
            }
        });
        valid.then(|| Self { lookup, canonical: Canonical::new(spec) })
    }
}

/// AC symbols with their values: one symbol in one look-up, and an end of block after it if that
/// fits.
pub(crate) struct ValueTable {
    /// Bits consumed (6), advance (bits 8 to 15), the value (bits 16 to 31, signed).
    ///
    /// If just the code ends within the look-up, and the extra bits do not, the advance is
    /// undecided and in place of the value stand the size (4) and the true advance (5).
    pub lookup: Box<[u32; 1 << AC_BITS]>,
    pub canonical: Canonical,
}

impl ValueTable {
    pub fn new(spec: &HuffmanSpec) -> Self {
        let mut single = vec![UNDECIDED << 8; 1 << AC_BITS];
        spec.each_code(|code, length, symbol| {
            let ac = AcSymbol::from(symbol);
            let bits = length + ac.size;
            if length > AC_BITS {
                return;
            }
            if bits > AC_BITS {
                let entry = bits | UNDECIDED << 8 | ac.size << 16 | ac.advance << 20;
                spread(&mut single, AC_BITS, code, length, entry);
                return;
            }
            for extra in 0..1u32 << ac.size {
                let value = extend(extra, ac.size);
                let entry = bits | ac.advance << 8 | (value as u32) << 16;
                spread(&mut single, AC_BITS, code << ac.size | extra, bits, entry);
            }
        });
        let mut lookup = Box::new([0u32; 1 << AC_BITS]);
        for (window, joined) in (0u32..).zip(lookup.iter_mut()) {
            *joined = join_end(&single, window);
        }
        Self { lookup, canonical: Canonical::new(spec) }
    }
}

/// Symbols by themselves, for the scans of a progressive image.
pub(crate) struct SymbolTable {
    /// The code's length (low byte) and the symbol; 0 sends to the canonical decoder.
    lookup: Box<[u16; 1 << SYMBOL_BITS]>,
    canonical: Canonical,
}

impl SymbolTable {
    pub fn new(spec: &HuffmanSpec) -> Self {
        let mut lookup = Box::new([0u16; 1 << SYMBOL_BITS]);
        spec.each_code(|code, length, symbol| {
            if length <= SYMBOL_BITS {
                spread(&mut lookup[..], SYMBOL_BITS, code, length, length as u16 | u16::from(symbol) << 8);
            }
        });
        Self { lookup, canonical: Canonical::new(spec) }
    }

    /// The symbol at the front of `next16` and its code's length; `None` if no code fits.
    #[inline(always)]
    pub fn decode(&self, next16: u32) -> Option<(u8, u32)> {
        let entry = self.lookup[(next16 >> (16 - SYMBOL_BITS)) as usize & ((1 << SYMBOL_BITS) - 1)];
        match entry {
            0 => self.canonical.decode(next16),
            entry => Some(((entry >> 8) as u8, u32::from(entry & 255))),
        }
    }
}

/// Joins the symbol at the front of `window` with an end of block that follows it.
fn join_end(single: &[u32], window: u32) -> u32 {
    let entry = single[window as usize];
    let bits = entry & 63;
    if bits >= AC_BITS || entry >> 8 & 255 >= END_OF_BLOCK {
        return entry;
    }
    let rest = (window << bits) & ((1 << AC_BITS) - 1);
    let after = single[rest as usize];
    if after >> 8 & 255 != END_OF_BLOCK || bits + (after & 63) > AC_BITS {
        return entry;
    }
    entry + (after & 63) + (END_OF_BLOCK << 8)
}

/// The signed value of `size` extra bits (T.81, F.2.2.1, EXTEND).
pub(crate) fn extend(extra: u32, size: u32) -> i32 {
    let half = (1 << size) >> 1;
    if extra < half { extra as i32 + 1 - (1 << size) } else { extra as i32 }
}

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

/// What an AC symbol does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AcSymbol {
    /// Extra bits that follow the code.
    pub size: u32,
    /// Coefficients passed, its own included; [`END_OF_BLOCK`] for an end of block.
    pub advance: u32,
}

impl From<u8> for AcSymbol {
    fn from(symbol: u8) -> Self {
        let run = u32::from(symbol >> 4);
        let size = u32::from(symbol & 15);
        // As in libjpeg, a run without a value ends the block unless it is the run of sixteen.
        let advance = if size == 0 && run != 15 { END_OF_BLOCK } else { run + 1 };
        Self { size, advance }
    }
}

/// Writes `entry` wherever the first `length` bits of the index are `code`.
fn spread<T: Copy>(lookup: &mut [T], bits: u32, code: u32, length: u32, entry: T) {
    let shift = bits - length;
    let first = (code << shift) as usize;
    lookup[first..first + (1 << shift)].fill(entry);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Codes 00, 01, 100, 101, 1100 for end of block, (0,1), (1,2), ZRL, (0,10).
    fn spec() -> HuffmanSpec {
        let mut counts = [0; 16];
        (counts[1], counts[2], counts[3]) = (2, 2, 1);
        HuffmanSpec::new(counts, &[0x00, 0x01, 0x12, 0xF0, 0x0A]).unwrap()
    }

    #[test]
    fn too_many_codes_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(HuffmanSpec::new(counts, &[1, 2, 3]).is_none());
    }

    #[test]
    fn canonical_decoder_finds_every_code() {
        let canonical = Canonical::new(&spec());
        assert_eq!(canonical.decode(0b0011_1111_1111_1111), Some((0x00, 2)));
        assert_eq!(canonical.decode(0b0100_0000_0000_0000), Some((0x01, 2)));
        assert_eq!(canonical.decode(0b1001_1111_1111_1111), Some((0x12, 3)));
        assert_eq!(canonical.decode(0b1010_0000_0000_0000), Some((0xF0, 3)));
        assert_eq!(canonical.decode(0b1100_0000_0000_0000), Some((0x0A, 4)));
        assert_eq!(canonical.decode(0b1101_0000_0000_0000), None);
    }

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

    /// Every entry beside the same symbols decoded one by one.
    #[test]
    fn value_table_agrees_with_the_canonical_decoder() {
        let table = ValueTable::new(&spec());
        let symbol = |window: u32| {
            let (symbol, length) = table.canonical.decode(window << 4)?;
            let symbol = AcSymbol::from(symbol);
            let extra = (window << length & 0xFFF) >> (12 - symbol.size);
            let bits = length + symbol.size;
            Some((bits, symbol.advance, extend(extra, symbol.size)))
        };
        for window in 0..1u32 << AC_BITS {
            let entry = table.lookup[window as usize];
            let (bits, advance, value) = (entry & 63, entry >> 8 & 255, entry as i32 >> 16);
            match symbol(window) {
                None => assert_eq!((bits, advance), (0, UNDECIDED)),
                Some((14, 1, _)) => assert_eq!((bits, entry >> 16), (14, 10 | 1 << 4)),
                Some(one) if advance >= END_OF_BLOCK && one.1 < END_OF_BLOCK => {
                    assert_eq!((bits - 2, advance - END_OF_BLOCK, value), one);
                    assert_eq!(symbol(window << one.0 & 0xFFF), Some((2, END_OF_BLOCK, 0)));
                }
                Some(one) => {
                    assert_eq!((bits, advance, value), one);
                    let end = one.0 <= 10 && window << one.0 & 0xC00 == 0;
                    assert!(advance == END_OF_BLOCK || !end, "{window:012b}");
                }
            }
        }
    }
}
