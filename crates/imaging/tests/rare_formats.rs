//! Files that break a rule, or use what few writers do, and that other decoders show all the same.
#![allow(clippy::unwrap_used)]

mod support;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use minilab_imaging::{RenderOptions, read_header, render};
use minilab_model::{Limits, VariantSpec};
use support::{full, png, read_png, run, source};

/// Compares the colours of a file with those of a PNG of the same picture, by the mean difference of samples.
fn check_same(name: &str, reference: &str, tolerance: f64) {
    let (found, reference) = (as_rgb(name), as_rgb(reference));
    assert_eq!((found.0, found.1), (reference.0, reference.1), "{name}");
    let sum: u64 = found.2.iter().zip(&reference.2).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let difference = sum as f64 / found.2.len() as f64;
    assert!(difference <= tolerance, "{name} differs by {difference}");
}

fn as_rgb(name: &str) -> (u32, u32, Vec<u8>) {
    let found = full(name);
    let expand = |pixel: &[u8]| match *pixel {
        [grey] | [grey, _] => [grey; 3],
        _ => [pixel[0], pixel[1], pixel[2]],
    };
    (found.width, found.height, found.samples.chunks_exact(found.channels).flat_map(expand).collect())
}

#[test]
fn facsimiles_are_read() {
    for name in ["group3", "group3-2d", "group3-reversed", "fax-runs"] {
        check_same(&format!("tiff-{name}.tif"), "png-bilevel.png", 0.0);
    }
}

#[test]
fn old_and_odd_tiffs_are_read() {
    check_same("tiff-lzw-bilevel.tif", "png-bilevel-16x33.png", 0.0);
    check_same("tiff-reversed-bits.tif", "png-grey.png", 0.0);
    check_same("tiff-depths-left-over.tif", "png-rgb.png", 0.0);
    check_same("tiff-plane-missing.tif", "png-grey.png", 0.0);
    check_same("tiff-old-jpeg.tif", "png-rgb.png", 6.0);
    assert_eq!(full("tiff-old-jpeg-parts.tif"), full("tiff-old-jpeg.tif"));
    check_same("tiff-lab.tif", "png-rgb.png", 1.0);
    check_same("tiff-icc-lab-16bit.tif", "png-rgb.png", 1.0);
    check_same("tiff-ycbcr.tif", "png-rgb.png", 1.0);
    check_same("tiff-ycbcr-420.tif", "png-rgb.png", 3.0);
}

/// The values are half of what the range without a sign holds.
#[test]
fn what_is_below_nothing_is_black() {
    let (found, grey) = (full("tiff-signed-16bit.tif"), full("png-grey.png"));
    assert_eq!((found.at(0, 5), found.at(1, 5)), (&[0][..], &[0][..]));
    assert!(found.at(60, 40)[0].abs_diff(grey.at(60, 40)[0] / 2) <= 1);
}

#[test]
fn bitmaps_without_or_with_a_wrong_file_header_are_read() {
    for name in ["bmp-headless.dib", "bmp-offset-of-palette.bmp"] {
        assert_eq!(full(name), full("bmp-palette.bmp"), "{name}");
    }
}

#[test]
fn a_key_of_more_bits_than_the_pixels_is_cut_to_them() {
    let found = full("png-key-of-8-bits.png");
    let bilevel = full("png-bilevel.png");
    assert_eq!(found.channels, 2);
    for (pixel, grey) in found.samples.chunks_exact(2).zip(&bilevel.samples) {
        assert_eq!(pixel, if *grey == 255 { [255, 0] } else { [0, 255] });
    }
}

#[test]
fn an_animation_out_of_order_is_a_still() {
    assert_eq!(full("apng-out-of-order.png"), full("png-rgb.png"));
    let rendered = run(&source("apng-out-of-order.png"), &[VariantSpec { animated: true, ..png(&[]) }]).unwrap();
    assert!(read_png(&rendered.outputs[0].bytes) == full("png-rgb.png"));
    assert!(!read_header(&source("apng-out-of-order.png"), &Limits::default().decode).unwrap().animated);
}

#[test]
fn a_bad_checksum_is_told_and_passed_over_when_asked() {
    let bytes = source("png-bad-checksum.png");
    let error = run(&bytes, &[png(&[])]).unwrap_err().to_string();
    assert!(error.contains("chunk IDAT has a bad checksum"), "{error}");
    let limits = Limits::default();
    let rendered = render(&bytes, &[png(&[])], &RenderOptions { tolerant: true, ..RenderOptions::new(&limits) }).unwrap();
    assert!(read_png(&rendered.outputs[0].bytes) == full("png-rgb.png"));
    assert!(rendered.metadata.incomplete);
}

#[test]
fn a_first_frame_larger_than_the_screen_enlarges_it() {
    let found = full("gif-small-screen.gif");
    assert_eq!((found.width, found.height), (4, 3));
    assert_eq!((found.at(0, 0), found.at(3, 2)), (&[220, 30, 30][..], &[30, 60, 220][..]));
}

#[test]
fn a_gif_without_colours_is_grey() {
    let found = full("gif-no-colours.gif");
    assert_eq!((found.at(0, 0), found.at(1, 0)), (&[0, 0, 0][..], &[1, 1, 1][..]));
}

fn quadrants_as_jpeg(separate_scans: bool) -> Vec<u8> {
    let reference = full("png-rgb.png");
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 95);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    // The encoder writes separate scans exactly when it optimises its tables.
    encoder.set_optimized_huffman_tables(separate_scans);
    encoder.encode(&reference.samples, reference.width as u16, reference.height as u16, ColorType::Rgb).unwrap();
    file
}

fn difference_from_quadrants(file: &[u8]) -> f64 {
    let rendered = run(file, &[png(&[])]).unwrap();
    read_png(&rendered.outputs[0].bytes).difference(&full("png-rgb.png"))
}

#[test]
fn chroma_in_a_scan_of_its_own_is_read_at_full_size() {
    let difference = difference_from_quadrants(&quadrants_as_jpeg(true));
    assert!(difference < 4.0, "{difference}");
}

#[test]
fn bytes_between_jpeg_segments_are_skipped() {
    let file = quadrants_as_jpeg(false);
    // Behind the JFIF segment.
    let (before, after) = file.split_at(20);
    let difference = difference_from_quadrants(&[before, b"\0\0junk\0", after].concat());
    assert!(difference < 4.0, "{difference}");
}

/// Motion JPEG leaves out the tables that everyone knows.
/// `jpeg-420.jpg` whose height stands behind its scan.
fn with_a_late_height() -> (Vec<u8>, Vec<u8>) {
    let whole = source("jpeg-420.jpg");
    let frame = whole.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let mut late = whole.clone();
    let height = late[frame + 5..frame + 7].to_vec();
    late[frame + 5..frame + 7].fill(0);
    let end = late.len() - 2;
    late.splice(end..end, [&[0xff, 0xdc, 0, 4][..], &height].concat());
    (whole, late)
}

#[test]
fn a_height_may_follow_the_scan() {
    let (whole, late) = with_a_late_height();
    assert_eq!(support::pixels(&late, &png(&[])), support::pixels(&whole, &png(&[])));
    let limits = Limits::default().decode;
    let header = read_header(&late, &limits).unwrap();
    assert_eq!((header.width, header.height), (131, 97));
    let incomplete = read_header(&late[..late.len() - 5], &limits).unwrap_err();
    assert!(matches!(incomplete, minilab_imaging::ImageError::HeaderIncomplete { .. }), "{incomplete}");
}

#[test]
fn a_height_that_never_comes_is_refused() {
    let (_, late) = with_a_late_height();
    let limits = Limits::default().decode;
    let marker = late.len() - 8;
    let without = [&late[..marker], &late[late.len() - 2..]].concat();
    let refused = read_header(&without, &limits).unwrap_err().to_string();
    assert!(refused.starts_with("the jpeg image is damaged: its height is zero, and none follows its first scan"), "{refused}");
    let mut zero = late.clone();
    zero[marker + 4..marker + 6].fill(0);
    let refused = read_header(&zero, &limits).unwrap_err().to_string();
    assert!(refused.starts_with("the jpeg image is damaged: the height behind its first scan is zero"), "{refused}");
}

#[test]
fn huffman_tables_may_be_left_out() {
    let mut file = source("jpeg-grey.jpg");
    let expected = run(&file, &[png(&[])]).unwrap();
    while let Some(start) = file.windows(2).position(|pair| pair == [0xff, 0xc4]) {
        let length = usize::from(u16::from_be_bytes([file[start + 2], file[start + 3]]));
        file.drain(start..start + 2 + length);
    }
    assert_eq!(run(&file, &[png(&[])]).unwrap().outputs[0].bytes, expected.outputs[0].bytes);
}
