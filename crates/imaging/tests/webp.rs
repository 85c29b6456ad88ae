//! WebP in both directions: without loss, animated, with a profile.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_model::{Fit, OutputColor, OutputFormat, VariantSpec};
use support::{full, into_box, pixels, png, run, source};

fn webp(variant: VariantSpec) -> VariantSpec {
    VariantSpec { format: OutputFormat::Webp, ..variant }
}

/// The names of a file's chunks, in order.
fn chunks(file: &[u8]) -> Vec<String> {
    minilab_webp::Chunks::of_file(file).map(|chunk| chunk.shown_name()).collect()
}

#[test]
fn lossless_is_without_loss() {
    for name in ["png-rgb.png", "png-palette-trns.png", "png-grey-alpha.png", "png-hidden-colour.png"] {
        let variant = VariantSpec { lossless: true, ..webp(png(&[])) };
        let rendered = run(&source(name), &[variant]).unwrap();
        let (found, expected) = (pixels(&rendered.outputs[0].bytes, &png(&[])), full(name));
        assert_eq!((found.width, found.height), (expected.width, expected.height));
        // Grey comes back as colour.
        let colored: Vec<u8> = match expected.channels {
            2 => expected.samples.chunks(2).flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]]).collect(),
            _ => expected.samples,
        };
        assert!(found.samples == colored, "{name}");
        assert_eq!(chunks(&rendered.outputs[0].bytes), ["VP8L"]);
    }
}

#[test]
fn a_kept_profile_is_written() {
    let kept = VariantSpec { color: OutputColor::Keep, ..png(&[]) };
    for lossless in [false, true] {
        let rendered = run(&source("profile-display-p3.png"), &[webp(VariantSpec { lossless, ..kept.clone() })]).unwrap();
        let file = &rendered.outputs[0].bytes;
        assert_eq!(chunks(file), ["VP8X", "ICCP", if lossless { "VP8L" } else { "VP8" }]);
        let again = run(file, std::slice::from_ref(&kept)).unwrap();
        assert_eq!(again.metadata.icc_profile, run(&source("profile-display-p3.png"), &[]).unwrap().metadata.icc_profile);
        if lossless {
            let direct = run(&source("profile-display-p3.png"), std::slice::from_ref(&kept)).unwrap();
            assert_eq!(support::read_png(&again.outputs[0].bytes), support::read_png(&direct.outputs[0].bytes));
        }
    }
}

#[test]
fn an_animation_stays_one_and_keeps_its_times() {
    let original = source("webp-animated.webp");
    let variants = [webp(png(&[into_box(24, 24, Fit::Inside)])), VariantSpec { lossless: true, ..webp(png(&[])) }];
    let rendered = run(&original, &variants).unwrap();
    assert_eq!((rendered.outputs[0].width, rendered.outputs[0].height), (24, 16));
    for output in &rendered.outputs {
        let mut animation = minilab_webp::Animation::read(&output.bytes).unwrap();
        assert_eq!((animation.width, animation.height, animation.plays), (output.width, output.height, Some(3)));
        let mut shown_ms = 0;
        while let Some(frame) = animation.next_frame().unwrap() {
            shown_ms += frame.delay.as_millis();
        }
        assert_eq!(shown_ms, 710);
    }
    // Without loss, and drawn again: the first frame is the first frame.
    assert_eq!(pixels(&rendered.outputs[1].bytes, &png(&[])), pixels(&original, &png(&[])));
    let still = VariantSpec { animated: false, ..webp(png(&[])) };
    assert_eq!(chunks(&run(&original, &[still]).unwrap().outputs[0].bytes), ["VP8X", "ALPH", "VP8"]);
}
