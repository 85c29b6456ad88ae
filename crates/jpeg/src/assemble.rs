//! From planes to pixels: chroma is enlarged, colour converted, channels interleaved.

use std::ops::ControlFlow;

use crate::color;
use crate::enlarge::{Across, Down};
use crate::info::ColorModel;
use crate::plan::Plan;
use crate::strip::{Plane, PlaneStrip, Strip};

/// Turns plane strips into pixel strips.
///
/// Where a row of the output mixes samples of two rows, the last row of a strip waits for the next strip: each strip then
/// begins and ends a row early.
pub(crate) struct PixelAssembler {
    width: usize,
    height: usize,
    model: ColorModel,
    /// As in the plan.
    plain: bool,
    components: Vec<Component>,
    /// Output rows that wait for the next strip: 0 or 1.
    lag: usize,
    pixels: Vec<u8>,
}

/// How one component comes to the size of the output.
struct Component {
    across: Across,
    down: Down,
    /// Samples of a row, and rows, that hold image.
    width: usize,
    height: usize,
    /// The last row of the strip before.
    held: Vec<u8>,
    /// A row at the output's width, where it is not the plane's own.
    row: Vec<u8>,
    /// The rows of samples that `row` was made of, the nearer one first.
    made_of: Option<(usize, usize)>,
    /// Two rows mixed.
    mixed: Vec<u16>,
}

impl PixelAssembler {
    /// `fancy`: whether enlarged components are interpolated.
    pub fn new(plan: &Plan, model: ColorModel, fancy: bool) -> Self {
        let components: Vec<Component> = (plan.components.iter())
            .map(|component| {
                let (width, height) = plan.plane_size(component);
                let samples_across = usize::from(component.sampling.horizontal) * component.side;
                let (across, down) = crate::enlarge::choose(
                    (samples_across, plan.mcu_columns),
                    (component.rows_per_strip, plan.strip_rows),
                    width,
                    fancy,
                );
                let plain = across == Across::Same && down != Down::Mixed;
                Component {
                    across,
                    down,
                    width,
                    height,
                    held: Vec::new(),
                    row: vec![0; if plain { 0 } else { plan.width }],
                    made_of: None,
                    mixed: vec![0; if down == Down::Mixed { width } else { 0 }],
                }
            })
            .collect();
        let lag = usize::from(components.iter().any(|component| component.down == Down::Mixed));
        let pixels = vec![0; Self::bytes(plan, model) as usize];
        Self { width: plan.width, height: plan.height, model, plain: plan.plain, components, lag, pixels }
    }

    /// What [`new`](Self::new) allocates for pixels: a strip and the row that has waited.
    pub fn bytes(plan: &Plan, model: ColorModel) -> u64 {
        (plan.width * (plan.strip_rows + 1)) as u64 * u64::from(channels(model))
    }

    /// Hands out the rows that are complete with `strip`.
    pub fn assemble(&mut self, strip: PlaneStrip<'_>, sink: &mut impl FnMut(Strip<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let after = strip.y as usize + strip.rows as usize;
        let first = (strip.y as usize).saturating_sub(self.lag);
        let end = if after >= self.height { self.height } else { after - self.lag.min(after) };
        let channels = channels(self.model);
        let row_bytes = self.width * usize::from(channels);
        for (y, line) in (first..end).zip(self.pixels.chunks_exact_mut(row_bytes)) {
            for (component, plane) in self.components.iter_mut().zip(strip.planes) {
                component.prepare(plane, y);
            }
            let row = |index: usize| self.components[index].output(&strip.planes[index], y, self.width);
            match self.model {
                ColorModel::Grey => line.copy_from_slice(row(0)),
                ColorModel::YCbCr if self.plain => color::ycbcr_to_rgb_portable(row(0), row(1), row(2), line),
                ColorModel::YCbCr => color::ycbcr_to_rgb(row(0), row(1), row(2), line),
                ColorModel::Rgb => color::interleave([row(0), row(1), row(2)], line),
                ColorModel::Cmyk => color::interleave([row(0), row(1), row(2), row(3)], line),
                ColorModel::Ycck => color::ycck_to_cmyk([row(0), row(1), row(2), row(3)], line),
            }
        }
        if self.lag > 0 {
            for (component, plane) in self.components.iter_mut().zip(strip.planes) {
                component.hold(plane);
            }
        }
        if end <= first {
            return ControlFlow::Continue(());
        }
        let pixels = &self.pixels[..(end - first) * row_bytes];
        sink(Strip { y: first as u32, rows: (end - first) as u32, width: self.width as u32, channels, pixels })
    }
}

impl Component {
    /// The rows of samples that make the output's row `y`: the nearer one, and the one that is mixed in.
    fn sources(&self, y: usize) -> (usize, usize) {
        match self.down {
            Down::Same => (y, y),
            Down::Repeated { samples, pixels } => (y * samples / pixels, y * samples / pixels),
            Down::Mixed => {
                let near = y / 2;
                let last = self.height.saturating_sub(1);
                let other = if y.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(last) };
                (near, other)
            }
        }
    }

    /// A row of samples, of this strip or the last of the one before.
    fn samples<'a>(held: &'a [u8], plane: &Plane<'a>, y: usize) -> &'a [u8] {
        match y.checked_sub(plane.y as usize) {
            Some(y) => plane.row(y),
            None => held,
        }
    }

    /// Makes the row at the output's width, where the plane has none.
    fn prepare(&mut self, plane: &Plane<'_>, y: usize) {
        let (near, other) = self.sources(y);
        if self.row.is_empty() || (self.down != Down::Mixed && self.made_of == Some((near, other))) {
            return;
        }
        let near_row = &Self::samples(&self.held, plane, near)[..self.width];
        if self.down == Down::Mixed {
            let other_row = &Self::samples(&self.held, plane, other)[..self.width];
            self.across.enlarge_mixed(near_row, other_row, y % 2 == 1, &mut self.mixed, &mut self.row);
        } else {
            self.across.enlarge(near_row, &mut self.row);
        }
        self.made_of = Some((near, other));
    }

    fn output<'a>(&'a self, plane: &Plane<'a>, y: usize, width: usize) -> &'a [u8] {
        match self.row.is_empty() {
            true => &Self::samples(&self.held, plane, self.sources(y).0)[..width],
            false => &self.row,
        }
    }

    fn hold(&mut self, plane: &Plane<'_>) {
        if plane.rows > 0 {
            self.held.clear();
            self.held.extend_from_slice(plane.row(plane.rows as usize - 1));
        }
    }
}

/// Channels of the pixels that a colour model gives.
pub(crate) fn channels(model: ColorModel) -> u8 {
    match model {
        ColorModel::Grey => 1,
        ColorModel::YCbCr | ColorModel::Rgb => 3,
        ColorModel::Cmyk | ColorModel::Ycck => 4,
    }
}
