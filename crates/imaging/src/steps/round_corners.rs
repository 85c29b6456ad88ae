use super::{StepError, mask};
use crate::picture::Picture;
use minilab_model::RoundCorners;

/// Rounds the corners off by quarters of a circle; at most half of the shorter side counts as radius.
pub(super) fn apply(picture: Picture, options: &RoundCorners) -> Result<Picture, StepError> {
    let (width, height) = (f64::from(picture.size.width), f64::from(picture.size.height));
    let radius = f64::from(options.radius).min(width / 2.0).min(height / 2.0);
    Ok(mask::keep(picture, |y| {
        // How far the line lies above the centre of the upper corners, or below that of the lower ones.
        let outside = (radius - y).max(y - (height - radius)).max(0.0);
        let inset = radius - (radius * radius - outside * outside).max(0.0).sqrt();
        (inset, width - inset)
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::{Layout, Samples, Size};

    fn alphas(width: u32, height: u32, radius: u32) -> Vec<u8> {
        let size = Size { width, height };
        let grey = Picture::eight(size, Layout::Grey, vec![200; size.pixels() as usize]);
        let rounded = apply(grey, &RoundCorners { radius }).unwrap();
        let Samples::Eight(samples) = rounded.samples else { unreachable!() };
        samples.chunks_exact(2).map(|pixel| pixel[1]).collect()
    }

    #[test]
    fn the_area_is_that_of_quarter_circles() {
        for (width, height, radius, counted) in [(40, 30, 8, 8.0), (40, 30, 1, 1.0), (40, 30, 99, 15.0), (7, 7, 3, 3.0)] {
            let found: f64 = alphas(width, height, radius).iter().map(|&alpha| f64::from(alpha) / 255.0).sum();
            let expected = f64::from(width * height) - (4.0 - std::f64::consts::PI) * counted * counted;
            assert!((found - expected).abs() < 0.1 + counted * 0.02, "{width}×{height} {radius}: {found} is not {expected}");
        }
    }

    #[test]
    fn all_corners_are_alike_and_the_rest_is_whole() {
        let (width, height) = (23_usize, 17_usize);
        let alphas = alphas(width as u32, height as u32, 6);
        let at = |x: usize, y: usize| alphas[y * width + x];
        for y in 0..height {
            for x in 0..width {
                assert_eq!(at(x, y), at(width - 1 - x, y), "{x}, {y}");
                assert_eq!(at(x, y), at(x, height - 1 - y), "{x}, {y}");
                let in_corner = (x < 6 || x >= width - 6) && (y < 6 || y >= height - 6);
                assert!(in_corner || at(x, y) == 255, "{x}, {y}");
            }
        }
        assert_eq!(at(0, 0), 0);
    }
}
