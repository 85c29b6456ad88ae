//! The rows of a JPEG's planes, resized while they come.

use super::DecodeOptions;
use crate::bands::{BandTarget, Bands};
use crate::error::ImageError;
use crate::orient::Rect;
use crate::picture::{Deadline, Layout, Size};
use crate::ycc::{Chroma, Pixels, Ycc};
use minilab_jpeg::{PlaneSize, PlaneStrip};

/// Whether all that is wanted can be made of planes: parts, of gamma-encoded values.
pub(super) fn suffice(options: &DecodeOptions<'_>) -> bool {
    !options.take.whole && options.take.targets.iter().all(|target| !target.linear_light)
}

/// Whether every target has samples enough, twice as many as it needs in each direction, of chroma that is shrunk as luma is.
pub(super) fn small_chroma_suffices(options: &DecodeOptions<'_>) -> bool {
    options.take.targets.iter().all(|target| {
        let ratio = (target.part.width / f64::from(target.to.width)).min(target.part.height / f64::from(target.to.height));
        target.chroma == Chroma::Half || ratio >= SMALL_CHROMA_RATIO
    })
}

/// Chroma of half the size leaves a factor of two to the resize.
const SMALL_CHROMA_RATIO: f64 = 4.0;

/// Takes the planes' rows and makes every target from them.
pub(super) struct PlaneSink {
    bands: [Bands<u8>; 3],
    deadline: Deadline,
}

impl PlaneSink {
    pub(super) fn new(sizes: [PlaneSize; 3], options: &DecodeOptions<'_>) -> Self {
        let bands = [0, 1, 2].map(|index| {
            let plane = sizes[index];
            let targets: Vec<_> = options.take.targets.iter().map(|target| on_plane(target, plane, index > 0)).collect();
            Bands::new(Size { width: plane.width, height: plane.height }, Layout::Grey, &targets)
        });
        Self { bands, deadline: options.deadline }
    }

    pub(super) fn push(&mut self, strip: &PlaneStrip<'_>) -> Result<(), ImageError> {
        self.deadline.check()?;
        for (bands, plane) in self.bands.iter_mut().zip(strip.planes) {
            let width = plane.width as usize;
            bands.push_rows((0..plane.rows as usize).map(|row| &plane.row(row)[..width]))?;
        }
        Ok(())
    }

    /// The targets in their order, once every row has been pushed.
    pub(super) fn finish(self) -> Vec<Pixels> {
        let [luma, blue, red] = self.bands.map(Bands::finish);
        luma.into_iter().zip(blue).zip(red).map(|((luma, blue), red)| Pixels::Ycc(Ycc::new([luma, blue, red]))).collect()
    }
}

/// The part and the size of a target on one of the planes.
fn on_plane(target: &BandTarget, plane: PlaneSize, is_chroma: bool) -> BandTarget {
    let part = Rect {
        x: target.part.x / plane.across,
        y: target.part.y / plane.down,
        width: target.part.width / plane.across,
        height: target.part.height / plane.down,
    };
    let to = if is_chroma { target.chroma.size(target.to) } else { target.to };
    BandTarget { part, to, boxed: plane.averaged, ..*target }
}
