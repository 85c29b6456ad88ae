//! Everything in the file that is not the scan (T.81, annex B; JFIF, T.871).

use super::codes::Table;
use super::fdct::ZIGZAG;
use super::layout::Layout;
use super::{EncodeOptions, Subsampling};

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const BASELINE_FRAME: u8 = 0xc0;
const HUFFMAN_TABLE: u8 = 0xc4;
const START_OF_SCAN: u8 = 0xda;
const QUANTISER_TABLE: u8 = 0xdb;
const FIRST_APPLICATION: u8 = 0xe0;

/// Bytes that a segment's 16-bit length can count, itself left out.
pub(super) const MOST_SEGMENT_BYTES: usize = 65_533;

/// The start of every file: JFIF 1.01, pixels of no stated size, as square as they come.
pub(super) fn start(output: &mut Vec<u8>) {
    output.extend([0xff, START_OF_IMAGE]);
    segment(output, FIRST_APPLICATION, &[b"JFIF\0".as_slice(), &[1, 1, 0, 0, 1, 0, 1, 0, 0]].concat());
}

/// A marker with its data, of [`MOST_SEGMENT_BYTES`] at most.
pub(super) fn segment(output: &mut Vec<u8>, marker: u8, data: &[u8]) {
    output.extend([0xff, marker]);
    output.extend((data.len() as u16 + 2).to_be_bytes());
    output.extend_from_slice(data);
}

/// Quantiser tables and frame.
pub(super) fn frame(output: &mut Vec<u8>, options: &EncodeOptions, layout: &Layout) {
    let count = layout.components.len() as u8;
    // A table for luma, one for both kinds of chroma.
    let tables = count.min(2);
    for (slot, steps) in (0..tables).zip([&options.luma, &options.chroma]) {
        let mut data = vec![slot];
        data.extend(ZIGZAG.iter().map(|&place| steps[usize::from(place)] as u8));
        segment(output, QUANTISER_TABLE, &data);
    }

    let [height, width] = [options.height, options.width].map(u16::to_be_bytes);
    let mut data = vec![8, height[0], height[1], width[0], width[1], count];
    for component in 0..count {
        let factors = if component == 0 && count == 3 && options.subsampling == Subsampling::Half { 0x22 } else { 0x11 };
        data.extend([component + 1, factors, component.min(1)]);
    }
    segment(output, BASELINE_FRAME, &data);
}

/// Huffman tables, of luma and chroma, DC and AC, and the scan up to where its data begins.
pub(super) fn scan(output: &mut Vec<u8>, layout: &Layout, tables: &[[Table<'_>; 2]; 2]) {
    let count = layout.components.len() as u8;
    for (slot, tables) in (0..count.min(2)).zip(tables) {
        for (class, table) in (0..).zip(tables) {
            segment(output, HUFFMAN_TABLE, &[&[class << 4 | slot], table.counts.as_slice(), &table.symbols].concat());
        }
    }

    let mut data = vec![count];
    for component in 0..count {
        data.extend([component + 1, component.min(1) * 0x11]);
    }
    // All coefficients, all of their bits.
    data.extend([0, 63, 0]);
    segment(output, START_OF_SCAN, &data);
}

/// The end of every file.
pub(super) fn end(output: &mut Vec<u8>) {
    output.extend([0xff, END_OF_IMAGE]);
}
