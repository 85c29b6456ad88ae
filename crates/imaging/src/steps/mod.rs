//! The operations of a recipe: a file for each. They work on upright pictures with straight alpha, in sRGB (or in the
//! source's own colours where a variant keeps them), of 8 or 16 bits.

mod adjust;
mod background;
mod blur;
mod circle;
mod compose;
pub(crate) mod crop;
mod extend;
mod fill;
mod float;
mod gamma;
mod gaussian;
mod grayscale;
mod mask;
mod mirror;
mod negate;
pub(crate) mod resize;
mod rotate;
mod round_corners;
pub(crate) mod saliency;
mod sepia;
mod sharpen;
pub(crate) mod text;
mod threshold;
mod tint;
mod trim;
mod values;
mod watermark;

use crate::error::ImageError;
use crate::picture::{Deadline, Picture, Size};
use minilab_model::{ObjectRef, Step};
use std::collections::BTreeMap;

/// What steps need beside pictures.
pub(crate) struct StepContext<'a> {
    /// The images that are laid over, by where they come from.
    pub overlays: &'a BTreeMap<ObjectRef, Picture>,
    pub deadline: Deadline,
}

/// Does one step on the frames of a variant; a still has one. Frames have one size and layout, before and after: what depends
/// on pixels (a trim, a cut by attention) is decided by the first frame.
///
/// # Errors
/// Why the step is not possible, as a part of a sentence; [`StepError::Image`] for a deadline.
pub(crate) fn apply(step: &Step, frames: Vec<Picture>, context: &StepContext<'_>) -> Result<Vec<Picture>, StepError> {
    context.deadline.check().map_err(StepError::Image)?;
    match step {
        Step::Resize(options) => resize::apply(frames, options),
        Step::Crop(options) => crop::apply(frames, options),
        Step::Trim(options) => trim::apply(frames, options),
        Step::Watermark(options) => watermark::apply(frames, options, context),
        Step::Extend(options) => each(frames, context, |frame| extend::apply(frame, options)),
        Step::Rotate(options) => each(frames, context, |frame| rotate::apply(frame, options, context.deadline)),
        Step::Flip => each(frames, context, |frame| Ok(mirror::flip(frame))),
        Step::Flop => each(frames, context, |frame| Ok(mirror::flop(frame))),
        Step::Blur(options) => each(frames, context, |frame| blur::apply(frame, options, context.deadline)),
        Step::Sharpen(options) => each(frames, context, |frame| sharpen::apply(frame, options, context.deadline)),
        Step::Grayscale => each(frames, context, |frame| Ok(grayscale::apply(frame))),
        Step::Sepia(options) => each(frames, context, |frame| sepia::apply(frame, options)),
        Step::Adjust(options) => each(frames, context, |frame| adjust::apply(frame, options)),
        Step::Gamma(options) => each(frames, context, |frame| gamma::apply(frame, options)),
        Step::Negate => each(frames, context, |frame| Ok(negate::apply(frame))),
        Step::Tint(options) => each(frames, context, |frame| tint::apply(frame, options)),
        Step::Threshold(options) => each(frames, context, |frame| threshold::apply(frame, options)),
        Step::RoundCorners(options) => each(frames, context, |frame| round_corners::apply(frame, options)),
        Step::Circle => each(frames, context, |frame| Ok(circle::apply(frame))),
        Step::Background(options) => each(frames, context, |frame| background::apply(frame, options)),
        other => Err(StepError::Impossible(format!("this engine does not know {}", other.name()))),
    }
}

/// Does the same to every frame.
fn each(
    frames: Vec<Picture>,
    context: &StepContext<'_>,
    apply: impl Fn(Picture) -> Result<Picture, StepError>,
) -> Result<Vec<Picture>, StepError> {
    let change = |frame| {
        context.deadline.check().map_err(StepError::Image)?;
        apply(frame)
    };
    frames.into_iter().map(change).collect()
}

/// The largest picture that is made on the way through a step of an image of `size`, or of any smaller one of its shape.
pub(crate) fn largest(step: &Step, size: Size) -> Size {
    match step {
        // Where it takes pixels to know what is kept, all of the scaled image is made first.
        Step::Resize(resize) => resize::Geometry::new(size, resize).canvas,
        _ => after(step, size),
    }
}

/// The largest size that an image of `size` can have behind a step.
pub(crate) fn after(step: &Step, size: Size) -> Size {
    match step {
        Step::Resize(resize) if resize::needs_pixels(resize) => {
            resize::Geometry::kept_by_pixels(resize::Geometry::new(size, resize).scaled, resize)
        }
        Step::Resize(resize) => resize::Geometry::new(size, resize).canvas,
        Step::Crop(crop) => crop::kept_size(size, crop),
        Step::Extend(extend) => extend::extended_size(size, extend),
        Step::Rotate(rotate) => rotate::rotated_size(size, rotate.degrees.get()),
        _ => size,
    }
}

/// Why a step was not done.
#[derive(Debug)]
pub(crate) enum StepError {
    /// It cannot be done on this image; a part of a sentence.
    Impossible(String),
    /// Something else.
    Image(ImageError),
}
