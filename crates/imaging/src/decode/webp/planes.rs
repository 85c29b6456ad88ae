//! Shrinking a lossy file as it is stored: luma at full size, chroma at half, averaged apart, and only the averages made RGB. The
//! conversion is linear but for its rounding and for colours outside of RGB, so the result is that of averaging RGB to within about a
//! level; what differs is chroma, which is taken as constant over 2 × 2 pixels instead of interpolated.

use super::{WebpOptions, damaged, decoder, run};
use crate::decode::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::Header;
use crate::picture::Layout;
use crate::sink::{MAX_FACTOR, RowSink, shrunk_size};
use minilab_webp::{Decoder, Pixels, Planes, check_length};

/// From this factor on the loop filter is left out: it moves an average over whole sub-blocks by less than a level.
const UNFILTERED_FACTOR: u32 = 4;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let factor = options.shrink.clamp(1, MAX_FACTOR);
    let webp_options = WebpOptions { bypass_filtering: factor >= UNFILTERED_FACTOR, ..WebpOptions::default() };
    let mut decoder = decoder(source, header, Pixels::Planes, webp_options)?;
    let base = shrunk_size(size(header), factor);
    let layout = if decoder.features().has_alpha { Layout::Rgba } else { Layout::Rgb };
    let mut sink = RowSink::<u8>::new(base, layout, 1, options);
    let mut boxes = Boxes::new(header.width as usize, factor as usize);
    let height = header.height as usize;
    let decoded = run(&mut decoder, options.deadline, &mut |decoder| {
        let rows = decoder.rows() as usize;
        boxes.make(decoder, if rows == height { rows } else { rows - rows % factor as usize }, &mut sink)
    });
    if decoded.is_err() && options.tolerant {
        // The box row that was cut off is averaged over what is there of it.
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
    /// Rows of the image that are done.
    rows: usize,
    /// Whether all of them were opaque.
    opaque: bool,
    /// Sums down the columns of luma and of chroma; 64 rows of 255 stay below 65,536.
    luma: Vec<u16>,
    chroma: [Vec<u16>; 2],
    /// The row of boxes that was made last, as RGB or RGBA.
    made: Vec<u8>,
}

impl Boxes {
    fn new(width: usize, factor: usize) -> Self {
        let chroma = || vec![0; width.div_ceil(2)];
        Self { width, factor, rows: 0, opaque: true, luma: vec![0; width], chroma: [chroma(), chroma()], made: Vec::new() }
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

    /// A row of boxes without transparency. A chroma sample counts once for each pixel that it is for: boxes of odd sides take half of the
    /// samples at their edges.
    fn add_plain(&mut self, planes: &Planes<'_>, rows: std::ops::Range<usize>, with_alpha: bool) {
        self.luma.fill(0);
        self.chroma.iter_mut().for_each(|sums| sums.fill(0));
        for row in rows.clone() {
            add(&mut self.luma, row_of(planes.luma, planes.width, row));
        }
        let mut row = rows.start;
        while row < rows.end {
            let both = row % 2 == 0 && row + 1 < rows.end;
            for (sums, plane) in self.chroma.iter_mut().zip(planes.chroma) {
                let samples = row_of(plane, planes.chroma_width, row / 2);
                if both { add_twice(sums, samples) } else { add(sums, samples) }
            }
            row += if both { 2 } else { 1 };
        }
        for start in (0..self.width).step_by(self.factor) {
            let columns = start..self.width.min(start + self.factor);
            let count = (columns.len() * rows.len()) as f32;
            let luma: u32 = self.luma[columns.clone()].iter().map(|&sum| u32::from(sum)).sum();
            let [blue, red] = [0, 1].map(|plane| chroma_sum(&self.chroma[plane], &columns) as f32 / count);
            self.made.extend(rgb(luma as f32 / count, blue, red));
            if with_alpha {
                self.made.push(u8::MAX);
            }
        }
    }

    /// A row of boxes in which colour is weighted by alpha: what is transparent has no say.
    fn add_weighted(&mut self, planes: &Planes<'_>, alpha: &[u8], rows: std::ops::Range<usize>) {
        for start in (0..self.width).step_by(self.factor) {
            let columns = start..self.width.min(start + self.factor);
            // At most 64 × 64 × 255 × 255, which fits.
            let mut sums = [0_u32; 4];
            for row in rows.clone() {
                let [blue, red] = planes.chroma.map(|plane| row_of(plane, planes.chroma_width, row / 2));
                let (luma, alpha) = (row_of(planes.luma, planes.width, row), row_of(alpha, planes.width, row));
                for column in columns.clone() {
                    let weight = u32::from(alpha[column]);
                    sums[0] += u32::from(luma[column]) * weight;
                    sums[1] += u32::from(blue[column / 2]) * weight;
                    sums[2] += u32::from(red[column / 2]) * weight;
                    sums[3] += weight;
                }
            }
            let [luma, blue, red, weight] = sums.map(|sum| sum as f32);
            let color = if sums[3] == 0 { [0; 3] } else { rgb(luma / weight, blue / weight, red / weight) };
            self.made.extend(color);
            self.made.push(rounded(weight / (columns.len() * rows.len()) as f32));
        }
    }
}

/// Sum over the pixels of some columns of the chroma sample that each has.
fn chroma_sum(sums: &[u16], columns: &std::ops::Range<usize>) -> u32 {
    let sample = |column: usize| u32::from(sums[column / 2]);
    let mut whole = columns.clone();
    let mut total = 0;
    // A sample whose other pixel lies in the next box.
    if whole.start % 2 == 1 {
        total += sample(whole.start);
        whole.start += 1;
    }
    if whole.end % 2 == 1 && whole.end > whole.start {
        whole.end -= 1;
        total += sample(whole.end);
    }
    total + 2 * sums[whole.start / 2..whole.end / 2].iter().map(|&sum| u32::from(sum)).sum::<u32>()
}

fn row_of(plane: &[u8], width: usize, row: usize) -> &[u8] {
    &plane[row * width..(row + 1) * width]
}

fn add(sums: &mut [u16], samples: &[u8]) {
    for (sum, &sample) in sums.iter_mut().zip(samples) {
        *sum = sum.wrapping_add(u16::from(sample));
    }
}

fn add_twice(sums: &mut [u16], samples: &[u8]) {
    for (sum, &sample) in sums.iter_mut().zip(samples) {
        *sum = sum.wrapping_add(u16::from(sample) << 1);
    }
}

fn is_opaque(alpha: &[u8], width: usize, rows: &std::ops::Range<usize>) -> bool {
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
