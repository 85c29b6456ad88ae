//! The rows of a JPEG's planes, resized while they come.

use super::DecodeOptions;
use crate::bands::BandTarget;
use crate::error::ImageError;
use crate::picture::{Deadline, Layout, Picture, Size};
use crate::steps::resize::Shape;
use crate::ycc::{Chroma, Pixels, Ycc};
use minilab_jpeg::{PlaneSize, PlaneStrip};
use minilab_resample::{PlaneStream, Task};

/// Whether all that is wanted can be made of planes: parts, of gamma-encoded values.
pub(super) fn suffice(options: &DecodeOptions<'_>) -> bool {
    !options.take.whole && options.take.targets.iter().all(|target| !target.linear_light)
}

/// Whether every target has samples enough where chroma has half as many as luma. At 1/8 that shows: 14 photographs of 20 to 47 times the size
/// of their thumbnails score 96.35 points of SSIMULACRA 2 on average rather than 95.46, and the worst 96.3 rather than 89.9. From some
/// thirty times on the gain is half a point, for up to a third of the time.
pub(super) fn half_chroma_suffices(options: &DecodeOptions<'_>) -> bool {
    options.take.targets.iter().all(|target| {
        let ratio = (target.part.width / f64::from(target.to.width)).min(target.part.height / f64::from(target.to.height));
        target.chroma == Chroma::Half || ratio >= HALF_CHROMA_RATIO
    })
}

/// How many times smaller than the decoded picture an output is whose colours can be coarse.
const HALF_CHROMA_RATIO: f64 = 3.0;

/// Takes the planes' rows and makes every target from them.
pub(super) struct PlaneSink {
    /// The three planes of each target.
    targets: Vec<(Size, Chroma, [PlaneStream; 3])>,
    deadline: Deadline,
}

impl PlaneSink {
    pub(super) fn new(sizes: [PlaneSize; 3], options: &DecodeOptions<'_>) -> Self {
        let streams = |target: &BandTarget| {
            let of = |index: usize| PlaneStream::new(&task(target, sizes[index], index > 0));
            (target.to, target.chroma, [of(0), of(1), of(2)])
        };
        Self { targets: options.take.targets.iter().map(streams).collect(), deadline: options.deadline }
    }

    pub(super) fn push(&mut self, strip: &PlaneStrip<'_>) -> Result<(), ImageError> {
        self.deadline.check()?;
        for (_, _, streams) in &mut self.targets {
            for (stream, plane) in streams.iter_mut().zip(strip.planes) {
                for row in 0..plane.rows as usize {
                    stream.push(&plane.row(row)[..plane.width as usize]);
                }
            }
        }
        Ok(())
    }

    /// The targets in their order, once every row has been pushed.
    ///
    /// # Errors
    /// When some have not.
    pub(super) fn finish(self) -> Result<Vec<Pixels>, ImageError> {
        let mut made = Vec::with_capacity(self.targets.len());
        for (size, chroma, [luma, blue, red]) in self.targets {
            let plane = |stream: PlaneStream, size| {
                let samples = stream.finish().map_err(ImageError::resizer)?;
                Ok::<_, ImageError>(Picture::eight(size, Layout::Grey, samples))
            };
            let small = chroma.size(size);
            made.push(Pixels::Ycc(Ycc::new([plane(luma, size)?, plane(blue, small)?, plane(red, small)?])));
        }
        Ok(made)
    }
}

/// What becomes of one of the planes for a target.
fn task(target: &BandTarget, plane: PlaneSize, is_chroma: bool) -> Task {
    let (part, to) = match is_chroma {
        true => (target.chroma_part, target.chroma.size(target.to)),
        false => (target.part, target.to),
    };
    let part = part.scaled(plane.across.recip(), plane.down.recip());
    let shape = Shape { size: Size { width: plane.width, height: plane.height }, layout: Layout::Grey, boxed: plane.averaged };
    shape.task(part, to, target.kernel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orient::Rect;
    use crate::sink::Take;
    use minilab_model::{DecodeLimits, Kernel};

    #[test]
    fn colours_are_coarse_only_where_all_outputs_are_much_smaller() {
        let part = Rect { x: 0.0, y: 0.0, width: 384.0, height: 384.0 };
        let target = |side: u32, chroma: Chroma| BandTarget {
            part,
            to: Size { width: side, height: side },
            kernel: Kernel::default(),
            linear_light: false,
            boxed: 8,
            chroma,
            chroma_part: part,
        };
        let check = |targets: &[(u32, Chroma)], expected: bool| {
            let limits = DecodeLimits::default();
            let targets = targets.iter().map(|&(side, chroma)| target(side, chroma)).collect();
            let take = Take { whole: false, targets };
            assert_eq!(half_chroma_suffices(&DecodeOptions::new(&limits, &take)), expected, "{:?}", take.targets);
        };
        check(&[(128, Chroma::Full)], true);
        check(&[(129, Chroma::Full)], false);
        check(&[(129, Chroma::Half)], true);
        check(&[(129, Chroma::Full), (64, Chroma::Half)], false);
    }
}
