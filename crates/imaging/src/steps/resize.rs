//! Resizing: what size comes out, and the resampling itself.
//!
//! # Sizes
//! They follow sharp 0.35, so that recipes mean what people expect. With a source of `w × h` and a box of `W × H`:
//!
//! | fit | scale | then |
//! | --- | --- | --- |
//! | inside | the smaller of `W/w`, `H/h` | nothing: one side can be shorter than the box |
//! | outside | the larger of the two | nothing: one side can be longer than the box |
//! | cover | the larger of the two | what stands out of the box is cut off, evenly or as the gravity or the focus says |
//! | contain | the smaller of the two | padded to exactly `W × H`, evenly or as the gravity says |
//! | fill | `W/w` across, `H/h` down | nothing |
//!
//! Without `enlarge` no scale is more than 1: *inside*, *outside* and *fill* leave a short side as it is, *cover* only cuts (the
//! output can be smaller than the box), and *contain* still pads to the exact box. Sides are rounded to the nearest
//! pixel, halves up, and are at least 1.
//!
//! # Samples
//! Lanczos-3 over gamma-encoded samples unless the recipe says otherwise, as libvips does by default; colour is multiplied
//! by alpha before and divided after, and overshoot is clamped.

use super::{StepError, saliency};
use crate::alpha::pad;
use crate::error::ImageError;
use crate::light::Light;
use crate::orient::Rect;
use crate::picture::{Layout, Picture, Sample, Samples, Size};
use crate::plan::kept_part;
use minilab_model::{Fit, Kernel, Resize};
use minilab_resample::{Filter, Resampler, Task};

/// What a resize does to an image of a given size, in whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// The whole image after scaling.
    pub scaled: Size,
    /// The left upper corner of the part that is kept, in scaled pixels.
    pub crop: (u32, u32),
    /// Its size.
    pub kept: Size,
    /// The output: larger than what is kept when it is padded.
    pub canvas: Size,
    /// Where the kept part lies on it.
    pub offset: (u32, u32),
}

impl Geometry {
    /// The output size of an upright image. Where it takes pixels to know what is kept ([`needs_pixels`]), everything is.
    pub(crate) fn new(source: Size, resize: &Resize) -> Self {
        let scaled = scaled_size(source, resize);
        let unchanged = Self { scaled, crop: (0, 0), kept: scaled, canvas: scaled, offset: (0, 0) };
        let (Some(width), Some(height)) = (resize.width, resize.height) else {
            return unchanged;
        };
        match (resize.fit, resize.gravity.position()) {
            (Fit::Cover, Some(position)) => {
                let kept = kept_size(scaled, width, height);
                let crop = match resize.focus {
                    Some(focus) => {
                        (around(focus.x.get(), kept.width, scaled.width), around(focus.y.get(), kept.height, scaled.height))
                    }
                    // An odd pixel is cut on the left and above, as sharp does.
                    None => {
                        (share(position.0, scaled.width - kept.width, true), share(position.1, scaled.height - kept.height, true))
                    }
                };
                Self { crop, kept, canvas: kept, ..unchanged }
            }
            (Fit::Contain, position) => {
                let (across, down) = position.unwrap_or((0.5, 0.5));
                let canvas = Size { width: width.max(scaled.width), height: height.max(scaled.height) };
                let offset = (share(across, canvas.width - scaled.width, false), share(down, canvas.height - scaled.height, false));
                Self { canvas, offset, ..unchanged }
            }
            (Fit::Inside | Fit::Outside | Fit::Fill | Fit::Cover, _) => unchanged,
        }
    }

    /// The cut of a resize that takes pixels to know: what is to be kept of the scaled image.
    pub(crate) fn kept_by_pixels(scaled: Size, resize: &Resize) -> Size {
        match (resize.width, resize.height) {
            (Some(width), Some(height)) if needs_pixels(resize) => kept_size(scaled, width, height),
            _ => scaled,
        }
    }

    /// Whether the whole image is kept, so that a smaller one can be made from the result (before padding).
    pub(crate) fn keeps_all(&self) -> bool {
        self.kept == self.scaled
    }
}

/// Whether the part that a resize keeps depends on the pixels.
pub(crate) fn needs_pixels(resize: &Resize) -> bool {
    resize.fit == Fit::Cover && resize.gravity.position().is_none()
}

fn kept_size(scaled: Size, width: u32, height: u32) -> Size {
    Size { width: scaled.width.min(width), height: scaled.height.min(height) }
}

/// `position` (0 to 1) of `spare` pixels; a half goes up or down.
fn share(position: f64, spare: u32, up: bool) -> u32 {
    let exact = position * f64::from(spare);
    (if up { exact.ceil() } else { exact.floor() }) as u32
}

/// Where a stretch of `kept` pixels begins so that `point` (0 to 1 of `whole`) is as near to its middle as can be.
fn around(point: f64, kept: u32, whole: u32) -> u32 {
    let begin = (point * f64::from(whole) - f64::from(kept) / 2.0).round().max(0.0) as u32;
    begin.min(whole - kept)
}

/// The whole image after scaling, before anything is cut.
fn scaled_size(source: Size, resize: &Resize) -> Size {
    let (w, h) = (u64::from(source.width), u64::from(source.height));
    let side = |value: u64| u32::try_from(value.max(1)).unwrap_or(u32::MAX);
    let by_width = |width: u32| Size { width, height: side(rounded(h * u64::from(width), w)) };
    let by_height = |height: u32| Size { width: side(rounded(w * u64::from(height), h)), height };
    // Without `enlarge`, a scale of more than 1 becomes 1, each direction for itself where they differ.
    let kept = |wanted: u32, source: u32| if resize.enlarge { wanted } else { wanted.min(source) };
    let uniform = |size: Size| {
        let grows = size.width > source.width || size.height > source.height;
        if grows && !resize.enlarge { source } else { size }
    };
    match (resize.width, resize.height) {
        (None, None) => source,
        (Some(width), None) => uniform(by_width(width)),
        (None, Some(height)) => uniform(by_height(height)),
        (Some(width), Some(height)) => {
            // W/w against H/h, without fractions.
            let width_is_tighter = u64::from(width) * h <= u64::from(height) * w;
            match resize.fit {
                Fit::Fill => Size { width: kept(width, source.width), height: kept(height, source.height) },
                Fit::Inside | Fit::Contain => uniform(if width_is_tighter { by_width(width) } else { by_height(height) }),
                Fit::Cover | Fit::Outside => uniform(if width_is_tighter { by_height(height) } else { by_width(width) }),
            }
        }
    }
}

/// `numerator / denominator`, halves up.
fn rounded(numerator: u64, denominator: u64) -> u64 {
    (2 * numerator + denominator) / (2 * denominator)
}

/// How many pixels a filter reaches to either side when `scale` pixels become one.
pub(crate) fn reach(kernel: Kernel, scale: f64) -> f64 {
    let support = match kernel {
        Kernel::Lanczos3 => 3.0,
        Kernel::CatmullRom | Kernel::Mitchell => 2.0,
        Kernel::Linear => 1.0,
        Kernel::Box | Kernel::Nearest => 0.5,
    };
    // One more for rounding, and one for what makes good the blur of boxes.
    support * scale.max(1.0) + 2.0
}

/// The resampler's name for a kernel.
fn filter(kernel: Kernel) -> Filter {
    match kernel {
        Kernel::Lanczos3 => Filter::Lanczos3,
        Kernel::CatmullRom => Filter::CatmullRom,
        Kernel::Mitchell => Filter::Mitchell,
        Kernel::Linear => Filter::Linear,
        Kernel::Box => Filter::Box,
        Kernel::Nearest => Filter::Nearest,
    }
}

/// Makes `part` of a picture (in its own pixels, fractions allowed) into a picture of `to` pixels.
///
/// # Errors
/// What the resizer says; it does so only when sizes are inconsistent.
pub(crate) fn resample(
    resampler: &mut Resampler,
    picture: &Picture,
    part: Rect,
    to: Size,
    kernel: Kernel,
) -> Result<Picture, String> {
    let shape = Shape { size: picture.size, layout: picture.layout, boxed: 1 };
    match &picture.samples {
        Samples::Eight(samples) => resample_rows(resampler, samples, shape, part, to, kernel),
        Samples::Sixteen(samples) => resample_rows(resampler, samples, shape, part, to, kernel),
    }
}

/// What the samples of a picture mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub size: Size,
    pub layout: Layout,
    /// The side of the boxes that its pixels are the means of; 1 where they are none.
    pub boxed: u32,
}

impl Shape {
    /// What makes `part` of it into a picture of `to` pixels. Only planes by themselves may reach over their edges.
    pub(crate) fn task(&self, part: Rect, to: Size, kernel: Kernel) -> Task {
        let Self { size, layout, boxed } = *self;
        Task {
            from: (size.width, size.height),
            part: (part.x, part.y, part.width, part.height),
            to: (to.width, to.height),
            channels: layout.channels(),
            has_alpha: layout.has_alpha(),
            filter: filter(kernel),
            boxed,
        }
    }
}

/// [`resample`] for rows that stand anywhere.
///
/// # Errors
/// As [`resample`].
pub(crate) fn resample_rows<S: Sample>(
    resampler: &mut Resampler,
    samples: &[S],
    shape: Shape,
    part: Rect,
    to: Size,
    kernel: Kernel,
) -> Result<Picture, String> {
    let Shape { size: from, layout, .. } = shape;
    let whole = Rect { x: 0.0, y: 0.0, width: f64::from(from.width), height: f64::from(from.height) };
    if part == whole && to == from {
        return Ok(Picture { size: to, layout, samples: S::wrap(samples.to_vec()) });
    }
    let task = shape.task(clamped(part, whole), to, kernel);
    let mut output = vec![S::default(); to.pixels() as usize * layout.channels()];
    S::resample(resampler, samples, &mut output, &task)?;
    Ok(Picture { size: to, layout, samples: S::wrap(output) })
}

/// Resizes every frame; what depends on pixels is decided by the first.
pub(super) fn apply(frames: Vec<Picture>, options: &Resize) -> Result<Vec<Picture>, StepError> {
    let mut resampler = Resampler::new();
    let Some(size) = frames.first().map(|frame| frame.size) else { return Ok(frames) };
    let geometry = Geometry::new(size, options);
    let part = kept_part(&geometry, size.width.into(), size.height.into());
    let light = options.linear_light.then(Light::of_srgb);
    let mut resized = Vec::with_capacity(frames.len());
    for frame in frames {
        let to_eight = matches!(frame.samples, Samples::Eight(_));
        let frame = match light {
            Some(light) => light.decode(&frame),
            None => frame,
        };
        let made = resample(&mut resampler, &frame, part, geometry.kept, options.kernel);
        let made = made.map_err(|detail| StepError::Image(ImageError::resizer(detail)))?;
        let made = match light {
            Some(light) => light.encode(&made, to_eight),
            None => made,
        };
        resized.push(pad(made, geometry.canvas, geometry.offset));
    }
    let kept = Geometry::kept_by_pixels(geometry.scaled, options);
    Ok(if needs_pixels(options) { saliency::cut(resized, kept, options.gravity) } else { resized })
}

/// Rounding errors must not carry a part over the picture's edge; the resizer refuses that.
fn clamped(part: Rect, whole: Rect) -> Rect {
    let x = part.x.clamp(0.0, whole.width);
    let y = part.y.clamp(0.0, whole.height);
    Rect { x, y, width: part.width.min(whole.width - x), height: part.height.min(whole.height - y) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn geometry(source: (u32, u32), width: Option<u32>, height: Option<u32>, fit: Fit, enlarge: bool) -> Geometry {
        Geometry::new(Size { width: source.0, height: source.1 }, &Resize { width, height, fit, enlarge, ..Resize::default() })
    }

    fn check(source: (u32, u32), target: (u32, u32), fit: Fit, enlarge: bool, expected: (u32, u32)) {
        let canvas = geometry(source, Some(target.0), Some(target.1), fit, enlarge).canvas;
        assert_eq!((canvas.width, canvas.height), expected, "{source:?} into {target:?} {fit:?} {enlarge}");
    }

    #[test]
    fn sizes_are_sharps() {
        check((6028, 3391), (128, 128), Fit::Inside, false, (128, 72));
        check((3391, 6028), (128, 128), Fit::Inside, false, (72, 128));
        check((100, 100), (200, 300), Fit::Inside, false, (100, 100));
        check((100, 100), (200, 300), Fit::Inside, true, (200, 200));
        check((10_000, 3), (100, 100), Fit::Inside, false, (100, 1));
        check((600, 400), (100, 100), Fit::Cover, false, (100, 100));
        check((600, 40), (100, 100), Fit::Cover, false, (100, 40));
        check((60, 40), (100, 100), Fit::Cover, false, (60, 40));
        check((60, 40), (100, 100), Fit::Cover, true, (100, 100));
        check((600, 400), (100, 100), Fit::Contain, false, (100, 100));
        check((60, 40), (100, 100), Fit::Contain, false, (100, 100));
        check((600, 400), (100, 300), Fit::Fill, false, (100, 300));
        check((600, 400), (100, 500), Fit::Fill, false, (100, 400));
        check((600, 400), (700, 500), Fit::Fill, true, (700, 500));
    }

    #[test]
    fn one_side_is_enough() {
        let size = |geometry: Geometry| (geometry.canvas.width, geometry.canvas.height);
        assert_eq!(size(geometry((600, 400), Some(300), None, Fit::Inside, false)), (300, 200));
        assert_eq!(size(geometry((600, 400), None, Some(300), Fit::Inside, false)), (450, 300));
        assert_eq!(size(geometry((600, 400), Some(900), None, Fit::Inside, false)), (600, 400));
        assert_eq!(size(geometry((600, 400), Some(900), None, Fit::Inside, true)), (900, 600));
    }

    #[test]
    fn cuts_and_pads_are_even() {
        let cover = geometry((601, 400), Some(400), Some(400), Fit::Cover, false);
        assert_eq!((cover.scaled.width, cover.crop), (601, (101, 0)));
        let contain = geometry((600, 400), Some(300), Some(300), Fit::Contain, false);
        assert_eq!((contain.scaled.height, contain.offset), (200, (0, 50)));
    }

    fn fits() -> impl Strategy<Value = Fit> {
        prop::sample::select(vec![Fit::Inside, Fit::Cover, Fit::Contain, Fit::Fill])
    }

    proptest! {
        #[test]
        fn outputs_keep_to_the_box(
            source in (1_u32..40_000, 1_u32..40_000), target in (1_u32..16_383, 1_u32..16_383), fit in fits(), enlarge: bool,
        ) {
            let found = geometry(source, Some(target.0), Some(target.1), fit, enlarge);
            prop_assert!(found.scaled.width >= 1 && found.scaled.height >= 1);
            prop_assert!(found.kept.width + found.crop.0 <= found.scaled.width);
            prop_assert!(found.kept.height + found.crop.1 <= found.scaled.height);
            prop_assert!(found.offset.0 + found.kept.width <= found.canvas.width);
            prop_assert!(found.offset.1 + found.kept.height <= found.canvas.height);
            prop_assert!(found.canvas.width <= target.0 && found.canvas.height <= target.1);
            if !enlarge {
                prop_assert!(found.scaled.width <= source.0 && found.scaled.height <= source.1);
            }
            if fit == Fit::Contain || (enlarge && fit != Fit::Inside) {
                prop_assert_eq!((found.canvas.width, found.canvas.height), target);
            }
            if enlarge && fit == Fit::Inside {
                prop_assert!(found.canvas.width == target.0 || found.canvas.height == target.1);
            }
        }

        /// The shape is kept within the half pixel that rounding takes.
        #[test]
        fn shapes_are_kept(source in (1_u32..40_000, 1_u32..40_000), side in 1_u32..5000) {
            let scaled = geometry(source, Some(side), Some(side), Fit::Inside, false).scaled;
            let scale = f64::from(scaled.width.max(scaled.height)) / f64::from(source.0.max(source.1));
            prop_assert!((f64::from(scaled.width) - f64::from(source.0) * scale).abs() <= 0.501 || scaled.width == 1);
            prop_assert!((f64::from(scaled.height) - f64::from(source.1) * scale).abs() <= 0.501 || scaled.height == 1);
        }

        /// Turning the source and the box turns the result.
        #[test]
        fn width_and_height_are_treated_alike(
            source in (1_u32..9000, 1_u32..9000), target in (1_u32..2000, 1_u32..2000), fit in fits(), enlarge: bool,
        ) {
            let one = geometry(source, Some(target.0), Some(target.1), fit, enlarge);
            let other = geometry((source.1, source.0), Some(target.1), Some(target.0), fit, enlarge);
            prop_assert_eq!(one.canvas, other.canvas.swapped());
            prop_assert_eq!(one.scaled, other.scaled.swapped());
        }
    }
}
