use super::StepError;
use super::values::{LUMA, map_rgb};
use crate::alpha::expand;
use crate::picture::Picture;
use minilab_model::{Color, Tint};

/// Colours in the shades of one colour. Grey becomes RGB.
pub(super) fn apply(picture: Picture, options: &Tint) -> Result<Picture, StepError> {
    let amount = options.amount.get() as f32;
    if amount == 0.0 {
        return Ok(picture);
    }
    let shades = Shades::of(options.color);
    Ok(map_rgb(expand(&picture).into_owned(), |color| {
        let shade = shades.at(luma(color));
        std::array::from_fn(|channel| color[channel] + amount * (shade[channel] - color[channel]))
    }))
}

/// The shades of a colour by their luma: from black straight to the colour, and from there straight to white. So black and
/// white stay, every shade has just the luma that was asked for, and none is out of range.
struct Shades {
    color: [f32; 3],
    luma: f32,
}

impl Shades {
    fn of(color: Color) -> Self {
        let color = [color.red, color.green, color.blue].map(|value| f32::from(value) / 255.0);
        Self { color, luma: luma(color) }
    }

    fn at(&self, luma: f32) -> [f32; 3] {
        if luma < self.luma {
            return self.color.map(|value| value * (luma / self.luma));
        }
        // Of 0 where the colour is white, which has no shades above it.
        let way = if self.luma < 1.0 { (luma - self.luma) / (1.0 - self.luma) } else { 0.0 };
        self.color.map(|value| value + (1.0 - value) * way)
    }
}

fn luma(color: [f32; 3]) -> f32 {
    color.iter().zip(LUMA).map(|(value, weight)| value * weight).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::values::tests::{check_both_depths, row};
    use super::*;
    use crate::picture::Layout;
    use minilab_model::Real;

    fn tint(color: &str, amount: f64) -> impl Fn(Picture) -> Picture {
        let options = Tint { color: color.parse().unwrap(), amount: Real::new(amount) };
        move |picture| apply(picture, &options).unwrap()
    }

    #[test]
    fn shades_run_from_black_over_the_colour_to_white() {
        // Luma of #c86432 is 42.52 + 71.52 + 3.61 = 117.65.
        let levels = row(Layout::Grey, &[0, 59, 118, 186, 255]);
        let shades = [0, 0, 0, 100, 50, 25, 200, 100, 51, 227, 177, 152, 255, 255, 255];
        check_both_depths(&levels, Layout::Rgb, &shades, tint("#c86432", 1.0));
    }

    #[test]
    fn brightness_stays() {
        let Samples::Eight(levels) = tint("#3060ff", 1.0)(row(Layout::Rgb, &[200, 30, 90, 9, 250, 7])).samples else {
            unreachable!()
        };
        for (shade, expected) in levels.chunks_exact(3).zip([70.48, 181.22]) {
            let found = luma([0, 1, 2].map(|channel| f32::from(shade[channel])));
            assert!((found - expected).abs() < 0.6, "{found} is not {expected}");
        }
    }

    #[test]
    fn the_amount_is_a_mixture() {
        check_both_depths(&row(Layout::Rgba, &[200, 0, 0, 9]), Layout::Rgba, &[121, 21, 21, 9], tint("#ffffff", 0.5));
        check_both_depths(&row(Layout::Rgba, &[200, 0, 0, 9]), Layout::Rgba, &[200, 0, 0, 9], tint("#ffffff", 0.0));
        check_both_depths(&row(Layout::GreyAlpha, &[90, 9]), Layout::Rgba, &[90, 90, 90, 9], tint("#000000", 1.0));
    }

    use crate::picture::Samples;
}
