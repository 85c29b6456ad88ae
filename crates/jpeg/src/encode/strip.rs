//! The samples of one row of MCUs, filled up to whole blocks.

use super::PlaneRows;
use super::layout::Layout;
use super::machine::Machine;

/// A strip on its way to the transform.
pub(super) struct Strip {
    /// For each component its rows, as long as the layout's stride.
    planes: Vec<Vec<u8>>,
    /// Rows of luma that came as RGB and wait for the rest of their strip.
    held: usize,
    /// Two rows of both kinds of chroma at full size, before they are halved.
    full_chroma: [[Vec<u8>; 2]; 2],
    machine: Machine,
}

impl Strip {
    /// Nothing yet, room for everything.
    pub fn new(layout: &Layout, machine: Machine) -> Self {
        let planes = layout.components.iter().map(|component| vec![0; component.stride * component.strip_rows]).collect();
        let full = if layout.is_halved { layout.components[0].stride } else { 0 };
        Self { planes, held: 0, full_chroma: [(); 2].map(|()| [(); 2].map(|()| vec![0; full])), machine }
    }

    /// The samples by component.
    pub fn planes(&self) -> &[Vec<u8>] {
        &self.planes
    }

    /// Rows that wait for the rest of their strip.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Copies a strip, which begins at row `from` of luma, out of planes that hold what the layout says.
    pub fn set_planes(&mut self, layout: &Layout, planes: &[PlaneRows<'_>], from: usize) {
        for ((strip, plane), component) in self.planes.iter_mut().zip(planes).zip(&layout.components) {
            let from = from / (layout.mcu_rows / component.strip_rows);
            let rows = plane.rows.saturating_sub(from).min(component.strip_rows);
            for (index, row) in strip.chunks_exact_mut(component.stride).take(rows).enumerate() {
                let start = (from + index) * plane.stride;
                row[..component.width].copy_from_slice(&plane.samples[start..start + component.width]);
                repeat_last(row, component.width);
            }
            repeat_row(strip, component.stride, rows);
        }
    }

    /// Takes a row of RGB. How many the strip now holds; at [`Layout::mcu_rows`] it is to be completed.
    pub fn push_rgb(&mut self, layout: &Layout, pixels: &[u8]) -> usize {
        let row = self.held;
        self.held += 1;
        let component = &layout.components[0];
        let [luma, blue, red] = self.planes.as_mut_slice() else { return self.held };
        let part = row * component.stride..(row + 1) * component.stride;
        let [full_blue, full_red] = &mut self.full_chroma;
        let mut samples = if layout.is_halved {
            [&mut luma[part], &mut full_blue[row & 1], &mut full_red[row & 1]]
        } else {
            [&mut luma[part.clone()], &mut blue[part.clone()], &mut red[part]]
        };
        let [luma, blue, red] = samples.each_mut().map(|samples| &mut samples[..component.width]);
        self.machine.convert_row(pixels, luma, blue, red);
        for samples in samples {
            repeat_last(samples, component.width);
        }
        if layout.is_halved && row & 1 == 1 {
            self.halve(layout, row / 2, 1);
        }
        self.held
    }

    /// Fills the strip up with its last rows, and lets the next one begin.
    pub fn complete(&mut self, layout: &Layout) {
        let held = std::mem::take(&mut self.held);
        if layout.is_halved && held & 1 == 1 {
            self.halve(layout, held / 2, 0);
        }
        for (plane, component) in self.planes.iter_mut().zip(&layout.components) {
            repeat_row(plane, component.stride, held.div_ceil(layout.mcu_rows / component.strip_rows));
        }
    }

    /// Makes a row of chroma from the first of the two rows at full size and the `lower` one.
    fn halve(&mut self, layout: &Layout, row: usize, lower: usize) {
        for ((plane, rows), component) in self.planes[1..].iter_mut().zip(&self.full_chroma).zip(&layout.components[1..]) {
            let half = &mut plane[row * component.stride..][..component.stride];
            self.machine.halve_rows(&rows[0], &rows[lower], half);
        }
    }
}

/// Repeats the last of the first `width` samples to the end.
fn repeat_last(samples: &mut [u8], width: usize) {
    let (known, rest) = samples.split_at_mut(width);
    if let Some(&last) = known.last() {
        rest.fill(last);
    }
}

/// Repeats the last of the first `rows` rows to the end.
fn repeat_row(samples: &mut [u8], stride: usize, rows: usize) {
    let (known, rest) = samples.split_at_mut(rows * stride);
    if let Some((_, last)) = rows.checked_sub(1).map(|before| known.split_at(before * stride)) {
        for row in rest.chunks_exact_mut(stride) {
            row.copy_from_slice(last);
        }
    }
}
