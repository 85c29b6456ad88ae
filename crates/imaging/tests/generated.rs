//! Kinds of files that are made here, by encoders or by hand, because no file of `testdata` has them.
#![allow(clippy::unwrap_used)]

mod support;

use jpeg_encoder::ColorType;
use minilab_model::{ColorSpace, Fit, VariantSpec};
use moxcms::ColorProfile;
use std::borrow::Cow;
use support::{Pixels, into_box, pixels, png, run};

fn jpeg(samples: &[u8], side: u16, color: ColorType, profile: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 100);
    if let Some(profile) = profile {
        encoder.add_icc_profile(profile).unwrap();
    }
    encoder.encode(samples, side, side, color).unwrap();
    bytes
}

fn check_near(found: &Pixels, expected: &[u8], tolerance: u8) {
    let pixel = found.at(found.width / 2, found.height / 2);
    let near = pixel.len() == expected.len() && pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= tolerance);
    assert!(near, "{pixel:?} is not {expected:?}");
}

/// The encoder takes ink from 0 (none) to 255 and stores it inverted, as Adobe does.
#[test]
fn inks_become_colours() {
    let check = |inks: [u8; 4], expected: [u8; 3]| {
        for (color, space) in [(ColorType::Cmyk, ColorSpace::Cmyk), (ColorType::CmykAsYcck, ColorSpace::Ycck)] {
            let bytes = jpeg(&inks.repeat(256), 16, color, None);
            assert_eq!(run(&bytes, &[]).unwrap().metadata.color_space, space);
            check_near(&pixels(&bytes, &png(&[])), &expected, 3);
        }
    };
    check([0, 0, 0, 0], [255, 255, 255]);
    check([0, 0, 0, 255], [0, 0, 0]);
    check([255, 0, 0, 0], [0, 255, 255]);
    check([0, 0, 255, 0], [255, 255, 0]);
    check([0, 255, 0, 127], [128, 0, 128]);
}

/// The smallest CMYK profile: an 8-bit table (ICC.1, 10.11) of 2×2×2×2 points into Lab. Inks here make no colour: the
/// lightness is 100, less 20 for each of cyan, magenta and yellow, and 0 with black.
fn cmyk_profile() -> Vec<u8> {
    let mut table = Vec::new();
    table.extend_from_slice(b"mft1\0\0\0\0");
    table.extend_from_slice(&[4, 3, 2, 0]);
    for row in [[1_i32, 0, 0], [0, 1, 0], [0, 0, 1]] {
        row.iter().for_each(|value| table.extend_from_slice(&(value << 16).to_be_bytes()));
    }
    let line: Vec<u8> = (0..=255).collect();
    (0..4).for_each(|_| table.extend_from_slice(&line));
    for point in 0..16_u8 {
        let inks = (point >> 3 & 1) + (point >> 2 & 1) + (point >> 1 & 1);
        let lightness = if point & 1 == 1 { 0 } else { 255 - inks * 51 };
        table.extend_from_slice(&[lightness, 128, 128]);
    }
    (0..3).for_each(|_| table.extend_from_slice(&line));

    let tags: [(&[u8; 4], Vec<u8>); 2] = [(b"A2B0", table), (b"wtpt", white_point())];
    let mut data = Vec::new();
    let mut directory = (tags.len() as u32).to_be_bytes().to_vec();
    let start = 128 + 4 + tags.len() * 12;
    for (name, tag) in &tags {
        directory.extend_from_slice(*name);
        directory.extend_from_slice(&((start + data.len()) as u32).to_be_bytes());
        directory.extend_from_slice(&(tag.len() as u32).to_be_bytes());
        data.extend_from_slice(tag);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    let mut profile = vec![0_u8; 128];
    profile[8] = 2;
    profile[12..24].copy_from_slice(b"prtrCMYKLab ");
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(&white_point()[8..]);
    profile.extend_from_slice(&directory);
    profile.extend_from_slice(&data);
    let length = profile.len() as u32;
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile
}

/// D50 as an `XYZ ` tag.
fn white_point() -> Vec<u8> {
    let mut tag = b"XYZ \0\0\0\0".to_vec();
    [0xf6d6_u32, 0x1_0000, 0xd32d].iter().for_each(|value| tag.extend_from_slice(&value.to_be_bytes()));
    tag
}

#[test]
fn inks_follow_their_profile() {
    let profile = cmyk_profile();
    let check = |inks: [u8; 4], expected: [u8; 3]| {
        for color in [ColorType::Cmyk, ColorType::CmykAsYcck] {
            let bytes = jpeg(&inks.repeat(256), 16, color, Some(&profile));
            check_near(&pixels(&bytes, &png(&[])), &expected, 4);
        }
    };
    // L* of 100, 80, 60, 40 and 0 as sRGB grey.
    check([0, 0, 0, 0], [255, 255, 255]);
    check([255, 0, 0, 0], [198, 198, 198]);
    check([0, 255, 255, 0], [145, 145, 145]);
    check([255, 255, 255, 0], [94, 94, 94]);
    check([0, 0, 0, 255], [0, 0, 0]);
}

fn png_file(width: u32, color: png::ColorType, depth: png::BitDepth, samples: &[u8], profile: Option<Vec<u8>>) -> Vec<u8> {
    let bits = color.samples() * if depth == png::BitDepth::Sixteen { 16 } else { 8 };
    let mut info = png::Info::with_size(width, (samples.len() * 8 / bits / width as usize) as u32);
    info.color_type = color;
    info.bit_depth = depth;
    info.icc_profile = profile.map(Cow::Owned);
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::with_info(&mut bytes, info).unwrap().write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    bytes
}

#[test]
fn grey_follows_its_profile() {
    let profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let eight = png_file(2, png::ColorType::Grayscale, png::BitDepth::Eight, &[128; 4], Some(profile.clone()));
    let found = pixels(&eight, &png(&[]));
    assert_eq!(found.channels, 1);
    check_near(&found, &[188], 1);
    let samples = 32_768_u16.to_be_bytes().repeat(4);
    let sixteen = png_file(2, png::ColorType::Grayscale, png::BitDepth::Sixteen, &samples, Some(profile));
    check_near(&pixels(&sixteen, &png(&[])), &[188], 1);
}

#[test]
fn a_profile_bomb_is_refused() {
    let bytes = png_file(1, png::ColorType::Grayscale, png::BitDepth::Eight, &[0], Some(vec![0; 5 << 20]));
    assert!(bytes.len() < 100_000);
    let error = run(&bytes, &[]).unwrap_err();
    assert_eq!(error.to_string(), "the image has 4,194,305 bytes of colour profile; the limit is 4,194,304");
}

/// A RIFF chunk.
fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend_from_slice(&(body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

/// An animation on an 8×6 canvas (RFC 9649, 2.7.1): each frame is 4×2 pixels of one colour at (2, 4).
fn animated_webp(colors: &[[u8; 4]]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    body.extend(chunk(b"VP8X", &[0x12, 0, 0, 0, 7, 0, 0, 5, 0, 0]));
    body.extend(chunk(b"ANIM", &[0, 0, 0, 0, 0, 0]));
    for color in colors {
        let image = minilab_webp::Image { width: 4, height: 2, has_alpha: true, samples: &color.repeat(8) };
        let options = minilab_webp::EncodeOptions { lossless: true, ..minilab_webp::EncodeOptions::default() };
        let still = minilab_webp::encode(image, options).unwrap();
        let mut frame = vec![1, 0, 0, 2, 0, 0, 3, 0, 0, 1, 0, 0, 100, 0, 0, 0];
        frame.extend_from_slice(&still[12..]);
        body.extend(chunk(b"ANMF", &frame));
    }
    chunk(b"RIFF", &body)
}

#[test]
fn the_first_frame_of_an_animation_is_taken() {
    let bytes = animated_webp(&[[200, 100, 0, 255], [0, 0, 200, 255]]);
    let found = pixels(&bytes, &png(&[]));
    assert_eq!((found.width, found.height), (8, 6));
    assert_eq!((found.at(2, 4), found.at(5, 5)), (&[200, 100, 0, 255][..], &[200, 100, 0, 255][..]));
    assert_eq!((found.at(1, 4), found.at(2, 3), found.at(6, 5)), (&[0; 4][..], &[0; 4][..], &[0; 4][..]));
    // All of the frames must be there to the last byte, though the first is enough to look at.
    assert!(run(&bytes[..bytes.len() - 2], &[]).is_err());

    let mut gif_bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut gif_bytes, 6, 4, &[10, 20, 30, 200, 0, 0]).unwrap();
    let frame = |value: u8, left| gif::Frame {
        width: 2,
        height: 2,
        left,
        top: 1,
        buffer: Cow::Owned(vec![value; 4]),
        ..gif::Frame::default()
    };
    encoder.write_frame(&frame(1, 3)).unwrap();
    encoder.write_frame(&frame(0, 0)).unwrap();
    drop(encoder);
    let found = pixels(&gif_bytes, &png(&[]));
    assert_eq!(
        (found.at(3, 1), found.at(4, 2), found.at(2, 1), found.at(0, 0)),
        (&[200, 0, 0, 255][..], &[200, 0, 0, 255][..], &[0; 4][..], &[0; 4][..])
    );
}

#[test]
fn changed_animations_never_panic() {
    let bytes = animated_webp(&[[200, 100, 0, 255], [0, 0, 200, 90]]);
    for at in 0..bytes.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            if let Err(error) = run(&changed, &[]) {
                assert!(!error.to_string().contains("broke the decoder"), "{at} {value}: {error}");
            }
        }
    }
}

#[test]
fn an_animated_png_stays_one_or_shows_its_first_image() {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 2, 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[9; 12]).unwrap();
    writer.write_image_data(&[200; 12]).unwrap();
    writer.finish().unwrap();
    for (animated, frames) in [(true, Some(2)), (false, None)] {
        let variant = VariantSpec { animated, ..png(&[]) };
        check_near(&pixels(&bytes, &variant), &[9, 9, 9], 0);
        let output = run(&bytes, &[variant]).unwrap().outputs.remove(0);
        let reader = png::Decoder::new(std::io::Cursor::new(&output.bytes)).read_info().unwrap();
        assert_eq!(reader.info().animation_control().map(|control| control.num_frames), frames);
    }
}

/// 16,383 pixels is the longest side that may be made, of all formats.
#[test]
fn long_sides_are_written() {
    let bytes = png_file(16_383, png::ColorType::Grayscale, png::BitDepth::Eight, &[77; 16_383 * 2], None);
    for format in [minilab_model::OutputFormat::Jpeg, minilab_model::OutputFormat::Png, minilab_model::OutputFormat::Webp] {
        let variant = VariantSpec { format, ..png(&[into_box(16_383, 2, Fit::Inside)]) };
        assert_eq!(run(&bytes, &[variant]).unwrap().outputs[0].width, 16_383);
    }
}

/// A TIFF structure with nothing but an orientation.
fn exif_orientation(value: u8) -> Vec<u8> {
    let mut tiff = b"MM\0*\0\0\0\x08\0\x01".to_vec();
    tiff.extend_from_slice(&[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, value, 0, 0, 0, 0, 0, 0]);
    tiff
}

/// The colour at a place, from 0 to 1 across and down: no turn or mirror leaves it as it is.
fn color(x: f64, y: f64) -> [u8; 3] {
    [(x * 255.0) as u8, (y * 255.0) as u8, if x < 0.3 && y < 0.6 { 220 } else { 20 }]
}

/// The same upright picture, 360×240, stored as an orientation has it.
fn oriented(value: u8) -> Vec<u8> {
    let (width, height) = if value >= 5 { (240, 360) } else { (360, 240) };
    let mut samples = Vec::new();
    for row in 0..height {
        for column in 0..width {
            let (r, c) = ((f64::from(row) + 0.5) / f64::from(height), (f64::from(column) + 0.5) / f64::from(width));
            // CIPA DC-008: which side of the upright picture the stored row 0 and column 0 are.
            let (x, y) = match value {
                1 => (c, r),
                2 => (1.0 - c, r),
                3 => (1.0 - c, 1.0 - r),
                4 => (c, 1.0 - r),
                5 => (r, c),
                6 => (1.0 - r, c),
                7 => (1.0 - r, 1.0 - c),
                _ => (r, 1.0 - c),
            };
            samples.extend(color(x, y));
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 100);
    encoder.add_exif_metadata(&exif_orientation(value)).unwrap();
    encoder.encode(&samples, width as u16, height as u16, ColorType::Rgb).unwrap();
    bytes
}

#[test]
fn turned_photos_are_shrunk_and_cut_alike() {
    // Wide and tall boxes, so that cover cuts on either axis; small and large, so that every decode scale is met.
    for (width, height) in [(20, 14), (13, 40), (60, 50), (140, 31), (151, 150), (300, 200)] {
        for fit in [Fit::Inside, Fit::Cover, Fit::Fill, Fit::Contain] {
            let variant = png(&[into_box(width, height, fit)]);
            let reference = pixels(&oriented(1), &variant);
            for value in 2..=8 {
                let found = pixels(&oriented(value), &variant);
                let difference = found.difference(&reference);
                assert!(difference < 2.0, "{width}×{height} {fit:?} orientation {value}: {difference}");
            }
        }
    }
}

#[test]
fn profile_parts_are_put_in_order() {
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    let (first, rest) = profile.split_at(200);
    let (second, third) = rest.split_at(100);
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, 100);
    for (number, part) in [(2, second), (3, third), (1, first)] {
        let mut segment = b"ICC_PROFILE\0".to_vec();
        segment.extend_from_slice(&[number, 3]);
        segment.extend_from_slice(part);
        encoder.add_app_segment(2, segment).unwrap();
    }
    encoder.encode(&[220, 30, 30].repeat(256), 16, 16, ColorType::Rgb).unwrap();
    check_near(&pixels(&bytes, &png(&[])), &[240, 0, 0], 4);
}
