use super::StepError;
use super::float::{Float, premultiply, unpremultiply};
use super::gaussian::gaussian;
use crate::error::ImageError;
use crate::picture::{Deadline, Picture, Samples};
use minilab_model::Blur;

/// Blurs by a Gaussian. Colour is weighted by alpha: what is transparent has no say.
pub(super) fn apply(picture: Picture, options: &Blur, deadline: Deadline) -> Result<Picture, StepError> {
    let sigma = options.sigma.get();
    let samples = match &picture.samples {
        Samples::Eight(samples) => blurred(samples, &picture, sigma, deadline).map(Samples::Eight),
        Samples::Sixteen(samples) => blurred(samples, &picture, sigma, deadline).map(Samples::Sixteen),
    };
    Ok(Picture { samples: samples.map_err(StepError::Image)?, ..picture })
}

fn blurred<S: Float>(samples: &[S], picture: &Picture, sigma: f64, deadline: Deadline) -> Result<Vec<S>, ImageError> {
    let (layout, channels) = (picture.layout, picture.layout.channels());
    let length = picture.size.width as usize * channels;
    let mut output = vec![S::default(); samples.len()];
    gaussian(
        picture.size,
        channels,
        sigma,
        deadline,
        &mut |y, row| premultiply(&samples[y * length..][..length], layout, row),
        &mut |y, row| unpremultiply(row, layout, &mut output[y * length..][..length]),
    )?;
    Ok(output)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::{Layout, Size};
    use minilab_model::Real;
    use proptest::prelude::*;

    fn blur(picture: Picture, sigma: f64) -> Picture {
        apply(picture, &Blur { sigma: Real::try_from(sigma).unwrap() }, Deadline::default()).unwrap()
    }

    #[test]
    fn what_is_clear_has_no_say_in_colour() {
        // Clear green beside opaque blue: whatever shows is blue.
        let size = Size { width: 20, height: 10 };
        let pixels: Vec<u8> = (0..200).flat_map(|index| if index % 20 < 10 { [0, 255, 0, 0] } else { [0, 0, 200, 255] }).collect();
        for sigma in [0.7, 3.0, 30.0] {
            let Samples::Eight(found) = blur(Picture::eight(size, Layout::Rgba, pixels.clone()), sigma).samples else {
                unreachable!()
            };
            assert!(found.chunks_exact(4).all(|pixel| pixel[3] == 0 || (pixel[1] == 0 && pixel[2].abs_diff(200) <= 1)), "{sigma}");
            assert!(found.chunks_exact(4).any(|pixel| (40..216).contains(&pixel[3])), "{sigma}");
        }
    }

    #[test]
    fn a_dot_spreads_as_wide_as_sigma_says() {
        let size = Size { width: 101, height: 101 };
        for sigma in [1.5, 4.0, 8.0, 11.0] {
            let mut samples = vec![0_u16; 101 * 101];
            samples[50 * 101 + 50] = u16::MAX;
            let found = blur(Picture { size, layout: Layout::Grey, samples: Samples::Sixteen(samples) }, sigma);
            let Samples::Sixteen(found) = found.samples else { unreachable!() };
            let mass: f64 = found.iter().map(|&value| f64::from(value)).sum();
            let spread: f64 =
                found.iter().enumerate().map(|(index, &value)| (index as f64 % 101.0 - 50.0).powi(2) * f64::from(value)).sum();
            assert!((mass / 65_535.0 - 1.0).abs() < 0.02, "{sigma}: {mass}");
            assert!(((spread / mass).sqrt() / sigma - 1.0).abs() < 0.03, "{sigma}: {}", (spread / mass).sqrt());
        }
    }

    proptest! {
        #[test]
        fn one_colour_stays_one(
            color in prop::array::uniform4(0_u8..), width in 1_u32..40, height in 1_u32..40, sigma in 0.3_f64..250.0,
            layout in prop::sample::select(vec![Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba]),
        ) {
            let size = Size { width, height };
            let mut pixel = color[..layout.channels()].to_vec();
            if layout.has_alpha() {
                *pixel.last_mut().unwrap() = color[3].max(1);
            }
            let picture = Picture::eight(size, layout, pixel.repeat(size.pixels() as usize));
            prop_assert_eq!(blur(picture.clone(), sigma), picture);
        }

        /// Away from the edges nothing gets lost, and 16 bits give what 8 give.
        #[test]
        fn the_mean_stays(seed: u32, sigma in 0.3_f64..12.0) {
            let size = Size { width: 120, height: 120 };
            let mut state = seed;
            let samples: Vec<u8> = (0..120 * 120).map(|index| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let inside = (45..75).contains(&(index % 120)) && (45..75).contains(&(index / 120));
                if inside { (state >> 24) as u8 } else { 90 }
            }).collect();
            let deep = samples.iter().map(|&value| u16::from(value) * 257).collect();
            let Samples::Eight(eight) = blur(Picture::eight(size, Layout::Grey, samples.clone()), sigma).samples else { unreachable!() };
            let deep = blur(Picture { size, layout: Layout::Grey, samples: Samples::Sixteen(deep) }, sigma);
            let Samples::Sixteen(deep) = &deep.samples else { unreachable!() };
            let mean = |sum: u64, full: u64| sum as f64 / full as f64 / (120.0 * 120.0);
            let before = mean(samples.iter().map(|&value| u64::from(value)).sum(), 255);
            let behind = mean(deep.iter().map(|&value| u64::from(value)).sum(), 65_535);
            prop_assert!((before - behind).abs() < 0.0005, "{before} {behind}");
            for (eight, deep) in eight.iter().zip(deep) {
                prop_assert!((f64::from(*eight) - f64::from(*deep) / 257.0).abs() <= 0.51);
            }
        }
    }
}
