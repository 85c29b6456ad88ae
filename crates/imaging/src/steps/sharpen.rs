use super::StepError;
use super::float::{Float, luma};
use super::gaussian::gaussian;
use crate::error::ImageError;
use crate::picture::{Deadline, Layout, Picture, Samples};
use minilab_model::Sharpen;

/// Sharpens by an unsharp mask: what a blur takes away from luma is added, times the amount, to every channel, so that hues
/// stay. Luma is weighted by alpha: what is transparent has no say.
pub(super) fn apply(picture: Picture, options: &Sharpen, deadline: Deadline) -> Result<Picture, StepError> {
    let samples = match &picture.samples {
        Samples::Eight(samples) => sharpened(samples, &picture, options, deadline).map(Samples::Eight),
        Samples::Sixteen(samples) => sharpened(samples, &picture, options, deadline).map(Samples::Sixteen),
    };
    Ok(Picture { samples: samples.map_err(StepError::Image)?, ..picture })
}

fn sharpened<S: Float>(samples: &[S], picture: &Picture, options: &Sharpen, deadline: Deadline) -> Result<Vec<S>, ImageError> {
    let mut output = samples.to_vec();
    match picture.layout {
        Layout::Grey => sharpen_opaque::<S, 1>(samples, &mut output, picture, options, deadline)?,
        Layout::Rgb => sharpen_opaque::<S, 3>(samples, &mut output, picture, options, deadline)?,
        Layout::GreyAlpha => sharpen_clear::<S, 2>(samples, &mut output, picture, options, deadline)?,
        Layout::Rgba => sharpen_clear::<S, 4>(samples, &mut output, picture, options, deadline)?,
        // Inks; converted to sRGB long before any step.
        Layout::Cmyk => {}
    }
    Ok(output)
}

fn sharpen_opaque<S: Float, const N: usize>(
    samples: &[S],
    output: &mut [S],
    picture: &Picture,
    options: &Sharpen,
    deadline: Deadline,
) -> Result<(), ImageError> {
    let (source, output) = (samples.as_chunks::<N>().0, output.as_chunks_mut::<N>().0);
    let width = picture.size.width as usize;
    let mask = Mask::new::<S>(options);
    let mut read = |y: usize, row: &mut [f32]| {
        for (luma_value, pixel) in row.iter_mut().zip(&source[y * width..][..width]) {
            *luma_value = luma(pixel);
        }
    };
    let mut write = |y: usize, row: &[f32]| {
        let pixels = source[y * width..][..width].iter().zip(&mut output[y * width..][..width]);
        for (&blurred, (source, output)) in row.iter().zip(pixels) {
            let change = mask.change(luma(source) - blurred);
            *output = source.map(|sample| S::from_f32(sample.to_f32() + change));
        }
    };
    gaussian(picture.size, 1, options.sigma.get(), deadline, &mut read, &mut write)
}

fn sharpen_clear<S: Float, const N: usize>(
    samples: &[S],
    output: &mut [S],
    picture: &Picture,
    options: &Sharpen,
    deadline: Deadline,
) -> Result<(), ImageError> {
    let (source, output) = (samples.as_chunks::<N>().0, output.as_chunks_mut::<N>().0);
    let width = picture.size.width as usize;
    let mask = Mask::new::<S>(options);
    let mut read = |y: usize, row: &mut [f32]| {
        for (numbers, pixel) in row.as_chunks_mut::<2>().0.iter_mut().zip(&source[y * width..][..width]) {
            let alpha = pixel[N - 1].to_f32();
            *numbers = [luma(&pixel[..N - 1]) * alpha, alpha];
        }
    };
    let mut write = |y: usize, row: &[f32]| {
        let pixels = source[y * width..][..width].iter().zip(&mut output[y * width..][..width]);
        for (&[weighted, alpha], (source, output)) in row.as_chunks::<2>().0.iter().zip(pixels) {
            let own_alpha = source[N - 1];
            if alpha <= 0.0 || own_alpha.to_u64() == 0 {
                continue;
            }
            let change = mask.change(luma(&source[..N - 1]) - weighted / alpha);
            *output = source.map(|sample| S::from_f32(sample.to_f32() + change));
            output[N - 1] = own_alpha;
        }
    };
    gaussian(picture.size, 2, options.sigma.get(), deadline, &mut read, &mut write)
}

/// What becomes of a difference.
struct Mask {
    amount: f32,
    threshold: f32,
}

impl Mask {
    fn new<S: Float>(options: &Sharpen) -> Self {
        Self { amount: options.amount.get() as f32, threshold: f32::from(options.threshold) * (S::FULL / 255.0) }
    }

    fn change(&self, difference: f32) -> f32 {
        if difference.abs() > self.threshold { difference * self.amount } else { 0.0 }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Size;
    use minilab_model::Real;

    fn options(sigma: f64, amount: f64, threshold: u8) -> Sharpen {
        Sharpen { sigma: Real::try_from(sigma).unwrap(), amount: Real::try_from(amount).unwrap(), threshold }
    }

    fn sharpen(layout: Layout, pixels: &[&[u8]], options: &Sharpen) -> Vec<u8> {
        let size = Size { width: pixels.len() as u32, height: 1 };
        let picture = Picture::eight(size, layout, pixels.concat());
        let Samples::Eight(found) = apply(picture, options, Deadline::default()).unwrap().samples else { unreachable!() };
        found
    }

    #[test]
    fn edges_become_steeper() {
        let edge: Vec<&[u8]> = [&[100_u8][..]; 10].into_iter().chain([&[150_u8][..]; 10]).collect();
        let found = sharpen(Layout::Grey, &edge, &options(1.0, 1.0, 0));
        assert_eq!((found[0], found[19]), (100, 150));
        assert!(found[9] < 90 && found[10] > 160, "{found:?}");
        assert_eq!(u16::from(found[9]) + u16::from(found[10]), 250);
        assert_eq!(sharpen(Layout::Grey, &edge, &options(1.0, 0.0, 0)), edge.concat());
        // The blur takes away at most 0.4 of 50.
        assert_eq!(sharpen(Layout::Grey, &edge, &options(1.0, 1.0, 20)), edge.concat());
        let wide = sharpen(Layout::Grey, &edge, &options(10.0, 2.0, 0));
        assert!(wide[9] < 60 && wide[10] > 190, "{wide:?}");
    }

    #[test]
    fn hues_stay() {
        let edge: Vec<&[u8]> = [&[100_u8, 60, 30][..]; 5].into_iter().chain([&[180_u8, 140, 110][..]; 5]).collect();
        for pixel in sharpen(Layout::Rgb, &edge, &Sharpen::default()).chunks_exact(3) {
            assert_eq!((pixel[0] - pixel[1], pixel[1] - pixel[2]), (40, 30), "{pixel:?}");
        }
    }

    #[test]
    fn what_is_clear_has_no_say() {
        let edge: Vec<&[u8]> = [&[255_u8, 255, 255, 0][..]; 5].into_iter().chain([&[90_u8, 80, 70, 255][..]; 5]).collect();
        assert_eq!(sharpen(Layout::Rgba, &edge, &options(2.0, 3.0, 0)), edge.concat());
        let grey: Vec<&[u8]> = [&[255_u8, 0][..]; 5].into_iter().chain([&[90_u8, 200][..]; 5]).collect();
        assert_eq!(sharpen(Layout::GreyAlpha, &grey, &options(2.0, 3.0, 0)), grey.concat());
    }

    #[test]
    fn sixteen_bits_give_what_eight_give() {
        let size = Size { width: 64, height: 8 };
        let eight: Vec<u8> = (0..64 * 8 * 3).map(|index: u32| (index * index / 7 % 251) as u8).collect();
        let deep = Samples::Sixteen(eight.iter().map(|&value| u16::from(value) * 257).collect());
        let options = options(1.3, 0.8, 4);
        let eight = apply(Picture::eight(size, Layout::Rgb, eight), &options, Deadline::default()).unwrap();
        let deep = apply(Picture { size, layout: Layout::Rgb, samples: deep }, &options, Deadline::default()).unwrap();
        let (Samples::Eight(eight), Samples::Sixteen(deep)) = (&eight.samples, &deep.samples) else { unreachable!() };
        for (eight, deep) in eight.iter().zip(deep) {
            assert!((f64::from(*eight) - f64::from(*deep) / 257.0).abs() <= 0.51);
        }
    }
}
