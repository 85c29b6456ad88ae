//! Resampling of pixels: a single plane of 8 bits by code of our own ([`PlaneStream`]), the other layouts and depths that the engine has
//! by [`fast_image_resize`].
//!
//! A crate of its own because its kernels are generic: they are compiled where they are used, and take longer than all the
//! rest of the engine. Here they are compiled once, and not again with every change of the engine.

mod lanczos;
mod plane;

pub use plane::PlaneStream;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4, U16x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions};

/// A filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Lanczos with three lobes.
    Lanczos3,
    /// Catmull and Rom's cubic.
    CatmullRom,
    /// Mitchell and Netravali's cubic.
    Mitchell,
    /// A triangle.
    Linear,
    /// The mean of the pixels under each new one.
    Box,
    /// The nearest pixel alone.
    Nearest,
}

/// What of a picture is taken, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Task {
    /// Width and height of the picture in pixels.
    pub from: (u32, u32),
    /// The part of it that is taken: x, y, width and height in its pixels; fractions are allowed, and it lies inside.
    pub part: (f64, f64, f64, f64),
    /// Width and height of the result in pixels.
    pub to: (u32, u32),
    /// Channels of a pixel, 1 to 4, interleaved.
    pub channels: usize,
    /// Whether the last channel is alpha: the others are multiplied by it before and divided after.
    pub has_alpha: bool,
    /// The filter.
    pub filter: Filter,
    /// Each pixel of the picture is the mean of so many others, squared: 1 where it is one by itself. Lanczos-3 makes good what
    /// that has blurred, where the scale is the same in both directions.
    pub boxed: u32,
}

/// Scales across and down that differ by less than this share are alike.
const ALIKE: f64 = 0.1;

/// Does tasks; keeps its buffers between them.
#[derive(Debug, Default)]
pub struct Resampler(fast_image_resize::Resizer);

impl Resampler {
    /// A resampler without buffers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Resamples 8-bit samples into `to`, which has the length of the result.
    ///
    /// # Errors
    /// When sizes do not fit together.
    pub fn eight(&mut self, from: &[u8], to: &mut [u8], task: &Task) -> Result<(), String> {
        match (task.channels, task.has_alpha) {
            (1, false) => plane(from, to, task),
            (3, false) => self.run::<U8x3>(from, to, task),
            (4, _) => self.run::<U8x4>(from, to, task),
            _ => self.by_fours(from, to, task, Self::eight),
        }
    }

    /// Resamples 16-bit samples; otherwise as [`eight`](Self::eight).
    ///
    /// # Errors
    /// When sizes do not fit together.
    pub fn sixteen(&mut self, from: &[u16], to: &mut [u16], task: &Task) -> Result<(), String> {
        match task.channels {
            4 => self.run::<U16x4>(bytemuck::cast_slice(from), bytemuck::cast_slice_mut(to), task),
            _ => self.by_fours(from, to, task, Self::sixteen),
        }
    }

    /// The rarer layouts go as four channels, of which alpha, if there is one, is the last: each further type of pixels takes a
    /// third as long to build as the rest of the engine, and they come a few rows at a time.
    fn by_fours<S: Copy + Default>(
        &mut self,
        from: &[S],
        to: &mut [S],
        task: &Task,
        run: impl Fn(&mut Self, &[S], &mut [S], &Task) -> Result<(), String>,
    ) -> Result<(), String> {
        let channels = task.channels;
        let colors = channels - usize::from(task.has_alpha);
        if !(1..4).contains(&channels) || colors == 0 {
            return Err(format!("pixels of {channels} channels"));
        }
        let mut wide = vec![S::default(); from.len() / channels * 4];
        for (wide, pixel) in wide.chunks_exact_mut(4).zip(from.chunks_exact(channels)) {
            wide[..colors].copy_from_slice(&pixel[..colors]);
            wide[3] = pixel[channels - 1];
        }
        let mut made = vec![S::default(); to.len() / channels * 4];
        run(self, &wide, &mut made, &Task { channels: 4, ..*task })?;
        for (pixel, wide) in to.chunks_exact_mut(channels).zip(made.chunks_exact(4)) {
            pixel[..colors].copy_from_slice(&wide[..colors]);
            if task.has_alpha {
                pixel[channels - 1] = wide[3];
            }
        }
        Ok(())
    }

    /// The resizer's own choice of a type by a value would compile all of them.
    fn run<P: PixelTrait>(&mut self, from: &[u8], to: &mut [u8], task: &Task) -> Result<(), String> {
        let (x, y, width, height) = task.part;
        let algorithm = match task.filter {
            Filter::Lanczos3 => {
                let (across, down) = (width / f64::from(task.to.0), height / f64::from(task.to.1));
                // Rounded sizes are a little off; what is stretched on purpose is left as it is.
                let alike = (across / down - 1.0).abs() < ALIKE;
                ResizeAlg::Convolution(lanczos::filter(if alike { task.boxed } else { 1 }, (across * down).sqrt()))
            }
            Filter::CatmullRom => ResizeAlg::Convolution(FilterType::CatmullRom),
            Filter::Mitchell => ResizeAlg::Convolution(FilterType::Mitchell),
            Filter::Linear => ResizeAlg::Convolution(FilterType::Bilinear),
            Filter::Box => ResizeAlg::Convolution(FilterType::Box),
            Filter::Nearest => ResizeAlg::Nearest,
        };
        let options = ResizeOptions::new().resize_alg(algorithm).crop(x, y, width, height).use_alpha(task.has_alpha);
        let from = TypedImageRef::<P>::from_buffer(task.from.0, task.from.1, from).map_err(|error| error.to_string())?;
        let mut to = TypedImage::<P>::from_buffer(task.to.0, task.to.1, to).map_err(|error| error.to_string())?;
        self.0.resize_typed(&from, &mut to, &options).map_err(|error| error.to_string())
    }
}

/// Resamples a whole plane.
fn plane(from: &[u8], to: &mut [u8], task: &Task) -> Result<(), String> {
    let (width, height) = (task.from.0 as usize, task.from.1 as usize);
    let (x, y, across, down) = task.part;
    // Sums of fractions can be a little off.
    let ends = |start: f64, length: f64, side: u32| start >= 0.0 && start + length <= f64::from(side) + 1e-6;
    let inside = ends(x, across, task.from.0) && ends(y, down, task.from.1);
    if width == 0 || from.len() != width * height || to.len() as u64 != u64::from(task.to.0) * u64::from(task.to.1) || !inside {
        return Err(format!("a plane of {} samples does not fit {task:?}", from.len()));
    }
    let mut stream = PlaneStream::new(task);
    from.chunks_exact(width).for_each(|row| stream.push(row));
    to.copy_from_slice(&stream.finish()?);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn task(channels: usize, has_alpha: bool) -> Task {
        let (from, to) = ((4, 2), (2, 1));
        Task { from, part: (0.0, 0.0, 4.0, 2.0), to, channels, has_alpha, filter: Filter::Box, boxed: 1 }
    }

    #[test]
    fn boxes_are_averaged_in_every_layout() {
        for channels in 1..=4 {
            let (mut eight, mut sixteen) = (vec![0; 2 * channels], vec![0; 2 * channels]);
            let mut resampler = Resampler::new();
            resampler.eight(&vec![100; 8 * channels], &mut eight, &task(channels, false)).unwrap();
            resampler.sixteen(&vec![50_000; 8 * channels], &mut sixteen, &task(channels, false)).unwrap();
            assert!(eight.iter().all(|&value| value == 100), "{eight:?}");
            assert!(sixteen.iter().all(|&value| value == 50_000), "{sixteen:?}");
        }
    }

    #[test]
    fn what_is_clear_has_no_colour() {
        let from = [200, 255, 0, 0, 10, 255, 10, 255].repeat(2);
        let mut to = [0; 4];
        Resampler::new().eight(&from, &mut to, &task(2, true)).unwrap();
        // Colour times alpha is rounded to 8 bits on the way.
        assert!(to[0].abs_diff(200) <= 1 && to[1..] == [128, 10, 255], "{to:?}");
    }

    /// A wave, averaged in boxes and then resized, is what it is when every pixel of it is.
    #[test]
    fn what_boxes_have_blurred_is_made_good() {
        let wave = |x: f64| 128.0 + 100.0 * (x / 9.0).sin();
        let (count, side) = (1600_u32, 8_u32);
        let points: Vec<f64> = (0..count).map(|x| wave(f64::from(x) + 0.5)).collect();
        let means: Vec<u16> = points.chunks(8).map(|values| (values.iter().sum::<f64>() / 8.0 * 257.0) as u16).collect();
        let resized = |boxed: u32| {
            let from: Vec<u16> = [&means[..]; 2].concat();
            let (from_size, to_size) = ((count / side, 2), (count / side / 2, 1));
            let part = (0.0, 0.0, f64::from(from_size.0), 2.0);
            let mut to = vec![0; to_size.0 as usize];
            let task = Task { from: from_size, part, to: to_size, channels: 1, has_alpha: false, filter: Filter::Lanczos3, boxed };
            Resampler::new().sixteen(&from, &mut to, &task).unwrap();
            to
        };
        // What a resize of all the pixels gives, by the definition.
        let exact = |index: u32| {
            let kernel = |x: f64| if x == 0.0 { 1.0 } else { 3.0 * x.sin() * (x / 3.0).sin() / (x * x) };
            let center = (f64::from(index) + 0.5) * 16.0;
            let weights = (0..count).map(|x| (f64::from(x) + 0.5 - center) / 16.0);
            let weights: Vec<f64> = weights.map(|x| if x.abs() < 3.0 { kernel(x * std::f64::consts::PI) } else { 0.0 }).collect();
            weights.iter().zip(&points).map(|(weight, value)| weight * value).sum::<f64>() / weights.iter().sum::<f64>()
        };
        let error =
            |made: &[u16]| (4..96).map(|index| (f64::from(made[index as usize]) / 257.0 - exact(index)).abs()).fold(0.0, f64::max);
        let (plain, corrected) = (error(&resized(1)), error(&resized(8)));
        assert!(corrected < plain / 3.0, "{corrected} of {plain} levels are left");
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let mut to = [0; 2];
        assert!(Resampler::new().eight(&[0; 7], &mut to, &task(1, false)).is_err());
        assert!(Resampler::new().eight(&[0; 8], &mut to, &task(5, false)).is_err());
        assert!(Resampler::new().sixteen(&[0; 8], &mut [0; 2], &task(1, true)).is_err());
        let outside = Task { part: (2.0, 0.0, 4.0, 2.0), ..task(1, false) };
        assert!(Resampler::new().eight(&[0; 8], &mut to, &outside).is_err());
    }
}
