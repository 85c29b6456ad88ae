//! Huffman tables as the encoder reads them: one look-up gives code and value together.

use crate::standard::{CHROMA_AC, CHROMA_AC_SYMBOLS, CHROMA_DC, Counts, LUMA_AC, LUMA_AC_SYMBOLS, LUMA_DC, SIZES};
use std::borrow::Cow;

/// The largest AC coefficient that baseline files hold, either way.
const LARGEST: i32 = 1023;

/// A table as it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table<'a> {
    /// How many codes there are of each length, from 1.
    pub counts: Counts,
    /// Symbols in the order of their codes.
    pub symbols: Cow<'a, [u8]>,
}

/// The standard tables (T.81, annex K.3): of luma and chroma, DC and AC.
pub(super) const STANDARD: [[Table<'_>; 2]; 2] = [
    [
        Table { counts: LUMA_DC, symbols: Cow::Borrowed(&SIZES) },
        Table { counts: LUMA_AC, symbols: Cow::Borrowed(&LUMA_AC_SYMBOLS) },
    ],
    [
        Table { counts: CHROMA_DC, symbols: Cow::Borrowed(&SIZES) },
        Table { counts: CHROMA_AC, symbols: Cow::Borrowed(&CHROMA_AC_SYMBOLS) },
    ],
];

/// A code, in the low bits, and how many bits it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code {
    pub bits: u32,
    pub count: u32,
}

/// The codes of one kind of component, all that can occur.
#[derive(Clone)]
pub(super) struct Codes {
    /// By size of the difference: 11 at most.
    dc: [Code; 16],
    /// By symbol: run × 16 + size.
    ac: [Code; 256],
    /// Values of -127 to 126 with the run before them: bits × 32 + count, at value × 16 + run. 0 where there is none.
    short: [u32; 4096],
}

/// The standard ones of luma and grey.
pub(super) static LUMA: Codes = Codes::new(&LUMA_DC, &SIZES, &LUMA_AC, &LUMA_AC_SYMBOLS);
/// The standard ones of chroma.
pub(super) static CHROMA: Codes = Codes::new(&CHROMA_DC, &SIZES, &CHROMA_AC, &CHROMA_AC_SYMBOLS);

impl Codes {
    /// For tables that have a code for everything that can occur.
    pub const fn new(dc_counts: &Counts, dc_symbols: &[u8], ac_counts: &Counts, ac_symbols: &[u8]) -> Self {
        let mut dc = [Code { bits: 0, count: 0 }; 16];
        assign(dc_counts, dc_symbols, &mut dc);
        let mut ac = [Code { bits: 0, count: 0 }; 256];
        assign(ac_counts, ac_symbols, &mut ac);
        let mut short = [0; 4096];
        let mut place = 0;
        while place < 4096 {
            let (value, run) = ((place >> 4) as u8 as i8, place & 15);
            if value != 0 && value != i8::MIN && value != i8::MAX {
                let magnitude = magnitude(value as i32);
                let code = ac[run << 4 | magnitude.count as usize];
                let joined = code.bits << magnitude.count | magnitude.bits;
                short[place] = joined << 5 | (code.count + magnitude.count);
            }
            place += 1;
        }
        Self { dc, ac, short }
    }

    /// The code of a DC difference.
    #[inline(always)]
    pub fn difference(&self, difference: i32) -> Code {
        let magnitude = magnitude(difference);
        self.dc[magnitude.count as usize & 15].followed_by(magnitude)
    }

    /// The code of a coefficient after a run of at most 15 zeros; none where the value is at an end of its range and may stand
    /// for one beyond it.
    #[inline(always)]
    pub fn short(&self, value: i8, run: u32) -> Option<Code> {
        let entry = self.short[usize::from(value as u8) << 4 | run as usize & 15];
        (entry != 0).then_some(Code { bits: entry >> 5, count: entry & 31 })
    }

    /// The same for a coefficient of any size.
    pub fn long(&self, value: i16, run: u32) -> Code {
        // No coefficient of samples of 8 bits is beyond the limit; the code for it would be none.
        let magnitude = magnitude(i32::from(value).clamp(-LARGEST, LARGEST));
        self.ac[((run as usize & 15) << 4) | magnitude.count as usize & 15].followed_by(magnitude)
    }

    /// Sixteen zeros (ZRL).
    #[inline(always)]
    pub fn zeros(&self) -> Code {
        self.ac[0xf0]
    }

    /// Nothing but zeros from here (EOB).
    #[inline(always)]
    pub fn end(&self) -> Code {
        self.ac[0]
    }
}

impl Code {
    /// Both, as one.
    #[inline(always)]
    pub fn followed_by(self, other: Self) -> Self {
        Self { bits: self.bits << other.count | other.bits, count: self.count + other.count }
    }
}

/// How many bits a value has and which follow its code: those of a negative value less one (T.81, F.1.2.1).
#[inline(always)]
pub(super) const fn magnitude(value: i32) -> Code {
    let count = 32 - value.unsigned_abs().leading_zeros();
    Code { bits: (value + (value >> 31)) as u32 & ((1 << count) - 1), count }
}

/// Gives each symbol its code: in order, counting up, longer by a zero at each new length (T.81, annex C).
pub(super) const fn assign(counts: &Counts, symbols: &[u8], codes: &mut [Code]) {
    let (mut bits, mut count, mut place) = (0, 1, 0);
    while count <= 16 {
        let end = place + counts[count - 1] as usize;
        while place < end {
            codes[symbols[place] as usize] = Code { bits, count: count as u32 };
            bits += 1;
            place += 1;
        }
        bits <<= 1;
        count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_specification() {
        let check =
            |code: Code, expected: &str| assert_eq!(format!("{:0width$b}", code.bits, width = code.count as usize), expected);
        // T.81, tables K.3 to K.6.
        check(LUMA.difference(0), "00");
        check(LUMA.difference(-1), "0100");
        check(LUMA.difference(2047), "11111111011111111111");
        check(CHROMA.difference(-5), "110010");
        check(LUMA.end(), "1010");
        check(CHROMA.end(), "00");
        check(LUMA.zeros(), "11111111001");
        check(CHROMA.zeros(), "1111111010");
        check(LUMA.long(1, 0), "001");
        check(LUMA.long(-2, 1), "1101101");
        check(LUMA.long(1023, 15), "11111111111111101111111111");
        check(CHROMA.long(-1023, 15), "11111111111111100000000000");
    }

    #[test]
    fn short_codes_are_the_long_ones() {
        for codes in [&LUMA, &CHROMA] {
            for run in 0..16 {
                for value in -127..=126i8 {
                    let Some(short) = codes.short(value, run) else {
                        assert_eq!(value, 0);
                        continue;
                    };
                    let long = codes.long(value.into(), run);
                    assert_eq!((short.bits, short.count), (long.bits, long.count), "{value} after {run}");
                }
                assert!(codes.short(i8::MAX, run).is_none() && codes.short(i8::MIN, run).is_none());
            }
        }
    }

    #[test]
    fn no_value_is_without_a_code() {
        for codes in [&LUMA, &CHROMA] {
            for value in [i16::MIN, -1024, -1023, -128, 127, 1023, 1024, i16::MAX] {
                assert!((0..16).all(|run| codes.long(value, run).count > 10));
            }
            for difference in -2047..=2047i32 {
                assert!(codes.difference(difference).count > 32 - difference.abs().leading_zeros());
            }
        }
    }
}
