//! The whole of image work: header, decode, every variant, metadata.

use crate::alpha::pad;
use crate::color::ToSrgb;
use crate::decode::{DecodeOptions, decode};
use crate::encode::{EncodeOptions, encode, output_format};
use crate::error::{ImageError, SIDE};
use crate::header::{Header, read_header};
use crate::metadata::{collect, icc, thumbhash};
use crate::orient::{Rect, to_stored, upright};
use crate::picture::{Deadline, Picture, Size};
use crate::plan::{From, Plan, PlannedOutput, Target};
use crate::steps::resize::{Geometry, resample};
use fast_image_resize::Resizer;
use minilab_model::{Format, ImageMetadata, Limits, OutputLimits, Step, VariantSpec};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// How image work is bounded, and what is recorded.
#[derive(Debug, Clone, Copy)]
pub struct RenderOptions<'a> {
    /// Bounds on the source and on the variants. `decode.wall_time` is not looked at here: it is the caller's to turn into
    /// a deadline.
    pub limits: &'a Limits,
    /// Whether GPS coordinates go into the metadata.
    pub record_gps: bool,
    /// When the work is given up, with [`ImageError::Deadline`]; looked at between strips and steps.
    pub deadline: Option<Instant>,
}

/// What comes of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// What the file says of itself, and the ThumbHash.
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

/// Makes every variant of a source from one decode.
///
/// A variant without steps is converted at full size. With `format = "keep"` a variant has the source's format; from a GIF
/// it is a PNG, because GIF cannot be written. Variants are upright, in sRGB, and carry no metadata. Pass-through copies
/// ([`VariantSpec::is_copy`]) are not meant to come here; they would be encoded anew.
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

/// Reads a source's metadata; decodes it, small, for the ThumbHash. The same as [`render`] without variants.
///
/// # Errors
/// As [`render`].
pub fn inspect(source: &[u8], options: &RenderOptions<'_>) -> Result<ImageMetadata, ImageError> {
    render(source, &[], options).map(|rendered| rendered.metadata)
}

/// The most bytes that [`render`] has in use at once for this source and these variants, the source itself included: an
/// upper estimate from the header alone, by which work is admitted.
#[must_use]
pub fn estimate(header: &Header, source_bytes: u64, variants: &[VariantSpec]) -> u64 {
    source_bytes.saturating_add(Plan::new(header, variants).peak_bytes(header))
}

fn render_all(source: &[u8], variants: &[VariantSpec], options: &RenderOptions<'_>) -> Result<Rendered, ImageError> {
    let limits = &options.limits.decode;
    let deadline = Deadline(options.deadline);
    ImageError::check_limit("source bytes", source.len() as u64, limits.source_bytes)?;
    let header = whole_header(source, options)?;
    let (width, height) = header.upright_size();
    let whole = Size { width, height };
    let formats = check_recipes(&header, variants)?;
    let plan = Plan::new(&header, variants);
    check_outputs(&plan, whole, variants, &options.limits.output)?;

    let mut warnings = Vec::new();
    let mut metadata = collect(source, &header, options.record_gps, &mut warnings);
    let profile = icc::embedded_profile(source, &header, limits.icc_bytes, &mut warnings)?;
    metadata.icc_profile = profile.as_ref().and_then(icc::name);
    let decode_options = DecodeOptions { shrink: plan.shrink, limits, deadline };
    let base = decode(source, &header, &decode_options)?;

    let mut maker = Maker {
        header: &header,
        whole,
        shrink: plan.shrink,
        base,
        made: Vec::with_capacity(plan.outputs.len()),
        to_srgb: ToSrgb::new(header.color_space, profile, &mut warnings),
        resizer: Resizer::new(),
        warnings: &mut warnings,
    };
    let mut outputs: Vec<Option<Output>> = variants.iter().map(|_| None).collect();
    for planned in &plan.outputs {
        deadline.check()?;
        let picture = maker.make(planned)?;
        match planned.target {
            Target::ThumbHash => metadata.thumbhash = thumbhash::hash(&picture),
            Target::Variant(index) => outputs[index] = Some(encoded(picture, &variants[index], formats[index])?),
        }
    }
    Ok(Rendered { metadata, outputs: outputs.into_iter().flatten().collect(), warnings })
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

/// The format of each variant; refuses what this version cannot do before anything is decoded.
fn check_recipes(header: &Header, variants: &[VariantSpec]) -> Result<Vec<Format>, ImageError> {
    let mut formats = Vec::with_capacity(variants.len());
    for variant in variants {
        let format = output_format(header.format, variant.format)?;
        if let Some(step) = variant.steps.iter().find(|step| !matches!(step, Step::Resize(_))) {
            return Err(ImageError::unsupported(format, format!("the step {step:?}")));
        }
        formats.push(format);
    }
    Ok(formats)
}

fn check_outputs(plan: &Plan, whole: Size, variants: &[VariantSpec], limits: &OutputLimits) -> Result<(), ImageError> {
    for output in &plan.outputs {
        let Target::Variant(index) = output.target else { continue };
        for size in output.sizes(whole) {
            let side = u64::from(size.width.max(size.height));
            let bounds = [(SIDE, side, u64::from(limits.side)), ("pixels", size.pixels(), limits.pixels)];
            for (what, actual, limit) in bounds {
                if actual > limit {
                    let variant = variants[index].name.clone();
                    return Err(ImageError::OutputLimitExceeded { variant, what, actual, limit });
                }
            }
        }
    }
    Ok(())
}

fn encoded(picture: Picture, variant: &VariantSpec, format: Format) -> Result<Output, ImageError> {
    let Size { width, height } = picture.size;
    let options = EncodeOptions { format, quality: variant.quality(), background: variant.background };
    let bytes = encode(picture, &options).map_err(|detail| ImageError::Encode { variant: variant.name.clone(), format, detail })?;
    Ok(Output { name: variant.name.clone(), format, width, height, bytes })
}

/// Carries out a plan, output by output.
struct Maker<'a> {
    header: &'a Header,
    /// The whole image, upright, at full size.
    whole: Size,
    /// How many times smaller `base` is.
    shrink: u32,
    /// The decoded picture, as stored.
    base: Picture,
    /// Outputs that others are made from, upright and in sRGB, by their place in the plan.
    made: Vec<Option<Picture>>,
    to_srgb: ToSrgb,
    resizer: Resizer,
    warnings: &'a mut Vec<String>,
}

impl Maker<'_> {
    /// Makes the next output of the plan: upright, in sRGB, padded.
    fn make(&mut self, planned: &PlannedOutput) -> Result<Picture, ImageError> {
        let parent = match planned.from {
            From::Base => None,
            From::Output(index) => self.made.get(index).and_then(Option::as_ref),
        };
        let picture = match (parent, planned.first) {
            (Some(parent), Some(geometry)) => {
                let part = part(&geometry, f64::from(parent.size.width), f64::from(parent.size.height));
                resample(&mut self.resizer, parent, part, geometry.kept).map_err(|detail| self.unexpected(detail))?
            }
            (_, geometry) => self.resized_base(geometry)?,
        };
        self.made.push(planned.is_parent.then(|| picture.clone()));
        let mut picture = match planned.first {
            Some(geometry) => pad(picture, geometry.canvas, geometry.offset),
            None => picture,
        };
        for geometry in &planned.further {
            let part = part(geometry, f64::from(picture.size.width), f64::from(picture.size.height));
            picture = resample(&mut self.resizer, &picture, part, geometry.kept).map_err(|detail| self.unexpected(detail))?;
            picture = pad(picture, geometry.canvas, geometry.offset);
        }
        Ok(picture)
    }

    /// Resizes the base as it is stored, and turns and converts the few pixels that are left.
    fn resized_base(&mut self, geometry: Option<Geometry>) -> Result<Picture, ImageError> {
        let orientation = self.header.orientation;
        let picture = match geometry {
            None => self.base.clone(),
            Some(geometry) => {
                let (width, height) = (f64::from(self.whole.width), f64::from(self.whole.height));
                let stored = to_stored(part(&geometry, width, height), orientation, width, height);
                let scale = f64::from(self.shrink);
                // The last box or block of a row can be cut, so the image ends at a fraction of a pixel.
                let part =
                    Rect { x: stored.x / scale, y: stored.y / scale, width: stored.width / scale, height: stored.height / scale };
                let to = if orientation.swaps_sides() { geometry.kept.swapped() } else { geometry.kept };
                resample(&mut self.resizer, &self.base, part, to).map_err(|detail| self.unexpected(detail))?
            }
        };
        Ok(self.to_srgb.convert(upright(picture, orientation), self.warnings))
    }

    fn unexpected(&self, detail: String) -> ImageError {
        ImageError::corrupt(self.header.format, format!("it cannot be resized: {detail}"))
    }
}

/// The part of an image of the given size that a geometry keeps.
fn part(geometry: &Geometry, width: f64, height: f64) -> Rect {
    let across = |pixels: u32| f64::from(pixels) / f64::from(geometry.scaled.width) * width;
    let down = |pixels: u32| f64::from(pixels) / f64::from(geometry.scaled.height) * height;
    Rect {
        x: across(geometry.crop.0),
        y: down(geometry.crop.1),
        width: across(geometry.kept.width),
        height: down(geometry.kept.height),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
