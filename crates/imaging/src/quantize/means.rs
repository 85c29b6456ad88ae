//! k-means: each entry is moved to the mean of the colours that are nearest to it, a few times.

use super::Pixel;
use super::cut::Point;
use super::nearest::Nearest;
use super::oklab::{self, Place};

/// Most rounds. What is gained after these is a percent or two.
const MAX_ROUNDS: usize = 8;

/// The rounds end when one gains less than this share of the error.
const LEAST_GAIN: f64 = 0.005;

/// The centres, moved to where they fit the points better.
pub(super) fn refined(points: &[Point], mut centres: Vec<Place>) -> Vec<Place> {
    let mut last_error = f64::MAX;
    for _ in 0..MAX_ROUNDS {
        let nearest = Nearest::new(centres.iter().copied());
        let mut sums = vec![([0.0_f64; 4], 0.0_f64); centres.len()];
        let mut error = 0.0;
        for point in points {
            let (index, distance) = nearest.find(point.place);
            let weight = f64::from(point.weight);
            let (sum, total) = &mut sums[usize::from(index)];
            sum.iter_mut().zip(point.place).for_each(|(sum, value)| *sum += f64::from(value) * weight);
            *total += weight;
            error += f64::from(distance) * weight;
        }
        for (centre, (sum, total)) in centres.iter_mut().zip(sums) {
            // A centre that nothing is nearest to stays where it is.
            if total > 0.0 {
                *centre = sum.map(|sum| (sum / total) as f32);
            }
        }
        if error > last_error * (1.0 - LEAST_GAIN) {
            break;
        }
        last_error = error;
    }
    centres
}

/// The centres as colours. An entry to which mostly opaque pixels go is opaque: nothing may shine through them.
pub(super) fn entries(points: &[Point], centres: &[Place]) -> Vec<Pixel> {
    let nearest = Nearest::new(centres.iter().copied());
    let mut opaque = vec![0.0_f32; centres.len()];
    for point in points {
        let sign = if point.place[3] >= 1.0 { 1.0 } else { -1.0 };
        opaque[usize::from(nearest.find(point.place).0)] += sign * point.weight;
    }
    let entry = |(&centre, &opaque): (&Place, &f32)| {
        let [red, green, blue, alpha] = oklab::pixel(centre);
        [red, green, blue, if opaque > 0.0 { u8::MAX } else { alpha }]
    };
    centres.iter().zip(&opaque).map(entry).collect()
}
