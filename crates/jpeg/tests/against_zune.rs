//! Reduced sizes beside the box averages of zune-jpeg's full decode.

#![allow(clippy::unwrap_used)]

mod support;

use std::ops::ControlFlow;

use jpeg_encoder::SamplingFactor;
use minilab_jpeg::{Decoder, Scale};
use support::{Form, SAMPLINGS, compare, reference};
use zune_core::colorspace::ColorSpace;

const SCALES: [Scale; 4] = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];

/// The luma plane, without padding.
fn luma(file: &[u8], scale: Scale) -> Vec<u8> {
    let mut samples = Vec::new();
    let decoder = Decoder::new(file).unwrap();
    let outcome = decoder
        .decode_planes(scale, &mut |strip| {
            let plane = &strip.planes[0];
            assert_eq!((plane.y, plane.rows), (strip.y, strip.rows));
            for row in plane.samples.chunks(plane.stride).take(plane.rows as usize) {
                samples.extend_from_slice(&row[..plane.width as usize]);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(outcome.complete);
    samples
}

/// Luma must be the rounded mean. Ours is rounded once and zune-jpeg's is a mean of rounded
/// samples, so they differ by a half at the most on the whole and by little more in one cell.
fn check_luma(form: Form) {
    let file = form.encode();
    let full = reference(&file, ColorSpace::Luma);
    let size = (usize::from(form.width), usize::from(form.height));
    for scale in SCALES {
        let cell = 8 / scale.eighths() as usize;
        let difference = compare(&luma(&file, scale), &full, size, 1, cell);
        let (mean, max) = match scale {
            Scale::Eighth => (0.35, 0.8),
            Scale::Quarter => (0.35, 1.0),
            Scale::Half => (0.4, 1.5),
            Scale::Full => (0.1, 2.0),
        };
        assert!(
            (difference.mean <= mean || difference.cells < 30) && difference.max <= max,
            "{form:?} at {scale:?}: {difference:?}"
        );
    }
}

/// Pixels beside the means of zune-jpeg's.
fn check_pixels(form: Form, mean: f64, max: f64) {
    let file = form.encode();
    let space = if form.grey { ColorSpace::Luma } else { ColorSpace::RGB };
    let full = reference(&file, space);
    let size = (usize::from(form.width), usize::from(form.height));
    for scale in SCALES {
        let image = Decoder::new(&file).unwrap().decode_to_image(scale).unwrap();
        assert_eq!(image.channels, if form.grey { 1 } else { 3 });
        let cell = 8 / scale.eighths() as usize;
        let channels = image.channels.into();
        let difference = compare(&image.pixels, &full, size, channels, cell);
        assert!(difference.mean <= mean && difference.max <= max, "{form:?} at {scale:?}: {difference:?}");
    }
}

const SIZES: [(u16, u16); 7] = [(1, 1), (7, 9), (8, 8), (16, 16), (17, 33), (65, 40), (200, 131)];

#[test]
fn luma_is_the_mean_at_every_size() {
    for (width, height) in SIZES {
        // The samplings that zune-jpeg 0.5 decodes rightly, in one scan.
        for sampling in [SamplingFactor::F_1_1, SamplingFactor::F_2_1, SamplingFactor::F_1_2, SamplingFactor::F_2_2] {
            for restart_interval in [0, 1, 5] {
                check_luma(Form { width, height, sampling, restart_interval, ..Form::default() });
            }
        }
    }
}

#[test]
fn luma_is_the_mean_at_every_quality() {
    for quality in [10, 30, 75, 95, 100] {
        check_luma(Form { width: 640, height: 427, quality, noise: 40, ..Form::default() });
    }
}

#[test]
fn grey_is_the_mean() {
    for (width, height) in SIZES {
        for restart_interval in [0, 1, 5] {
            let form = Form { width, height, grey: true, restart_interval, ..Form::default() };
            check_luma(form);
            check_pixels(form, 0.5, 1.5);
        }
    }
}

#[test]
fn progressive_is_the_mean() {
    for (width, height) in SIZES {
        for restart_interval in [0, 4] {
            check_luma(Form {
                width,
                height,
                sampling: SamplingFactor::F_2_2,
                restart_interval,
                progressive: true,
                ..Form::default()
            });
        }
    }
}

#[test]
fn pixels_are_the_mean_without_subsampling() {
    for progressive in [false, true] {
        check_pixels(Form { sampling: SamplingFactor::F_1_1, progressive, ..Form::default() }, 0.6, 2.5);
    }
}

/// zune-jpeg 0.5 mistakes some layouts. But luma does not depend on how chroma is sampled, nor on
/// how blocks are spread over scans.
#[test]
fn every_layout_gives_the_same_luma() {
    for (width, height) in SIZES {
        let plain = Form { width, height, sampling: SamplingFactor::F_1_1, ..Form::default() };
        let plain_file = plain.encode();
        for sampling in SAMPLINGS {
            for (separate, progressive, restart_interval) in
                [(false, false, 0), (false, false, 3), (true, false, 0), (false, true, 0), (false, true, 4)]
            {
                let form = Form { sampling, separate, progressive, restart_interval, ..plain };
                let file = form.encode();
                for scale in SCALES {
                    let (got, want) = (luma(&file, scale), luma(&plain_file, scale));
                    // What pads the last blocks may differ.
                    let cell = 8 / scale.eighths() as usize;
                    let (across, down) = (usize::from(width) / cell, usize::from(height) / cell);
                    let row = usize::from(width).div_ceil(cell);
                    for y in 0..down {
                        assert_eq!(got[y * row..][..across], want[y * row..][..across], "{form:?} at {scale:?}, row {y}");
                    }
                }
            }
        }
    }
}

/// Chroma, too, is the same in one scan and in several.
#[test]
fn every_order_of_scans_gives_the_same_pixels() {
    for sampling in SAMPLINGS {
        let form = Form { sampling, ..Form::default() };
        let decode = |form: Form, scale| Decoder::new(&form.encode()).unwrap().decode_to_image(scale).unwrap();
        let separate = Form { separate: true, ..form };
        for scale in SCALES {
            assert!(decode(form, scale) == decode(separate, scale), "{form:?}");
        }
        let progressive = Form { progressive: true, ..form };
        for scale in SCALES {
            assert!(decode(form, scale) == decode(progressive, scale), "{form:?} at {scale:?}");
        }
    }
}
