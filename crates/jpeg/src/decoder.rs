//! The public face: headers first, then pixels at a scale.

use std::ops::ControlFlow;

use crate::Error;
use crate::assemble::{PixelAssembler, channels};
use crate::info::{ColorModel, Info, Kind};
use crate::markers::{Headers, Scan, Tables};
use crate::parallel;
use crate::plan::{Plan, ScanPlan};
use crate::scan::progressive::{coefficient_bytes, emit, read_scans};
use crate::scan::sequential::SequentialCoder;
use crate::scan::turns::{TurnCoder, Turns};
use crate::scan::{MAX_SCANS, ScanSource, Walked, walk};
use crate::strip::{PlaneSize, PlaneStrip, Planes, Strip};

/// The size of the output, as a fraction of the stored size.
///
/// A side of `n` pixels becomes `ceil(n * eighths / 8)`, as in libjpeg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scale {
    /// 1/8: a pixel for each block, its mean.
    Eighth,
    /// 1/4: the means of 4×4 pixels.
    Quarter,
    /// 1/2: the means of 2×2 pixels.
    Half,
    /// 1/1.
    Full,
}

impl Scale {
    /// The numerator over 8: 1, 2, 4 or 8.
    pub fn eighths(self) -> u32 {
        match self {
            Self::Eighth => 1,
            Self::Quarter => 2,
            Self::Half => 4,
            Self::Full => 8,
        }
    }

    /// What a side of `length` pixels becomes.
    pub fn apply(self, length: u32) -> u32 {
        (u64::from(length) * u64::from(self.eighths())).div_ceil(8) as u32
    }
}

/// How to decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Fill what cannot be read with the last known colour and say so in [`Outcome::complete`],
    /// rather than fail. The work then depends on the size that the headers claim, not on the
    /// data: limit it before decoding. Default: false.
    pub tolerant: bool,
    /// Working memory that a decode may take. An image in one interleaved scan takes one row of
    /// MCUs whatever its height; separate scans take the whole output, progressive files the
    /// coefficients that count: at 1/1 two bytes for each sample, at 1/8 for each block.
    /// Default: 512 MiB.
    pub max_buffer_bytes: u64,
    /// Shrink chroma until it has half as many samples as luma in the direction that has more of them, rather than shrink subsampled
    /// chroma less than luma so that it has as many. At 1/8 it comes from its DC coefficients alone. Meant for images that are
    /// shrunk further, or written with subsampled chroma. Default: false, as libjpeg does.
    pub half_chroma: bool,
    /// Threads that may decode; 1: the caller's own. More are started for a baseline image in one scan that is large enough, at other
    /// scales than 1/8, if memory allows; the caller's thread then hands out the strips. Default: 1.
    pub threads: usize,
    /// Without the vector code and without reading ahead: slower, and the same samples. For comparisons. Default: false.
    pub plain: bool,
    /// How the components are to be read, for files within others that know better; `None`: as the file says.
    /// Default: `None`.
    pub color_model: Option<ColorModel>,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { tolerant: false, max_buffer_bytes: 512 << 20, half_chroma: false, threads: 1, plain: false, color_model: None }
    }
}

/// How a decode that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// All the data was there and sound. False only in tolerant mode.
    pub complete: bool,
    /// Rows of the output that were handed out; fewer than its height if the sink broke off.
    pub rows: u32,
}

/// A decoded image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// 1: grey. 3: red, green, blue. 4: inks, as stored: Adobe's files say 255 for none.
    pub channels: u8,
    /// 8 bits a channel, channels interleaved, rows without gaps.
    pub pixels: Vec<u8>,
    /// As [`Outcome::complete`].
    pub complete: bool,
}

/// A JPEG whose headers have been read.
///
/// ```no_run
/// use minilab_jpeg::{Decoder, Scale};
///
/// let file = std::fs::read("photo.jpg")?;
/// let decoder = Decoder::new(&file)?;
/// let (width, height) = (decoder.info().width, decoder.info().height);
/// let small = decoder.decode_to_image(Scale::Eighth)?;
/// assert_eq!((small.width, small.height), (width.div_ceil(8), height.div_ceil(8)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Decoder<'a> {
    data: &'a [u8],
    headers: Headers,
    options: DecodeOptions,
}

impl<'a> Decoder<'a> {
    /// Reads everything up to the first scan.
    ///
    /// # Errors
    /// [`Error::NotJpeg`], [`Error::Truncated`] and [`Error::Corrupt`] as they say;
    /// [`Error::Unsupported`] for lossless, hierarchical and arithmetic coding, and for two or more than
    /// four components.
    pub fn new(data: &'a [u8]) -> Result<Self, Error> {
        Ok(Self { data, headers: Headers::parse(data)?, options: DecodeOptions::default() })
    }

    /// Replaces the default options.
    #[must_use]
    pub fn with_options(mut self, options: DecodeOptions) -> Self {
        self.options = options;
        self
    }

    /// What the headers say.
    pub fn info(&self) -> &Info {
        &self.headers.info
    }

    /// The size of the output at a scale.
    pub fn output_size(&self, scale: Scale) -> (u32, u32) {
        let info = self.info();
        (scale.apply(info.width), scale.apply(info.height))
    }

    /// The sizes of the components' planes that [`decode_planes`](Self::decode_planes) gives at a
    /// scale, in frame order.
    pub fn plane_sizes(&self, scale: Scale) -> Vec<PlaneSize> {
        let plan = self.plan(scale);
        let size = |component| {
            let (width, height) = plan.plane_size(component);
            let (across, down) = plan.pixels_per_sample(component);
            PlaneSize { width: width as u32, height: height as u32, across, down, averaged: 8 / component.side as u32 }
        };
        plan.components.iter().map(size).collect()
    }

    /// Whether [`decode`](Self::decode) can decode this image at all.
    ///
    /// # Errors
    /// [`Error::Unsupported`] says what stands in the way: 12 bits a sample, or a colour model of another number of components.
    pub fn supports(&self) -> Result<(), Error> {
        let info = self.info();
        if info.precision != 8 {
            return Err(Error::Unsupported { what: "12 bits a sample" });
        }
        if channels(self.color_model()) != info.components {
            return Err(Error::Unsupported { what: "a colour model of another number of components" });
        }
        Ok(())
    }

    /// Decodes to grey, RGB or CMYK pixels and hands them out strip by strip, from the top. The sink can
    /// break off at any strip.
    ///
    /// # Errors
    /// [`Error::Unsupported`] and [`Error::TooLarge`] come before the first strip;
    /// [`Error::Truncated`] and [`Error::Corrupt`] can follow strips that are good, and in tolerant
    /// mode do not occur once a sample could be read.
    pub fn decode(&self, scale: Scale, sink: &mut impl FnMut(Strip<'_>) -> ControlFlow<()>) -> Result<Outcome, Error> {
        self.supports()?;
        let plan = self.plan(scale);
        let model = self.color_model();
        self.check_size(PixelAssembler::bytes(&plan, model))?;
        // As libjpeg does it: where a block is one sample, nothing is interpolated.
        let mut assembler = PixelAssembler::new(&plan, model, scale != Scale::Eighth);
        let mut rows = 0;
        let outcome = self.decode_planes(scale, &mut |planes| {
            assembler.assemble(planes, &mut |strip| {
                rows += strip.rows;
                sink(strip)
            })
        })?;
        Ok(Outcome { rows, ..outcome })
    }

    /// Decodes to the stored components: no colour conversion, and chroma at the size that it has
    /// without enlargement. See [`PlaneStrip`].
    ///
    /// # Errors
    /// As [`decode`](Self::decode).
    pub fn decode_planes(&self, scale: Scale, sink: &mut impl FnMut(PlaneStrip<'_>) -> ControlFlow<()>) -> Result<Outcome, Error> {
        self.supports()?;
        let plan = self.plan(scale);
        let mut rows = 0;
        let mut hand_out = |planes: &Planes, mcu_row: usize| {
            planes.with_strip(&plan, mcu_row, |strip| {
                rows += strip.rows;
                sink(strip)
            })
        };
        let complete = if self.info().kind == Kind::Progressive {
            self.progressive(&plan, &mut hand_out)?
        } else if self.headers.scan.components.len() == self.headers.frame.len() {
            self.one_scan(&plan, &mut hand_out)?
        } else {
            self.separate_scans(&plan, &mut hand_out)?
        };
        Ok(Outcome { complete, rows })
    }

    /// Decodes to one image in memory.
    ///
    /// # Errors
    /// As [`decode`](Self::decode); [`Error::TooLarge`] also when the image itself exceeds
    /// [`DecodeOptions::max_buffer_bytes`].
    pub fn decode_to_image(&self, scale: Scale) -> Result<Image, Error> {
        self.supports()?;
        let (width, height) = self.output_size(scale);
        let channels = channels(self.color_model());
        let bytes = u64::from(width) * u64::from(height) * u64::from(channels);
        self.check_size(bytes)?;
        let mut pixels = Vec::with_capacity(bytes as usize);
        let outcome = self.decode(scale, &mut |strip| {
            pixels.extend_from_slice(strip.pixels);
            ControlFlow::Continue(())
        })?;
        Ok(Image { width, height, channels, pixels, complete: outcome.complete })
    }

    fn plan(&self, scale: Scale) -> Plan {
        let half_chroma = self.options.half_chroma && self.color_model() == ColorModel::YCbCr;
        Plan::new(&self.headers, scale, half_chroma, self.options.plain)
    }

    fn color_model(&self) -> ColorModel {
        self.options.color_model.unwrap_or(self.info().color_model)
    }

    fn check_size(&self, needed_bytes: u64) -> Result<(), Error> {
        let limit_bytes = self.options.max_buffer_bytes;
        if needed_bytes > limit_bytes {
            return Err(Error::TooLarge { needed_bytes, limit_bytes });
        }
        Ok(())
    }

    fn progressive(&self, plan: &Plan, hand_out: &mut impl FnMut(&Planes, usize) -> ControlFlow<()>) -> Result<bool, Error> {
        self.check_size(coefficient_bytes(plan) + Planes::bytes(plan, false))?;
        let (coefficients, complete) = read_scans(self.data, &self.headers, plan, self.options.tolerant)?;
        let mut planes = Planes::new(plan, false);
        // Broken off or not, nothing is left to do.
        let _ = emit(&coefficients, plan, &mut planes, hand_out);
        Ok(complete)
    }

    /// All components in one scan: rows are handed out as they come.
    fn one_scan(&self, plan: &Plan, hand_out: &mut impl FnMut(&Planes, usize) -> ControlFlow<()>) -> Result<bool, Error> {
        let Headers { scan, tables, frame, .. } = &self.headers;
        let scan_bytes = self.data.len() - scan.data_start;
        if let Some(turns) = parallel::turns(plan, self.options.threads, scan_bytes)
            && self.check_size(parallel::bytes(plan, &turns)).is_ok()
        {
            let scan_plan = ScanPlan::new(plan, scan)?;
            let source = self.scan_source(scan, tables);
            let read = |turns: Turns, take_row: &mut dyn FnMut(&mut Planes) -> ControlFlow<()>| {
                let mut planes = Planes::new(plan, false);
                let end_row = |planes: &mut Planes, _| take_row(planes);
                let inner = SequentialCoder::new(plan, scan, &scan_plan, frame, tables, &mut planes, end_row)?;
                let mut coder = TurnCoder::new(inner, turns, scan, &scan_plan, tables, scan_bytes)?;
                Ok(walk(&source, &scan_plan, &mut coder)?.complete)
            };
            if let Some(complete) = parallel::decode(plan, turns, read, hand_out)? {
                return Ok(complete);
            }
        }
        self.check_size(Planes::bytes(plan, false))?;
        let mut planes = Planes::new(plan, false);
        let end_row = |planes: &mut Planes, row| hand_out(planes, row);
        Ok(self.sequential_scan(plan, scan, tables, &mut planes, end_row)?.complete)
    }

    fn scan_source(&self, scan: &Scan, tables: &Tables) -> ScanSource<'a> {
        let (data, tolerant) = (self.data, self.options.tolerant);
        ScanSource { data, start: scan.data_start, restart_interval: tables.restart_interval, tolerant }
    }

    fn sequential_scan(
        &self,
        plan: &Plan,
        scan: &Scan,
        tables: &Tables,
        planes: &mut Planes,
        end_row: impl FnMut(&mut Planes, usize) -> ControlFlow<()>,
    ) -> Result<Walked, Error> {
        let source = self.scan_source(scan, tables);
        let scan_plan = ScanPlan::new(plan, scan)?;
        let frame = &self.headers.frame;
        let mut coder = SequentialCoder::new(plan, scan, &scan_plan, frame, tables, planes, end_row)?;
        walk(&source, &scan_plan, &mut coder)
    }

    /// Components in scans of their own: all are read before the first strip is handed out.
    fn separate_scans(&self, plan: &Plan, hand_out: &mut impl FnMut(&Planes, usize) -> ControlFlow<()>) -> Result<bool, Error> {
        self.check_size(Planes::bytes(plan, true))?;
        let mut planes = Planes::new(plan, true);
        let complete = match self.read_separate_scans(plan, &mut planes) {
            Ok(complete) => complete,
            Err(_) if self.options.tolerant => false,
            Err(error) => return Err(error),
        };
        for mcu_row in 0..plan.mcus_down {
            if hand_out(&planes, mcu_row).is_break() {
                break;
            }
        }
        Ok(complete)
    }

    fn read_separate_scans(&self, plan: &Plan, planes: &mut Planes) -> Result<bool, Error> {
        let mut tables = self.headers.tables.clone();
        let mut scan = self.headers.scan.clone();
        let mut seen = vec![false; self.headers.frame.len()];
        let mut complete = true;
        for _ in 0..MAX_SCANS {
            let go_on = |_: &mut Planes, _| ControlFlow::Continue(());
            let walked = self.sequential_scan(plan, &scan, &tables, planes, go_on)?;
            complete &= walked.complete;
            for component in &scan.components {
                seen[component.index] = true;
            }
            if seen.iter().all(|&seen| seen) {
                return Ok(complete);
            }
            let next = tables.next_scan(self.data, walked.end, &self.headers.frame)?;
            scan = next.ok_or(Error::Truncated { offset: walked.end, what: "the scan of a component" })?;
        }
        Err(Error::Corrupt { offset: scan.data_start, what: "too many scans" })
    }
}
