//! One scan: its MCUs in order, its restart intervals, and what to do when the data is bad.

mod pair;
pub(crate) mod progressive;
pub(crate) mod sequential;
mod tables;
pub(crate) mod turns;

use std::ops::ControlFlow;

use crate::Error;
use crate::bits::{BitReader, Buffer, Window};
use crate::block::Fault;
use crate::plan::ScanPlan;

/// How many scans a file may have. Real ones have about ten; each costs a pass over the image.
pub(crate) const MAX_SCANS: usize = 100;

/// What a kind of scan does with its blocks.
pub(crate) trait BlockCoder {
    /// Reads one block of the scan's component `slot`. `x` counts blocks across the image, `y`
    /// blocks down in the present row of MCUs.
    fn read(&mut self, reader: &mut BitReader, buffer: &Buffer, slot: usize, x: usize, y: usize) -> Result<(), Fault>;

    /// Reads all blocks of several MCUs, from `column` on, if it can.
    fn read_many(&mut self, reader: &mut BitReader, window: &mut Window<'_>, column: usize, most: Most) -> Many {
        let _ = (reader, window, column, most);
        Many::Wait(usize::MAX)
    }

    /// Puts something harmless where a block could not be read.
    fn conceal(&mut self, slot: usize, x: usize, y: usize);

    /// Forgets the predictions.
    fn restart(&mut self);

    /// Told after each row of MCUs; breaking ends the scan.
    fn end_row(&mut self, mcu_row: usize) -> ControlFlow<()>;
}

/// How many MCUs may be read at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    /// That belong to the present row.
    pub in_row: usize,
    /// That follow up to the next restart marker, or to the end of the scan. The reader may go on over as many.
    pub in_segment: usize,
    /// It is a restart marker.
    pub restart: bool,
}

/// What came of an attempt to read several MCUs at once.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Many {
    /// So many have been read: one or more.
    Read(usize),
    /// None. So many are to be read block by block before the next attempt.
    Wait(usize),
}

/// What to read and how.
pub(crate) struct ScanSource<'a> {
    pub data: &'a [u8],
    /// Offset of the entropy-coded data.
    pub start: usize,
    pub restart_interval: u32,
    /// Conceal what cannot be read, rather than fail.
    pub tolerant: bool,
}

/// How a scan ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Walked {
    /// Nothing was concealed.
    pub complete: bool,
    /// Offset of the next marker, or the end of the data.
    pub end: usize,
}

/// One block of an MCU.
struct Place {
    slot: usize,
    /// Blocks of this component across an MCU.
    pitch: usize,
    x: usize,
    y: usize,
}

/// Reads a scan from its first MCU to its last.
pub(crate) fn walk<C: BlockCoder>(source: &ScanSource<'_>, plan: &ScanPlan, coder: &mut C) -> Result<Walked, Error> {
    let places = places(plan);
    let mut segments = Segments::new(source);
    let mut reader = BitReader::default();
    // MCUs to be read one by one.
    let mut wait = 0;
    for row in 0..plan.mcus_down {
        let mut column = 0;
        while column < plan.mcus_across {
            if segments.left == 0 {
                segments.restart()?;
                reader = BitReader::default();
                coder.restart();
            }
            if segments.readable && wait == 0 {
                let in_row = plan.mcus_across - column;
                let in_scan = in_row + (plan.mcus_down - 1 - row) * plan.mcus_across;
                let most = Most {
                    in_row: in_row.min(segments.left),
                    in_segment: in_scan.min(segments.left),
                    restart: segments.left < in_scan,
                };
                // A copy: the reader itself is to stay in registers.
                let mut after = reader;
                let step = coder.read_many(&mut after, &mut segments.window, column, most);
                reader = after;
                match step {
                    Many::Read(mcus) => {
                        column += mcus;
                        segments.left -= mcus;
                        continue;
                    }
                    Many::Wait(mcus) => wait = mcus,
                }
            }
            wait = wait.saturating_sub(1);
            let mcu = column;
            column += 1;
            segments.left -= 1;
            if segments.readable {
                let window = &mut segments.window;
                window.prepare(&mut reader);
                let mut result = Ok(());
                for place in &places {
                    let x = mcu * place.pitch + place.x;
                    result = coder.read(&mut reader, window.buffer(), place.slot, x, place.y);
                    if result.is_err() {
                        break;
                    }
                }
                if window.overrun(&reader) {
                    result = Err(Fault::Overrun);
                }
                let Err(fault) = result else { continue };
                segments.fail(fault, reader)?;
            }
            for place in &places {
                coder.conceal(place.slot, mcu * place.pitch + place.x, place.y);
            }
        }
        if coder.end_row(row).is_break() {
            break;
        }
    }
    Ok(Walked { complete: segments.complete, end: segments.window.marker().unwrap_or(source.data.len()) })
}

fn places(plan: &ScanPlan) -> Vec<Place> {
    let mut places = Vec::new();
    for (slot, component) in plan.components.iter().enumerate() {
        for y in 0..component.down {
            for x in 0..component.across {
                let pitch = component.across;
                places.push(Place { slot, pitch, x, y });
            }
        }
    }
    places
}

/// The restart intervals of a scan.
struct Segments<'a> {
    source: &'a ScanSource<'a>,
    window: Window<'a>,
    interval: usize,
    /// MCUs left in the present interval.
    left: usize,
    /// Number of the next restart marker.
    expected: u8,
    /// Intervals lost before the one that the window stands on.
    lost: u8,
    /// The present interval can be read on.
    readable: bool,
    /// No further interval follows.
    ended: bool,
    complete: bool,
}

impl<'a> Segments<'a> {
    fn new(source: &'a ScanSource<'a>) -> Self {
        let interval = match source.restart_interval {
            0 => usize::MAX,
            mcus => mcus as usize,
        };
        Self {
            source,
            window: Window::new(source.data, source.start),
            interval,
            left: interval,
            expected: 0,
            lost: 0,
            readable: true,
            ended: false,
            complete: true,
        }
    }

    /// Goes on to the next interval.
    fn restart(&mut self) -> Result<(), Error> {
        self.left = self.interval;
        if self.lost > 0 {
            self.lost -= 1;
            self.readable = self.lost == 0;
            return Ok(());
        }
        if self.ended {
            return Ok(());
        }
        let Some(number) = self.window.next_segment() else {
            if !self.source.tolerant {
                return Err(self.ended_early());
            }
            self.ended = true;
            self.readable = false;
            self.complete = false;
            return Ok(());
        };
        let ahead = number.wrapping_sub(self.expected) & 7;
        self.expected = (number + 1) & 7;
        self.readable = true;
        if ahead != 0 {
            if !self.source.tolerant {
                return Err(Error::Corrupt {
                    offset: self.window.source_offset(&BitReader::default()),
                    what: "restart markers out of order",
                });
            }
            self.complete = false;
            // A marker or two are missing: their intervals are lost, this one stays in place.
            if ahead <= 2 {
                self.lost = ahead;
                self.readable = false;
            }
        }
        Ok(())
    }

    /// Gives up the present interval, or the whole scan.
    #[cold]
    fn fail(&mut self, fault: Fault, reader: BitReader) -> Result<(), Error> {
        if self.source.tolerant {
            self.readable = false;
            self.complete = false;
            return Ok(());
        }
        Err(match fault {
            Fault::Overrun => self.ended_early(),
            // The zeros after the end were part of what looked wrong.
            _ if self.window.at_end(&reader) => self.ended_early(),
            Fault::BadCode => Error::Corrupt { offset: self.window.source_offset(&reader), what: "bits that are no huffman code" },
            Fault::LongRun => {
                Error::Corrupt { offset: self.window.source_offset(&reader), what: "a run beyond the end of a block" }
            }
        })
    }

    fn ended_early(&self) -> Error {
        Error::Truncated {
            offset: self.window.marker().unwrap_or(self.source.data.len()),
            what: "the entropy-coded data of a scan",
        }
    }
}
