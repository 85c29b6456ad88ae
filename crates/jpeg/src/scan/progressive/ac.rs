//! The AC scans of a progressive image (T.81, G.1.2.2, G.1.2.3 and G.1.3.3).

use std::ops::ControlFlow;

use super::Coefficients;
use super::coefficients::AcBlock;
use crate::Error;
use crate::bits::{BitReader, Buffer};
use crate::block::Fault;
use crate::huffman::{SymbolTable, extend};
use crate::markers::{Scan, Tables};
use crate::scan::BlockCoder;
use crate::scan::tables::BuiltTables;

/// What both kinds of scan know.
struct Band<'a> {
    coefficients: &'a mut Coefficients,
    table: SymbolTable,
    /// The first and the last zigzag place.
    start: u32,
    end: u32,
    /// How far the values that are read are to be shifted.
    approx_low: u8,
    /// Blocks that follow without a symbol of their own.
    end_of_band_run: u32,
    /// The first block of the present row.
    origin: usize,
}

impl<'a> Band<'a> {
    fn new(scan: &Scan, tables: &Tables, coefficients: &'a mut [Coefficients]) -> Result<Self, Error> {
        let missing = |what| Error::Corrupt { offset: scan.data_start, what };
        let part = scan.components.first().ok_or_else(|| missing("a scan of no components"))?;
        let table = SymbolTable::new(BuiltTables::new(tables, scan.data_start).ac_spec(part.ac_table)?);
        let coefficients = coefficients.get_mut(part.index).ok_or_else(|| missing("a scan of a component that the frame lacks"))?;
        Ok(Self {
            coefficients,
            table,
            start: scan.spectral_start.into(),
            end: scan.spectral_end.into(),
            approx_low: scan.approx_low,
            end_of_band_run: 0,
            origin: 0,
        })
    }

    fn end_row(&mut self) -> ControlFlow<()> {
        self.origin += self.coefficients.stride;
        ControlFlow::Continue(())
    }
}

/// Refills, and reads a symbol: its run and its size. At least 40 bits remain good.
#[inline(always)]
fn read_symbol(reader: &mut BitReader, buffer: &Buffer, table: &SymbolTable) -> Result<(u32, u32), Fault> {
    reader.refill(buffer);
    let (symbol, length) = table.decode((reader.bits >> 48) as u32).ok_or(Fault::BadCode)?;
    reader.consume(length);
    Ok((u32::from(symbol >> 4), u32::from(symbol & 15)))
}

/// Reads up to 16 bits that are good.
#[inline(always)]
fn read_bits(reader: &mut BitReader, count: u32) -> u32 {
    // Two shifts, since the count may be 0.
    let bits = (reader.bits >> 1 >> (63 - count)) as u32;
    reader.consume(count);
    bits
}

/// Reads the first bits of a band.
pub(crate) struct AcFirst<'a>(Band<'a>);

impl<'a> AcFirst<'a> {
    /// # Errors
    /// [`Error::Corrupt`] if the table that the scan names is missing.
    pub fn new(scan: &Scan, tables: &Tables, coefficients: &'a mut [Coefficients]) -> Result<Self, Error> {
        Band::new(scan, tables, coefficients).map(Self)
    }
}

impl BlockCoder for AcFirst<'_> {
    #[inline(always)]
    fn read(&mut self, reader: &mut BitReader, buffer: &Buffer, _slot: usize, x: usize, _y: usize) -> Result<(), Fault> {
        let band = &mut self.0;
        if band.end_of_band_run > 0 {
            band.end_of_band_run -= 1;
            return Ok(());
        }
        let mut block = band.coefficients.ac_mut(band.origin + x);
        let mut next = band.start;
        while next <= band.end {
            let (run, size) = read_symbol(reader, buffer, &band.table)?;
            match (run, size) {
                (15, 0) => next += 16,
                (run, 0) => {
                    band.end_of_band_run = (1 << run) - 1 + read_bits(reader, run);
                    break;
                }
                _ => {
                    next += run;
                    if next > band.end {
                        return Err(Fault::LongRun);
                    }
                    let value = extend(read_bits(reader, size), size);
                    block.set(next, (value << band.approx_low) as i16);
                    next += 1;
                }
            }
        }
        Ok(())
    }

    fn conceal(&mut self, _slot: usize, _x: usize, _y: usize) {}

    fn restart(&mut self) {
        self.0.end_of_band_run = 0;
    }

    fn end_row(&mut self, _mcu_row: usize) -> ControlFlow<()> {
        self.0.end_row()
    }
}

/// Reads one more bit of each coefficient of a band.
pub(crate) struct AcRefinement<'a>(Band<'a>);

impl<'a> AcRefinement<'a> {
    /// # Errors
    /// [`Error::Corrupt`] if the table that the scan names is missing.
    pub fn new(scan: &Scan, tables: &Tables, coefficients: &'a mut [Coefficients]) -> Result<Self, Error> {
        Band::new(scan, tables, coefficients).map(Self)
    }
}

impl BlockCoder for AcRefinement<'_> {
    #[inline(always)]
    fn read(&mut self, reader: &mut BitReader, buffer: &Buffer, _slot: usize, x: usize, _y: usize) -> Result<(), Fault> {
        let band = &mut self.0;
        let bit = 1i16 << band.approx_low;
        let mut block = band.coefficients.ac_mut(band.origin + x);
        let mut next = band.start;
        if band.end_of_band_run == 0 {
            while next <= band.end {
                let (run, size) = read_symbol(reader, buffer, &band.table)?;
                let mut value = 0;
                match (run, size) {
                    (15, 0) => {}
                    (run, 0) => {
                        band.end_of_band_run = (1 << run) + read_bits(reader, run);
                        break;
                    }
                    // A coefficient that is new at this bit is 1 or -1; libjpeg takes any size for that.
                    _ => value = if read_bits(reader, 1) == 1 { bit } else { -bit },
                }
                // The place of the zero that the run leads to; on the way, what is not zero has a bit each.
                let zeros = !*block.nonzero & between(next, band.end + 1);
                let target = nth_bit(zeros, run).min(band.end + 1);
                correct(reader, buffer, &mut block, between(next, target), bit);
                if value != 0 {
                    if target > band.end {
                        return Err(Fault::LongRun);
                    }
                    block.set(target, value);
                }
                next = target + 1;
            }
        }
        if band.end_of_band_run > 0 {
            correct(reader, buffer, &mut block, between(next, band.end + 1), bit);
            band.end_of_band_run -= 1;
        }
        Ok(())
    }

    fn conceal(&mut self, _slot: usize, _x: usize, _y: usize) {}

    fn restart(&mut self) {
        self.0.end_of_band_run = 0;
    }

    fn end_row(&mut self, _mcu_row: usize) -> ControlFlow<()> {
        self.0.end_row()
    }
}

/// The zigzag places from `start` to before `end`, as bits.
#[inline(always)]
fn between(start: u32, end: u32) -> u64 {
    let below = |place: u32| 1u64.checked_shl(place).map_or(u64::MAX, |bit| bit - 1);
    below(end) & !below(start)
}

/// The place of the set bit before which there are `skipped` others; 64 if there is none.
#[inline(always)]
fn nth_bit(mut bits: u64, skipped: u32) -> u32 {
    for _ in 0..skipped {
        bits &= bits.wrapping_sub(1);
    }
    bits.trailing_zeros()
}

/// Reads a bit for each coefficient among `places` that is not zero.
#[inline(always)]
fn correct(reader: &mut BitReader, buffer: &Buffer, block: &mut AcBlock<'_>, places: u64, bit: i16) {
    let mut left = *block.nonzero & places;
    while left != 0 {
        reader.refill(buffer);
        // As many as one refill is good for.
        for _ in 0..56 {
            if left == 0 {
                return;
            }
            if read_bits(reader, 1) == 1 {
                block.grow(left.trailing_zeros(), bit);
            }
            left &= left - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted() {
        assert_eq!(between(1, 4), 0b1110);
        assert_eq!(between(0, 64), u64::MAX);
        assert_eq!(between(63, 64), 1 << 63);
        assert_eq!(between(5, 5), 0);
        assert_eq!(nth_bit(0b1011_0100, 0), 2);
        assert_eq!(nth_bit(0b1011_0100, 2), 5);
        assert_eq!(nth_bit(0b1011_0100, 4), 64);
    }
}
