//! YCbCr that is not JPEG's (TIFF 6.0, section 21): blocks of luma samples with one Cb and one Cr, read as rows of RGB.

use crate::error::ImageError;
use crate::header::tiff::{Directory, Shape, tag};
use std::io::Read;

/// Reads the rows of a chunk.
pub(super) struct Ycbcr<'a> {
    stored: Box<dyn Read + 'a>,
    width: usize,
    /// Pixels of a block, across and down.
    across: usize,
    down: usize,
    matrix: Matrix,
    /// A row of blocks as it is stored, and as rows of RGB.
    blocks: Vec<u8>,
    rows: Vec<u8>,
    /// How much of the rows has been read.
    read: usize,
}

impl<'a> Ycbcr<'a> {
    pub(super) fn new(stored: Box<dyn Read + 'a>, shape: &Shape, directory: &Directory<'_>) -> Result<Self, ImageError> {
        let (across, down) = (shape.subsampling.0 as usize, shape.subsampling.1 as usize);
        let width = shape.chunk.0 as usize;
        let blocks = vec![0; width.div_ceil(across) * (across * down + 2)];
        let rows = vec![0; width * 3 * down];
        let read = rows.len();
        Ok(Self { stored, width, across, down, matrix: Matrix::new(directory)?, blocks, rows, read })
    }

    fn next_rows(&mut self) -> std::io::Result<()> {
        self.stored.read_exact(&mut self.blocks)?;
        let luma = self.across * self.down;
        for (column, block) in self.blocks.chunks_exact(luma + 2).enumerate() {
            for (index, &y) in block[..luma].iter().enumerate() {
                let x = column * self.across + index % self.across;
                if x < self.width {
                    let at = ((index / self.across) * self.width + x) * 3;
                    self.rows[at..at + 3].copy_from_slice(&self.matrix.rgb([y, block[luma], block[luma + 1]]));
                }
            }
        }
        self.read = 0;
        Ok(())
    }
}

impl Read for Ycbcr<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.read == self.rows.len() {
            self.next_rows()?;
        }
        let count = out.len().min(self.rows.len() - self.read);
        out[..count].copy_from_slice(&self.rows[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

/// From YCbCr to RGB.
struct Matrix {
    /// What red, green and blue have of luma.
    luma: [f64; 3],
    /// Values of black and white, for Y, Cb and Cr.
    range: [f64; 6],
}

impl Matrix {
    /// What the file states, where it makes sense; else Rec. 601 at full range.
    fn new(directory: &Directory<'_>) -> Result<Self, ImageError> {
        let luma = directory.fractions(tag::YCBCR_COEFFICIENTS)?.filter(|luma: &[f64; 3]| luma.iter().all(|&part| part > 0.0));
        let range = directory.fractions(tag::REFERENCE_BLACK_WHITE)?;
        let range = range.filter(|range: &[f64; 6]| range.as_chunks().0.iter().all(|[black, white]| black < white));
        Ok(Self { luma: luma.unwrap_or([0.299, 0.587, 0.114]), range: range.unwrap_or([0.0, 255.0, 128.0, 255.0, 128.0, 255.0]) })
    }

    fn rgb(&self, stored: [u8; 3]) -> [u8; 3] {
        let [black, white, zero_blue, full_blue, zero_red, full_red] = self.range;
        let [y, blue, red] = stored.map(f64::from);
        let y = (y - black) * 255.0 / (white - black);
        let red = y + (red - zero_red) * 127.0 / (full_red - zero_red) * (2.0 - 2.0 * self.luma[0]);
        let blue = y + (blue - zero_blue) * 127.0 / (full_blue - zero_blue) * (2.0 - 2.0 * self.luma[2]);
        let green = (y - self.luma[0] * red - self.luma[2] * blue) / self.luma[1];
        // A float to integer cast saturates.
        [red, green, blue].map(|value| value.round() as u8)
    }
}
