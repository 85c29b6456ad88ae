use super::compose::Mark;
use super::resize::resample;
use super::text::Text;
use super::{StepContext, StepError};
use crate::error::ImageError;
use crate::orient::Rect;
use crate::picture::{Picture, Samples, Size};
use minilab_model::{Kernel, Watermark};
use minilab_resample::Resampler;

/// Lays an image or a text over every frame, by Porter and Duff's "over" in gamma-encoded values.
///
/// With a scale the mark is as wide as that says, or less where it would be higher than the image. Without, it has its own size,
/// and is shrunk where it does not fit between margins on all sides. An image is resampled, a text set smaller. Where a margin
/// leaves no place for the mark, the margin gives way. The place of a text is that of its ink; its lines are set left, right or
/// in the middle as the gravity says. Tiles are a margin apart; one of them lies where the gravity says.
///
/// # Errors
/// The overlay is not there, or the font lacks a character.
pub(super) fn apply(frames: Vec<Picture>, options: &Watermark, context: &StepContext<'_>) -> Result<Vec<Picture>, StepError> {
    let Some(first) = frames.first() else { return Ok(frames) };
    let size = first.size;
    let picture = match (&options.image, &options.text) {
        (Some(image), _) => {
            let overlay = context.overlays.get(image);
            let overlay = overlay.ok_or_else(|| StepError::Impossible(format!("there is no {image}")))?;
            let (width, height) = (f64::from(overlay.size.width), f64::from(overlay.size.height));
            let to = scaled(overlay.size, factor((width, height), size, options), size);
            resized(overlay, to)?
        }
        (None, Some(text)) => {
            let text = Text::new(text, options.gravity.position().unwrap_or((0.5, 0.5)).0)?;
            let (width, height) = text.extent();
            let own = f64::from(options.size);
            let set = own * factor((width * own, height * own), size, options);
            text.draw(set, options.color, matches!(first.samples, Samples::Sixteen(_)), size)
        }
        (None, None) => return Err(StepError::Impossible("it needs image or text".to_owned())),
    };
    let mark = Mark::new(&picture, first, options.opacity.get());
    let (lefts, tops) = places(picture.size, size, options);
    let mut marked = Vec::with_capacity(frames.len());
    for frame in frames {
        context.deadline.check().map_err(StepError::Image)?;
        marked.push(mark.lay_over(frame, &lefts, &tops));
    }
    Ok(marked)
}

/// How many times a mark of `own` pixels is enlarged on an image.
fn factor(own: (f64, f64), image: Size, options: &Watermark) -> f64 {
    let (width, height) = (f64::from(image.width), f64::from(image.height));
    match options.scale {
        Some(scale) => (scale.get() * width / own.0).min(height / own.1),
        None => {
            // At least half of each side is left for the mark.
            let room = |side: f64| side - 2.0 * f64::from(options.margin).min(side / 4.0);
            (room(width) / own.0).min(room(height) / own.1).min(1.0)
        }
    }
}

fn scaled(own: Size, factor: f64, most: Size) -> Size {
    let side = |own: u32, most: u32| ((f64::from(own) * factor).round() as u32).clamp(1, most);
    Size { width: side(own.width, most.width), height: side(own.height, most.height) }
}

fn resized(overlay: &Picture, to: Size) -> Result<Picture, StepError> {
    let whole = Rect { width: overlay.size.width.into(), height: overlay.size.height.into(), x: 0.0, y: 0.0 };
    resample(&mut Resampler::new(), overlay, whole, to, Kernel::Lanczos3)
        .map_err(|detail| StepError::Image(ImageError::resizer(detail)))
}

/// Where the left edges of the marks lie, and where the upper ones.
fn places(mark: Size, image: Size, options: &Watermark) -> (Vec<i64>, Vec<i64>) {
    let (across, down) = options.gravity.position().unwrap_or((0.5, 0.5));
    let one = |position: f64, mark: u32, image: u32| {
        let spare = i64::from(image) - i64::from(mark);
        let margin = i64::from(options.margin).min(spare.max(0));
        match position {
            0.0 => margin,
            1.0 => spare - margin,
            _ => spare / 2,
        }
    };
    let all = |position: f64, mark: u32, image: u32| {
        let place = one(position, mark, image);
        if !options.tile {
            return vec![place];
        }
        let step = i64::from(mark) + i64::from(options.margin);
        let first = place.rem_euclid(step) - step;
        (0..).map(|tile| first + tile * step).take_while(|&place| place < i64::from(image)).collect()
    };
    (all(across, mark.width, image.width), all(down, mark.height, image.height))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::{Deadline, Layout};
    use minilab_model::{Gravity, ObjectRef};
    use std::collections::BTreeMap;

    fn options(json: &str) -> Watermark {
        serde_json::from_str(json).unwrap()
    }

    fn run(below: Picture, overlay: Picture, json: &str) -> Result<Picture, StepError> {
        let image: ObjectRef = serde_json::from_str(r#"{"bucket": "assets", "key": "logo.png"}"#).unwrap();
        let overlays = BTreeMap::from([(image, overlay)]);
        let context = StepContext { overlays: &overlays, deadline: Deadline(None) };
        let frames = apply(vec![below.clone(), below], &options(json), &context)?;
        assert_eq!(frames[0], frames[1]);
        Ok(frames[0].clone())
    }

    fn grey(width: u32, height: u32, value: u8) -> Picture {
        Picture::eight(Size { width, height }, Layout::Grey, vec![value; (width * height) as usize])
    }

    /// Columns and rows, from and up to, of what is not black.
    fn marked(picture: &Picture) -> Option<(u32, u32, u32, u32)> {
        let samples = picture.to_eight_bits();
        let width = picture.size.width;
        let lit: Vec<u32> = (0..samples.len() as u32).filter(|&index| samples[index as usize] > 0).collect();
        let (columns, rows) = (lit.iter().map(|index| index % width), lit.iter().map(|index| index / width));
        Some((columns.clone().min()?, rows.clone().min()?, columns.max()? + 1, rows.max()? + 1))
    }

    fn check(overlay: (u32, u32), json: &str, expected: (u32, u32, u32, u32)) {
        let json = format!(r#"{{"image": {{"bucket": "assets", "key": "logo.png"}}{json}}}"#);
        let made = run(grey(100, 60, 0), grey(overlay.0, overlay.1, 255), &json).unwrap();
        assert_eq!(marked(&made), Some(expected), "{json}");
    }

    #[test]
    fn marks_lie_where_gravity_and_margin_say() {
        check((20, 10), "", (70, 40, 90, 50));
        check((20, 10), r#", "gravity": "north_west", "margin": 3"#, (3, 3, 23, 13));
        check((20, 10), r#", "gravity": "center""#, (40, 25, 60, 35));
        check((20, 10), r#", "gravity": "north", "margin": 0"#, (40, 0, 60, 10));
        check((20, 10), r#", "gravity": "west", "margin": 5"#, (5, 25, 25, 35));
        // The margin gives way.
        check((20, 10), r#", "margin": 16383"#, (0, 0, 20, 10));
    }

    #[test]
    fn marks_are_scaled_or_shrunk_to_fit() {
        check((20, 10), r#", "scale": 0.5, "margin": 0"#, (50, 35, 100, 60));
        check((20, 10), r#", "scale": 1, "gravity": "center""#, (0, 5, 100, 55));
        check((20, 20), r#", "scale": 1, "gravity": "center""#, (20, 0, 80, 60));
        check((400, 100), "", (10, 30, 90, 50));
        check((400, 4000), r#", "margin": 0, "gravity": "west""#, (0, 0, 6, 60));
        check((10_000, 1), r#", "margin": 0"#, (0, 59, 100, 60));
    }

    #[test]
    fn tiles_fill_the_image_from_the_place_of_the_gravity_on() {
        let json = r#"{"image": {"bucket": "assets", "key": "logo.png"}, "tile": true, "margin": 2, "gravity": "south_east"}"#;
        let made = run(grey(10, 7, 0), grey(3, 2, 255), json).unwrap();
        let Samples::Eight(samples) = &made.samples else { unreachable!() };
        let lit: Vec<Vec<bool>> = samples.chunks_exact(10).map(|row| row.iter().map(|&value| value > 0).collect()).collect();
        let (tile, gap) = ([true, true, true, false, false].repeat(2), vec![false; 10]);
        // One lies in rows 3 and 4, a margin above the lower edge; of the one above it the last row is there.
        assert_eq!(lit, [&tile, &gap, &gap, &tile, &tile, &gap, &gap].map(Clone::clone));
    }

    #[test]
    fn texts_are_set_at_their_size_or_as_wide_as_the_scale_says() {
        let text = |json: &str| {
            let below = grey(400, 200, 0);
            marked(&run(below, grey(1, 1, 0), &format!(r#"{{"text": "HIH"{json}}}"#)).unwrap()).unwrap()
        };
        let (left, top, right, bottom) = text(r#", "size": 100, "margin": 7, "gravity": "north_west""#);
        // Capitals of Open Sans are 1462 of 2048 high: 71.4 pixels.
        assert_eq!((left, top, bottom), (7, 7, 79), "{right}");
        let (left, _, right, bottom) = text(r#", "scale": 0.25, "margin": 0"#);
        assert_eq!((left, right, bottom), (300, 400, 200));
        let (left, top, right, bottom) = text(r#", "size": 1000, "margin": 20, "gravity": "center""#);
        assert_eq!((top, bottom, left), (20, 180, 400 - right));
    }

    #[test]
    fn the_depth_and_the_layout_of_the_picture_stay() {
        let wide = Picture { samples: Samples::Sixteen(vec![300; 5000]), ..grey(100, 50, 0) };
        let made = run(wide, grey(1, 1, 0), r#"{"text": "o", "opacity": 0.5}"#).unwrap();
        assert!(made.layout == Layout::Grey && matches!(made.samples, Samples::Sixteen(_)));
        let made = run(grey(100, 50, 0), grey(1, 1, 0), r##"{"text": "o", "color": "#ff0000"}"##).unwrap();
        assert_eq!(made.layout, Layout::Rgb);
    }

    #[test]
    fn overlays_that_are_not_there_are_named() {
        let missing = r#"{"image": {"bucket": "assets", "key": "other.png"}}"#;
        match run(grey(9, 9, 0), grey(1, 1, 0), missing) {
            Err(StepError::Impossible(detail)) => assert!(detail.contains("other.png"), "{detail}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(options(missing).gravity, Gravity::SouthEast);
    }
}
