//! What the formats with palettes have in common: pixels, the parts of frames that change, tables of colours.

use crate::picture::{Layout, Picture, Samples};
use crate::quantize::Pixel;
use std::collections::HashMap;

/// A picture's pixels with 8 bits a channel and alpha.
pub(super) fn pixels(picture: &Picture) -> Vec<Pixel> {
    let samples = picture.to_eight_bits();
    samples.chunks_exact(picture.layout.channels()).map(|pixel| widened(pixel, picture.layout)).collect()
}

fn widened(pixel: &[u8], layout: Layout) -> Pixel {
    match (layout, pixel) {
        (Layout::Rgba, &[red, green, blue, alpha]) => [red, green, blue, alpha],
        (Layout::Rgb, &[red, green, blue]) => [red, green, blue, u8::MAX],
        (Layout::GreyAlpha, &[grey, alpha]) => [grey, grey, grey, alpha],
        (Layout::Grey, &[grey]) => [grey, grey, grey, u8::MAX],
        // Inks have become RGB long before.
        _ => [0, 0, 0, u8::MAX],
    }
}

/// A picture on a palette.
pub(super) struct Indexed {
    /// At most 256; those that are not opaque come first.
    pub entries: Vec<Pixel>,
    pub indices: Vec<u8>,
}

/// A picture of 8 bits with at most 256 colours, colours under alpha 0 among them, on a palette; nothing is lost. `None`, soon, for
/// others.
pub(super) fn few_colors(picture: &Picture) -> Option<Indexed> {
    let Samples::Eight(samples) = &picture.samples else { return None };
    let mut known: HashMap<Pixel, u8> = HashMap::new();
    let mut entries = Vec::new();
    let mut indices = Vec::new();
    let mut last: Option<(Pixel, u8)> = None;
    for pixel in samples.chunks_exact(picture.layout.channels()) {
        let pixel = widened(pixel, picture.layout);
        let index = match last {
            Some((same, index)) if same == pixel => index,
            _ => match known.get(&pixel) {
                Some(&index) => index,
                None => {
                    let index = u8::try_from(entries.len()).ok()?;
                    entries.push(pixel);
                    known.insert(pixel, index);
                    index
                }
            },
        };
        last = Some((pixel, index));
        indices.push(index);
    }
    let mut order: Vec<u8> = (0..=u8::MAX).take(entries.len()).collect();
    order.sort_by_key(|&index| (entries[usize::from(index)][3] == u8::MAX, entries[usize::from(index)]));
    let mut places = [0_u8; 256];
    (0..=u8::MAX).zip(&order).for_each(|(place, &index)| places[usize::from(index)] = place);
    indices.iter_mut().for_each(|index| *index = places[usize::from(*index)]);
    Some(Indexed { entries: order.iter().map(|&index| entries[usize::from(index)]).collect(), indices })
}

/// A part of a canvas, in pixels; never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

impl Area {
    /// The smallest part of a canvas `width` pixels wide in which all places lie for which `is_in` holds; its first pixel where it
    /// holds nowhere, since formats have no empty frames.
    pub(super) fn around(width: usize, places: usize, is_in: impl Fn(usize) -> bool) -> Self {
        let (mut left, mut right, mut top, mut bottom) = (width, 0, usize::MAX, 0);
        for (y, start) in (0..places).step_by(width.max(1)).enumerate() {
            let row = start..start + width;
            if let Some(first) = row.clone().position(&is_in) {
                let last = row.rev().position(&is_in).map_or(first, |from_right| width - 1 - from_right);
                (left, right) = (left.min(first), right.max(last + 1));
                (top, bottom) = (top.min(y), y + 1);
            }
        }
        if bottom == 0 {
            return Self { x: 0, y: 0, width: 1, height: 1 };
        }
        Self { x: left, y: top, width: right - left, height: bottom - top }
    }

    /// Its places on a canvas `width` pixels wide, row by row.
    pub(super) fn places(self, width: usize) -> impl Iterator<Item = usize> {
        (self.y..self.y + self.height).flat_map(move |y| (self.x..self.x + self.width).map(move |x| y * width + x))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Size;

    #[test]
    fn areas_hold_what_changes_and_no_more() {
        let check = |places: &[usize], expected: (usize, usize, usize, usize)| {
            let area = Area::around(5, 20, |place| places.contains(&place));
            assert_eq!((area.x, area.y, area.width, area.height), expected, "{places:?}");
            assert!(places.iter().all(|&place| area.places(5).any(|there| there == place)));
        };
        check(&[], (0, 0, 1, 1));
        check(&[7], (2, 1, 1, 1));
        check(&[7, 11], (1, 1, 2, 2));
        check(&[0, 19], (0, 0, 5, 4));
        check(&[4, 9], (4, 0, 1, 2));
    }

    #[test]
    fn few_colours_lose_nothing() {
        let samples: Vec<u8> = (0..256_u32).flat_map(|value| [value as u8, 7, 8, 255 - (value % 3) as u8 * 127]).collect();
        let picture = Picture::eight(Size { width: 16, height: 16 }, Layout::Rgba, samples.clone());
        let Indexed { entries, indices } = few_colors(&picture).unwrap();
        assert!(entries.is_sorted_by_key(|entry| entry[3] == 255));
        assert_eq!(indices.iter().flat_map(|&index| entries[usize::from(index)]).collect::<Vec<u8>>(), samples);
        let more: Vec<u8> = samples.iter().copied().chain([1, 1, 1, 1]).collect();
        assert!(few_colors(&Picture::eight(Size { width: 257, height: 1 }, Layout::Rgba, more)).is_none());
    }
}
