//! Baseline and extended sequential scans, straight to samples of the wanted size.

use std::ops::ControlFlow;
use std::rc::Rc;

use crate::Error;
use crate::bits::{BitReader, Buffer, Window};
use crate::block::{Fault, read_ac, read_dc, skip_ac};
use crate::huffman::{DcTable, FIRST, SkipTable, ValueTable};
use crate::idct::{Block, Inverse, Quant, flat_sample};
use crate::markers::{FrameComponent, Scan, Tables};
use crate::plan::{ComponentPlan, Plan, ScanPlan};
use crate::scan::pair::{BlockTables, Pair};
use crate::scan::tables::BuiltTables;
use crate::scan::{BlockCoder, Many, Most};
use crate::strip::Planes;

/// What happens to a component's AC coefficients.
enum Ac {
    /// Blocks of one sample: they are passed over.
    Skip(Rc<SkipTable>),
    /// They are read, and transformed.
    Read(Rc<ValueTable>),
}

/// One component of the scan.
pub(super) struct Component {
    /// Place in the frame.
    index: usize,
    pub dc: Rc<DcTable>,
    ac: Ac,
    inverse: Inverse,
    quant: Box<Quant>,
    /// The last DC coefficient.
    pub prediction: i32,
    /// Samples a side of a block.
    side: usize,
    stride: usize,
    /// Offset in the plane of the present row of MCUs.
    origin: usize,
    /// What a row of MCUs adds to the origin: nothing if the plane holds just one.
    row_step: usize,
    /// Blocks across and down in an MCU.
    pub across: usize,
    pub down: usize,
}

/// MCUs whose DC differences have been read.
struct Ahead {
    pair: Pair,
    /// Of them, those that have not come into the planes.
    left: usize,
    /// The place of the next one's first difference.
    first: usize,
}

/// Reads blocks into planes.
pub(crate) struct SequentialCoder<'a, F> {
    pub(super) components: Vec<Component>,
    planes: &'a mut Planes,
    block: Block,
    /// Where all blocks are single samples.
    ahead: Option<Ahead>,
    end_row: F,
}

impl<'a, F> SequentialCoder<'a, F>
where
    F: FnMut(&mut Planes, usize) -> ControlFlow<()>,
{
    /// `end_row` is called after each row of MCUs.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a table that the scan names is missing or unfit.
    pub fn new(
        plan: &Plan,
        scan: &Scan,
        scan_plan: &ScanPlan,
        frame: &[FrameComponent],
        tables: &Tables,
        planes: &'a mut Planes,
        end_row: F,
    ) -> Result<Self, Error> {
        let mut built = BuiltTables::new(tables, scan.data_start);
        let mut components = Vec::with_capacity(scan.components.len());
        let mut blocks = (!plan.plain).then(Vec::new);
        for (part, order) in scan.components.iter().zip(&scan_plan.components) {
            let ComponentPlan { side, stride, .. } = plan.components[part.index];
            let quant =
                tables.quant[frame[part.index].quant].as_deref().ok_or_else(|| built.missing("a quantisation table is missing"))?;
            let dc = built.dc(part.dc_table)?;
            let ac = match side {
                1 => Ac::Skip(built.skip(part.ac_table)?),
                _ => Ac::Read(built.value(part.ac_table)?),
            };
            match (&ac, &mut blocks) {
                (Ac::Skip(ac), Some(blocks)) => {
                    let tables = BlockTables { dc: Rc::clone(&dc), dc_skip: built.dc_skip(part.dc_table)?, ac: Rc::clone(ac) };
                    blocks.extend(vec![tables; order.across * order.down]);
                }
                _ => blocks = None,
            }
            components.push(Component {
                index: part.index,
                dc,
                ac,
                quant: Box::new(Quant::new(quant)),
                prediction: 0,
                inverse: Inverse::new(side, plan.plain),
                side,
                stride,
                origin: 0,
                row_step: if planes.whole() { order.down * side * stride } else { 0 },
                across: order.across,
                down: order.down,
            });
        }
        let ahead = blocks.map(|blocks| Ahead { pair: Pair::new(blocks), left: 0, first: 0 });
        Ok(Self { components, planes, block: Block::new(), ahead, end_row })
    }
}

impl<F> BlockCoder for SequentialCoder<'_, F>
where
    F: FnMut(&mut Planes, usize) -> ControlFlow<()>,
{
    #[inline(always)]
    fn read(&mut self, reader: &mut BitReader, buffer: &Buffer, slot: usize, x: usize, y: usize) -> Result<(), Fault> {
        let component = &mut self.components[slot];
        let difference = read_dc(reader, buffer, &component.dc)?;
        component.prediction = component.prediction.wrapping_add(difference);
        let dc = component.prediction;
        let offset = component.offset(x, y);
        let plane = self.planes.plane_mut(component.index);
        match &component.ac {
            Ac::Skip(table) => {
                plane[offset] = flat_sample(dc, component.quant.dc());
                skip_ac(reader, buffer, table, FIRST)
            }
            Ac::Read(table) => {
                match read_ac(reader, buffer, table, &mut self.block) {
                    Ok(true) => {
                        self.block.set(0, dc);
                        component.inverse.transform(&mut self.block, &component.quant, &mut plane[offset..], component.stride);
                        Ok(())
                    }
                    Ok(false) => {
                        component.flatten(plane, offset);
                        Ok(())
                    }
                    Err(fault) => {
                        // Half of it may have been read.
                        self.block = Block::new();
                        Err(fault)
                    }
                }
            }
        }
    }

    fn read_many(&mut self, reader: &mut BitReader, window: &mut Window<'_>, column: usize, most: Most) -> Many {
        let Some(ahead) = &mut self.ahead else { return Many::Wait(usize::MAX) };
        if ahead.left == 0 {
            match ahead.pair.read(reader, window, most.in_segment) {
                Many::Read(mcus) => (ahead.left, ahead.first) = (mcus, 0),
                wait => return wait,
            }
        }
        let count = ahead.left.min(most.in_row);
        let blocks = ahead.pair.blocks();
        let end = ahead.first + count * blocks;
        let differences = &ahead.pair.differences()[ahead.first..end];
        (ahead.left, ahead.first) = (ahead.left - count, end);
        let mut first = 0;
        for component in &mut self.components {
            component.place(self.planes.plane_mut(component.index), column, differences[first..].chunks(blocks));
            first += component.across * component.down;
        }
        Many::Read(count)
    }

    fn conceal(&mut self, slot: usize, x: usize, y: usize) {
        let component = &self.components[slot];
        let plane = self.planes.plane_mut(component.index);
        component.flatten(plane, component.offset(x, y));
    }

    fn restart(&mut self) {
        for component in &mut self.components {
            component.prediction = 0;
        }
    }

    fn end_row(&mut self, mcu_row: usize) -> ControlFlow<()> {
        for component in &mut self.components {
            component.origin += component.row_step;
        }
        (self.end_row)(self.planes, mcu_row)
    }
}

impl Component {
    /// Where a block's samples begin in the plane.
    #[inline(always)]
    fn offset(&self, x: usize, y: usize) -> usize {
        self.origin + y * self.side * self.stride + x * self.side
    }

    /// Places the samples of MCUs, from a column of them on, whose blocks are samples. Each begins with the differences of this component.
    fn place<'d>(&mut self, plane: &mut [u8], column: usize, mcus: impl Iterator<Item = &'d [i16]>) {
        let samples = &mut plane[self.offset(column * self.across, 0)..];
        let (stride, quant) = (self.stride, self.quant.dc());
        // By itself, to be kept in a register.
        let mut prediction = self.prediction;
        let mut next_sample = |difference: i16| {
            prediction = prediction.wrapping_add(difference.into());
            flat_sample(prediction, quant)
        };
        match (self.across, self.down) {
            (1, 1) => place_row::<1>(samples, mcus, next_sample),
            (2, 1) => place_row::<2>(samples, mcus, next_sample),
            (2, 2) => {
                let (upper, lower) = samples.split_at_mut(stride);
                let rows = upper.as_chunks_mut::<2>().0.iter_mut().zip(lower.as_chunks_mut::<2>().0);
                for (([a, b], [c, d]), differences) in rows.zip(mcus) {
                    if let Some(&[first, second, third, fourth]) = differences.first_chunk() {
                        (*a, *b) = (next_sample(first), next_sample(second));
                        (*c, *d) = (next_sample(third), next_sample(fourth));
                    }
                }
            }
            (across, down) => {
                for (mcu, differences) in mcus.enumerate() {
                    let places = (0..down).flat_map(|y| (0..across).map(move |x| (x, y)));
                    for ((x, y), &difference) in places.zip(differences) {
                        samples[y * stride + mcu * across + x] = next_sample(difference);
                    }
                }
            }
        }
        self.prediction = prediction;
    }

    /// Fills a block with the sample that its DC coefficient means.
    fn flatten(&self, plane: &mut [u8], offset: usize) {
        let sample = flat_sample(self.prediction, self.quant.dc());
        (self.inverse.fill)(sample, &mut plane[offset..], self.stride);
    }
}

/// Places the samples of MCUs whose blocks are samples and stand in a row.
#[inline(always)]
fn place_row<'d, const ACROSS: usize>(
    samples: &mut [u8],
    mcus: impl Iterator<Item = &'d [i16]>,
    mut next_sample: impl FnMut(i16) -> u8,
) {
    for (samples, differences) in samples.as_chunks_mut::<ACROSS>().0.iter_mut().zip(mcus) {
        for (sample, &difference) in samples.iter_mut().zip(differences) {
            *sample = next_sample(difference);
        }
    }
}
