use super::mask;
use crate::picture::Picture;

/// Keeps the ellipse that touches all four sides.
pub(super) fn apply(picture: Picture) -> Picture {
    let across = f64::from(picture.size.width) / 2.0;
    let down = f64::from(picture.size.height) / 2.0;
    mask::keep(picture, |y| {
        let height = (y - down) / down;
        let half = across * (1.0 - height * height).max(0.0).sqrt();
        (across - half, across + half)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Layout, Samples, Size};

    #[test]
    fn the_area_is_that_of_an_ellipse() {
        for (width, height) in [(64_u32, 64_u32), (90, 31), (5, 40), (1, 1)] {
            let size = Size { width, height };
            let opaque = Picture::eight(size, Layout::Rgb, vec![200; size.pixels() as usize * 3]);
            let round = apply(opaque);
            assert_eq!(round.layout, Layout::Rgba);
            let Samples::Eight(samples) = round.samples else { unreachable!() };
            let found: f64 = samples.chunks_exact(4).map(|pixel| f64::from(pixel[3]) / 255.0).sum();
            let expected = f64::from(width * height) * std::f64::consts::FRAC_PI_4;
            assert!((found - expected).abs() / expected < 0.01, "{width}×{height}: {found} is not {expected}");
        }
    }

    #[test]
    fn alpha_is_multiplied_and_what_is_cut_has_no_colour() {
        let half = Picture { samples: Samples::Sixteen([1000, 2000, 3000, 30_000].repeat(81)), ..nine_by_nine() };
        let Samples::Sixteen(samples) = apply(half).samples else { unreachable!() };
        assert_eq!(samples[..4], [0; 4]);
        assert_eq!(samples[40 * 4..41 * 4], [1000, 2000, 3000, 30_000]);
        assert!(samples.chunks_exact(4).any(|pixel| (1..30_000).contains(&pixel[3]) && pixel[0] == 1000), "no soft edge");
    }

    fn nine_by_nine() -> Picture {
        Picture { size: Size { width: 9, height: 9 }, layout: Layout::Rgba, samples: Samples::Sixteen(Vec::new()) }
    }
}
