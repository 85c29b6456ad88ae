//! The whole of image work: header, decode, every variant, metadata.

use crate::animation::{Animation, Frame};
use crate::color::Colors;
use crate::decode::{DecodeOptions, decode, decode_frames};
use crate::encode::{Made, candidates, check_avif, encode_variant, keeps_animation};
use crate::error::{ImageError, SIDE};
use crate::header::{Header, read_header};
use crate::make::{self, AnimationMaker, StillMaker};
use crate::metadata::{self, fields, icc};
use crate::picture::{Deadline, Picture, Size};
use crate::plan::{Plan, PlannedOutput, Target, overlay_bytes};
use crate::sink::Take;
use crate::steps::{self, StepContext, StepError};
use minilab_model::{Format, ImageMetadata, Limits, ObjectRef, OutputLimits, PixelField, Step, VariantSpec};
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// How image work is bounded, and what is recorded.
#[derive(Debug, Clone, Copy)]
pub struct RenderOptions<'a> {
    /// Bounds on the source and on the variants. `decode.wall_time` is not looked at here: it is the caller's to turn into
    /// a deadline.
    pub limits: &'a Limits,
    /// Whether GPS coordinates go into the metadata. Off by default.
    pub record_gps: bool,
    /// What of the pixels goes into the metadata. By default the ThumbHash.
    pub describe: &'a [PixelField],
    /// Whether a damaged file gives what is there. Off by default.
    pub tolerant: bool,
    /// The files that watermarks name, by where they come from. None by default.
    pub overlays: &'a BTreeMap<ObjectRef, Vec<u8>>,
    /// When the work is given up, with [`ImageError::Deadline`]; looked at between strips and steps. Never by default.
    pub deadline: Option<Instant>,
}

static NO_OVERLAYS: BTreeMap<ObjectRef, Vec<u8>> = BTreeMap::new();

impl<'a> RenderOptions<'a> {
    /// The defaults, within these limits.
    #[must_use]
    pub fn new(limits: &'a Limits) -> Self {
        let describe = &[PixelField::Thumbhash];
        Self { limits, record_gps: false, describe, tolerant: false, overlays: &NO_OVERLAYS, deadline: None }
    }
}

/// What comes of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// What the file says of itself, and what its pixels say.
    pub metadata: ImageMetadata,
    /// One output per variant, in the order of the variants.
    pub outputs: Vec<Output>,
    /// What was wrong but did not stop the work, a sentence each: a damaged profile, an unreadable EXIF block.
    pub warnings: Vec<String>,
}

/// One variant, made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The variant's name.
    pub name: String,
    /// The format that it is in.
    pub format: Format,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Makes every variant of a source from one decode; of an animation, from a second one that goes through its frames.
///
/// A variant without steps is converted at full size. Pass-through copies ([`VariantSpec::is_copy`]) are not meant to come
/// here; they would be encoded anew.
///
/// # Errors
/// [`ImageError::kind`] says whether another try can help. No variant is made unless all are.
pub fn render(source: &[u8], variants: &[VariantSpec], options: &RenderOptions<'_>) -> Result<Rendered, ImageError> {
    // Decoders are other people's code and the bytes are strangers'. A panic in there ends this image, not the worker.
    catch_unwind(AssertUnwindSafe(|| render_all(source, variants, options))).unwrap_or_else(|panic| {
        let format = crate::sniff::sniff(source).unwrap_or(Format::Jpeg);
        Err(ImageError::corrupt(format, format!("it broke the decoder: {}", panic_message(panic.as_ref()))))
    })
}

/// Reads a source's metadata; decodes it, small, when a field is asked for that takes pixels. The same as [`render`] without
/// variants.
///
/// # Errors
/// As [`render`].
pub fn inspect(source: &[u8], options: &RenderOptions<'_>) -> Result<ImageMetadata, ImageError> {
    render(source, &[], options).map(|rendered| rendered.metadata)
}

/// The most bytes that [`render`] has in use at once for this source and these variants, the source itself included: an
/// upper estimate from the header alone, by which work is admitted.
#[must_use]
pub fn estimate(header: &Header, source_bytes: u64, variants: &[VariantSpec], limits: &Limits) -> u64 {
    let copies = match header.format {
        // The decoder takes in what it reads, twice: its boxes may lie apart.
        Format::Jxl => 3,
        // The parts of an item are joined; then bytes that keep data from looking like start codes are taken out of a copy.
        Format::Heic => 3,
        _ => 1,
    };
    source_bytes.saturating_mul(copies).saturating_add(Plan::new(header, variants, true).peak_bytes(header, &limits.decode))
}

/// What the images that are laid over others add to [`estimate`]: their files, their pixels, which stay until all variants are made,
/// and what decoding the largest takes. What is refused for its size or its header adds its file alone.
#[must_use]
pub fn estimate_overlays<'a>(files: impl IntoIterator<Item = &'a [u8]>, limits: &Limits) -> u64 {
    let (mut kept, mut most) = (0_u64, 0_u64);
    for file in files {
        kept = kept.saturating_add(file.len() as u64);
        let Ok(header) = read_header(file, &limits.decode) else { continue };
        if u64::from(header.width) * u64::from(header.height) <= MAX_OVERLAY_PIXELS {
            let (pixels, work) = overlay_bytes(&header);
            kept = kept.saturating_add(pixels);
            most = most.max(work);
        }
    }
    kept.saturating_add(most)
}

/// The largest size, width and height in pixels, that a variant of an upright image of this size can have.
#[must_use]
pub fn largest_output(variant: &VariantSpec, width: u32, height: u32) -> (u32, u32) {
    let size = Size { width: width.max(1), height: height.max(1) };
    let Size { width, height } = variant.steps.iter().fold(size, |size, step| steps::largest(step, size));
    (width, height)
}

fn render_all(source: &[u8], variants: &[VariantSpec], options: &RenderOptions<'_>) -> Result<Rendered, ImageError> {
    let limits = &options.limits.decode;
    let deadline = Deadline(options.deadline);
    ImageError::check_limit("source bytes", source.len() as u64, limits.source_bytes)?;
    let header = whole_header(source, options)?;
    let plan = Plan::new(&header, variants, fields::need_picture(options.describe));
    check_outputs(&plan, variants, &options.limits.output)?;
    let overlays = decoded_overlays(variants, options)?;

    let mut warnings = Vec::new();
    let mut metadata = metadata::collect(source, &header, options.record_gps, &mut warnings);
    let profile = icc::embedded_profile(source, &header, limits.icc_bytes, &mut warnings)?;
    metadata.icc_profile = profile.as_ref().filter(|_| header.has_icc_profile()).and_then(|profile| icc::name(&profile.parsed));
    let mut finisher = Finisher {
        source,
        header: &header,
        variants,
        limits: &options.limits.output,
        steps: StepContext { overlays: &overlays, deadline },
        colors: Colors::new(header.color_space, profile, &mut warnings),
        outputs: variants.iter().map(|_| None).collect(),
        warnings,
    };
    let (take, whole) = (plan.take(&header), Take { whole: true, targets: Vec::new() });
    let decode_options =
        DecodeOptions { shrink: plan.shrink, base: plan.base, take: &take, limits, deadline, tolerant: options.tolerant };
    let mut opaque = None;
    if !plan.outputs.is_empty() || (fields::need_opacity(options.describe) && header.has_alpha) {
        let decoded = decode(source, &header, &decode_options)?;
        opaque = Some(decoded.opaque);
        metadata.incomplete = decoded.damage.is_some();
        finisher.warnings.extend(decoded.damage.clone().map(|damage| format!("{damage}; what is there was taken")));
        let mut maker = StillMaker::new(&header, decoded);
        for planned in &plan.outputs {
            deadline.check()?;
            let made = maker.make(planned, &mut finisher.colors, &mut finisher.warnings)?;
            match planned.target {
                Target::Fields => fields::describe(&*made.into_picture()?, options.describe, &mut metadata),
                Target::Variant(index) => finisher.finish_still(index, planned, made)?,
            }
        }
    }
    if fields::need_opacity(options.describe) {
        metadata.is_opaque = Some(opaque.unwrap_or(!header.has_alpha));
    }
    if !plan.animations.is_empty() {
        let mut maker = AnimationMaker::new(&header, &plan.animations);
        let frame_options = DecodeOptions { shrink: 1, take: &whole, ..decode_options };
        let played = decode_frames(source, &header, &frame_options, &mut |frame| {
            maker.take(frame, &mut finisher.colors, &mut finisher.warnings)
        })?;
        finisher.warnings.extend(played.cut_short);
        for (planned, animation) in plan.animations.iter().zip(maker.finish(played.plays)) {
            deadline.check()?;
            finisher.finish_animation(planned, animation)?;
        }
    }
    Ok(Rendered { metadata, outputs: finisher.outputs.into_iter().flatten().collect(), warnings: finisher.warnings })
}

/// Does what is left of the recipes once the source's pixels are there: the steps behind the first, and the file.
struct Finisher<'a> {
    source: &'a [u8],
    header: &'a Header,
    variants: &'a [VariantSpec],
    limits: &'a OutputLimits,
    steps: StepContext<'a>,
    colors: Colors,
    outputs: Vec<Option<Output>>,
    warnings: Vec<String>,
}

impl Finisher<'_> {
    fn finish_still(&mut self, index: usize, planned: &PlannedOutput, made: make::Made) -> Result<(), ImageError> {
        let picture = match made {
            make::Made::Ycc(ycc) => return self.write(index, ycc.size(), &Made::Ycc(ycc)),
            make::Made::Picture(picture) => picture,
        };
        let has_steps =
            planned.steps_done < self.variants[index].steps.len() || planned.first.is_some_and(|first| first.cut.is_some());
        // Others may be made from it, so it is copied only where it is changed.
        if !has_steps {
            return self.write(index, picture.size, &Made::Still(picture));
        }
        let mut frames = self.stepped(index, planned, vec![Arc::unwrap_or_clone(picture)])?;
        let picture = frames.pop().ok_or_else(|| ImageError::Internal { detail: "a step lost its picture".to_owned() })?;
        self.write(index, picture.size, &Made::Still(Arc::new(picture)))
    }

    fn finish_animation(&mut self, planned: &PlannedOutput, animation: Animation) -> Result<(), ImageError> {
        let Target::Variant(index) = planned.target else { return Ok(()) };
        let delays: Vec<_> = animation.frames.iter().map(|frame| frame.delay).collect();
        let pictures = animation.frames.into_iter().map(|frame| frame.picture).collect();
        let pictures = self.stepped(index, planned, pictures)?;
        let frames: Vec<_> = pictures.into_iter().zip(delays).map(|(picture, delay)| Frame { picture, delay }).collect();
        let Some(size) = frames.first().map(|frame| frame.picture.size) else {
            return Err(ImageError::corrupt(self.header.format, "its animation has no frame"));
        };
        let plays = animation.plays;
        self.write(index, size, &Made::Animation(Animation { frames, plays }))
    }

    fn stepped(&self, index: usize, planned: &PlannedOutput, mut frames: Vec<Picture>) -> Result<Vec<Picture>, ImageError> {
        let variant = &self.variants[index];
        if let Some((size, gravity)) = planned.first.and_then(|first| first.cut) {
            frames = steps::saliency::cut(frames, size, gravity);
        }
        for step in &variant.steps[planned.steps_done..] {
            // The plan knows the shape of the source; a trim gives others, which a resize can make longer.
            if let Some(frame) = frames.first() {
                check_size(variant, steps::largest(step, frame.size), self.limits)?;
            }
            frames = steps::apply(step, frames, &self.steps).map_err(|error| failed(variant, step, error))?;
        }
        Ok(frames)
    }

    fn write(&mut self, index: usize, size: Size, made: &Made) -> Result<(), ImageError> {
        let variant = &self.variants[index];
        let mut formats = candidates(self.header.format, self.header.has_alpha, variant);
        if matches!(made, Made::Animation(_)) {
            formats.retain(|&format| keeps_animation(self.header.format, format));
        }
        let attachments = metadata::attachments(self.source, self.header, variant, &self.colors);
        let deadline = self.steps.deadline;
        let (format, bytes) = encode_variant(made, variant, &formats, &attachments, self.limits, deadline, &mut self.warnings)?;
        self.outputs[index] = Some(Output { name: variant.name.clone(), format, width: size.width, height: size.height, bytes });
        Ok(())
    }
}

fn failed(variant: &VariantSpec, step: &Step, error: StepError) -> ImageError {
    match error {
        StepError::Image(error) => error,
        StepError::Impossible(detail) => ImageError::Step { variant: variant.name.clone(), step: step.name(), detail },
    }
}

/// The header of a file that is all there: what is missing is missing for good.
fn whole_header(source: &[u8], options: &RenderOptions<'_>) -> Result<Header, ImageError> {
    read_header(source, &options.limits.decode).map_err(|error| match error {
        ImageError::HeaderIncomplete { available } => {
            let format = crate::sniff::sniff(source).unwrap_or(Format::Jpeg);
            ImageError::Corrupt { format, detail: "it ends inside its header".to_owned(), offset: Some(available) }
        }
        other => other,
    })
}

fn check_outputs(plan: &Plan, variants: &[VariantSpec], limits: &OutputLimits) -> Result<(), ImageError> {
    for output in plan.outputs.iter().chain(&plan.animations) {
        let Target::Variant(index) = output.target else { continue };
        check_size(&variants[index], output.largest, limits)?;
        // How much a trim leaves is not known yet.
        let trims = variants[index].steps.iter().any(|step| matches!(step, Step::Trim(_)));
        if output.formats == [Format::Avif] && !trims {
            check_avif(&variants[index].name, output.size.pixels(), limits)?;
        }
    }
    Ok(())
}

fn check_size(variant: &VariantSpec, size: Size, limits: &OutputLimits) -> Result<(), ImageError> {
    let side = u64::from(size.width.max(size.height));
    let bounds = [(SIDE, side, u64::from(limits.side)), ("pixels", size.pixels(), limits.pixels)];
    for (what, actual, limit) in bounds {
        if actual > limit {
            return Err(ImageError::OutputLimitExceeded { variant: variant.name.clone(), what, actual, limit });
        }
    }
    Ok(())
}

/// Every overlay that the variants name, upright and in sRGB.
fn decoded_overlays(variants: &[VariantSpec], options: &RenderOptions<'_>) -> Result<BTreeMap<ObjectRef, Picture>, ImageError> {
    let mut overlays = BTreeMap::new();
    for variant in variants {
        for overlay in variant.overlays() {
            if overlays.contains_key(overlay) {
                continue;
            }
            let unusable = |detail: String| ImageError::Step { variant: variant.name.clone(), step: "watermark", detail };
            let file = options.overlays.get(overlay).ok_or_else(|| unusable(format!("there is no {overlay}")))?;
            let picture = decoded_overlay(file, options).map_err(|error| unusable(format!("{overlay} cannot be used: {error}")))?;
            overlays.insert(overlay.clone(), picture);
        }
    }
    Ok(overlays)
}

fn decoded_overlay(file: &[u8], options: &RenderOptions<'_>) -> Result<Picture, ImageError> {
    let header = whole_header(file, options)?;
    let pixels = u64::from(header.width) * u64::from(header.height);
    ImageError::check_limit("pixels", pixels, MAX_OVERLAY_PIXELS)?;
    let whole = PlannedOutput::whole(&header);
    let take = Take { whole: true, targets: Vec::new() };
    let limits = &options.limits.decode;
    let base = Size { width: header.width, height: header.height };
    let decode_options = DecodeOptions { base, deadline: Deadline(options.deadline), ..DecodeOptions::new(limits, &take) };
    let decoded = decode(file, &header, &decode_options)?;
    let mut warnings = Vec::new();
    let profile = icc::embedded_profile(file, &header, limits.icc_bytes, &mut warnings)?;
    let mut colors = Colors::new(header.color_space, profile, &mut warnings);
    let made = StillMaker::new(&header, decoded).make(&whole, &mut colors, &mut warnings)?;
    made.into_picture().map(Arc::unwrap_or_clone)
}

/// Most pixels of an image that is laid over others.
const MAX_OVERLAY_PIXELS: u64 = 16_000_000;

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
