//! Huffman tables (ITU-T T.81, annex C), in the forms that the block decoders read.
//!
//! Each form is a look-up on the next bits of the stream with a canonical decoder behind it for
//! codes longer than the look-up, or a list of these ([`SkipTable`]). An entry's low six bits are always the number of bits it
//! consumes, extra bits included: the block decoders shift by the entry itself.

mod skip;

pub(crate) use skip::{ASTRAY, FIRST, PASSED, SKIP_BITS, SkipLookup, SkipTable};

/// Bits looked at by the AC tables.
pub(crate) const AC_BITS: u32 = 12;
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
    pub(super) fn spec() -> HuffmanSpec {
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
