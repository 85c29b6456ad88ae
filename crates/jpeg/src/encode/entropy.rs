//! Huffman coding of blocks.

use super::bit_writer::{Buffer, Cursor};
use super::codes::Codes;
use super::fdct::{Pair, ZIGZAG};

/// Codes a block of a pair, whose DC coefficient is stored as its difference from `before`, which becomes it.
///
/// The bits of `nonzero` lead from one coefficient to the next, so zeros cost nothing.
#[inline(always)]
pub(super) fn code_block(cursor: &mut Cursor, buffer: &mut Buffer, pair: &Pair, block: usize, codes: &Codes, before: &mut i32) {
    let block = block & 1;
    let mean = i32::from(pair.dc(block));
    let difference = codes.difference(mean - *before);
    *before = mean;
    cursor.put(buffer, difference.bits, difference.count);
    let mut rest = pair.nonzero[block] & !1;
    let mut next = 1;
    while rest != 0 {
        let at = rest.trailing_zeros();
        rest &= rest - 1;
        let mut run = at - next;
        next = at + 1;
        while run > 15 {
            let zeros = codes.zeros();
            cursor.put(buffer, zeros.bits, zeros.count);
            run -= 16;
        }
        let at = at as usize & 63;
        let code = match codes.short(pair.small[block][at], run) {
            Some(code) => code,
            None => codes.long(pair.coefficient(block, ZIGZAG[at]), run),
        };
        cursor.put(buffer, code.bits, code.count);
    }
    let end = codes.end();
    // No branch: nothing is written when the last coefficient is there.
    let unfinished = u32::from(next < 64);
    cursor.put(buffer, end.bits * unfinished, end.count * unfinished);
}

/// Codes a block that is not there: nothing but the mean of the one before.
#[inline(always)]
pub(super) fn code_repeat(cursor: &mut Cursor, buffer: &mut Buffer, codes: &Codes) {
    for code in [codes.difference(0), codes.end()] {
        cursor.put(buffer, code.bits, code.count);
    }
}
