//! What is recorded of each kind of file, and what is refused.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_imaging::{ImageError, RenderOptions, estimate, estimate_overlays, inspect, read_header};
use minilab_model::{ColorSpace, DecodeLimits, FailureKind, Format, ImageMetadata, Limits};
use serde_json::json;
use support::source;

fn metadata(name: &str) -> ImageMetadata {
    inspect_with(name, false).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn inspect_with(name: &str, record_gps: bool) -> Result<ImageMetadata, ImageError> {
    inspect(&source(name), &RenderOptions { record_gps, ..RenderOptions::new(&Limits::default()) })
}

#[test]
fn every_kind_is_described() {
    use ColorSpace::{Cmyk, Grey, Rgb, Ycbcr};
    use Format::{Gif, Jpeg, Png, Webp};
    let check = |name: &str, format, size: (u32, u32), color_space, bit_depth, has_alpha| {
        let found = metadata(name);
        assert_eq!(found.format, format, "{name}");
        assert_eq!((found.width, found.height), size, "{name}");
        assert_eq!(found.color_space, color_space, "{name}");
        assert_eq!((found.bit_depth, found.has_alpha), (bit_depth, has_alpha), "{name}");
        assert!(found.thumbhash.is_some(), "{name}");
    };
    for name in ["jpeg-420.jpg", "jpeg-422.jpg", "jpeg-444.jpg", "jpeg-optimized.jpg", "jpeg-restart.jpg", "jpeg-progressive.jpg"] {
        check(name, Jpeg, (131, 97), Ycbcr, 8, false);
    }
    check("jpeg-grey.jpg", Jpeg, (131, 97), Grey, 8, false);
    check("jpeg-cmyk.jpg", Jpeg, (64, 48), Cmyk, 8, false);
    check("jpeg-1x1.jpg", Jpeg, (1, 1), Ycbcr, 8, false);
    check("orientation-6.jpg", Jpeg, (48, 64), Ycbcr, 8, false);
    check("png-rgb.png", Png, (64, 48), Rgb, 8, false);
    check("png-palette-trns.png", Png, (64, 48), Rgb, 4, true);
    check("png-rgba-16bit.png", Png, (48, 32), Rgb, 16, true);
    check("png-interlaced.png", Png, (61, 45), Rgb, 8, false);
    check("png-grey-alpha.png", Png, (64, 48), Grey, 8, true);
    check("webp-lossy.webp", Webp, (131, 97), Ycbcr, 8, false);
    check("webp-lossy-alpha.webp", Webp, (64, 64), Ycbcr, 8, true);
    check("webp-lossless-alpha.webp", Webp, (64, 64), Rgb, 8, true);
    check("gif-still.gif", Gif, (64, 48), Rgb, 8, false);
    check("gif-animated-transparent.gif", Gif, (48, 32), Rgb, 8, true);
}

#[test]
fn the_camera_is_recorded_and_the_place_only_when_asked() {
    let exif = metadata("exif-rich.jpg").exif;
    let check = |name: &str, expected: serde_json::Value| assert_eq!(exif.get(name), Some(&expected), "{name}");
    check("taken_at", json!("2024-06-01T18:30:15.123+02:00"));
    check("exposure_time_s", json!(0.004));
    check("f_number", json!(2.8));
    check("iso", json!(400));
    check("focal_length_mm", json!(35.0));
    for name in ["camera_make", "camera_model", "lens_model"] {
        assert!(exif.get(name).and_then(|value| value.as_str()).is_some_and(|text| !text.is_empty()), "{name}: {exif:?}");
    }
    assert!(!exif.keys().any(|name| name.starts_with("gps")));

    let exif = inspect_with("exif-rich.jpg", true).unwrap().exif;
    let degrees = |name: &str| exif[name].as_f64().unwrap();
    assert!((degrees("gps_latitude") - (51.0 + 28.0 / 60.0 + 40.12 / 3600.0)).abs() < 1e-6);
    assert!((degrees("gps_longitude") + 5.31 / 3600.0).abs() < 1e-6);
}

#[test]
fn orientation_and_profile_are_recorded() {
    for value in 1..=8_u8 {
        assert_eq!(metadata(&format!("orientation-{value}.jpg")).orientation.value(), value);
    }
    for name in ["profile-display-p3.jpg", "profile-display-p3.png", "profile-adobe-rgb.jpg", "profile-adobe-rgb.png"] {
        let profile = metadata(name).icc_profile;
        assert!(profile.as_ref().is_some_and(|profile| profile.contains("P3") || profile.contains("Adobe")), "{name}: {profile:?}");
    }
    assert_eq!(metadata("png-rgb.png").icc_profile, None);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_reason() {
    let check = |name: &str, expected: &str| {
        let error = inspect_with(name, false).unwrap_err();
        assert_eq!(error.to_string(), expected, "{name}");
        assert_eq!(error.kind(), FailureKind::Permanent);
    };
    check("empty.jpg", "the file is not an image: it holds nothing at all");
    check("text-named.jpg", "the file is not an image: it holds text");
    check("png-claims-50000x50000.png", "the image has 2,500,000,000 pixels; the limit is 100,000,000");
    check("jpeg-claims-65500x65500.jpg", "the image has 4,290,250,000 pixels; the limit is 100,000,000");
    check("jpeg-truncated.jpg", "the jpeg image is damaged: it ends before its end-of-image marker (at byte 4,708)");
    check("png-truncated.png", "the png image is damaged: chunk IDAT is cut off: it ends after 10931 of 21887 bytes (at byte 33)");
}

#[test]
fn limits_are_checked_before_decoding() {
    let check = |limits: DecodeLimits, name: &str, expected: &str| {
        let limits = Limits { decode: limits, ..Limits::default() };
        let options = RenderOptions::new(&limits);
        assert_eq!(inspect(&source(name), &options).unwrap_err().to_string(), expected);
    };
    let defaults = DecodeLimits::default();
    check(DecodeLimits { pixels: 3000, ..defaults }, "png-rgb.png", "the image has 3,072 pixels; the limit is 3,000");
    let side = "the image has 64 pixels on its longest side; the limit is 63";
    check(DecodeLimits { side: 63, ..defaults }, "orientation-6.jpg", side);
    let icc = "the image has 508 bytes of colour profile; the limit is 500";
    check(DecodeLimits { icc_bytes: 500, ..defaults }, "profile-display-p3.jpg", icc);
    let unpacked = "the image has 501 bytes of colour profile; the limit is 500";
    check(DecodeLimits { icc_bytes: 500, ..defaults }, "profile-display-p3.png", unpacked);
    let name = "png-rgb.png";
    let length = source(name).len();
    let bytes = format!("the image has {length} source bytes; the limit is 10");
    check(DecodeLimits { source_bytes: 10, ..defaults }, name, &bytes);
    let limits = DecodeLimits { exif_bytes: 20, ..defaults };
    assert!(inspect(&source("exif-rich.jpg"), &RenderOptions::new(&Limits { decode: limits, ..Limits::default() })).is_err());
}

#[test]
fn a_prefix_gives_the_header_or_asks_for_more() {
    let limits = DecodeLimits::default();
    for name in ["exif-rich.jpg", "profile-display-p3.png", "webp-lossy-alpha.webp", "gif-animated-transparent.gif"] {
        let bytes = source(name);
        let whole = read_header(&bytes, &limits).unwrap();
        let mut complete = false;
        for length in 16..bytes.len() {
            match read_header(&bytes[..length], &limits) {
                Ok(header) => {
                    complete = true;
                    assert_eq!((header.width, header.height), (whole.width, whole.height), "{name} {length}");
                    assert_eq!(header.color_space, whole.color_space, "{name} {length}");
                    assert_eq!(header.has_icc_profile(), whole.has_icc_profile(), "{name} {length}");
                }
                Err(ImageError::HeaderIncomplete { available }) => {
                    assert!(!complete, "{name} {length}: complete before, incomplete with more");
                    assert_eq!(available, length as u64);
                }
                Err(error) => panic!("{name} {length}: {error}"),
            }
        }
        assert!(complete, "{name}");
    }
}

#[test]
fn a_larger_header_is_estimated_higher() {
    let header = read_header(&source("png-rgb.png"), &DecodeLimits::default()).unwrap();
    let small = estimate(&header, 1000, &[], &Limits::default());
    assert_eq!(estimate(&header, 5000, &[], &Limits::default()), small + 4000);
    let mut large = header.clone();
    (large.width, large.height) = (20_000, 5000);
    assert!(estimate(&large, 1000, &[], &Limits::default()) > small);
    // Interlacing puts the whole image in memory.
    let rows = estimate(&large, 1000, &[], &Limits::default());
    large.progressive = true;
    assert!(estimate(&large, 1000, &[], &Limits::default()) > rows + 250_000_000);
}

#[test]
fn what_is_laid_over_is_estimated_too() {
    let limits = Limits::default();
    let file = source("png-rgb.png");
    let header = read_header(&file, &limits.decode).unwrap();
    let pixels = u64::from(header.width) * u64::from(header.height);
    let one = estimate_overlays([&file[..]], &limits);
    assert!(one >= file.len() as u64 + pixels * 4, "{one} bytes");
    // Each stays, one at a time is decoded.
    let two = estimate_overlays([&file[..], &file], &limits);
    assert!(two > one && two < one * 2, "{one} and {two} bytes");
    // What the engine will refuse takes no more than its file.
    assert_eq!(estimate_overlays([&b"no image"[..]], &limits), 8);
    assert_eq!(estimate_overlays([], &limits), 0);
}

#[test]
fn a_deadline_in_the_past_stops_the_work() {
    let limits = Limits::default();
    let options = RenderOptions { deadline: Some(std::time::Instant::now()), ..RenderOptions::new(&limits) };
    let error = inspect(&source("png-rgb.png"), &options).unwrap_err();
    assert_eq!(error, ImageError::Deadline);
    assert_eq!(error.kind(), FailureKind::Retryable);
}
