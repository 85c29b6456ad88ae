//! What is to be coded, kept until it is known how: symbols with the bits that follow them.

use super::bit_writer::{Buffer, Cursor};
use super::codes::Table;
use super::codes::{Code, assign, magnitude};
use super::entropy::Sink;
use super::fitted::Occurrences;

/// Tokens between two looks at whether there is room.
const BUFFER_TOKENS: usize = 2048;
/// More than a group of MCUs has: six blocks of 65.
const GROUP_TOKENS: usize = 512;
/// Of tokens, how many fit the bit writer's buffer between two looks at it.
const PIECE_TOKENS: usize = 512;

/// Tokens in the order of the scan. Bits 0 to 15 of one are those that follow the code, 16 to 23 the symbol, whose lower half is
/// their number, 24 the class of the table (DC, AC), 25 the kind of component.
pub(super) struct Tokens {
    list: Vec<u32>,
    /// Where those of a strip are gathered.
    buffer: Box<[u32; BUFFER_TOKENS]>,
}

/// Gathers tokens.
pub(super) struct TokenSink<'a> {
    list: &'a mut Vec<u32>,
    buffer: &'a mut [u32; BUFFER_TOKENS],
    /// How many are in the buffer.
    at: usize,
}

impl Tokens {
    /// None yet.
    pub fn new() -> Self {
        Self { list: Vec::new(), buffer: Box::new([0; BUFFER_TOKENS]) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// A way to append some; [`TokenSink::finish`] ends it.
    pub fn sink(&mut self) -> TokenSink<'_> {
        TokenSink { list: &mut self.list, buffer: &mut self.buffer, at: 0 }
    }

    /// How often each symbol occurs, by kind of component and class.
    pub fn occurrences(&self) -> [[Occurrences; 2]; 2] {
        // Twice, since one symbol often follows itself, and its count would have to wait.
        let mut halves = [[0; 1024]; 2];
        for (index, token) in self.list.iter().enumerate() {
            halves[index & 1][(token >> 16) as usize & 1023] += 1;
        }
        let both = |place: usize| halves[0][place] + halves[1][place];
        let table = |kind: usize, class: usize| std::array::from_fn(|symbol| both(kind << 9 | class << 8 | symbol));
        [[table(0, 0), table(0, 1)], [table(1, 0), table(1, 1)]]
    }

    /// Writes all of them.
    pub fn write(&self, tables: &[[Table<'_>; 2]; 2], cursor: &mut Cursor, buffer: &mut Buffer, output: &mut Vec<u8>) {
        let mut codes = [Code { bits: 0, count: 0 }; 1024];
        for (table, codes) in tables.as_flattened().iter().zip(codes.chunks_exact_mut(256)) {
            assign(&table.counts, &table.symbols, codes);
        }
        let mut moved = *cursor;
        for piece in self.list.chunks(PIECE_TOKENS) {
            moved.make_room(buffer, output);
            for token in piece {
                let symbol = (token >> 16) as usize & 1023;
                let code = codes[symbol].followed_by(Code { bits: token & 0xffff, count: symbol as u32 & 15 });
                moved.put(buffer, code.bits, code.count);
            }
        }
        *cursor = moved;
    }
}

impl TokenSink<'_> {
    #[inline(always)]
    fn push(&mut self, kind: usize, class: u32, symbol: u32, bits: u32) {
        // The mask changes nothing: `make_room` came before.
        self.buffer[self.at & (BUFFER_TOKENS - 1)] = (kind as u32) << 25 | class << 24 | symbol << 16 | bits;
        self.at += 1;
    }

    /// Hands over what is left.
    #[inline(always)]
    pub fn finish(self) {
        self.list.extend_from_slice(&self.buffer[..self.at.min(BUFFER_TOKENS)]);
    }
}

impl Sink for TokenSink<'_> {
    #[inline(always)]
    fn make_room(&mut self) {
        if self.at > BUFFER_TOKENS - GROUP_TOKENS {
            self.list.extend_from_slice(&self.buffer[..self.at.min(BUFFER_TOKENS)]);
            self.at = 0;
        }
    }

    #[inline(always)]
    fn difference(&mut self, kind: usize, difference: i32) {
        let value = magnitude(difference);
        self.push(kind, 0, value.count, value.bits);
    }

    #[inline(always)]
    fn zeros(&mut self, kind: usize) {
        self.push(kind, 1, 0xf0, 0);
    }

    #[inline(always)]
    fn coefficient(&mut self, kind: usize, run: u32, small: i8, exact: impl FnOnce() -> i16) {
        let value = if matches!(small, i8::MIN | i8::MAX) { exact() } else { small.into() };
        let value = magnitude(value.clamp(-1023, 1023).into());
        self.push(kind, 1, (run & 15) << 4 | value.count, value.bits);
    }

    #[inline(always)]
    fn end(&mut self, kind: usize, is_needed: bool) {
        self.push(kind, 1, 0, 0);
        self.at -= usize::from(!is_needed);
    }
}
