//! Scans of which only the DC coefficients count, read in two places at a time.
//!
//! Huffman codes fall into step: a reader that begins somewhere in the middle takes wrong symbols for a while, and sooner or later a block
//! ends where a block does end. From there on it reads what it should. So the second of two readers begins ahead of the first one, writes
//! down where its first blocks begin, and both go on together ([`lanes`]). Where the first one arrives at a beginning that the second one
//! wrote down, in the same place of an MCU, all that the second one has read since is as good as its own; what it had read before that is
//! thrown away. DC coefficients are differences to the block before, which the second reader need not know.
//!
//! Nothing is taken on trust: without such a place the second reader's work is lost, and time with it, but no pixel is wrong. Whatever is
//! unusual, faults above all, is left to the ordinary reader, which comes by the same MCUs again.

mod lanes;

use std::rc::Rc;

use crate::bits::{BitReader, Buffer, LOOK_AHEAD, MCU_BYTES, Window};
use crate::block::{Fault, dc_difference, read_dc, skip_ac};
use crate::huffman::{DcTable, FIRST, SkipTable};
use crate::scan::Many;
use lanes::{Lane, Tables, run};

/// Entropy-coded bytes below which it does not pay.
const LEAST_BYTES: usize = 2048;
/// Bits of a block, on average, below which it does not pay: with so few, the ends of blocks can be foreseen.
const LEAST_BITS: usize = 10;
/// How many beginnings of blocks the second reader writes down, at the least and at the most. Most files fall into step within a dozen blocks,
/// flat ones need more.
const FEW_MARKS: usize = 16;
const MANY_MARKS: usize = 1024;
/// How often the second reader may begin in one place.
const MOST_ATTEMPTS: usize = 100;
/// MCUs that the ordinary reader reads at the least before the next attempt, where one has failed altogether.
const LEAST_WAIT: usize = 256;

/// What reads one block of an MCU.
#[derive(Clone)]
pub(crate) struct BlockTables {
    pub dc: Rc<DcTable>,
    pub dc_skip: Rc<SkipTable>,
    pub ac: Rc<SkipTable>,
}

/// Where a block begins that the second reader has read.
struct Mark {
    /// Bits from the front of the buffer.
    bit: usize,
    /// Which block of an MCU it was taken for.
    block: usize,
}

/// One reader and what it has read.
struct Runner {
    lane: Lane,
    differences: Vec<i16>,
}

/// Two readers.
pub(crate) struct Pair {
    /// Of an MCU.
    blocks: Vec<BlockTables>,
    ahead: Runner,
    behind: Runner,
    /// What an MCU took lately.
    mcu_bits: usize,
    /// Beginnings of blocks to be written down.
    marks: usize,
    /// MCUs that are left to the ordinary reader before the next attempt.
    pause: usize,
    /// How many times in a row the second reader's work was lost.
    misses: usize,
}

impl Pair {
    /// `blocks`: those of an MCU, in their order.
    pub fn new(blocks: Vec<BlockTables>) -> Self {
        Self { blocks, ahead: Runner::new(), behind: Runner::new(), mcu_bits: 0, marks: 4 * FEW_MARKS, pause: 0, misses: 0 }
    }

    /// Blocks of an MCU.
    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// The differences of the DC coefficients of all blocks that [`read`](Self::read) has read, in their order.
    pub fn differences(&self) -> &[i16] {
        &self.behind.differences
    }

    /// Reads as many whole MCUs as it likes from the reader's place on. Where it could read `most` or more, it tells of `most`, and the reader
    /// stands anywhere.
    pub fn read(&mut self, reader: &mut BitReader, window: &mut Window<'_>, most: usize) -> Many {
        self.read_about(reader, window, most, None)
    }

    /// As [`read`](Self::read), but the reader always stands behind the last MCU of which is told. `mcu_bits`: what an MCU takes on average.
    pub fn read_exactly(&mut self, reader: &mut BitReader, window: &mut Window<'_>, most: usize, mcu_bits: usize) -> Many {
        // The next MCUs are likely to take as much as those before; a bit less will do.
        let bits = most.saturating_mul(if self.mcu_bits > 0 { self.mcu_bits } else { mcu_bits });
        self.read_about(reader, window, most, Some(bits / 9))
    }

    /// `bytes`: where to stop, lest more than `most` MCUs be read.
    fn read_about(&mut self, reader: &mut BitReader, window: &mut Window<'_>, most: usize, bytes: Option<usize>) -> Many {
        if self.pause > 0 {
            return Many::Wait(std::mem::take(&mut self.pause));
        }
        window.top_up(reader);
        let (end, complete) = window.end();
        // To the last whole MCU there must be data, or the zeros that stand for its end.
        let usable = end.saturating_sub(if complete { LOOK_AHEAD } else { MCU_BYTES + 2 * LOOK_AHEAD });
        let usable = usable.min(reader.position.saturating_add(bytes.unwrap_or(usable)));
        if usable < reader.position + LEAST_BYTES {
            return Many::Wait(most);
        }
        let result = self.read_together(*reader, window.buffer(), usable);
        let blocks = self.behind.differences.len();
        let mcus = blocks / self.blocks.len();
        match result {
            Ok(after) if mcus > 0 && !window.overrun(&after) => {
                let bits = after.bits_read() - reader.bits_read();
                self.mcu_bits = bits / mcus;
                if bytes.is_some() && mcus > most {
                    return Many::Wait(most.min(LEAST_WAIT));
                }
                let flat = bits < LEAST_BITS * blocks;
                if flat || self.misses > 0 {
                    self.pause = mcus * self.misses.clamp(4, 8);
                }
                *reader = after;
                Many::Read(mcus.min(most))
            }
            // The ordinary reader is to come by the place, and say what is wrong.
            _ => Many::Wait((mcus + 1).max(LEAST_WAIT)),
        }
    }

    fn read_together(&mut self, reader: BitReader, buffer: &Buffer, usable: usize) -> Result<BitReader, Fault> {
        let blocks = &self.blocks[..];
        let tables = Tables::new(blocks);
        self.behind.begin(reader);
        let middle = reader.position.midpoint(usable);
        let marks = self.ahead.begin_anywhere(middle * 8, self.marks, usable, blocks, buffer);
        let Some(limit) = marks.first().map(|mark| mark.bit / 8) else {
            return Err(Fault::BadCode);
        };
        let mut ahead_is_good = true;
        while ahead_is_good && self.behind.lane.reader.position < limit && self.ahead.lane.reader.position < usable {
            let lanes = [&mut self.behind.lane, &mut self.ahead.lane];
            let [behind_is_good, ahead_is_sound] = run(lanes, [limit, usable], &tables, buffer);
            if !behind_is_good {
                return Err(Fault::BadCode);
            }
            ahead_is_good = ahead_is_sound;
            self.behind.empty_full_ring(&tables, blocks);
            self.ahead.empty_full_ring(&tables, blocks);
        }
        self.behind.finish(blocks, buffer)?;
        ahead_is_good = ahead_is_good && self.ahead.finish(blocks, buffer).is_ok();
        let joined = self.behind.join(&marks, blocks, buffer)?;
        self.misses += 1;
        if joined.is_none() {
            self.marks = MANY_MARKS;
        }
        if let Some(mark) = joined.filter(|_| ahead_is_good) {
            self.misses = 0;
            // With room for one that takes longer; fewer again, but slowly.
            self.marks = (4 * mark).max(self.marks - self.marks / 8).clamp(FEW_MARKS, MANY_MARKS);
            self.behind.differences.extend_from_slice(&self.ahead.differences[mark..]);
            self.behind.lane.reader = self.ahead.lane.reader;
        }
        while !self.behind.differences.len().is_multiple_of(blocks.len()) {
            self.behind.read_block(blocks, buffer)?;
        }
        Ok(self.behind.lane.reader)
    }
}

impl Runner {
    fn new() -> Self {
        Self { lane: Lane::new(), differences: Vec::new() }
    }

    /// Goes to the beginning of an MCU.
    fn begin(&mut self, reader: BitReader) {
        self.differences.clear();
        (self.lane.reader, self.lane.next, self.lane.place) = (reader, FIRST, 0);
    }

    /// Begins at some bit, and reads `count` blocks or a few more, to the end of what it takes for an MCU. Tells where they begin. Where it
    /// finds no code it begins again, a bit further on; not for ever.
    fn begin_anywhere(&mut self, bit: usize, count: usize, usable: usize, blocks: &[BlockTables], buffer: &Buffer) -> Vec<Mark> {
        let mut marks = Vec::with_capacity(count);
        self.begin(BitReader::at(buffer, bit));
        let mut attempts = 1;
        while (marks.len() < count || !marks.len().is_multiple_of(blocks.len())) && self.lane.reader.position < usable {
            let mark = Mark { bit: self.lane.reader.bits_read(), block: marks.len() % blocks.len() };
            if self.read_block(blocks, buffer).is_ok() {
                marks.push(mark);
            } else if attempts < MOST_ATTEMPTS {
                attempts += 1;
                marks.clear();
                self.begin(BitReader::at(buffer, mark.bit + 1));
            } else {
                return Vec::new();
            }
        }
        marks
    }

    /// Goes on, block by block, until it stands at one of the marks, or behind all of them.
    fn join(&mut self, marks: &[Mark], blocks: &[BlockTables], buffer: &Buffer) -> Result<Option<usize>, Fault> {
        let mut marks = marks.iter().enumerate().peekable();
        loop {
            let bit = self.lane.reader.bits_read();
            while marks.next_if(|(_, mark)| mark.bit < bit).is_some() {}
            let Some((index, mark)) = marks.peek() else { return Ok(None) };
            if mark.bit == bit && mark.block == self.differences.len() % blocks.len() {
                return Ok(Some(*index));
            }
            self.read_block(blocks, buffer)?;
        }
    }

    /// Reads a block by itself, into the differences. The ring is empty.
    fn read_block(&mut self, blocks: &[BlockTables], buffer: &Buffer) -> Result<(), Fault> {
        let tables = &blocks[self.differences.len() % blocks.len()];
        let reader = &mut self.lane.reader;
        let difference = read_dc(reader, buffer, &tables.dc)?;
        skip_ac(reader, buffer, &tables.ac, FIRST)?;
        self.differences.push(difference as i16);
        Ok(())
    }

    /// Reads the block to its end that the reader stands in, and empties the ring.
    fn finish(&mut self, blocks: &[BlockTables], buffer: &Buffer) -> Result<(), Fault> {
        let lane = &mut self.lane;
        if !lane.place.is_multiple_of(2) {
            lane.reader.refill(buffer);
            skip_ac(&mut lane.reader, buffer, &blocks[lane.place / 2 % blocks.len()].ac, lane.next)?;
            lane.place += 1;
        }
        self.empty(self.lane.place, blocks);
        Ok(())
    }

    fn empty_full_ring(&mut self, tables: &Tables<'_>, blocks: &[BlockTables]) {
        if self.lane.place >= tables.wrap {
            self.empty(tables.wrap, blocks);
            self.lane.wrap(tables.wrap);
        }
    }

    /// Decodes the DC differences of the places before `end`.
    fn empty(&mut self, end: usize, blocks: &[BlockTables]) {
        let before = self.differences.len();
        self.differences.resize(before + end / 2, 0);
        let mcus = self.lane.windows[..end].chunks(2 * blocks.len());
        for (windows, differences) in mcus.zip(self.differences[before..].chunks_mut(blocks.len())) {
            let (windows, _) = windows.as_chunks::<2>();
            for (([bits, _], difference), tables) in windows.iter().zip(differences).zip(blocks) {
                *difference = dc_difference(*bits, &tables.dc) as i16;
            }
        }
    }
}
