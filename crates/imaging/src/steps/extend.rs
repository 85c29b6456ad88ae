use super::{StepError, fill};
use crate::picture::{Picture, Sample, Samples, Size};
use minilab_model::{Extend, ExtendFill};

/// The size that an image has with its borders.
pub(super) fn extended_size(image: Size, options: &Extend) -> Size {
    Size {
        width: image.width.saturating_add(options.left).saturating_add(options.right),
        height: image.height.saturating_add(options.top).saturating_add(options.bottom),
    }
}

/// Adds borders.
pub(super) fn apply(picture: Picture, options: &Extend) -> Result<Picture, StepError> {
    let picture = match options.fill {
        ExtendFill::Color => fill::ready(picture, options.background),
        ExtendFill::Edge | ExtendFill::Mirror => picture,
    };
    let size = extended_size(picture.size, options);
    let samples = match &picture.samples {
        Samples::Eight(samples) => Samples::Eight(extended(samples, &picture, options, size)),
        Samples::Sixteen(samples) => Samples::Sixteen(extended(samples, &picture, options, size)),
    };
    Ok(Picture { size, layout: picture.layout, samples })
}

fn extended<S: Sample>(samples: &[S], picture: &Picture, options: &Extend, size: Size) -> Vec<S> {
    let channels = picture.layout.channels();
    let background = fill::pixel::<S>(picture.layout, options.background);
    let background = &background[..channels];
    let (row, wide_row) = (picture.size.width as usize * channels, size.width as usize * channels);
    let (left, top) = (options.left as usize, options.top as usize);
    let mut output = Vec::with_capacity(wide_row * size.height as usize);
    for y in 0..size.height as usize {
        // A row like one that was made before is copied; above the image, the rows to come are made from the source.
        let Some(source_y) = from(options.fill, y, top, picture.size.height as usize) else {
            output.extend(background.iter().copied().cycle().take(wide_row));
            continue;
        };
        if y >= top + picture.size.height as usize {
            let start = (top + source_y) * wide_row;
            output.extend_from_within(start..start + wide_row);
            continue;
        }
        let source = &samples[source_y * row..][..row];
        let border = |output: &mut Vec<S>, columns: std::ops::Range<usize>| {
            for x in columns {
                match from(options.fill, x, left, picture.size.width as usize) {
                    Some(x) => output.extend_from_slice(&source[x * channels..][..channels]),
                    None => output.extend_from_slice(background),
                }
            }
        };
        border(&mut output, 0..left);
        output.extend_from_slice(source);
        border(&mut output, left + picture.size.width as usize..size.width as usize);
    }
    output
}

/// Where along a side of `length` pixels, `before` of them added in front, the pixel at `place` comes from; `None`: the
/// background.
fn from(fill: ExtendFill, place: usize, before: usize, length: usize) -> Option<usize> {
    match fill {
        ExtendFill::Color => place.checked_sub(before).filter(|&place| place < length),
        ExtendFill::Edge => Some(place.saturating_sub(before).min(length - 1)),
        // The image and its mirror image repeat, with no pixel between them.
        ExtendFill::Mirror => {
            let period = 2 * length;
            let place = (place + period - before % period) % period;
            Some(place.min(period - 1 - place))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Layout;
    use minilab_model::Color;
    use proptest::prelude::*;

    fn grey(width: u32, samples: &[u8]) -> Picture {
        Picture::eight(Size { width, height: samples.len() as u32 / width }, Layout::Grey, samples.to_vec())
    }

    fn check(picture: Picture, options: &Extend, layout: Layout, expected: &[u8]) {
        let found = apply(picture, options).unwrap();
        assert_eq!((found.layout, &found.samples), (layout, &Samples::Eight(expected.to_vec())), "{options:?}");
        assert_eq!(found.size.pixels() as usize * layout.channels(), expected.len());
    }

    #[test]
    fn borders_show_what_is_asked_for() {
        let sides = |fill, background| Extend { left: 2, top: 1, fill, background, ..Extend::default() };
        let gray = Some(Color { red: 9, green: 9, blue: 9 });
        check(grey(2, &[1, 2]), &sides(ExtendFill::Color, gray), Layout::Grey, &[9, 9, 9, 9, 9, 9, 1, 2]);
        check(grey(2, &[1, 2]), &sides(ExtendFill::Edge, None), Layout::Grey, &[1, 1, 1, 2, 1, 1, 1, 2]);
        check(grey(2, &[1, 2]), &sides(ExtendFill::Mirror, None), Layout::Grey, &[2, 1, 1, 2, 2, 1, 1, 2]);
        let red = Some(Color { red: 200, green: 0, blue: 1 });
        let right = Extend { right: 1, background: red, ..Extend::default() };
        check(grey(1, &[5]), &right, Layout::Rgb, &[5, 5, 5, 200, 0, 1]);
        let clear = Extend { bottom: 1, ..Extend::default() };
        check(grey(1, &[5]), &clear, Layout::GreyAlpha, &[5, 255, 0, 0]);
    }

    #[test]
    fn a_mirror_wider_than_the_image_repeats() {
        let options = Extend { left: 5, right: 4, bottom: 3, fill: ExtendFill::Mirror, ..Extend::default() };
        check(grey(2, &[5, 6]), &options, Layout::Grey, &[5, 5, 6, 6, 5, 5, 6, 6, 5, 5, 6].repeat(4));
    }

    #[test]
    fn colours_are_as_deep_as_the_image() {
        let size = Size { width: 1, height: 1 };
        let deep = Picture { size, layout: Layout::Grey, samples: Samples::Sixteen(vec![1]) };
        let options = Extend { top: 1, background: Some(Color { red: 255, green: 128, blue: 0 }), ..Extend::default() };
        let found = apply(deep, &options).unwrap();
        assert_eq!(found.samples, Samples::Sixteen(vec![65_535, 32_896, 0, 1, 1, 1]));
    }

    proptest! {
        /// What was there is found in the middle, whatever the borders show.
        #[test]
        fn the_image_stays_as_it_is(
            size in (1_u32..9, 1_u32..9), sides in (0_u32..20, 0_u32..20, 0_u32..20, 0_u32..20),
            fill in prop::sample::select(vec![ExtendFill::Color, ExtendFill::Edge, ExtendFill::Mirror]),
        ) {
            let (top, right, bottom, left) = sides;
            let samples: Vec<u8> = (0..size.0 * size.1 * 4).map(|index| index as u8).collect();
            let size = Size { width: size.0, height: size.1 };
            let picture = Picture::eight(size, Layout::Rgba, samples);
            let extended = apply(picture.clone(), &Extend { top, right, bottom, left, fill, background: None }).unwrap();
            let expected_size = Size { width: size.width + left + right, height: size.height + top + bottom };
            prop_assert_eq!(extended.size, expected_size);
            prop_assert_eq!(super::super::crop::cut(extended, (left, top), size), picture);
        }
    }
}
