//! HEIC, in builds with the feature: pictures are those of their PNGs, and what means harm is refused.
#![cfg(feature = "heic")]
#![allow(clippy::unwrap_used)]

mod support;

use minilab_imaging::{ImageError, RenderOptions, estimate, read_header, render};
use minilab_model::{ColorSpace, DecodeLimits, Fit, Format, Limits, Orientation};
use std::time::{Duration, Instant};
use support::{full, into_box, pixels, png, run, source};

fn check_same(name: &str, reference: &str, tolerance: f64) {
    let difference = full(name).difference(&full(reference));
    assert!(difference <= tolerance, "{name}: {difference}");
}

#[test]
fn pictures_are_those_of_their_pngs() {
    // At a quarter of the samples colours run over edges; within them they are what they were.
    check_same("heic-quadrants.heic", "png-rgb.png", 3.5);
    check_same("heic-limited-range.heic", "png-rgb.png", 3.5);
    for name in ["heic-quadrants.heic", "heic-limited-range.heic"] {
        let (found, reference) = (full(name), full("png-rgb.png"));
        for (x, y) in [(8, 8), (55, 8), (8, 40), (55, 40)] {
            let near = found.at(x, y).iter().zip(reference.at(x, y)).all(|(a, b)| a.abs_diff(*b) <= 2);
            assert!(near, "{name} at {x}, {y}: {:?} is not {:?}", found.at(x, y), reference.at(x, y));
        }
    }
    // Colour noise loses most of its colour; libheif differs by 8.6.
    check_same("heic-420.heic", "png-clouds.png", 8.6);
    check_same("heic-grey.heic", "png-grey.png", 0.5);
    check_same("heic-alpha.heic", "png-faded.png", 2.5);
    check_same("heic-profile.heic", "profile-display-p3.png", 3.5);
    check_same("heic-10bit.heic", "png-rgba-16bit.png", 1.0);
}

#[test]
fn tiles_are_put_together_cut_and_turned() {
    check_same("heic-grid.heic", "png-100x90.png", 3.2);
    check_same("heic-cut-and-turned.heic", "png-100x90.png", 3.2);
}

#[test]
fn chroma_that_is_not_decoded_rightly_is_refused() {
    let error = run(&source("heic-444.heic"), &[png(&[])]).unwrap_err().to_string();
    assert_eq!(error, "chroma of the full size (4:4:4) is not supported in heic images");
}

#[test]
fn headers_say_what_the_files_hold() {
    let check = |name: &str, size: (u32, u32), depth, color_space, has_alpha| {
        let header = read_header(&source(name), &DecodeLimits::default()).unwrap();
        let found = (header.format, (header.width, header.height), header.bit_depth, header.color_space, header.has_alpha);
        assert_eq!(found, (Format::Heic, size, depth, color_space, has_alpha), "{name}");
    };
    check("heic-420.heic", (67, 51), 8, ColorSpace::Ycbcr, false);
    check("heic-10bit.heic", (48, 32), 16, ColorSpace::Ycbcr, true);
    check("heic-grey.heic", (64, 48), 8, ColorSpace::Grey, false);
    check("heic-alpha.heic", (64, 48), 8, ColorSpace::Ycbcr, true);
    check("heic-grid.heic", (100, 90), 8, ColorSpace::Ycbcr, false);
    // As it is stored.
    check("heic-cut-and-turned.heic", (90, 100), 8, ColorSpace::Ycbcr, false);
    assert!(read_header(&source("heic-profile.heic"), &DecodeLimits::default()).unwrap().has_icc_profile());
}

#[test]
fn what_is_written_in_the_file_is_read_and_its_own_turn_goes_before() {
    let file = source("heic-cut-and-turned.heic");
    let rendered = run(&file, &[png(&[])]).unwrap();
    assert_eq!(rendered.warnings, Vec::<String>::new());
    assert_eq!(rendered.metadata.exif["software"], "abc");
    assert_eq!(rendered.metadata.xmp["creator"], serde_json::json!(["Ann"]));
    // Its EXIF block says 3.
    let header = read_header(&file, &DecodeLimits::default()).unwrap();
    assert_eq!(header.orientation, Orientation::try_from(6).unwrap());
}

/// The file with the 32 bits behind the first `kind`, and as many again, replaced.
fn changed(name: &str, kind: &[u8; 4], skipped: usize, numbers: [u32; 2]) -> Vec<u8> {
    let mut file = source(name);
    let at = file.windows(4).position(|window| window == kind).unwrap() + 4 + skipped;
    file[at..at + 8].copy_from_slice(&numbers.map(u32::to_be_bytes).concat());
    file
}

#[test]
fn limits_are_kept_before_anything_is_decoded() {
    let huge = run(&changed("heic-quadrants.heic", b"ispe", 4, [60_000, 50_000]), &[png(&[])]).unwrap_err();
    assert!(matches!(huge, ImageError::LimitExceeded { what: "pixels", actual: 3_000_000_000, .. }), "{huge}");
    // A small picture of tiles that are large, of which all would be decoded.
    let mut file = source("heic-grid.heic");
    let sizes: Vec<usize> = (0..file.len() - 4).filter(|&at| &file[at..at + 4] == b"ispe").collect();
    file[sizes[1] + 8..sizes[1] + 16].copy_from_slice(&[60_000_u32, 50_000].map(u32::to_be_bytes).concat());
    let tiles = run(&file, &[png(&[])]).unwrap_err();
    assert!(matches!(tiles, ImageError::LimitExceeded { what: "pixels", actual: 3_000_000_000, .. }), "{tiles}");
}

#[test]
fn a_stated_size_that_is_not_the_coded_one_is_refused() {
    let check = |size: [u32; 2]| {
        let error = run(&changed("heic-quadrants.heic", b"ispe", 4, size), &[png(&[])]).unwrap_err().to_string();
        let expected = format!("the heic image is damaged: its data is of 64×64 pixels, not of {}×{}", size[0], size[1]);
        assert_eq!(error, expected);
    };
    check([65, 48]);
    check([64, 65]);
}

#[test]
fn a_part_that_lies_outside_is_refused() {
    let none = run(&changed("heic-cut-and-turned.heic", b"clap", 0, [0, 1]), &[png(&[])]).unwrap_err().to_string();
    assert_eq!(none, "the heic image is damaged: the part that is shown of it is none");
    let no_number = run(&changed("heic-cut-and-turned.heic", b"clap", 0, [90, 0]), &[png(&[])]).unwrap_err().to_string();
    assert_eq!(no_number, none);
}

#[test]
fn what_is_cut_off_says_so_and_a_deadline_is_kept() {
    let file = source("heic-420.heic");
    for length in [600, file.len() / 2, file.len() - 1] {
        let error = run(&file[..length], &[png(&[])]).unwrap_err().to_string();
        assert!(error.starts_with("the heic image is damaged"), "{length}: {error}");
    }
    assert!(matches!(read_header(&file[..40], &DecodeLimits::default()), Err(ImageError::HeaderIncomplete { .. })));
    let limits = Limits::default();
    let options = RenderOptions { deadline: Some(Instant::now() - Duration::from_secs(1)), ..RenderOptions::new(&limits) };
    assert_eq!(render(&file, &[png(&[])], &options), Err(ImageError::Deadline));
}

#[test]
fn it_is_shrunk_and_estimated() {
    let file = source("heic-420.heic");
    let found = pixels(&file, &png(&[into_box(20, 20, Fit::Inside)]));
    assert_eq!((found.width, found.height), (20, 15));
    let limits = Limits::default();
    let header = read_header(&file, &limits.decode).unwrap();
    assert!(estimate(&header, file.len() as u64, &[], &limits) > 68 * 52 * 9);
}
