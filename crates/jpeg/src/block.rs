//! One block of coefficients from the bit reader: the loops where the time goes.
//!
//! Both loops read up to two table entries for each refill. A refill gives 56 bits and an entry
//! takes at most 27 (12 looked at, 15 more of the last value), a DC difference at most 25.

use crate::bits::{BitReader, Buffer};
use crate::huffman::{
    AC_BITS, ASTRAY, AcSymbol, Canonical, DC_BITS, DcTable, END_OF_BLOCK, PASSED, SKIP_BITS, SkipTable, UNDECIDED, ValueTable,
};
use crate::idct::Block;

/// What is wrong with a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No code of the table begins with these bits.
    BadCode,
    /// A run goes beyond the last coefficient.
    LongRun,
    /// The segment ended inside the block.
    Overrun,
}

/// Where the entries of one look-up have led.
enum Progress {
    /// On to this coefficient.
    At(u32),
    /// The block is complete.
    Done,
}

/// Refills, and reads the difference of a DC coefficient. At least 31 bits remain good, enough
/// for one look-up of AC coefficients.
#[inline(always)]
pub(crate) fn read_dc(reader: &mut BitReader, buffer: &Buffer, table: &DcTable) -> Result<i32, Fault> {
    reader.refill(buffer);
    let entry = u32::from(table.lookup[(reader.bits >> (64 - DC_BITS)) as usize]);
    if entry == 0 {
        let (moved, value) = read_long_dc(*reader, buffer, &table.canonical)?;
        *reader = moved;
        return Ok(value);
    }
    let size = entry >> 6;
    let value = extend(reader.bits, (entry & 63) - size, size);
    reader.consume(entry);
    Ok(value)
}

/// Reads a DC difference whose code is too long for the look-up.
#[cold]
#[inline(never)]
fn read_long_dc(mut reader: BitReader, buffer: &Buffer, canonical: &Canonical) -> Result<(BitReader, i32), Fault> {
    let (size, length) = canonical.decode((reader.bits >> 48) as u32).ok_or(Fault::BadCode)?;
    let size = u32::from(size);
    let value = extend(reader.bits, length, size);
    reader.consume(length + size);
    reader.refill(buffer);
    Ok((reader, value))
}

/// The signed value of the `size` bits that follow `skip` others (T.81, F.2.2.1, EXTEND).
#[inline(always)]
fn extend(bits: u64, skip: u32, size: u32) -> i32 {
    let bits = bits << (skip & 63);
    // Two shifts, since `size` may be 0.
    let magnitude = (bits >> 1 >> (63 - size)) as i32;
    // All ones when the leading bit is 0: the value is negative.
    let negative = !((bits as i64 >> 63) as i32);
    magnitude + (negative & (1 - (1 << size)))
}

/// The DC difference at the front of `bits`, whose code is known to be sound.
#[inline(always)]
pub(crate) fn dc_difference(bits: u64, table: &DcTable) -> i32 {
    let entry = u32::from(table.lookup[(bits >> (64 - DC_BITS)) as usize]);
    let size = entry >> 6;
    if entry == 0 {
        let (size, length) = table.canonical.decode((bits >> 48) as u32).unwrap_or_default();
        return extend(bits, length, u32::from(size));
    }
    extend(bits, (entry & 63) - size, size)
}

/// Passes over the AC coefficients of a block from `next` on, which is [`FIRST`](crate::huffman::FIRST) for the first of them.
/// Follows [`read_dc`] without a refill.
#[inline(always)]
pub(crate) fn skip_ac(reader: &mut BitReader, buffer: &Buffer, table: &SkipTable, mut next: u32) -> Result<(), Fault> {
    macro_rules! step {
        () => {
            let entry = u32::from(table.lookup[(reader.bits >> (64 - SKIP_BITS)) as usize]);
            let after = next + (entry >> 6);
            if after < PASSED {
                reader.consume(entry);
                next = after;
            } else if after & ASTRAY == 0 {
                reader.consume(entry);
                return Ok(());
            } else {
                let (moved, after) = skip_one(*reader, buffer, table, next)?;
                *reader = moved;
                next = after;
                if next >= PASSED {
                    return Ok(());
                }
            }
        };
    }
    step!();
    loop {
        reader.refill(buffer);
        step!();
        step!();
    }
}

/// Passes over one AC symbol, and refills. Gives what comes after `next`: [`PASSED`] or more where the block is complete.
#[cold]
#[inline(never)]
fn skip_one(mut reader: BitReader, buffer: &Buffer, table: &SkipTable, next: u32) -> Result<(BitReader, u32), Fault> {
    reader.refill(buffer);
    let entry = table.symbol((reader.bits >> 48) as u32);
    let after = next + (entry >> 6);
    if after & ASTRAY != 0 {
        return Err(if entry & 63 == 0 { Fault::BadCode } else { Fault::LongRun });
    }
    reader.consume(entry);
    reader.refill(buffer);
    Ok((reader, after))
}

/// Reads the AC coefficients of a block. Follows [`read_dc`] without a refill. Tells whether there were any.
#[inline(always)]
pub(crate) fn read_ac(reader: &mut BitReader, buffer: &Buffer, table: &ValueTable, block: &mut Block) -> Result<bool, Fault> {
    let mut next = 1u32;
    macro_rules! step {
        () => {
            let entry = table.lookup[(reader.bits >> (64 - AC_BITS)) as usize];
            let after = next + (entry >> 8 & 255);
            if after <= 64 {
                block.set(after - 1, entry as i32 >> 16);
                reader.consume(entry);
                next = after;
                if next == 64 {
                    return Ok(true);
                }
            } else if after.wrapping_sub(END_OF_BLOCK) < 64 {
                reader.consume(entry);
                if after == END_OF_BLOCK + 1 {
                    return Ok(false);
                }
                // A last coefficient may come with the end. If none does, this would clear the one before.
                if entry >> 16 != 0 {
                    block.set(after - END_OF_BLOCK - 1, entry as i32 >> 16);
                }
                return Ok(true);
            } else if entry >> 8 & 255 == UNDECIDED && entry & 63 != 0 && next + (entry >> 20) <= 64 {
                let size = entry >> 16 & 15;
                let value = extend(reader.bits, (entry & 63) - size, size);
                next += entry >> 20;
                block.set(next - 1, value);
                reader.consume(entry);
                if next == 64 {
                    return Ok(true);
                }
            } else {
                let (moved, value, progress) = read_one(*reader, buffer, &table.canonical, next)?;
                *reader = moved;
                match progress {
                    Progress::At(coefficient) => {
                        block.set(coefficient - 1, value);
                        next = coefficient;
                        if next == 64 {
                            return Ok(true);
                        }
                    }
                    Progress::Done => return Ok(next > 1),
                }
            }
        };
    }
    step!();
    loop {
        reader.refill(buffer);
        step!();
        step!();
    }
}

/// Reads one AC symbol whose code is too long for the look-up, and refills.
///
/// The reader goes in and out by value, here as above: a reference would keep the loop's reader
/// in memory rather than in registers.
#[cold]
#[inline(never)]
fn read_one(mut reader: BitReader, buffer: &Buffer, canonical: &Canonical, next: u32) -> Result<(BitReader, i32, Progress), Fault> {
    reader.refill(buffer);
    let (symbol, length) = canonical.decode((reader.bits >> 48) as u32).ok_or(Fault::BadCode)?;
    let symbol = AcSymbol::from(symbol);
    let value = extend(reader.bits, length, symbol.size);
    reader.consume(length + symbol.size);
    reader.refill(buffer);
    let progress = match next + symbol.advance {
        after @ ..=64 => Progress::At(after),
        END_OF_BLOCK.. => Progress::Done,
        _ => return Err(Fault::LongRun),
    };
    Ok((reader, value, progress))
}
