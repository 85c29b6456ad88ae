//! What is made in which order, and from what, so that one decode serves every variant.
//!
//! The source is decoded at the smallest scale that leaves at least a factor of two, in each direction, for the final
//! resize of the largest output, as libvips does: boxes of any whole side. Of JPEG a factor of 1¾ is left, so that it is decoded at
//! 1/8 when shrinking 14 times or more, 1/4 at 7, 1/2 at 3½. What is drawn is drawn at the size of its largest output. Outputs are made from
//! the largest to the smallest, and each from the smallest whole picture before it that is still at least twice its size;
//! those without such a picture are made from the source's rows while they are decoded.
//!
//! A recipe's leading crop and resize become one look at the source, its [`First`]. The steps behind them are done on the
//! result, one by one.

use crate::animation::ANIMATION_CHANNELS;
use crate::bands::{BandTarget, stretch_rows};
use crate::encode::{candidates, jpeg_chroma, keeps_animation};
use crate::header::{Details, Header};
use crate::metadata::thumbhash;
use crate::orient::{Rect, to_stored};
use crate::picture::Size;
use crate::sink::{MAX_FACTOR, Take, shrunk_size};
use crate::steps::{self, resize::Geometry, resize::needs_pixels};
use crate::ycc::Chroma;
use minilab_model::{ColorSpace, DecodeLimits, Fit, Format, Gravity, Kernel, Orientation, OutputColor, Resize, Step, VariantSpec};

/// How much larger than an output its source must at least be, in each direction.
const MARGIN: u32 = 2;

/// The same for a JPEG, of which a shrunk decode is the mean of boxes whose blur is made good. At 1.5 as many sources again are decoded
/// at half the scale, and thumbnails lose half a point of SSIMULACRA 2 (14 photographs as PNG, 512 and 1024 px).
const JPEG_MARGIN: f64 = 1.75;

/// The plan for one source.
#[derive(Debug)]
pub(crate) struct Plan {
    /// How many times smaller the source is decoded; 1 where it is drawn.
    pub shrink: u32,
    /// The decoded picture, as stored.
    pub base: Size,
    /// How many stored pixels one pixel of it stands for, across and down.
    pub scale: (f64, f64),
    /// What is made of the still image or the first frame, in this order.
    pub outputs: Vec<PlannedOutput>,
    /// What is made of every frame, in the order of the variants.
    pub animations: Vec<PlannedOutput>,
}

/// One thing to make.
#[derive(Debug)]
pub(crate) struct PlannedOutput {
    pub target: Target,
    /// What is taken of the source; `None`: the whole image as it is.
    pub first: Option<First>,
    /// How many of the recipe's steps are done with that.
    pub steps_done: usize,
    /// What it is made from.
    pub from: From,
    /// Whether another is made from it.
    pub is_parent: bool,
    /// How large chroma is to be if it can be written from luma and chroma as they are: a JPEG of nothing but resized pixels in their
    /// own colours. `None` where it takes RGB.
    pub chroma: Option<Chroma>,
    pub basis: Basis,
    /// The largest size on the way: intermediate results are bounded as outputs are.
    pub largest: Size,
    /// The size at the end, as far as the plan knows: a trim can make it smaller.
    pub size: Size,
    /// What it can be written in; empty for fields.
    pub formats: Vec<Format>,
    /// Whether steps are left after what is taken of the source.
    pub has_steps: bool,
    /// Bytes a pixel that its encoder takes beside what goes in.
    pub encoder_bytes: u64,
}

/// How pixels are brought into shape before the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Basis {
    /// Whether the image is turned as it says.
    pub upright: bool,
    pub color: OutputColor,
}

/// What an output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The variant with this index.
    Variant(usize),
    /// The fields of the record that take pixels.
    Fields,
}

/// What an output is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// The source's rows.
    Base,
    /// The output with this index in the plan, before padding.
    Output(usize),
}

/// A crop and a resize of the source in one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct First {
    /// The part of the image that is looked at: x, y, width and height in pixels of the image as it is shown.
    pub region: (u32, u32, Size),
    /// What becomes of it.
    pub geometry: Geometry,
    pub kernel: Kernel,
    pub linear_light: bool,
    /// A cut whose place takes pixels to know: to this size, by this gravity.
    pub cut: Option<(Size, Gravity)>,
}

impl PlannedOutput {
    /// The whole image, upright and in sRGB.
    pub(crate) fn whole(header: &Header) -> Self {
        let whole = planned(Target::Fields, &[], Basis { upright: true, color: OutputColor::Srgb }, header);
        Self { first: None, ..whole }
    }
}

impl First {
    /// The part of the shown image that is kept, in its pixels.
    pub(crate) fn part(&self) -> Rect {
        let (x, y, region) = self.region;
        let part = kept_part(&self.geometry, region.width.into(), region.height.into());
        Rect { x: part.x + f64::from(x), y: part.y + f64::from(y), ..part }
    }

    /// Whether the result is the whole image.
    fn is_whole(&self, whole: Size) -> bool {
        self.region == (0, 0, whole) && self.geometry.keeps_all()
    }

    /// Whether a picture resized like this can be a parent or a child of another.
    fn is_plain(&self) -> bool {
        self.kernel == Kernel::default() && !self.linear_light
    }
}

/// The part of an image of the given size that a geometry keeps.
pub(crate) fn kept_part(geometry: &Geometry, width: f64, height: f64) -> Rect {
    let across = |pixels: u32| f64::from(pixels) / f64::from(geometry.scaled.width) * width;
    let down = |pixels: u32| f64::from(pixels) / f64::from(geometry.scaled.height) * height;
    Rect {
        x: across(geometry.crop.0),
        y: down(geometry.crop.1),
        width: across(geometry.kept.width),
        height: down(geometry.kept.height),
    }
}

impl Plan {
    /// Plans the variants and, when wanted, the small picture for the record's fields.
    pub(crate) fn new(header: &Header, variants: &[VariantSpec], fields: bool) -> Self {
        let planned = variants.iter().enumerate().map(|(index, variant)| planned_variant(index, variant, header));
        let (animations, mut outputs): (Vec<_>, Vec<_>) = planned.partition(|output| match output.target {
            Target::Variant(index) => stays_animated(header, &variants[index]),
            Target::Fields => false,
        });
        if fields {
            outputs.push(planned_fields(header));
        }
        let whole = |output: &PlannedOutput| shown_size(header, output.basis.upright);
        // Largest first; the sort is stable, so equal ones stay in the rule's order.
        outputs.sort_by_key(|output| std::cmp::Reverse(scaled(output, whole(output)).pixels()));
        let ratio = outputs.iter().map(ratio).fold(f64::INFINITY, f64::min);
        let stored = Size { width: header.width, height: header.height };
        let shrink = if header.is_drawn() { 1 } else { shrink(header.format, ratio) };
        let base = if header.is_drawn() { drawn_size(stored, ratio) } else { shrunk_size(stored, shrink) };
        let scale = match header.is_drawn() {
            true => (f64::from(stored.width) / f64::from(base.width), f64::from(stored.height) / f64::from(base.height)),
            // The last box or block of a row can be cut, so the image ends at a fraction of a pixel.
            false => (f64::from(shrink), f64::from(shrink)),
        };
        for index in 1..outputs.len() {
            let parent = (0..index).rev().find(|&parent| can_follow(&outputs[index], &outputs[parent], whole(&outputs[index])));
            if let Some(parent) = parent {
                outputs[index].from = From::Output(parent);
                outputs[parent].is_parent = true;
            }
        }
        Self { shrink, base, scale, outputs, animations }
    }

    /// What is wanted of the decoded picture: its parts in the order of the outputs that are made from it.
    pub(crate) fn take(&self, header: &Header) -> Take {
        let mut take = Take::default();
        for output in self.outputs.iter().filter(|output| output.from == From::Base) {
            match &output.first {
                Some(first) => take.targets.push(self.band_target(first, header, output)),
                None => take.whole = true,
            }
        }
        take
    }

    fn band_target(&self, first: &First, header: &Header, output: &PlannedOutput) -> BandTarget {
        let upright = output.basis.upright;
        let orientation = if upright { header.orientation } else { Orientation::UPRIGHT };
        let shown = shown_size(header, upright);
        let decoded = |part: Rect| {
            let stored = to_stored(part, orientation, shown.width.into(), shown.height.into());
            stored.scaled(self.scale.0.recip(), self.scale.1.recip())
        };
        let kept = first.geometry.kept;
        let chroma = output.chroma.unwrap_or(Chroma::Full);
        let (part, chroma_part) = (decoded(first.part()), decoded(chroma.part(first.part(), kept)));
        let to = if orientation.swaps_sides() { kept.swapped() } else { kept };
        let First { kernel, linear_light, .. } = *first;
        BandTarget { part, to, kernel, linear_light, boxed: self.shrink, chroma, chroma_part }
    }

    /// Most bytes in use at once while the plan is carried out, beside the source: an upper estimate.
    pub(crate) fn peak_bytes(&self, header: &Header, limits: &DecodeLimits) -> u64 {
        let sample_bytes = if header.bit_depth > 8 { 2 } else { 1 };
        let pixel_bytes = channels(header) * sample_bytes;
        let bytes = |size: Size| size.pixels() * 4 * sample_bytes;
        let from_base = || self.outputs.iter().filter(|output| output.from == From::Base);
        let whole = if from_base().any(|output| output.first.is_none()) { self.base.pixels() * pixel_bytes } else { 0 };
        // Rows that are kept for a stretch, the stretch itself, and its premultiplied or linear copy.
        let copies = if from_base().any(|output| output.first.is_some_and(|first| first.linear_light)) { 6 } else { 3 };
        let rows = u64::from(self.base.width) * u64::from(self.base.height.min(stretch_rows())) * pixel_bytes * copies;
        let resized: u64 = from_base().filter_map(|output| output.first).map(|first| bytes(first.geometry.kept)).sum();
        let decode = decoder_bytes(header, pixel_bytes, self.shrink, self.base) + rows;
        // The picture as it is turned, converted and flattened, and as steps change it; free before the next.
        let work = |output: &PlannedOutput| {
            let copies = if output.has_steps { 3 } else { 2 };
            output.largest.pixels() * (4 * sample_bytes * copies + output.encoder_bytes)
        };
        let work = self.outputs.iter().map(work).max().unwrap_or(0);
        // The files, at worst as large as their pixels, and the pictures that others are made from.
        let kept = |output: &PlannedOutput| bytes(output.largest) * if output.is_parent { 2 } else { 1 };
        let kept: u64 = self.outputs.iter().map(kept).sum();
        let still = whole + resized + decode.max(work + kept);
        FIXED_BYTES + still.max(self.animation_bytes(header, limits) + kept)
    }

    /// The canvas, what was under its last frame, that frame and a copy of it; every frame of every animation before and after
    /// its encoder, and what the encoder compares and writes.
    fn animation_bytes(&self, header: &Header, limits: &DecodeLimits) -> u64 {
        let canvas = u64::from(header.width) * u64::from(header.height);
        let frames = u64::from(limits.frames).min(limits.pixels / canvas.max(1)).max(1);
        let pixel_bytes = ANIMATION_CHANNELS * (frames * 2 + 5);
        let made: u64 = self.animations.iter().map(|output| output.largest.pixels() * pixel_bytes).sum();
        if self.animations.is_empty() { 0 } else { canvas * ANIMATION_CHANNELS * 4 + made }
    }
}

/// What an image that is laid over others takes: bytes that stay until the work is done, and bytes while it is decoded whole, turned and
/// converted.
pub(crate) fn overlay_bytes(header: &Header) -> (u64, u64) {
    let size = Size { width: header.width, height: header.height };
    let sample_bytes = if header.bit_depth > 8 { 2 } else { 1 };
    let pixel_bytes = channels(header) * sample_bytes;
    let kept = size.pixels() * 4 * sample_bytes;
    (kept, decoder_bytes(header, pixel_bytes, 1, size) + size.pixels() * pixel_bytes + kept)
}

/// Tables of decoders and encoders, colour transforms, buffers that do not grow with the image.
const FIXED_BYTES: u64 = 8 << 20;

/// Bytes a pixel that an encoder takes beside its input and its output: filtered rows of PNG, libwebp's planes, the quantiser's
/// tables, AV1's frames; and the coefficients of a progressive JPEG.
const fn encoder_bytes(format: Format, progressive: bool) -> u64 {
    match format {
        Format::Jpeg if progressive => 8,
        Format::Jpeg => 1,
        Format::Png => 4,
        Format::Webp => 8,
        Format::Gif => 12,
        _ => 32,
    }
}

/// Whether a variant of an animated source is one.
fn stays_animated(header: &Header, variant: &VariantSpec) -> bool {
    let formats = candidates(header.format, header.has_alpha, variant);
    header.animated && variant.animated && formats.iter().any(|&format| keeps_animation(header.format, format))
}

/// The size of the image as it is shown, or as it is stored.
pub(crate) fn shown_size(header: &Header, upright: bool) -> Size {
    let (width, height) = if upright { header.upright_size() } else { (header.width, header.height) };
    Size { width, height }
}

fn planned_variant(index: usize, variant: &VariantSpec, header: &Header) -> PlannedOutput {
    let basis = Basis { upright: variant.auto_orient, color: variant.color };
    let formats = candidates(header.format, header.has_alpha, variant);
    let encoder_bytes = formats.iter().map(|&format| encoder_bytes(format, variant.progressive)).max().unwrap_or(0);
    let output = planned(Target::Variant(index), &variant.steps, basis, header);
    let keeps_colors = !header.has_icc_profile() || basis.color == OutputColor::Keep;
    let is_resized = |first: First| first.cut.is_none() && first.geometry.canvas == first.geometry.kept;
    let in_planes = keeps_colors && !output.has_steps && output.first.is_some_and(is_resized) && formats == [Format::Jpeg];
    let chroma = in_planes.then(|| jpeg_chroma(variant)).flatten();
    PlannedOutput { encoder_bytes, formats, chroma, ..output }
}

fn planned_fields(header: &Header) -> PlannedOutput {
    let side = Some(thumbhash::MAX_SIDE);
    let small = Step::Resize(Resize { width: side, height: side, ..Resize::default() });
    planned(Target::Fields, &[small], Basis { upright: true, color: OutputColor::Srgb }, header)
}

fn planned(target: Target, steps: &[Step], basis: Basis, header: &Header) -> PlannedOutput {
    let whole = shown_size(header, basis.upright);
    let mut region = (0, 0, whole);
    let mut steps_done = 0;
    if let Some(Step::Crop(crop)) = steps.first()
        && let Some(cropped) = steps::crop::region(whole, crop)
    {
        region = cropped;
        steps_done = 1;
    }
    let first = match steps.get(steps_done) {
        Some(Step::Resize(resize)) => {
            steps_done += 1;
            // A small picture for the record is no reason to draw larger.
            Some(first_resize(region, resize, header.is_drawn() && target != Target::Fields))
        }
        // What is drawn can be drawn larger than it is, for another output.
        _ if steps_done > 0 || header.is_drawn() => Some(first_crop(region)),
        _ => None,
    };
    let start = first.map_or(whole, |first| first.cut.map_or(first.geometry.canvas, |(size, _)| size));
    let scaled = first.map_or(whole, |first| first.geometry.canvas);
    let mut largest = scaled;
    let mut size = start;
    for step in &steps[steps_done..] {
        let during = steps::largest(step, size);
        if during.pixels() > largest.pixels() {
            largest = during;
        }
        size = steps::after(step, size);
    }
    PlannedOutput {
        target,
        first,
        steps_done,
        from: From::Base,
        is_parent: false,
        chroma: None,
        basis,
        largest,
        size,
        formats: Vec::new(),
        has_steps: steps_done < steps.len(),
        encoder_bytes: 0,
    }
}

fn first_resize(region: (u32, u32, Size), resize: &Resize, drawn: bool) -> First {
    // What is drawn is as sharp at any size.
    let resize = &Resize { enlarge: resize.enlarge || drawn, ..resize.clone() };
    let geometry = Geometry::new(region.2, resize);
    let cut = needs_pixels(resize).then(|| (Geometry::kept_by_pixels(geometry.scaled, resize), resize.gravity));
    First { region, geometry, kernel: resize.kernel, linear_light: resize.linear_light, cut }
}

fn first_crop(region: (u32, u32, Size)) -> First {
    let same = Resize { width: Some(region.2.width), height: Some(region.2.height), fit: Fit::Fill, ..Resize::default() };
    First { region, geometry: Geometry::new(region.2, &same), kernel: Kernel::default(), linear_light: false, cut: None }
}

fn scaled(output: &PlannedOutput, whole: Size) -> Size {
    output.first.map_or(whole, |first| first.geometry.scaled)
}

/// How many times smaller, in the direction that shrinks less, an output's part is than the image.
fn ratio(output: &PlannedOutput) -> f64 {
    let Some(First { region: (_, _, region), geometry, linear_light, .. }) = output.first else {
        return 1.0;
    };
    let across = f64::from(region.width) / f64::from(geometry.scaled.width);
    let down = f64::from(region.height) / f64::from(geometry.scaled.height);
    // Decoders shrink gamma-encoded values, so light needs every pixel.
    if linear_light { across.min(down).min(1.0) } else { across.min(down) }
}

/// The decode scale for a picture that ends `ratio` times smaller.
fn shrink(format: Format, ratio: f64) -> u32 {
    // Saturates; NaN cannot come of sizes of at least 1.
    let available = (ratio / f64::from(MARGIN)) as u32;
    match format {
        Format::Jpeg => [8, 4, 2].into_iter().find(|&scale| ratio >= f64::from(scale) * JPEG_MARGIN).unwrap_or(1),
        _ => available.clamp(1, MAX_FACTOR),
    }
}

/// The size at which an image is drawn whose largest output is `ratio` times smaller than it says to be. A small part of it at a
/// large size would take a canvas without bounds, so from some size on that is blurred instead.
fn drawn_size(stored: Size, ratio: f64) -> Size {
    let smallest = (stored.pixels() as f64 / MAX_DRAWN_PIXELS).sqrt();
    let smallest = smallest.max(f64::from(stored.width.max(stored.height)) / MAX_DRAWN_SIDE);
    let ratio = ratio.max(smallest);
    let side = |side: u32| ((f64::from(side) / ratio).ceil() as u32).max(1);
    Size { width: side(stored.width), height: side(stored.height) }
}

/// Most pixels, and the longest side, of an image that is drawn.
const MAX_DRAWN_PIXELS: f64 = 50e6;
const MAX_DRAWN_SIDE: f64 = 16_383.0;

fn can_follow(output: &PlannedOutput, parent: &PlannedOutput, whole: Size) -> bool {
    let (Some(wanted), Some(made)) = (&output.first, &parent.first) else {
        return false;
    };
    output.basis == parent.basis
        && wanted.is_plain()
        && made.is_plain()
        && wanted.region == (0, 0, whole)
        && made.is_whole(whole)
        && u64::from(made.geometry.scaled.width) >= u64::from(wanted.geometry.scaled.width) * u64::from(MARGIN)
        && u64::from(made.geometry.scaled.height) >= u64::from(wanted.geometry.scaled.height) * u64::from(MARGIN)
}

fn channels(header: &Header) -> u64 {
    match header.color_space {
        ColorSpace::Grey => 1 + u64::from(header.has_alpha),
        ColorSpace::Rgb | ColorSpace::Ycbcr => 3 + u64::from(header.has_alpha),
        ColorSpace::Cmyk | ColorSpace::Ycck => 4,
    }
}

/// Bytes that the decoder holds beside the rows that it gives out.
pub(crate) fn decoder_bytes(header: &Header, pixel_bytes: u64, shrink: u32, base: Size) -> u64 {
    let pixels = u64::from(header.width) * u64::from(header.height);
    // Some rows of pixels and of what they are made from: an MCU row of JPEG has up to 32.
    let rows = u64::from(header.width) * 32 * 8;
    let whole = match header.format {
        Format::Jpeg => jpeg_decoder_bytes(header, pixels, pixel_bytes, shrink),
        Format::Png if header.progressive => pixels * pixel_bytes,
        Format::Png => 0,
        Format::Webp => webp_decoder_bytes(header, pixels, pixel_bytes, shrink),
        Format::Gif => pixels,
        Format::Tiff => tiff_decoder_bytes(header, pixel_bytes),
        // Rows are read where they stand, but runs are unpacked to an index a pixel.
        Format::Bmp if header.details == (Details::Bmp { runs: true }) => pixels,
        Format::Ico if header.progressive => pixels * pixel_bytes,
        Format::Bmp | Format::Ico => 0,
        #[cfg(feature = "jxl")]
        Format::Jxl => jxl_decoder_bytes(header),
        #[cfg(not(feature = "jxl"))]
        Format::Jxl => 0,
        // A decoder that gives out the whole image, and holds what it is made from.
        Format::Avif => pixels.max(header.details.coded_pixels()) * (pixel_bytes + 4) * 2,
        #[cfg(feature = "heic")]
        Format::Heic => heic_decoder_bytes(header),
        #[cfg(not(feature = "heic"))]
        Format::Heic => 0,
        // Drawn at the size of the base: the canvas, and layers up to their bound; and the document as a tree.
        Format::Svg => {
            base.pixels() * 4 + (base.pixels() * DRAWN_LAYERS).max(MIN_DRAWN_PIXELS) * 4 + DOCUMENT_BYTES + PICTURES_BYTES
        }
    };
    whole + rows
}

/// A tile, in whole blocks, while it is made (samples of two bytes, what the filters change and what is cut out of that, notes of each
/// block), and the tiles of a row, of colours and of alpha, as they are kept.
#[cfg(feature = "heic")]
fn heic_decoder_bytes(header: &Header) -> u64 {
    let Details::Heif { tile, columns, color_samples, .. } = header.details else { return 0 };
    let side = |stated: u32| u64::from(stated) + u64::from(crate::header::heic::MAX_MARGIN);
    let pixels = side(tile.0).saturating_mul(side(tile.1));
    let sample_bytes = if header.bit_depth > 8 { 2 } else { 1 };
    let quarters = 4 + u64::from(color_samples);
    let made = pixels.saturating_mul(quarters * 3 / 2 + 2);
    let kept_quarters = (quarters + if header.has_alpha { 4 } else { 0 }) * sample_bytes * u64::from(columns);
    made.saturating_add(pixels.saturating_mul(kept_quarters) / 4).saturating_add(HEIC_TABLES)
}

/// Tables of the decoder.
#[cfg(feature = "heic")]
const HEIC_TABLES: u64 = 2 << 20;

/// What the decoder of JPEG XL may allocate, by which it stops itself: numbers of 32 bits for each channel, as they are read, as they are
/// filtered and as they are shown; and tables.
#[cfg(feature = "jxl")]
pub(crate) fn jxl_decoder_bytes(header: &Header) -> u64 {
    let Details::Jxl { extra_channels, .. } = header.details else { return 0 };
    u64::from(header.width) * u64::from(header.height) * (3 + u64::from(extra_channels)) * 4 * JXL_COPIES + JXL_TABLES
}

#[cfg(feature = "jxl")]
const JXL_COPIES: u64 = 4;
#[cfg(feature = "jxl")]
const JXL_TABLES: u64 = 16 << 20;

/// Most pixels of the layers that a drawing takes, in canvases, or this many where the canvas is small.
pub(crate) const DRAWN_LAYERS: u64 = 12;
pub(crate) const MIN_DRAWN_PIXELS: u64 = 16 << 20;

/// Most pixels of a picture in a document when it is drawn, and of all of them together.
pub(crate) const MAX_PICTURE_PIXELS: u64 = 4 << 20;
pub(crate) const MAX_PICTURES_PIXELS: u64 = 8 << 20;

/// Most bytes that decoding one may take. No layers exist by then.
pub(crate) const MAX_PICTURE_WORK: u64 = MIN_DRAWN_PIXELS * 4;

/// Bytes of the pictures in a document, and of one while it is drawn.
const PICTURES_BYTES: u64 = MAX_PICTURES_PIXELS * 4 + MAX_PICTURE_PIXELS * 8;

/// Bytes of a document's text and elements, as many as are allowed.
const DOCUMENT_BYTES: u64 = 128 << 20;

/// A reader for each strip or tile that a row takes; JPEG data is unpacked whole, and stands there packed and as pixels.
fn tiff_decoder_bytes(header: &Header, pixel_bytes: u64) -> u64 {
    let Details::Tiff { jpeg, chunk_rows, readers } = header.details else { return 0 };
    let chunks = u64::from(header.width) * u64::from(chunk_rows.min(header.height)) * pixel_bytes;
    u64::from(readers) * READER_BYTES + if jpeg { chunks * 4 } else { 0 }
}

/// Windows and tables of a reader of packed data.
const READER_BYTES: u64 = 128 << 10;

/// libwebp gives out the whole image.
fn webp_decoder_bytes(header: &Header, pixels: u64, pixel_bytes: u64, shrink: u32) -> u64 {
    let lossless = header.details == Details::Webp { lossless: true };
    // Beside what it gives out: ARGB of a lossless file, or the alpha plane of a lossy one and what that is unpacked in.
    let beside = if lossless { 4 } else { u64::from(header.has_alpha) * 2 };
    match (header.animated, lossless || shrink == 1) {
        // The canvas, and a frame of RGBA that can be as large and of either kind.
        (true, _) => pixels * (4 + 4 + 4),
        (false, true) => pixels * (pixel_bytes + beside),
        // Planes: luma, half as much chroma, alpha.
        (false, false) => pixels * 3 / 2 + pixels * (u64::from(header.has_alpha) + beside),
    }
}

/// One interleaved scan is decoded by rows. Of separate scans the output is held, of a progressive file the coefficients that count,
/// 16 bits each, and which of them are not zero.
fn jpeg_decoder_bytes(header: &Header, pixels: u64, pixel_bytes: u64, shrink: u32) -> u64 {
    let Details::Jpeg { interleaved, .. } = header.details else {
        return pixels * pixel_bytes;
    };
    let samples = pixels * pixel_bytes;
    match (header.progressive, interleaved) {
        (true, _) => {
            let block_bytes = match shrink {
                8 => 2,
                4 => 25 * 2 + 8,
                2 => 49 * 2 + 8,
                _ => 64 * 2 + 8,
            };
            samples * block_bytes / 64
        }
        (false, true) => 0,
        (false, false) => samples / (u64::from(shrink) * u64::from(shrink)),
    }
}
