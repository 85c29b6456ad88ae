//! A scan that several readers share: each decodes bands of rows in its turn, and passes over those of the others.
//!
//! To pass over a band takes a fraction of the time that it takes to decode it: no coefficient is taken out or transformed, and the blocks are
//! read in two places at a time ([`Pair`]). Where restart markers stand, just the markers are looked for.

use std::ops::ControlFlow;
use std::rc::Rc;

use crate::Error;
use crate::bits::{BitReader, Buffer, Window};
use crate::block::{Fault, read_dc, skip_ac};
use crate::huffman::{FIRST, SkipTable};
use crate::markers::{Scan, Tables};
use crate::plan::ScanPlan;
use crate::scan::pair::{BlockTables, Pair};
use crate::scan::sequential::SequentialCoder;
use crate::scan::tables::BuiltTables;
use crate::scan::{BlockCoder, Many, Most};
use crate::strip::Planes;

/// Whose turn it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turns {
    /// Rows of MCUs in a band.
    pub rows: usize,
    /// Readers, and which of them this one is.
    pub readers: usize,
    pub reader: usize,
}

impl Turns {
    /// Which reader decodes a row.
    pub fn reader_of(&self, row: usize) -> usize {
        row / self.rows % self.readers
    }

    fn is_mine(&self, row: usize) -> bool {
        self.reader_of(row) == self.reader
    }

    /// The first row after `row` that is another one's, if it is mine, or mine, if it is another one's.
    fn change_after(&self, row: usize) -> usize {
        let band = row / self.rows;
        let bands = if self.is_mine(row) { 1 } else { (self.reader + self.readers - band % self.readers) % self.readers };
        (band + bands) * self.rows
    }
}

/// Reads the blocks of its own bands into planes.
pub(crate) struct TurnCoder<'a, F> {
    inner: SequentialCoder<'a, F>,
    turns: Turns,
    row: usize,
    mcus_across: usize,
    mcus_down: usize,
    /// What an MCU takes on average.
    mcu_bits: usize,
    /// For each component of the scan.
    ac: Vec<Rc<SkipTable>>,
    pair: Pair,
    /// MCUs that have been passed over ahead.
    left: usize,
    /// Their first difference's place; none where a restart makes them of no account.
    first: Option<usize>,
}

impl<'a, F> TurnCoder<'a, F>
where
    F: FnMut(&mut Planes, usize) -> ControlFlow<()>,
{
    /// `scan_bytes`: of the scan's data, more or less.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a table that the scan names is missing or unfit.
    pub fn new(
        inner: SequentialCoder<'a, F>,
        turns: Turns,
        scan: &Scan,
        scan_plan: &ScanPlan,
        tables: &Tables,
        scan_bytes: usize,
    ) -> Result<Self, Error> {
        let mut built = BuiltTables::new(tables, scan.data_start);
        let (mut ac, mut blocks) = (Vec::new(), Vec::new());
        for (part, component) in scan.components.iter().zip(&inner.components) {
            let skip = built.skip(part.ac_table)?;
            let tables = BlockTables { dc: Rc::clone(&component.dc), dc_skip: built.dc_skip(part.dc_table)?, ac: Rc::clone(&skip) };
            blocks.extend(vec![tables; component.across * component.down]);
            ac.push(skip);
        }
        let (mcus_across, mcus_down) = (scan_plan.mcus_across, scan_plan.mcus_down);
        let mcu_bits = scan_bytes * 8 / (mcus_across * mcus_down).max(1);
        Ok(Self { inner, turns, row: 0, mcus_across, mcus_down, mcu_bits, ac, pair: Pair::new(blocks), left: 0, first: None })
    }

    fn is_mine(&self) -> bool {
        self.turns.is_mine(self.row)
    }

    /// Adds up the differences of MCUs that are passed over.
    fn predict(&mut self, first: usize, count: usize) {
        let blocks = self.pair.blocks();
        let differences = &self.pair.differences()[first..first + count * blocks];
        let mut place = 0;
        for component in &mut self.inner.components {
            let size = component.across * component.down;
            for mcu in differences.chunks(blocks) {
                for &difference in &mcu[place..place + size] {
                    component.prediction = component.prediction.wrapping_add(difference.into());
                }
            }
            place += size;
        }
    }
}

impl<F> BlockCoder for TurnCoder<'_, F>
where
    F: FnMut(&mut Planes, usize) -> ControlFlow<()>,
{
    #[inline(always)]
    fn read(&mut self, reader: &mut BitReader, buffer: &Buffer, slot: usize, x: usize, y: usize) -> Result<(), Fault> {
        if self.is_mine() {
            return self.inner.read(reader, buffer, slot, x, y);
        }
        let component = &mut self.inner.components[slot];
        let difference = read_dc(reader, buffer, &component.dc)?;
        component.prediction = component.prediction.wrapping_add(difference);
        skip_ac(reader, buffer, &self.ac[slot], FIRST)
    }

    fn read_many(&mut self, reader: &mut BitReader, window: &mut Window<'_>, column: usize, most: Most) -> Many {
        let change = self.turns.change_after(self.row).min(self.mcus_down);
        let until = (change - self.row) * self.mcus_across - column;
        if self.is_mine() {
            return Many::Wait(until);
        }
        if self.left == 0 {
            if most.restart && most.in_segment <= until {
                (self.left, self.first) = (most.in_segment, None);
            } else {
                match self.pair.read_exactly(reader, window, most.in_segment.min(until), self.mcu_bits) {
                    Many::Read(mcus) => (self.left, self.first) = (mcus, Some(0)),
                    Many::Wait(mcus) => return Many::Wait(mcus.min(until)),
                }
            }
        }
        let count = self.left.min(most.in_row);
        self.left -= count;
        if let Some(first) = self.first {
            self.predict(first, count);
            self.first = Some(first + count * self.pair.blocks());
        }
        Many::Read(count)
    }

    fn conceal(&mut self, slot: usize, x: usize, y: usize) {
        if self.is_mine() {
            self.inner.conceal(slot, x, y);
        }
    }

    fn restart(&mut self) {
        self.inner.restart();
    }

    fn end_row(&mut self, mcu_row: usize) -> ControlFlow<()> {
        let mine = self.is_mine();
        self.row = mcu_row + 1;
        if mine && self.inner.end_row(mcu_row).is_break() {
            return ControlFlow::Break(());
        }
        match self.is_mine() || self.turns.change_after(self.row) < self.mcus_down {
            true => ControlFlow::Continue(()),
            // No further band is mine.
            false => ControlFlow::Break(()),
        }
    }
}
