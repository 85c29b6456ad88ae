//! Two bit readers in turn, each passing over blocks, without a branch that depends on what is read.
//!
//! Passing over a block is a chain of look-ups, each of which waits for the one before; and where a block ends no processor can foresee. Both
//! are idle time that a second reader, elsewhere in the same scan, can use, if the first one's wrong guesses do not stop it as well. So a
//! step is the same for DC and AC symbols: one look-up, and when its entry ends the block (a DC difference counts as a block) the next table
//! is chosen by a conditional move. What stood at the front of the bits goes into a ring; of each pair of its places one holds a DC
//! difference in the end, which is decoded when the ring is emptied.

use std::hint::select_unpredictable;

use super::BlockTables;
use crate::bits::{BitReader, Buffer};
use crate::huffman::{ASTRAY, FIRST, PASSED, SKIP_BITS, SkipLookup, SkipTable};

/// Places of a ring: two for each block.
const RING: usize = 256;
/// What a round may fill, and look at, beyond the place where a ring is to be emptied.
const SLACK: usize = 4;

/// The look-ups in the order of the ring, again and again: DC and AC of each block of an MCU.
pub(super) struct Tables<'a> {
    places: [&'a SkipLookup; RING],
    /// For where a look-up decides nothing.
    owners: [&'a SkipTable; RING],
    /// Where a ring begins again: whole MCUs.
    pub wrap: usize,
}

impl<'a> Tables<'a> {
    /// `blocks`: those of an MCU, ten at the most.
    pub fn new(blocks: &'a [BlockTables]) -> Self {
        let pattern: Vec<&SkipTable> = blocks.iter().flat_map(|block| [&*block.dc_skip, &*block.ac]).collect();
        let mut owners = [pattern[0]; RING];
        for places in owners.chunks_mut(pattern.len()) {
            places.copy_from_slice(&pattern[..places.len()]);
        }
        Self { places: owners.map(|table| &*table.lookup), owners, wrap: (RING - SLACK) / pattern.len() * pattern.len() }
    }

    #[inline(always)]
    fn at(&self, place: usize) -> &'a SkipLookup {
        self.places[place & (RING - 1)]
    }
}

/// One reader, and where it stands.
pub(super) struct Lane {
    pub reader: BitReader,
    /// The next AC coefficient, counted from [`FIRST`].
    pub next: u32,
    /// Even: a DC difference comes next. Odd: AC coefficients.
    pub place: usize,
    /// The bits from a place's last symbol on.
    pub windows: Box<[u64; RING]>,
}

impl Lane {
    pub fn new() -> Self {
        Self { reader: BitReader::default(), next: FIRST, place: 0, windows: Box::new([0; RING]) }
    }

    /// Takes the places that have passed the end of the ring to its beginning.
    pub fn wrap(&mut self, wrap: usize) {
        self.windows.copy_within(wrap..wrap + SLACK, 0);
        self.place -= wrap;
    }
}

/// Steps on until one of the readers has reached its limit, in bytes of the buffer, or a ring is full.
///
/// Both limits are eight bytes before the end of the buffer's good bytes, or earlier. Tells which lanes have met no fault.
pub(super) fn run(lanes: [&mut Lane; 2], limits: [usize; 2], tables: &Tables<'_>, buffer: &Buffer) -> [bool; 2] {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("bmi1") && std::arch::is_x86_feature_detected!("bmi2") {
        // SAFETY: the processor has the instructions.
        #[allow(unsafe_code)]
        return unsafe { run_bmi2(lanes, limits, tables, buffer) };
    }
    run_portable(lanes, limits, tables, buffer)
}

/// [`run_portable`], with shifts by any register.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "bmi1,bmi2")]
fn run_bmi2(lanes: [&mut Lane; 2], limits: [usize; 2], tables: &Tables<'_>, buffer: &Buffer) -> [bool; 2] {
    run_portable(lanes, limits, tables, buffer)
}

#[inline(always)]
fn run_portable(lanes: [&mut Lane; 2], limits: [usize; 2], tables: &Tables<'_>, buffer: &Buffer) -> [bool; 2] {
    let [lane_a, lane_b] = lanes;
    let [limit_a, limit_b] = limits;
    let wrap = tables.wrap;
    // All of it by itself, to be kept in registers.
    let (mut reader_a, mut next_a, mut place_a) = (lane_a.reader, lane_a.next, lane_a.place);
    let (mut reader_b, mut next_b, mut place_b) = (lane_b.reader, lane_b.next, lane_b.place);
    let (windows_a, windows_b) = (&mut *lane_a.windows, &mut *lane_b.windows);
    let (mut table_a, mut table_b) = (tables.at(place_a), tables.at(place_b));
    macro_rules! step {
        ($reader:ident, $next:ident, $place:ident, $windows:ident, $table:ident, $seen:ident) => {
            $windows[$place & (RING - 1)] = $reader.bits;
            let entry = u32::from($table[($reader.bits >> (64 - SKIP_BITS)) as usize]);
            let following = tables.at($place + 1);
            let after = $next + (entry >> 6);
            $seen |= after;
            $reader.consume(entry);
            let done = after >= PASSED;
            $place = select_unpredictable(done, $place + 1, $place);
            $next = select_unpredictable(done, FIRST, after);
            $table = select_unpredictable(done, following, $table);
        };
    }
    let mut sound = [true; 2];
    while reader_a.position < limit_a && reader_b.position < limit_b && place_a < wrap && place_b < wrap {
        reader_a.refill(buffer);
        reader_b.refill(buffer);
        let before_a = (reader_a, next_a, place_a);
        let before_b = (reader_b, next_b, place_b);
        let (mut seen_a, mut seen_b) = (0, 0);
        step!(reader_a, next_a, place_a, windows_a, table_a, seen_a);
        step!(reader_b, next_b, place_b, windows_b, table_b, seen_b);
        step!(reader_a, next_a, place_a, windows_a, table_a, seen_a);
        step!(reader_b, next_b, place_b, windows_b, table_b, seen_b);
        if (seen_a | seen_b) & ASTRAY != 0 {
            // The round begins again, by other means. To ask which of the lanes needs it would cost as much.
            (reader_a, next_a, place_a) = before_a;
            (reader_b, next_b, place_b) = before_b;
            for _ in 0..2 {
                sound[0] &= step_by_symbol(&mut reader_a, &mut next_a, &mut place_a, windows_a, tables);
                sound[1] &= step_by_symbol(&mut reader_b, &mut next_b, &mut place_b, windows_b, tables);
                reader_a.refill(buffer);
                reader_b.refill(buffer);
            }
            (table_a, table_b) = (tables.at(place_a), tables.at(place_b));
            if sound != [true; 2] {
                break;
            }
        }
    }
    (lane_a.reader, lane_a.next, lane_a.place) = (reader_a, next_a, place_a);
    (lane_b.reader, lane_b.next, lane_b.place) = (reader_b, next_b, place_b);
    sound
}

/// A step that goes by single symbols where the look-up does not decide. Tells whether there was a code, and it did not reach beyond its block.
#[inline(always)]
fn step_by_symbol(
    reader: &mut BitReader,
    next: &mut u32,
    place: &mut usize,
    windows: &mut [u64; RING],
    tables: &Tables<'_>,
) -> bool {
    windows[*place & (RING - 1)] = reader.bits;
    let table = tables.owners[*place & (RING - 1)];
    let joined = u32::from(table.lookup[(reader.bits >> (64 - SKIP_BITS)) as usize]);
    let single = table.symbol((reader.bits >> 48) as u32);
    let decided = (*next + (joined >> 6)) & ASTRAY == 0;
    let entry = select_unpredictable(decided, joined, single);
    let after = *next + (entry >> 6);
    reader.consume(entry);
    let done = after >= PASSED;
    *place = select_unpredictable(done, *place + 1, *place);
    *next = select_unpredictable(done, FIRST, after);
    after & ASTRAY == 0
}
