//! Shapes that are kept of a picture: what lies outside becomes transparent, edges are antialiased.

use crate::alpha::with_alpha;
use crate::picture::{Picture, Sample, Samples};

/// Lines looked at in each row of pixels. Across, coverage is exact; down, it is the mean of these.
const LINES: usize = 16;

/// Keeps a shape that every horizontal line meets in one stretch: `stretch` gives its left and right end at a height, in pixels
/// from the left upper corner. Alpha is multiplied by how much of its pixel the shape covers; where nothing is left, colour is
/// cleared too.
pub(super) fn keep(picture: Picture, stretch: impl Fn(f64) -> (f64, f64)) -> Picture {
    let mut picture = with_alpha(picture);
    let (width, channels) = (picture.size.width as usize, picture.layout.channels());
    match &mut picture.samples {
        Samples::Eight(samples) => keep_samples(samples, width, channels, stretch),
        Samples::Sixteen(samples) => keep_samples(samples, width, channels, stretch),
    }
    picture
}

fn keep_samples<S: Sample>(samples: &mut [S], width: usize, channels: usize, stretch: impl Fn(f64) -> (f64, f64)) {
    let right_edge = width as f64;
    // How much coverage changes from one pixel to the next.
    let mut changes = vec![0.0_f64; width + 2];
    for (y, row) in samples.chunks_exact_mut(width * channels).enumerate() {
        changes.fill(0.0);
        let mut touched = false;
        for line in 0..LINES {
            let (left, right) = stretch(y as f64 + (line as f64 + 0.5) / LINES as f64);
            let left = left.clamp(0.0, right_edge);
            let right = right.clamp(left, right_edge);
            touched |= left > 0.0 || right < right_edge;
            add_step(&mut changes, left, 1.0 / LINES as f64);
            add_step(&mut changes, right, -1.0 / LINES as f64);
        }
        if touched {
            multiply_alpha(row, channels, &changes);
        }
    }
}

/// Coverage goes up by `height` at `x`: the pixel there gets the part of it that lies to the right of `x`.
fn add_step(changes: &mut [f64], x: f64, height: f64) {
    let pixel = x as usize;
    let part = x - pixel as f64;
    changes[pixel] += height * (1.0 - part);
    changes[pixel + 1] += height * part;
}

fn multiply_alpha<S: Sample>(row: &mut [S], channels: usize, changes: &[f64]) {
    let mut coverage = 0.0;
    for (pixel, change) in row.chunks_exact_mut(channels).zip(changes) {
        coverage += change;
        let alpha = (pixel[channels - 1].to_u64() as f64 * coverage).round() as u64;
        pixel[channels - 1] = S::from_u64(alpha);
        if alpha == 0 {
            pixel.fill(S::default());
        }
    }
}
