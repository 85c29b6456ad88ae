//! Files that are cut off or changed: an error or a picture, never a panic and never half a picture in silence.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_imaging::{ImageError, RenderOptions, render};
use minilab_model::{Fit, Limits};
use support::{into_box, png, run, source};

const FILES: [&str; 14] = [
    "jpeg-420.jpg",
    "jpeg-progressive.jpg",
    "jpeg-restart.jpg",
    "jpeg-cmyk.jpg",
    "exif-rich.jpg",
    "profile-display-p3.jpg",
    "profile-adobe-rgb.png",
    "png-interlaced.png",
    "png-palette-trns.png",
    "png-rgba-16bit.png",
    "webp-lossy.webp",
    "webp-lossy-alpha.webp",
    "webp-lossless-alpha.webp",
    "gif-animated-transparent.gif",
];

/// Whatever a decoder says, it must say it and not panic.
fn must_not_panic(name: &str, what: &str, bytes: &[u8]) -> bool {
    // A changed size can claim a hundred megapixels, which takes its time and finds nothing more.
    let mut limits = Limits::default();
    limits.decode.pixels = 1_000_000;
    match render(bytes, &[png(&[into_box(20, 20, Fit::Inside)])], &RenderOptions::new(&limits)) {
        Ok(_) => true,
        Err(ImageError::Corrupt { detail, .. }) if detail.contains("broke the decoder") => panic!("{name} {what}: {detail}"),
        Err(_) => false,
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    for name in FILES {
        let bytes = source(name);
        // GIF: the frames after the first and the trailer are not looked at.
        let needed = if name.ends_with(".gif") { bytes.len() / 6 } else { bytes.len() };
        for length in 0..needed {
            assert!(!must_not_panic(name, &format!("cut to {length}"), &bytes[..length]), "{name} cut to {length} was accepted");
        }
    }
}

#[test]
fn changed_bytes_never_panic() {
    for name in FILES {
        change(name, 400);
    }
}

/// Changes a few bytes of a file, round after round.
fn change(name: &str, rounds: usize) {
    let bytes = source(name);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for round in 0..rounds {
        let mut changed = bytes.clone();
        let changes: Vec<(usize, u8)> = (0..1 + round % 4)
            .map(|_| {
                // Half of the changes go to the first 200 bytes, where the structure is.
                let bound = if next(2) == 0 { bytes.len() } else { bytes.len().min(200) };
                (next(bound), next(256) as u8)
            })
            .collect();
        for &(at, value) in &changes {
            changed[at] = value;
        }
        must_not_panic(name, &format!("changed at {changes:?}"), &changed);
    }
}

/// A file of each kind of the formats that lie in directories and boxes.
const MORE_FILES: [&str; 58] = [
    "tiff-lzw-predictor.tif",
    "tiff-deflate-strips.tif",
    "tiff-packbits.tif",
    "tiff-jpeg.tif",
    "tiff-big.tif",
    "tiff-group4.tif",
    "tiff-palette-2bit.tif",
    "tiff-cmyk.tif",
    "tiff-float.tif",
    "tiff-planar.tif",
    "tiff-tiles.tif",
    "tiff-rgba-16bit.tif",
    "tiff-rgb-12bit.tif",
    "tiff-bilevel.tif",
    "tiff-fax-runs.tif",
    "tiff-group3.tif",
    "tiff-group3-2d.tif",
    "tiff-group3-reversed.tif",
    "tiff-lzw-bilevel.tif",
    "tiff-old-jpeg.tif",
    "tiff-old-jpeg-parts.tif",
    "tiff-ycbcr.tif",
    "tiff-ycbcr-420.tif",
    "tiff-lab.tif",
    "tiff-icc-lab-16bit.tif",
    "tiff-logluv.tif",
    "tiff-signed-16bit.tif",
    "tiff-reversed-bits.tif",
    "tiff-white-is-zero-4bit.tif",
    "tiff-plane-missing.tif",
    "bmp-4bit.bmp",
    "bmp-rle8.bmp",
    "bmp-rle4.bmp",
    "bmp-565.bmp",
    "bmp-v5-alpha.bmp",
    "bmp-os2.bmp",
    "bmp-headless.dib",
    "ico-png.ico",
    "ico-mask.ico",
    "avif-420.avif",
    "avif-12bit.avif",
    "avif-alpha.avif",
    "avif-grid.avif",
    "avif-orientation-5.avif",
    "heic-420.heic",
    "heic-quadrants.heic",
    "heic-10bit.heic",
    "heic-grey.heic",
    "heic-alpha.heic",
    "heic-grid.heic",
    "heic-cut-and-turned.heic",
    "jxl-alpha.jxl",
    "jxl-grey.jxl",
    "jxl-lossless.jxl",
    "jxl-lossy.jxl",
    "jxl-rgba-16bit.jxl",
    "svg-quadrants.svg",
    "svg-text-and-picture.svg",
];

#[test]
fn more_formats_that_are_changed_never_panic() {
    for name in MORE_FILES {
        change(name, 300);
    }
}

#[test]
fn more_formats_that_are_cut_off_never_panic() {
    for name in MORE_FILES {
        let bytes = source(name);
        for length in (0..bytes.len()).step_by(1 + bytes.len() / 60) {
            must_not_panic(name, &format!("cut to {length}"), &bytes[..length]);
        }
    }
}

#[test]
fn a_damaged_profile_counts_as_none() {
    let mut bytes = source("profile-display-p3.jpg");
    let signature = bytes.windows(4).position(|window| window == b"acsp").unwrap();
    bytes[signature] = b'x';
    let rendered = run(&bytes, &[png(&[])]).unwrap();
    assert_eq!(rendered.warnings.len(), 1, "{:?}", rendered.warnings);
    assert!(rendered.warnings[0].starts_with("the colour profile is damaged, taken as sRGB"));
    assert_eq!(rendered.metadata.icc_profile, None);
}

#[test]
fn a_scan_with_a_hole_is_refused() {
    // The middle of the data is gone, the end-of-image marker is there.
    for name in ["jpeg-420.jpg", "jpeg-422.jpg", "jpeg-444.jpg", "jpeg-grey.jpg", "jpeg-restart.jpg", "jpeg-progressive.jpg"] {
        let bytes = source(name);
        let holed = [&bytes[..bytes.len() * 2 / 3], &bytes[bytes.len() - 2..]].concat();
        assert!(!must_not_panic(name, "with a hole", &holed), "{name} was accepted");
    }
}
