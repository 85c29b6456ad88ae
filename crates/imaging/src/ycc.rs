//! Pictures as JPEG stores them: luma, and chroma by itself, often of half the size.
//!
//! What goes from JPEG to JPEG and is only made smaller stays so: with half as many samples, no colour is converted, and chroma is
//! not enlarged to be averaged again. Everything else becomes RGB when it has the size of its output.

use crate::orient::{Rect, upright};
use crate::picture::{Layout, Picture, Size};
use crate::steps::resize::{Shape, resample};
use minilab_model::{Kernel, Orientation};
use minilab_resample::{PlaneStream, Resampler};

/// How large chroma is beside luma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chroma {
    /// As large.
    Full,
    /// Half as large in each direction, rounded up: 4:2:0.
    Half,
}

impl Chroma {
    /// The size of chroma beside luma of this size.
    pub(crate) fn size(self, luma: Size) -> Size {
        match self {
            Self::Full => luma,
            Self::Half => Size { width: luma.width.div_ceil(2), height: luma.height.div_ceil(2) },
        }
    }

    /// What chroma is made of where luma of size `to` is made of `part`: beside an odd side, half a sample more.
    pub(crate) fn part(self, part: Rect, to: Size) -> Rect {
        let Size { width, height } = self.size(to);
        let samples = if self == Self::Half { 2.0 } else { 1.0 };
        Rect {
            width: part.width * samples * f64::from(width) / f64::from(to.width),
            height: part.height * samples * f64::from(height) / f64::from(to.height),
            ..part
        }
    }
}

/// Luma, blue and red chroma, 8 bits each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ycc {
    planes: [Picture; 3],
}

/// What is made of a part of a source while it is decoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Pixels {
    Picture(Picture),
    Ycc(Ycc),
}

impl Ycc {
    /// Of three grey pictures of 8 bits. The chromas are of one size.
    pub(crate) fn new(planes: [Picture; 3]) -> Self {
        debug_assert!(planes.iter().all(|plane| plane.layout == Layout::Grey));
        Self { planes }
    }

    /// The size of the picture: that of luma.
    pub(crate) fn size(&self) -> Size {
        self.planes[0].size
    }

    /// Luma, blue and red chroma, each a grey picture.
    pub(crate) fn planes(&self) -> &[Picture; 3] {
        &self.planes
    }

    /// How large chroma is, if it is one of the usual sizes.
    pub(crate) fn chroma(&self) -> Option<Chroma> {
        [Chroma::Full, Chroma::Half].into_iter().find(|chroma| chroma.size(self.size()) == self.planes[1].size)
    }

    /// Turned as an orientation says.
    pub(crate) fn upright(self, orientation: Orientation) -> Self {
        Self { planes: self.planes.map(|plane| upright(plane, orientation)) }
    }

    /// Makes `part` (in pixels of luma, fractions allowed) into a picture of `to` pixels.
    ///
    /// # Errors
    /// What the resizer says; it does so only when sizes are inconsistent.
    pub(crate) fn resampled(
        &self,
        resampler: &mut Resampler,
        part: Rect,
        to: Size,
        chroma: Chroma,
        kernel: Kernel,
    ) -> Result<Self, String> {
        let [luma, blue, red] = &self.planes;
        let samples = if self.chroma() == Some(Chroma::Half) { 0.5 } else { 1.0 };
        let chroma_part = chroma.part(part, to).scaled(samples, samples);
        let chroma_size = chroma.size(to);
        let of_chroma = |plane: &Picture| stretched(plane, chroma_part, chroma_size, kernel);
        Ok(Self { planes: [resample(resampler, luma, part, to, kernel)?, of_chroma(blue)?, of_chroma(red)?] })
    }

    /// The same as RGB. Smaller chroma is enlarged.
    ///
    /// # Errors
    /// As [`resampled`](Self::resampled).
    pub(crate) fn to_rgb(&self, resampler: &mut Resampler) -> Result<Picture, String> {
        let size = self.size();
        if self.chroma() != Some(Chroma::Full) {
            let whole = Rect { x: 0.0, y: 0.0, width: f64::from(size.width), height: f64::from(size.height) };
            return self.resampled(resampler, whole, size, Chroma::Full, Kernel::CatmullRom)?.to_rgb(resampler);
        }
        let mut rgb = vec![0; size.pixels() as usize * 3];
        let [luma, blue, red] = self.planes.each_ref().map(Picture::to_eight_bits);
        minilab_jpeg::ycbcr_to_rgb(&luma, &blue, &red, &mut rgb);
        Ok(Picture::eight(size, Layout::Rgb, rgb))
    }
}

/// Resamples chroma. Its part can reach over the edge, by half a sample.
fn stretched(plane: &Picture, part: Rect, to: Size, kernel: Kernel) -> Result<Picture, String> {
    let shape = Shape { size: plane.size, layout: Layout::Grey, boxed: 1 };
    let mut stream = PlaneStream::new(&shape.task(part, to, kernel));
    plane.to_eight_bits().chunks_exact(plane.size.width as usize).for_each(|row| stream.push(row));
    Ok(Picture::eight(to, Layout::Grey, stream.finish()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn plane(width: u32, height: u32, value: impl Fn(u32, u32) -> u8) -> Picture {
        let samples = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| value(x, y)).collect();
        Picture::eight(Size { width, height }, Layout::Grey, samples)
    }

    #[test]
    fn half_chroma_lies_where_luma_does() {
        // Blue on the left, red on the right, the edge between two samples of chroma.
        let ycc = Ycc::new([
            plane(64, 32, |_, _| 128),
            plane(32, 16, |x, _| if x < 16 { 200 } else { 100 }),
            plane(32, 16, |x, _| if x < 16 { 100 } else { 200 }),
        ]);
        assert_eq!(ycc.chroma(), Some(Chroma::Half));
        let mut resampler = Resampler::new();
        let whole = Rect { x: 0.0, y: 0.0, width: 64.0, height: 32.0 };
        let small = ycc.resampled(&mut resampler, whole, Size { width: 15, height: 7 }, Chroma::Half, Kernel::Lanczos3).unwrap();
        assert_eq!((small.planes[1].size, small.chroma()), (Size { width: 8, height: 4 }, Some(Chroma::Half)));
        for picture in [ycc, small] {
            let rgb = picture.to_rgb(&mut resampler).unwrap();
            let samples = rgb.to_eight_bits();
            let width = rgb.size.width as usize;
            let pixel = |x: usize| &samples[x * 3..x * 3 + 3];
            assert!(pixel(width / 4)[2] > 220 && pixel(width / 4)[0] < 110, "{:?}", pixel(width / 4));
            assert!(pixel(width * 3 / 4)[0] > 200 && pixel(width * 3 / 4)[2] < 110, "{:?}", pixel(width * 3 / 4));
        }
    }
}
