//! What is handed out: planes of components, and strips of pixels.

use crate::plan::Plan;

/// Rows of the output, about as many as a row of MCUs has.
#[derive(Debug, Clone, Copy)]
pub struct Strip<'a> {
    /// The first row's place in the output image.
    pub y: u32,
    /// Rows in this strip; the last can have fewer than the others.
    pub rows: u32,
    /// Pixels in a row.
    pub width: u32,
    /// 1: grey. 3: red, green, blue. 4: inks, as stored.
    pub channels: u8,
    /// 8 bits a channel, channels interleaved, rows without gaps: `rows * width * channels` bytes.
    pub pixels: &'a [u8],
}

/// The size of a component's plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlaneSize {
    /// Samples in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Columns of the output that a sample stands for: sample `x` of a plane half as wide stands for `2x` and `2x + 1`. The last one
    /// can reach over the edge.
    pub across: f64,
    /// Rows of the output that a sample stands for.
    pub down: f64,
    /// The side of the square of stored samples that a sample is the mean of.
    pub averaged: u32,
}

/// One component's part of a [`PlaneStrip`].
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// The first row's place in the component's plane.
    pub y: u32,
    /// Rows that hold image.
    pub rows: u32,
    /// Samples of a row that hold image.
    pub width: u32,
    /// Samples from one row to the next.
    pub stride: usize,
    /// Rows of samples, 0 to 255.
    pub samples: &'a [u8],
}

/// One row of MCUs as it is stored: components by themselves, chroma at its own size.
#[derive(Debug, Clone, Copy)]
pub struct PlaneStrip<'a> {
    /// The first row's place in the output image.
    pub y: u32,
    /// Rows of the output that this strip stands for.
    pub rows: u32,
    /// The components, in frame order.
    pub planes: &'a [Plane<'a>],
}

/// The samples of all components: of one row of MCUs, or of the whole image.
pub(crate) struct Planes {
    planes: Vec<Vec<u8>>,
    whole: bool,
}

impl Planes {
    /// Planes of one row of MCUs, or of all.
    pub fn new(plan: &Plan, whole: bool) -> Self {
        let sizes = Self::sizes(plan, whole);
        // Grey where nothing is written.
        let planes = sizes.map(|size| vec![128; size]).collect();
        Self { planes, whole }
    }

    /// What [`Planes::new`] allocates.
    pub fn bytes(plan: &Plan, whole: bool) -> u64 {
        Self::sizes(plan, whole).map(|size| size as u64).sum()
    }

    fn sizes(plan: &Plan, whole: bool) -> impl Iterator<Item = usize> {
        let strips = if whole { plan.mcus_down } else { 1 };
        let components = plan.components.iter();
        components.map(move |component| component.stride * component.rows_per_strip * strips)
    }

    pub fn whole(&self) -> bool {
        self.whole
    }

    #[inline(always)]
    pub fn plane_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.planes[index]
    }

    /// Shows the row of MCUs `mcu_row` to `view`.
    pub fn with_strip<R>(&self, plan: &Plan, mcu_row: usize, view: impl FnOnce(PlaneStrip<'_>) -> R) -> R {
        let planes: Vec<Plane<'_>> = (self.planes.iter().zip(&plan.components))
            .map(|(samples, component)| {
                let y = mcu_row * component.rows_per_strip;
                let first = if self.whole { y * component.stride } else { 0 };
                let length = component.stride * component.rows_per_strip;
                let (width, height) = plan.plane_size(component);
                Plane {
                    y: y as u32,
                    rows: height.saturating_sub(y).min(component.rows_per_strip) as u32,
                    width: width as u32,
                    stride: component.stride,
                    samples: &samples[first..first + length],
                }
            })
            .collect();
        view(PlaneStrip { y: (mcu_row * plan.strip_rows) as u32, rows: plan.rows_of(mcu_row) as u32, planes: &planes })
    }
}

impl<'a> Plane<'a> {
    /// A row of samples of this strip, padding included; rows are counted from the strip's first.
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.samples[y * self.stride..][..self.stride]
    }
}
