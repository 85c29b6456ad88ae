//! The facsimile compressions (ITU-T T.4 and T.6), as one bit a pixel, black first.

use crate::header::tiff::{Compression, Shape};
use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};
use std::convert::Infallible;
use std::io::{Error, ErrorKind, Read};

/// Reads the rows of a chunk.
pub(super) struct Fax<'a> {
    bits: Option<Bits<'a>>,
    compression: Compression,
    width: u32,
    /// Rows that make up a chunk; writers may leave out white ones at the end.
    rows_left: u32,
    /// Where the colour of the last row changes, from the left; the first change is from white to black.
    reference: Vec<u32>,
    row: Vec<u8>,
    /// How much of the row has been read.
    read: usize,
}

type Bits<'a> = ByteReader<Box<dyn Iterator<Item = Result<u8, Infallible>> + 'a>>;

/// What a row begins with.
enum Start {
    /// Runs alone.
    Runs,
    /// Changes against the row above.
    Changes,
    /// There is no further row.
    End,
}

/// Bits of a mark: eleven zeros and a one, and more zeros before.
const MARK_ZEROS: u8 = 11;

/// Bytes of nothing behind the data, so that the last code can be looked up.
const SPARE_BYTES: usize = 4;

impl<'a> Fax<'a> {
    pub(super) fn new(packed: &'a [u8], shape: &Shape) -> Self {
        let reversed = shape.reversed_bits;
        let bytes = packed.iter().copied().chain(std::iter::repeat_n(0, SPARE_BYTES));
        let bytes: Box<dyn Iterator<Item = Result<u8, Infallible>> + 'a> =
            Box::new(bytes.map(move |byte| Ok(if reversed { byte.reverse_bits() } else { byte })));
        let length = shape.chunk.0.div_ceil(8) as usize;
        Self {
            bits: ByteReader::new(bytes).ok(),
            compression: shape.compression,
            width: shape.chunk.0,
            rows_left: shape.chunk.1,
            reference: Vec::new(),
            row: vec![0; length],
            read: length,
        }
    }

    fn next_row(&mut self) -> std::io::Result<()> {
        self.row.fill(0);
        self.read = 0;
        self.rows_left -= 1;
        let Some(bits) = &mut self.bits else { return Ok(()) };
        let bad = || Error::new(ErrorKind::InvalidData, "a code that is none");
        let changes = match start(bits, self.compression) {
            Start::Runs => runs(bits, self.width).ok_or_else(bad)?,
            Start::Changes => match changes(bits, self.width, &self.reference).ok_or_else(bad)? {
                Some(changes) => changes,
                None => {
                    self.bits = None;
                    return Ok(());
                }
            },
            Start::End => {
                self.bits = None;
                return Ok(());
            }
        };
        for black in changes.chunks(2) {
            let end = black.get(1).copied().unwrap_or(self.width);
            for x in black[0]..end {
                if let Some(byte) = self.row.get_mut(x as usize / 8) {
                    *byte |= 0x80 >> (x % 8);
                }
            }
        }
        self.reference = changes;
        Ok(())
    }
}

impl Read for Fax<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.read == self.row.len() {
            if self.rows_left == 0 {
                return Ok(0);
            }
            self.next_row()?;
        }
        let count = out.len().min(self.row.len() - self.read);
        out[..count].copy_from_slice(&self.row[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

/// Goes to where the codes of the next row begin.
fn start(bits: &mut Bits<'_>, compression: Compression) -> Start {
    let two_dimensional = match compression {
        Compression::FaxRuns => {
            let _ = bits.consume(bits.bits_to_byte_boundary());
            return if bits.peek(1).is_some() { Start::Runs } else { Start::End };
        }
        Compression::Group3 { two_dimensional } => two_dimensional,
        _ => return Start::Changes,
    };
    let mut marks = 0;
    while bits.peek(MARK_ZEROS) == Some(0) {
        while bits.peek(1) == Some(0) {
            let _ = bits.consume(1);
        }
        if bits.peek(1).is_none() {
            return Start::End;
        }
        let _ = bits.consume(1);
        marks += 1;
        // Every mark tells how the row behind it is coded, also those at the end.
        let runs_alone = !two_dimensional || bits.peek(1) == Some(1);
        if two_dimensional {
            let _ = bits.consume(1);
        }
        // Marks that follow each other end the page.
        if bits.peek(MARK_ZEROS) != Some(0) {
            return if marks > 1 {
                Start::End
            } else if runs_alone {
                Start::Runs
            } else {
                Start::Changes
            };
        }
    }
    match bits.peek(1) {
        // Some writers leave the marks out.
        Some(_) => Start::Runs,
        None => Start::End,
    }
}

/// A row of runs, white and black in turn; `None` for a code that is none.
fn runs(bits: &mut Bits<'_>, width: u32) -> Option<Vec<u32>> {
    let (mut changes, mut x, mut is_black) = (Vec::new(), 0, false);
    // Runs of no pixels add changes without end.
    while x < width && changes.len() <= width as usize {
        x += run(bits, is_black)?;
        if x < width {
            changes.push(x);
        }
        is_black = !is_black;
    }
    (x >= width).then_some(changes)
}

/// A run of one colour: any number of codes of 64 and more, and one of less.
fn run(bits: &mut Bits<'_>, is_black: bool) -> Option<u32> {
    let mut length = 0_u32;
    loop {
        let part = if is_black { black::decode(bits)? } else { white::decode(bits)? };
        length = length.checked_add(u32::from(part))?;
        if part < 64 {
            return Some(length);
        }
    }
}

/// A row as it differs from the one above; `Some(None)` at the end of the page, `None` for a code that is none.
fn changes(bits: &mut Bits<'_>, width: u32, above: &[u32]) -> Option<Option<Vec<u32>>> {
    let (mut changes, mut x, mut is_black, mut at_start) = (Vec::new(), 0, false, true);
    // Changes of the row above that lie behind are passed for good; a change can move back by three at most.
    let mut passed = 0;
    while x < width && changes.len() <= width as usize {
        while passed > 0 && above[passed - 1] > x {
            passed -= 1;
        }
        while above.get(passed).is_some_and(|&change| change < x || (change == x && !at_start)) {
            passed += 1;
        }
        // The next change above to the other colour, and the one behind it.
        let first = if (passed % 2 == 1) == is_black { passed } else { passed + 1 };
        let place = |index: usize| above.get(index).copied().unwrap_or(width);
        let mut turn = |x: u32| {
            if x < width {
                changes.push(x);
            }
        };
        match mode::decode(bits)? {
            Mode::Pass => x = place(first + 1),
            Mode::Vertical(moved) => {
                let to = place(first).checked_add_signed(moved.into())?.min(width);
                if to < x {
                    return None;
                }
                turn(to);
                (x, is_black) = (to, !is_black);
            }
            Mode::Horizontal => {
                let middle = x.checked_add(run(bits, is_black)?)?;
                let end = middle.checked_add(run(bits, !is_black)?)?;
                turn(middle);
                turn(end);
                x = end;
            }
            Mode::Extension => return None,
            Mode::EOF => return Some(None),
        }
        at_start = false;
    }
    (x >= width).then_some(Some(changes))
}
