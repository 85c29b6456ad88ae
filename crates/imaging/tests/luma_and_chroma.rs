//! JPEGs that are only made smaller stay in luma and chroma: they must look as they do by way of RGB.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_imaging::{RenderOptions, render};
use minilab_model::{ChromaSubsampling, Fit, Limits, OutputFormat, Step, VariantSpec};
use support::{into_box, pixels, png, source};

/// A JPEG of high quality inside a box.
fn jpeg(side: u32, chroma: ChromaSubsampling) -> VariantSpec {
    VariantSpec { format: OutputFormat::Jpeg, quality: Some(95), chroma, ..png(&[into_box(side, side, Fit::Inside)]) }
}

/// The same with steps that come to nothing, but take RGB.
fn by_rgb(mut spec: VariantSpec) -> VariantSpec {
    spec.steps.extend([Step::Flip, Step::Flip]);
    spec
}

fn check(name: &str, side: u32, chroma: ChromaSubsampling, tolerance: f64) {
    let made = |spec: VariantSpec| {
        let limits = Limits::default();
        // The picture for the record would be larger, and the variant be made of it.
        let options = RenderOptions { describe: &[], ..RenderOptions::new(&limits) };
        let made = render(&source(name), &[spec], &options).unwrap().outputs.remove(0);
        pixels(&made.bytes, &png(&[]))
    };
    let found = made(jpeg(side, chroma));
    let expected = made(by_rgb(jpeg(side, chroma)));
    assert_eq!((found.width, found.height), (expected.width, expected.height), "{name}");
    let difference = found.difference(&expected);
    assert!(difference < tolerance, "{name} inside {side}, {chroma:?}: {difference}");
}

#[test]
fn every_sampling_and_orientation_looks_the_same() {
    let names = ["jpeg-420.jpg", "jpeg-422.jpg", "jpeg-444.jpg", "jpeg-progressive.jpg"].map(str::to_owned);
    let turned = (1..=8).map(|value| format!("orientation-{value}.jpg"));
    for name in names.into_iter().chain(turned) {
        for side in [31, 32, 45] {
            check(&name, side, ChromaSubsampling::Full, 1.2);
            check(&name, side, ChromaSubsampling::Half, 3.0);
        }
    }
}
