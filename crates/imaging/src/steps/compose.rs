//! One picture laid over another.

use crate::alpha::{expand, with_alpha};
use crate::picture::{Layout, Picture, Sample, Samples};
use std::ops::Range;

/// What is laid over: a picture with alpha, of the depth and the channels of those below it.
pub(super) struct Mark(Picture);

impl Mark {
    /// A picture made fit to be laid over others like `below`, `opacity` (0 to 1) times as opaque as it is.
    pub(super) fn new(picture: &Picture, below: &Picture, opacity: f64) -> Self {
        let picture = if is_grey(below) && is_grey(picture) { picture.clone() } else { expand(picture).into_owned() };
        let mut picture = with_alpha(in_depth_of(picture, below));
        let channels = picture.layout.channels();
        match &mut picture.samples {
            Samples::Eight(samples) => fade(samples, channels, opacity),
            Samples::Sixteen(samples) => fade(samples, channels, opacity),
        }
        Self(picture)
    }

    /// Lays it over a picture, its left upper corner at every place of `lefts` × `tops`; what lies outside is left out. A grey
    /// picture becomes RGB under a mark that is not grey. Alpha grows where there is some, and does not appear where there is
    /// none.
    pub(super) fn lay_over(&self, picture: Picture, lefts: &[i64], tops: &[i64]) -> Picture {
        let mut picture = if is_grey(&picture) && !is_grey(&self.0) { expand(&picture).into_owned() } else { picture };
        let (width, height) = (i64::from(picture.size.width), i64::from(picture.size.height));
        let across: Vec<_> = lefts.iter().map(|&left| Overlap::new(left, self.0.size.width, width)).collect();
        let down: Vec<_> = tops.iter().map(|&top| Overlap::new(top, self.0.size.height, height)).collect();
        let (width, layout) = (picture.size.width as usize, picture.layout);
        match (&mut picture.samples, &self.0.samples) {
            (Samples::Eight(below), Samples::Eight(above)) => self.lay_samples(below, above, (width, layout), &across, &down),
            (Samples::Sixteen(below), Samples::Sixteen(above)) => {
                self.lay_samples(below, above, (width, layout), &across, &down);
            }
            _ => debug_assert!(false, "a mark of another depth"),
        }
        picture
    }

    fn lay_samples<S: Sample>(
        &self,
        below: &mut [S],
        above: &[S],
        (width, layout): (usize, Layout),
        across: &[Overlap],
        down: &[Overlap],
    ) {
        let channels = layout.channels();
        let mark_channels = self.0.layout.channels();
        let mark_row = self.0.size.width as usize * mark_channels;
        for (line, overlap) in down.iter().flat_map(|overlap| overlap.mark.clone().map(move |line| (line, overlap))) {
            let Some(above) = above.get(line * mark_row..(line + 1) * mark_row) else { continue };
            let start = (overlap.below + line - overlap.mark.start) * width * channels;
            let Some(below) = below.get_mut(start..start + width * channels) else { continue };
            for overlap in across {
                let below = below[overlap.below * channels..].chunks_exact_mut(channels);
                let above = above[overlap.mark.start * mark_channels..overlap.mark.end * mark_channels].chunks_exact(mark_channels);
                below.zip(above).for_each(|(below, above)| over(below, above, layout.has_alpha()));
            }
        }
    }
}

/// Which part of a mark meets a picture, in one direction.
struct Overlap {
    /// Pixels of the mark; none where it lies outside.
    mark: Range<usize>,
    /// The pixel of the picture at which the first of them lies.
    below: usize,
}

impl Overlap {
    fn new(start: i64, mark: u32, picture: i64) -> Self {
        let first = (-start).clamp(0, i64::from(mark));
        let end = (picture - start).clamp(first, i64::from(mark));
        Self { mark: first as usize..end as usize, below: (start + first).clamp(0, picture) as usize }
    }
}

/// Porter and Duff's "over" (1984) for straight alpha, in gamma-encoded values as browsers do it: with alphas a above and b
/// below, alpha is `a + b (1 - a)`, and a channel `(A a + B b (1 - a)) / alpha`. The last channel of `above` is its alpha.
fn over<S: Sample>(below: &mut [S], above: &[S], has_alpha: bool) {
    let colors = above.len() - 1;
    let top = above[colors].to_u64();
    if top == 0 {
        return;
    }
    let bottom = if has_alpha { below[colors].to_u64() } else { S::MAX };
    // Alphas times the full value; at most 65,535³ below.
    let (top, bottom) = (top * S::MAX, bottom * (S::MAX - top));
    let alpha = top + bottom;
    for (below, above) in below.iter_mut().zip(&above[..colors]) {
        *below = S::from_u64((above.to_u64() * top + below.to_u64() * bottom + alpha / 2) / alpha);
    }
    if has_alpha {
        below[colors] = S::from_u64((alpha + S::MAX / 2) / S::MAX);
    }
}

fn fade<S: Sample>(samples: &mut [S], channels: usize, opacity: f64) {
    for alpha in samples.iter_mut().skip(channels - 1).step_by(channels) {
        *alpha = S::from_u64((alpha.to_u64() as f64 * opacity).round() as u64);
    }
}

fn is_grey(picture: &Picture) -> bool {
    matches!(picture.layout, Layout::Grey | Layout::GreyAlpha)
}

fn in_depth_of(picture: Picture, other: &Picture) -> Picture {
    let samples = match (&picture.samples, &other.samples) {
        (Samples::Sixteen(_), Samples::Eight(_)) => Samples::Eight(picture.to_eight_bits().into_owned()),
        (Samples::Eight(samples), Samples::Sixteen(_)) => {
            Samples::Sixteen(samples.iter().map(|&sample| u16::from(sample) * 257).collect())
        }
        _ => return picture,
    };
    Picture { size: picture.size, layout: picture.layout, samples }
}

#[cfg(test)]
mod tests {
    use super::super::values::tests::{check_both_depths, row};
    use super::*;

    /// One pixel over one pixel.
    fn check(above: (Layout, &[u8]), opacity: f64, below: (Layout, &[u8]), expected: (Layout, &[u8])) {
        let above = row(above.0, above.1);
        check_both_depths(&row(below.0, below.1), expected.0, expected.1, |below| {
            Mark::new(&above, &below, opacity).lay_over(below, &[0], &[0])
        });
    }

    #[test]
    fn over_is_porter_and_duffs() {
        let (rgb, rgba) = (Layout::Rgb, Layout::Rgba);
        check((rgba, &[255, 0, 0, 255]), 1.0, (rgb, &[0, 0, 255]), (rgb, &[255, 0, 0]));
        check((rgba, &[255, 0, 0, 0]), 1.0, (rgb, &[0, 0, 255]), (rgb, &[0, 0, 255]));
        check((rgba, &[255, 0, 0, 51]), 1.0, (rgb, &[0, 0, 255]), (rgb, &[51, 0, 204]));
        check((rgb, &[255, 0, 0]), 0.2, (rgb, &[0, 0, 255]), (rgb, &[51, 0, 204]));
        // Over what is clear, the mark alone shows; its hidden colour plays no part.
        check((rgba, &[200, 100, 0, 51]), 1.0, (rgba, &[9, 9, 9, 0]), (rgba, &[200, 100, 0, 51]));
        // Alpha 0.2 + 0.4 × 0.8 = 0.52; red (200 × 0.2 + 100 × 0.32) / 0.52 = 138.5.
        check((rgba, &[200, 200, 0, 51]), 1.0, (rgba, &[100, 0, 0, 102]), (rgba, &[138, 77, 0, 133]));
    }

    #[test]
    fn grey_stays_grey_under_grey_alone() {
        let (grey, grey_alpha) = (Layout::Grey, Layout::GreyAlpha);
        check((grey, &[255]), 0.2, (grey, &[0]), (grey, &[51]));
        check((grey_alpha, &[255, 51]), 1.0, (grey_alpha, &[7, 0]), (grey_alpha, &[255, 51]));
        check((Layout::Rgb, &[255, 0, 0]), 0.2, (grey, &[100]), (Layout::Rgb, &[131, 80, 80]));
        check((grey, &[255]), 0.2, (Layout::Rgb, &[0, 100, 0]), (Layout::Rgb, &[51, 131, 51]));
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let mark = row(Layout::Grey, &[1, 2, 3]);
        let laid = |left: i64, top: i64| {
            let below = row(Layout::Grey, &[9; 4]);
            Mark::new(&mark, &below, 1.0).lay_over(below, &[left], &[top]).samples
        };
        for (left, expected) in
            [(0, [1, 2, 3, 9]), (2, [9, 9, 1, 2]), (-1, [2, 3, 9, 9]), (4, [9; 4]), (-3, [9; 4]), (i64::MAX, [9; 4])]
        {
            assert_eq!(laid(left, 0), Samples::Eight(expected.to_vec()), "{left}");
        }
        assert_eq!(laid(0, 1), Samples::Eight(vec![9; 4]));
        assert_eq!(laid(0, -1), Samples::Eight(vec![9; 4]));
    }
}
