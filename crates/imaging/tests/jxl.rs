//! JPEG XL, in builds with the feature: pictures are those of their PNGs, and what means harm is refused.
#![cfg(feature = "jxl")]
#![allow(clippy::unwrap_used)]

mod support;

use minilab_imaging::{ImageError, RenderOptions, estimate, read_header, render};
use minilab_model::{ColorSpace, DecodeLimits, Fit, Format, Limits};
use std::time::{Duration, Instant};
use support::{Pixels, full, into_box, pixels, png, run, source};

fn check_same(found: &Pixels, reference: &str, tolerance: f64) {
    let reference = full(reference);
    let difference = found.difference(&reference);
    assert!(difference <= tolerance, "{difference}");
}

#[test]
fn pictures_are_those_of_their_pngs() {
    check_same(&full("jxl-lossless.jxl"), "png-rgb.png", 0.0);
    check_same(&full("jxl-alpha.jxl"), "png-faded.png", 0.0);
    check_same(&full("jxl-grey.jxl"), "png-grey.png", 0.0);
    // Colour noise; libjxl differs by 6.4.
    check_same(&full("jxl-lossy.jxl"), "png-clouds.png", 7.0);
}

/// The numbers of `png-rgba-16bit.png` are stated to be light.
#[test]
fn colours_that_are_stated_by_code_points_are_followed() {
    let (found, stored) = (full("jxl-rgba-16bit.jxl"), full("png-rgba-16bit.png"));
    let encoded = |light: f64| (1.055 * light.powf(1.0 / 2.4) - 0.055) * 255.0;
    for (x, y) in [(0, 0), (10, 10), (30, 25)] {
        let light = [20_000 + x * 37, 30_000 + y * 41, 4660].map(|light| encoded(f64::from(light) / 65_535.0));
        let near = found.at(x, y).iter().zip(light).all(|(&found, expected)| (f64::from(found) - expected).abs() < 1.5);
        assert!(near && found.at(x, y)[3] == stored.at(x, y)[3], "{x}, {y}: {:?} is not {light:?}", found.at(x, y));
    }
}

#[test]
fn headers_say_what_the_files_hold() {
    let check = |name: &str, size: (u32, u32), depth, color_space, has_alpha| {
        let header = read_header(&source(name), &DecodeLimits::default()).unwrap();
        let found = (header.format, (header.width, header.height), header.bit_depth, header.color_space, header.has_alpha);
        assert_eq!(found, (Format::Jxl, size, depth, color_space, has_alpha), "{name}");
    };
    check("jxl-lossless.jxl", (64, 48), 8, ColorSpace::Rgb, false);
    check("jxl-lossy.jxl", (67, 51), 8, ColorSpace::Rgb, false);
    check("jxl-alpha.jxl", (64, 48), 8, ColorSpace::Rgb, true);
    check("jxl-grey.jxl", (64, 48), 8, ColorSpace::Grey, false);
    check("jxl-rgba-16bit.jxl", (48, 32), 16, ColorSpace::Rgb, true);
}

/// Bits from the lowest of each byte, as the codestream has them, filled up to whole bytes: values with their numbers of bits.
fn bits(values: &[(u32, u32)]) -> Vec<u8> {
    let each = values.iter().flat_map(|&(value, count)| (0..count).map(move |bit| value >> bit & 1 == 1));
    let each: Vec<bool> = each.collect();
    each.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, &bit| all << 1 | u8::from(bit))).collect()
}

const SIGNATURE: (u32, u32) = (0x0aff, 16);

/// The header of `jxl-lossless.jxl` with an orientation; its own has five bytes.
fn turned(orientation: u32) -> Vec<u8> {
    let size = [SIGNATURE, (1, 1), (5, 5), (3, 3)];
    // More fields; no other size, preview or animation; 8 bits, no extra channels, sRGB, no extensions.
    let metadata = [(0, 1), (1, 1), (orientation - 1, 3), (0, 3), (0, 3), (1, 1), (0, 2), (0, 1), (1, 1), (1, 1), (0, 2), (1, 1)];
    let header = bits(&[&size[..], &metadata].concat());
    [&header[..], &source("jxl-lossless.jxl")[5..]].concat()
}

#[test]
fn turned_pictures_come_upright() {
    check_same(&pixels(&turned(1), &png(&[])), "png-rgb.png", 0.0);
    let upright = full("png-rgb.png");
    let sixth = pixels(&turned(6), &png(&[]));
    assert_eq!((sixth.width, sixth.height), (48, 64));
    // A quarter turn clockwise: what was lower left is upper left.
    for (x, y) in [(0, 0), (40, 3), (20, 60)] {
        assert_eq!(sixth.at(x, y), upright.at(y, 47 - x), "{x}, {y}");
    }
    let third = pixels(&turned(3), &png(&[]));
    assert_eq!(third.at(5, 7), upright.at(58, 40));
}

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
}

/// The lossless picture in boxes, its codestream in two parts.
fn in_boxes(more: &[Vec<u8>]) -> Vec<u8> {
    let codestream = source("jxl-lossless.jxl");
    let (first, second) = codestream.split_at(4);
    let start = [boxed(b"JXL ", b"\r\n\x87\n"), boxed(b"ftyp", b"jxl \0\0\0\0jxl ")].concat();
    let parts = [boxed(b"jxlp", &[b"\0\0\0\0", first].concat()), boxed(b"jxlp", &[b"\x80\0\0\x01", second].concat())].concat();
    [start, more.concat(), parts].concat()
}

#[test]
fn metadata_lies_in_boxes() {
    let exif = b"\0\0\0\0II*\0\x08\0\0\0\x01\0\x31\x01\x02\0\x04\0\0\0abc\0\0\0\0\0";
    let xmp = b"<x><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description \
        xmlns:dc='http://purl.org/dc/elements/1.1/' dc:creator='Ann'/></rdf:RDF></x>";
    let file = in_boxes(&[boxed(b"Exif", exif), boxed(b"xml ", xmp)]);
    let rendered = run(&file, &[png(&[])]).unwrap();
    assert_eq!(rendered.warnings, Vec::<String>::new());
    assert_eq!(rendered.metadata.exif["software"], "abc");
    assert_eq!(rendered.metadata.xmp["creator"], serde_json::json!(["Ann"]));
    check_same(&pixels(&file, &png(&[])), "png-rgb.png", 0.0);
}

#[test]
fn limits_are_kept_before_anything_is_decoded() {
    // 2^18 by 2^18 pixels, by a header alone.
    let side = (2, 2);
    let huge = bits(&[SIGNATURE, (0, 1), side, (0x3ffff, 18), (0, 3), side, (0x3ffff, 18), (1, 1), (1, 1)]);
    let refused = run(&[huge, vec![0; 64]].concat(), &[png(&[])]).unwrap_err();
    assert!(matches!(refused, ImageError::LimitExceeded { what: "pixels", actual, .. } if actual == 1 << 36), "{refused}");
    // A profile that claims 2^20 and more packed bytes: a number of 64 bits by selector 3, 12 bits and then groups of 8.
    let claim = [(3, 2), (0xfff, 12), (1, 1), (0xff, 8), (1, 1), (0xff, 8), (0, 1)];
    let metadata = [(0, 1), (0, 1), (0, 3), (1, 1), (0, 2), (0, 1), (0, 1), (1, 1), (0, 2), (0, 2), (1, 1)];
    let bomb = bits(&[&[SIGNATURE, (1, 1), (5, 5), (3, 3)][..], &metadata, &claim].concat());
    let refused = run(&[bomb, vec![0; 64]].concat(), &[png(&[])]).unwrap_err();
    assert!(matches!(refused, ImageError::LimitExceeded { what: "bytes of colour profile", .. }), "{refused}");
}

#[test]
fn what_is_cut_off_says_so_and_a_deadline_is_kept() {
    let file = source("jxl-lossy.jxl");
    for length in [40, 60, 200, file.len() / 2, file.len() - 1] {
        let error = run(&file[..length], &[png(&[])]).unwrap_err().to_string();
        assert!(error.starts_with("the jxl image is damaged"), "{length}: {error}");
    }
    assert!(matches!(read_header(&file[..40], &DecodeLimits::default()), Err(ImageError::HeaderIncomplete { .. })));
    let limits = Limits::default();
    let options = RenderOptions { deadline: Some(Instant::now() - Duration::from_secs(1)), ..RenderOptions::new(&limits) };
    assert_eq!(render(&file, &[png(&[])], &options), Err(ImageError::Deadline));
}

#[test]
fn it_is_shrunk_and_estimated() {
    let file = source("jxl-lossy.jxl");
    let found = pixels(&file, &png(&[into_box(20, 20, Fit::Inside)]));
    assert_eq!((found.width, found.height), (20, 15));
    let limits = Limits::default();
    let header = read_header(&file, &limits.decode).unwrap();
    let pixels = 67 * 51;
    assert!(estimate(&header, file.len() as u64, &[], &limits) > pixels * 3 * 4 * 4);
}
