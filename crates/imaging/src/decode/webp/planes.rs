//! Shrinking a lossy file as it is stored: luma at full size, chroma at half, averaged apart, and only the averages made RGB. The
//! conversion is linear but for its rounding and for colours outside of RGB, so the result is that of averaging RGB to within about a
//! level.
//!
//! Chroma between samples is interpolated, as libwebp and the specification's authors do: in each direction a pixel takes three quarters of its
//! own sample and a quarter of its neighbour's. In a sum over pixels side by side the quarters cancel, except at the two ends.

use super::{WebpOptions, damaged, decoder, run};
use crate::decode::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::Header;
use crate::picture::Layout;
use crate::sink::{MAX_FACTOR, RowSink, shrunk_size};
use minilab_webp::{Decoder, Pixels, Planes, check_length};
use std::ops::Range;

/// From this factor on the loop filter is left out: it moves an average over whole sub-blocks by less than a level.
const UNFILTERED_FACTOR: u32 = 4;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let factor = options.shrink.clamp(1, MAX_FACTOR);
    let webp_options = WebpOptions { bypass_filtering: factor >= UNFILTERED_FACTOR, ..WebpOptions::default() };
    let mut decoder = decoder(source, header, Pixels::Planes, webp_options)?;
    let base = shrunk_size(size(header), factor);
    let layout = if decoder.features().has_alpha { Layout::Rgba } else { Layout::Rgb };
    let mut sink = RowSink::<u8>::new(base, layout, 1, options);
    let height = header.height as usize;
    let mut boxes = Boxes::new(header.width as usize, height, factor as usize);
    let decoded = run(&mut decoder, options.deadline, &mut |decoder| {
        let rows = decoder.rows() as usize;
        // Chroma at the lower edge of a box takes the row below it.
        boxes.make(
            decoder,
            if rows == height { rows } else { rows.saturating_sub(1) / factor as usize * factor as usize },
            &mut sink,
        )
    });
    if decoded.is_err() && options.tolerant {
        // The box row that was cut off is averaged over what is there of it, as if the image ended there.
        boxes.height = decoder.rows() as usize;
        boxes.make(&decoder, decoder.rows() as usize, &mut sink)?;
    }
    let mut decoded = sink.finish(decoded.and_then(|()| check_length(source).map_err(damaged)), header)?;
    decoded.opaque &= boxes.opaque;
    Ok(decoded)
}

/// Averages boxes of `factor × factor` pixels, row of boxes by row of boxes.
struct Boxes {
    width: usize,
    factor: usize,
    height: usize,
    /// Rows of the image that are done.
    rows: usize,
    /// Whether all of them were opaque.
    opaque: bool,
    /// Sums down the columns of luma, and four times those of chroma; four times 64 rows of 255 stay below 65,536.
    luma: Vec<u16>,
    chroma: [Vec<u16>; 2],
    /// A row of chroma, interpolated.
    interpolated: [Vec<u8>; 2],
    /// The row of boxes that was made last, as RGB or RGBA.
    made: Vec<u8>,
}

impl Boxes {
    fn new(width: usize, height: usize, factor: usize) -> Self {
        let chroma = || vec![0; width.div_ceil(2)];
        Self {
            width,
            height,
            factor,
            rows: 0,
            opaque: true,
            luma: vec![0; width],
            chroma: [chroma(), chroma()],
            interpolated: [vec![0; width], vec![0; width]],
            made: Vec::new(),
        }
    }

    /// Makes the boxes down to row `end`, the last of them cut off by it.
    fn make(&mut self, decoder: &Decoder<'_>, end: usize, sink: &mut RowSink<u8>) -> Result<(), ImageError> {
        let no_planes = || ImageError::Internal { detail: "the decoder gave no planes".to_owned() };
        let planes = decoder.planes().ok_or_else(no_planes)?;
        while self.rows < end {
            let rows = self.rows..end.min(self.rows + self.factor);
            self.rows = rows.end;
            match planes.alpha {
                None => self.add_plain(&planes, rows, false),
                Some(alpha) if is_opaque(alpha, self.width, &rows) => self.add_plain(&planes, rows, true),
                Some(alpha) => {
                    self.opaque = false;
                    self.add_weighted(&planes, alpha, rows);
                }
            }
            sink.push(&self.made)?;
            self.made.clear();
        }
        Ok(())
    }

    /// A row of boxes without transparency.
    fn add_plain(&mut self, planes: &Planes<'_>, rows: Range<usize>, with_alpha: bool) {
        self.luma.fill(0);
        for row in rows.clone() {
            add(&mut self.luma, row_of(planes.luma, planes.width, row));
        }
        for (sums, plane) in self.chroma.iter_mut().zip(planes.chroma) {
            sums.fill(0);
            sum_chroma_rows(sums, plane, planes.chroma_width, rows.clone(), self.height);
        }
        for start in (0..self.width).step_by(self.factor) {
            let columns = start..self.width.min(start + self.factor);
            let count = (columns.len() * rows.len()) as f32;
            let luma: u32 = self.luma[columns.clone()].iter().map(|&sum| u32::from(sum)).sum();
            // Four times in each direction.
            let [blue, red] =
                [0, 1].map(|plane| chroma_sum(&self.chroma[plane], columns.clone(), self.width) as f32 / (16.0 * count));
            self.made.extend(rgb(luma as f32 / count, blue, red));
            if with_alpha {
                self.made.push(u8::MAX);
            }
        }
    }

    /// A row of boxes in which colour is weighted by alpha: what is transparent has no say.
    fn add_weighted(&mut self, planes: &Planes<'_>, alpha: &[u8], rows: Range<usize>) {
        // At most 64 × 64 × 255 × 255, which fits.
        let mut boxes = vec![[0_u32; 4]; self.width.div_ceil(self.factor)];
        for row in rows.clone() {
            for (target, plane) in self.interpolated.iter_mut().zip(planes.chroma) {
                interpolate(target, plane, planes.chroma_width, row, self.height);
            }
            let [blue, red] = &self.interpolated;
            let (luma, alpha) = (row_of(planes.luma, planes.width, row), row_of(alpha, planes.width, row));
            let pixels = luma.iter().zip(blue).zip(red).zip(alpha);
            for (column, (((&luma, &blue), &red), &alpha)) in pixels.enumerate() {
                let sums = &mut boxes[column / self.factor];
                let weight = u32::from(alpha);
                sums[0] += u32::from(luma) * weight;
                sums[1] += u32::from(blue) * weight;
                sums[2] += u32::from(red) * weight;
                sums[3] += weight;
            }
        }
        for (index, sums) in boxes.iter().enumerate() {
            let [luma, blue, red, weight] = sums.map(|sum| sum as f32);
            let color = if sums[3] == 0 { [0; 3] } else { rgb(luma / weight, blue / weight, red / weight) };
            let columns = self.factor.min(self.width - index * self.factor);
            self.made.extend(color);
            self.made.push(rounded(weight / (columns * rows.len()) as f32));
        }
    }
}

/// Adds, for each column of chroma, four times what the pixels of some rows have of it.
fn sum_chroma_rows(sums: &mut [u16], plane: &[u8], width: usize, rows: Range<usize>, height: usize) {
    let sample = |row: usize| row_of(plane, width, row);
    let mut row = rows.start;
    while row < rows.end {
        let pixels = if row.is_multiple_of(2) && row + 1 < rows.end { 2 } else { 1 };
        let times = if pixels == 2 { 8 } else { 4 };
        for (sum, &sample) in sums.iter_mut().zip(sample(row / 2)) {
            *sum = sum.wrapping_add(u16::from(sample) * times);
        }
        row += pixels;
    }
    // What the pixels at the ends take of the samples beyond. The sums are right again once both are added and subtracted.
    let mut exchange = |own: usize, beyond: usize| {
        for ((sum, &own), &beyond) in sums.iter_mut().zip(sample(own)).zip(sample(beyond)) {
            *sum = sum.wrapping_add(u16::from(beyond)).wrapping_sub(u16::from(own));
        }
    };
    if rows.start.is_multiple_of(2) && rows.start > 0 {
        exchange(rows.start / 2, rows.start / 2 - 1);
    }
    if rows.end.is_multiple_of(2) && rows.end < height {
        exchange(rows.end / 2 - 1, rows.end / 2);
    }
}

/// Four times what the pixels of some columns have of a row of sums.
fn chroma_sum(sums: &[u16], columns: Range<usize>, width: usize) -> u32 {
    let sum = |sample: usize| u32::from(sums[sample]);
    let mut whole = columns.clone();
    let mut total = 0;
    // A sample whose other pixel lies in another box.
    if whole.start % 2 == 1 {
        total += 4 * sum(whole.start / 2);
        whole.start += 1;
    }
    if whole.end % 2 == 1 && whole.end > whole.start {
        whole.end -= 1;
        total += 4 * sum(whole.end / 2);
    }
    total += 8 * sums[whole.start / 2..whole.end / 2].iter().map(|&sum| u32::from(sum)).sum::<u32>();
    // As for rows.
    if columns.start.is_multiple_of(2) && columns.start > 0 {
        total = total + sum(columns.start / 2 - 1) - sum(columns.start / 2);
    }
    if columns.end.is_multiple_of(2) && columns.end < width {
        total = total + sum(columns.end / 2) - sum(columns.end / 2 - 1);
    }
    total
}

/// Chroma of a row of pixels.
fn interpolate(target: &mut [u8], plane: &[u8], width: usize, row: usize, height: usize) {
    let beyond = |position: usize, count: usize| match position % 2 {
        0 => (position / 2).saturating_sub(1),
        _ => (position / 2 + 1).min(count - 1),
    };
    let (near, far) = (row_of(plane, width, row / 2), row_of(plane, width, beyond(row, height.div_ceil(2))));
    let down = |column: usize| 3 * u32::from(near[column]) + u32::from(far[column]);
    for (column, target) in target.iter_mut().enumerate() {
        *target = ((3 * down(column / 2) + down(beyond(column, width)) + 8) / 16) as u8;
    }
}

fn row_of(plane: &[u8], width: usize, row: usize) -> &[u8] {
    &plane[row * width..(row + 1) * width]
}

fn add(sums: &mut [u16], samples: &[u8]) {
    for (sum, &sample) in sums.iter_mut().zip(samples) {
        *sum = sum.wrapping_add(u16::from(sample));
    }
}

fn is_opaque(alpha: &[u8], width: usize, rows: &Range<usize>) -> bool {
    alpha[rows.start * width..rows.end * width].iter().all(|&alpha| alpha == u8::MAX)
}

/// ITU-R BT.601 with luma from 16 to 235, as libwebp has it (its 14-bit constants).
fn rgb(luma: f32, blue: f32, red: f32) -> [u8; 3] {
    let (luma, blue, red) = ((luma - 16.0) * (19_077.0 / 16_384.0), blue - 128.0, red - 128.0);
    [
        rounded(luma + red * (26_149.0 / 16_384.0)),
        rounded(luma - blue * (6_419.0 / 16_384.0) - red * (13_320.0 / 16_384.0)),
        rounded(luma + blue * (33_050.0 / 16_384.0)),
    ]
}

fn rounded(value: f32) -> u8 {
    // Saturates.
    (value + 0.5) as u8
}
