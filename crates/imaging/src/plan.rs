//! What is made in which order, and from what, so that one decode serves every variant.
//!
//! The source is decoded at the smallest scale that leaves at least a factor of two, in each direction, for the final
//! resize of the largest output. That is libvips' rule: 1/8 when shrinking 16 times or more, 1/4 at 8, 1/2 at 4 for JPEG;
//! for other formats boxes of any whole side. Outputs are made from the largest to the smallest, and each from the smallest
//! whole picture before it that is still at least twice its size.

use crate::header::{Details, Header};
use crate::metadata::thumbhash;
use crate::picture::Size;
use crate::shrink::{MAX_FACTOR, shrunk_size};
use crate::steps::resize::Geometry;
use minilab_model::{ColorSpace, Fit, Format, Resize, Step, VariantSpec};

/// How much larger than an output its source must at least be, in each direction.
const MARGIN: u32 = 2;

/// The plan for one source.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How many times smaller the source is decoded.
    pub shrink: u32,
    /// The decoded picture, as stored.
    pub base: Size,
    /// What is made, in this order.
    pub outputs: Vec<PlannedOutput>,
}

/// One thing to make.
#[derive(Debug)]
pub(crate) struct PlannedOutput {
    pub target: Target,
    /// Its first resize; `None` without steps: the whole image.
    pub first: Option<Geometry>,
    /// The resizes after it.
    pub further: Vec<Geometry>,
    /// What it is made from.
    pub from: From,
    /// Whether another is made from it.
    pub is_parent: bool,
}

/// What an output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The variant with this index.
    Variant(usize),
    /// The ThumbHash.
    ThumbHash,
}

/// What an output is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// The decoded picture.
    Base,
    /// The output with this index in the plan, before padding.
    Output(usize),
}

impl PlannedOutput {
    /// Every size on the way: intermediate results are bounded as outputs are.
    pub(crate) fn sizes(&self, whole: Size) -> impl Iterator<Item = Size> {
        let steps = self.first.iter().chain(&self.further).map(|geometry| geometry.canvas);
        steps.chain(self.first.is_none().then_some(whole))
    }
}

impl Plan {
    /// Plans the variants, and the ThumbHash after them.
    pub(crate) fn new(header: &Header, variants: &[VariantSpec]) -> Self {
        let (width, height) = header.upright_size();
        let whole = Size { width, height };
        let mut outputs: Vec<PlannedOutput> =
            variants.iter().enumerate().map(|(index, variant)| planned(Target::Variant(index), &variant.steps, whole)).collect();
        let side = Some(thumbhash::MAX_SIDE);
        let hash = Step::Resize(Resize { width: side, height: side, fit: Fit::Inside, enlarge: false });
        outputs.push(planned(Target::ThumbHash, &[hash], whole));
        // Largest first; the sort is stable, so equal ones stay in the rule's order.
        outputs.sort_by_key(|output| std::cmp::Reverse(scaled(output, whole).pixels()));
        let ratio = outputs.iter().map(|output| ratio(scaled(output, whole), whole)).fold(f64::INFINITY, f64::min);
        let shrink = shrink(header.format, ratio);
        for index in 1..outputs.len() {
            let parent = (0..index).rev().find(|&parent| can_follow(&outputs[index], &outputs[parent]));
            if let Some(parent) = parent {
                outputs[index].from = From::Output(parent);
                outputs[parent].is_parent = true;
            }
        }
        let base = shrunk_size(Size { width: header.width, height: header.height }, shrink);
        Self { shrink, base, outputs }
    }

    /// Most bytes in use at once while the plan is carried out, beside the source: an upper estimate.
    pub(crate) fn peak_bytes(&self, header: &Header) -> u64 {
        let (width, height) = header.upright_size();
        let whole = Size { width, height };
        let sample_bytes = if header.bit_depth > 8 { 2 } else { 1 };
        let pixel_bytes = channels(header) * sample_bytes;
        let base = self.base.pixels() * pixel_bytes;
        let decode = decoder_bytes(header, pixel_bytes, self.shrink) + base;
        // The resizer keeps a premultiplied copy.
        let premultiplied = if header.has_alpha { base } else { 0 };
        let work = self.outputs.iter().map(|output| self.work_bytes(output, whole, sample_bytes)).max().unwrap_or(0);
        let kept: u64 = self.outputs.iter().map(|output| kept_bytes(output, whole, sample_bytes)).sum();
        FIXED_BYTES + decode.max(base + premultiplied + work + kept)
    }

    /// Bytes while one output is made: the rows between the two passes of a resize, the picture as it is turned and
    /// converted, the encoder's own planes. Free again before the next.
    fn work_bytes(&self, output: &PlannedOutput, whole: Size, sample_bytes: u64) -> u64 {
        let largest = largest_step(output, whole);
        let between_passes = match output.first {
            Some(geometry) if geometry.scaled != whole => {
                u64::from(geometry.kept.width.max(geometry.kept.height)) * u64::from(self.base.width.max(self.base.height))
            }
            _ => 0,
        };
        (between_passes + largest * 3) * 4 * sample_bytes + largest * ENCODER_BYTES
    }
}

/// Bytes of an output that stay to the end: the file, at worst as large as its pixels, and the picture when others are
/// made from it.
fn kept_bytes(output: &PlannedOutput, whole: Size, sample_bytes: u64) -> u64 {
    let pictures = if output.is_parent { 2 } else { 1 };
    largest_step(output, whole) * 4 * sample_bytes * pictures
}

fn largest_step(output: &PlannedOutput, whole: Size) -> u64 {
    output.sizes(whole).map(Size::pixels).max().unwrap_or(0)
}

/// Tables of decoders and encoders, colour transforms, buffers that do not grow with the image.
const FIXED_BYTES: u64 = 8 << 20;

/// Bytes a pixel that the hungriest encoder (libwebp) takes beside its input and its output.
const ENCODER_BYTES: u64 = 8;

fn planned(target: Target, steps: &[Step], whole: Size) -> PlannedOutput {
    let mut size = whole;
    let mut geometries = steps.iter().filter_map(|step| match step {
        Step::Resize(resize) => {
            let geometry = Geometry::new(size, resize);
            size = geometry.canvas;
            Some(geometry)
        }
        // Steps that this version does not know are refused before planning.
        _ => None,
    });
    let first = geometries.next();
    let further = geometries.collect();
    PlannedOutput { target, first, further, from: From::Base, is_parent: false }
}

fn scaled(output: &PlannedOutput, whole: Size) -> Size {
    output.first.map_or(whole, |geometry| geometry.scaled)
}

/// How many times smaller, in the direction that shrinks less.
fn ratio(scaled: Size, whole: Size) -> f64 {
    let across = f64::from(whole.width) / f64::from(scaled.width);
    let down = f64::from(whole.height) / f64::from(scaled.height);
    across.min(down)
}

/// The decode scale for a picture that ends `ratio` times smaller.
fn shrink(format: Format, ratio: f64) -> u32 {
    // Saturates; NaN cannot come of sizes of at least 1.
    let available = (ratio / f64::from(MARGIN)) as u32;
    match format {
        Format::Jpeg => [8, 4, 2].into_iter().find(|&scale| available >= scale).unwrap_or(1),
        _ => available.clamp(1, MAX_FACTOR),
    }
}

fn can_follow(output: &PlannedOutput, parent: &PlannedOutput) -> bool {
    let (Some(wanted), Some(made)) = (output.first, parent.first) else {
        return false;
    };
    made.keeps_all()
        && u64::from(made.scaled.width) >= u64::from(wanted.scaled.width) * u64::from(MARGIN)
        && u64::from(made.scaled.height) >= u64::from(wanted.scaled.height) * u64::from(MARGIN)
}

fn channels(header: &Header) -> u64 {
    match header.color_space {
        ColorSpace::Grey => 1 + u64::from(header.has_alpha),
        ColorSpace::Rgb | ColorSpace::Ycbcr => 3 + u64::from(header.has_alpha),
        ColorSpace::Cmyk | ColorSpace::Ycck => 4,
    }
}

/// Bytes that the decoder holds beside the picture that it gives out.
fn decoder_bytes(header: &Header, pixel_bytes: u64, shrink: u32) -> u64 {
    let pixels = u64::from(header.width) * u64::from(header.height);
    // Some rows of pixels and of what they are made from: an MCU row of JPEG has up to 32.
    let rows = u64::from(header.width) * 32 * 8;
    let whole = match header.format {
        Format::Jpeg => jpeg_decoder_bytes(header, pixels, pixel_bytes, shrink),
        Format::Png if header.progressive => pixels * pixel_bytes,
        Format::Png => 0,
        // Decoded pixels, and beside them the whole ARGB of a lossless file, or the alpha plane of a lossy one.
        Format::Webp if header.details == (Details::Webp { lossless: true }) => pixels * (pixel_bytes + 4),
        Format::Webp => pixels * (pixel_bytes + u64::from(header.has_alpha) * 2),
        Format::Gif | Format::Avif => pixels,
    };
    whole + rows
}

/// Our own decoder works by rows where it can; zune-jpeg holds all pixels, and all coefficients of a progressive file.
fn jpeg_decoder_bytes(header: &Header, pixels: u64, pixel_bytes: u64, shrink: u32) -> u64 {
    let Details::Jpeg { subsampled, interleaved, .. } = header.details else {
        return pixels * pixel_bytes;
    };
    let has_inks = matches!(header.color_space, ColorSpace::Cmyk | ColorSpace::Ycck);
    let shrinks = !has_inks && if header.progressive { shrink == 8 } else { shrink > 1 || !subsampled };
    let area = u64::from(shrink) * u64::from(shrink);
    match (shrinks, header.progressive, interleaved) {
        // One 16-bit DC value a block and component, in scans over the whole image.
        (true, true, _) => pixels / area * pixel_bytes * 2,
        (true, false, true) => 0,
        (true, false, false) => pixels / area * pixel_bytes,
        (false, true, _) => pixels * pixel_bytes * 3,
        // A scan per component leaves 16-bit samples of all of them.
        (false, false, interleaved) => pixels * pixel_bytes * if interleaved { 1 } else { 3 },
    }
}
