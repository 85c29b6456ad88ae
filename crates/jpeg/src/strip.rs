//! From planes of components to strips of pixels, one row of MCUs at a time.

use crate::color;
use crate::info::ColorModel;
use crate::plan::{ComponentPlan, Plan};

/// One row of MCUs of the output.
#[derive(Debug, Clone, Copy)]
pub struct Strip<'a> {
    /// The first row's place in the output image.
    pub y: u32,
    /// Rows in this strip; the last can have fewer than the others.
    pub rows: u32,
    /// Pixels in a row.
    pub width: u32,
    /// 1: grey. 3: red, green, blue.
    pub channels: u8,
    /// 8 bits a channel, channels interleaved, rows without gaps: `rows * width * channels` bytes.
    pub pixels: &'a [u8],
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

/// Turns plane strips into pixel strips.
pub(crate) struct PixelAssembler {
    width: usize,
    strip_rows: usize,
    model: ColorModel,
    /// For each component, how its samples spread over the output.
    spread: Vec<Spread>,
    /// For each component, a row at the output's width, if it has to be enlarged.
    enlarged: Vec<Vec<u8>>,
    pixels: Vec<u8>,
}

/// Samples of a component to an MCU, beside the output's pixels.
#[derive(Debug, Clone, Copy)]
struct Spread {
    samples_across: usize,
    pixels_across: usize,
    samples_down: usize,
    pixels_down: usize,
}

impl PixelAssembler {
    pub fn new(plan: &Plan, model: ColorModel) -> Self {
        let spread = |component: &ComponentPlan| Spread {
            samples_across: usize::from(component.sampling.horizontal) * component.across,
            pixels_across: plan.mcu_columns,
            samples_down: component.rows_per_strip,
            pixels_down: plan.strip_rows,
        };
        let spread: Vec<Spread> = plan.components.iter().map(spread).collect();
        let enlarged = spread.iter().map(|spread| {
            let needed = spread.samples_across != spread.pixels_across;
            vec![0; if needed { plan.width } else { 0 }]
        });
        Self {
            width: plan.width,
            strip_rows: plan.strip_rows,
            model,
            enlarged: enlarged.collect(),
            spread,
            pixels: vec![0; Self::bytes(plan, model) as usize],
        }
    }

    /// The size of the strip that [`PixelAssembler::new`] allocates.
    pub fn bytes(plan: &Plan, model: ColorModel) -> u64 {
        (plan.width * plan.strip_rows) as u64 * u64::from(channels(model))
    }

    pub fn assemble(&mut self, strip: PlaneStrip<'_>) -> Strip<'_> {
        let channels = channels(self.model);
        let row_bytes = self.width * usize::from(channels);
        let rows = (strip.rows as usize).min(self.strip_rows);
        let lines = self.pixels.chunks_exact_mut(row_bytes).take(rows);
        for (y, line) in lines.enumerate() {
            let parts = strip.planes.iter().zip(&self.spread);
            for ((plane, spread), enlarged) in parts.zip(&mut self.enlarged) {
                // Rows of the output that share a row of samples share its enlargement.
                let fresh = y == 0 || spread.row_of(y) != spread.row_of(y - 1);
                if !enlarged.is_empty() && fresh {
                    spread.enlarge(plane.row(spread.row_of(y)), enlarged);
                }
            }
            let row = |component: usize| {
                let enlarged = &self.enlarged[component];
                if enlarged.is_empty() {
                    let plane = &strip.planes[component];
                    &plane.row(self.spread[component].row_of(y))[..self.width]
                } else {
                    &enlarged[..]
                }
            };
            match self.model {
                ColorModel::YCbCr => color::ycbcr_to_rgb(row(0), row(1), row(2), line),
                ColorModel::Rgb => color::interleave(row(0), row(1), row(2), line),
                _ => line.copy_from_slice(row(0)),
            }
        }
        Strip { y: strip.y, rows: rows as u32, width: self.width as u32, channels, pixels: &self.pixels[..rows * row_bytes] }
    }
}

impl<'a> Plane<'a> {
    /// A row of samples, padding included.
    fn row(&self, y: usize) -> &'a [u8] {
        &self.samples[y * self.stride..][..self.stride]
    }
}

impl Spread {
    fn row_of(&self, y: usize) -> usize {
        y * self.samples_down / self.pixels_down
    }

    /// Repeats samples to fill the wider row.
    fn enlarge(&self, samples: &[u8], row: &mut [u8]) {
        if self.samples_across * 2 == self.pixels_across {
            for (pair, &sample) in row.chunks_mut(2).zip(samples) {
                pair.fill(sample);
            }
            return;
        }
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = samples[x * self.samples_across / self.pixels_across];
        }
    }
}

/// Channels of the pixels that a colour model gives.
pub(crate) fn channels(model: ColorModel) -> u8 {
    match model {
        ColorModel::Grey => 1,
        _ => 3,
    }
}
