//! What of a block is coded, and in which order (T.81, F.1.2).

use super::bit_writer::{Buffer, Cursor};
use super::codes::Codes;
use super::fdct::{Pair, ZIGZAG};

/// What takes the parts of blocks. `kind` is 0 for luma and 1 for chroma.
pub(super) trait Sink {
    /// Comes before each group of at most six blocks.
    fn make_room(&mut self);
    /// The difference between the mean of a block and that of the one before.
    fn difference(&mut self, kind: usize, difference: i32);
    /// Sixteen zeros.
    fn zeros(&mut self, kind: usize);
    /// A coefficient after `run` zeros, at most 15. If `small` is an end of its range, its value is `exact()`.
    fn coefficient(&mut self, kind: usize, run: u32, small: i8, exact: impl FnOnce() -> i16);
    /// The rest of the block is zero, if there is one.
    fn end(&mut self, kind: usize, is_needed: bool);
}

/// Hands over a block of a pair, whose mean is stored as its difference from `before`, and becomes it.
///
/// The bits of `nonzero` lead from one coefficient to the next, so zeros cost nothing.
#[inline(always)]
pub(super) fn code_block(sink: &mut impl Sink, kind: usize, pair: &Pair, block: usize, before: &mut i32) {
    let block = block & 1;
    let mean = i32::from(pair.dc(block));
    sink.difference(kind, mean - *before);
    *before = mean;
    let mut rest = pair.nonzero[block] & !1;
    let mut next = 1;
    while rest != 0 {
        let at = rest.trailing_zeros();
        rest &= rest - 1;
        let mut run = at - next;
        next = at + 1;
        while run > 15 {
            sink.zeros(kind);
            run -= 16;
        }
        let at = at as usize & 63;
        sink.coefficient(kind, run, pair.small[block][at], || pair.coefficient(block, ZIGZAG[at]));
    }
    sink.end(kind, next < 64);
}

/// Hands over a block that is not there: nothing but the mean of the one before.
#[inline(always)]
pub(super) fn code_repeat(sink: &mut impl Sink, kind: usize) {
    sink.difference(kind, 0);
    sink.end(kind, true);
}

/// Writes codes at once.
pub(super) struct BitSink<'a> {
    pub cursor: Cursor,
    pub buffer: &'a mut Buffer,
    /// By kind of component.
    pub codes: [&'a Codes; 2],
    /// Where the buffer is emptied.
    pub output: &'a mut Vec<u8>,
}

impl Sink for BitSink<'_> {
    #[inline(always)]
    fn make_room(&mut self) {
        self.cursor.make_room(self.buffer, self.output);
    }

    #[inline(always)]
    fn difference(&mut self, kind: usize, difference: i32) {
        let code = self.codes[kind & 1].difference(difference);
        self.cursor.put(self.buffer, code.bits, code.count);
    }

    #[inline(always)]
    fn zeros(&mut self, kind: usize) {
        let code = self.codes[kind & 1].zeros();
        self.cursor.put(self.buffer, code.bits, code.count);
    }

    #[inline(always)]
    fn coefficient(&mut self, kind: usize, run: u32, small: i8, exact: impl FnOnce() -> i16) {
        let codes = self.codes[kind & 1];
        let code = match codes.short(small, run) {
            Some(code) => code,
            None => codes.long(exact(), run),
        };
        self.cursor.put(self.buffer, code.bits, code.count);
    }

    #[inline(always)]
    fn end(&mut self, kind: usize, is_needed: bool) {
        // No branch: nothing is written when the last coefficient is there.
        let (code, times) = (self.codes[kind & 1].end(), u32::from(is_needed));
        self.cursor.put(self.buffer, code.bits * times, code.count * times);
    }
}
