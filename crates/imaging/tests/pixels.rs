//! Whether the pixels are right: turned, converted, weighted, cut and padded as they should be.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_model::{Color, Fit, Format, OutputFormat, Resize, VariantSpec};
use support::{Pixels, full, into_box, pixels, png, read_png, run, source};

#[test]
fn every_orientation_gives_the_same_upright_picture() {
    let reference = full("png-rgb.png");
    for value in 1..=8 {
        let found = full(&format!("orientation-{value}.jpg"));
        assert!(found.difference(&reference) < 6.0, "orientation {value}: {}", found.difference(&reference));
    }
    // The same when scaled down, and when cut: the corners tell top from bottom and left from right.
    for fit in [Fit::Inside, Fit::Cover, Fit::Fill, Fit::Contain] {
        let variant = png(&[into_box(16, 14, fit)]);
        let reference = pixels(&source("orientation-1.jpg"), &variant);
        for value in 2..=8 {
            let found = pixels(&source(&format!("orientation-{value}.jpg")), &variant);
            assert!(found.difference(&reference) < 4.0, "{fit:?} {value}: {}", found.difference(&reference));
        }
    }
}

#[test]
fn the_same_picture_in_other_clothes_is_the_same() {
    let reference = full("png-rgb.png");
    for (name, tolerance) in [("gif-still.gif", 1.0), ("jpeg-cmyk.jpg", 6.0)] {
        let found = full(name);
        assert!(found.difference(&reference) < tolerance, "{name}: {}", found.difference(&reference));
    }
    let reference = full("jpeg-420.jpg");
    for name in ["jpeg-422.jpg", "jpeg-444.jpg", "jpeg-optimized.jpg", "jpeg-restart.jpg", "jpeg-progressive.jpg"] {
        let found = full(name);
        assert!(found.difference(&reference) < 12.0, "{name}: {}", found.difference(&reference));
    }
    assert_eq!(full("jpeg-optimized.jpg"), reference);
    assert_eq!(full("jpeg-restart.jpg"), reference);
    assert_eq!(full("jpeg-progressive.jpg"), reference);
}

#[test]
fn profiles_are_converted_to_srgb() {
    // Red and green of the quadrants, by testdata/README.md.
    let check = |name: &str, red: [u8; 3], green: [u8; 3], tolerance: u8| {
        let found = full(name);
        for (at, expected) in [((4, 4), red), ((60, 4), green)] {
            let pixel = found.at(at.0, at.1);
            let near = pixel.iter().zip(expected).all(|(&found, wanted)| found.abs_diff(wanted) <= tolerance);
            assert!(near, "{name}: {pixel:?} is not {expected:?}");
        }
    };
    check("profile-display-p3.png", [240, 0, 0], [0, 183, 31], 2);
    check("profile-display-p3.jpg", [240, 0, 0], [0, 183, 31], 6);
    check("profile-adobe-rgb.png", [255, 24, 24], [0, 181, 42], 2);
    check("profile-adobe-rgb.jpg", [255, 24, 24], [0, 181, 42], 6);
    check("png-rgb.png", [220, 30, 30], [30, 180, 60], 0);
}

/// Premultiplied or not is seen at the rim: the clear ground is pure green, the disc blue.
#[test]
fn hidden_colour_does_not_bleed() {
    for name in ["png-hidden-colour.png", "webp-lossless-alpha.webp"] {
        for side in [4, 8, 16, 24] {
            let found = pixels(&source(name), &png(&[into_box(side, side, Fit::Inside)]));
            assert_eq!(found.channels, 4, "{name}");
            for pixel in found.samples.chunks_exact(4).filter(|pixel| pixel[3] > 16) {
                let (red, green, blue) = (i32::from(pixel[0]), i32::from(pixel[1]), i32::from(pixel[2]));
                assert!((red - 20).abs() < 24 && (green - 40).abs() < 24 && (blue - 230).abs() < 24, "{name} {side}: {pixel:?}");
            }
        }
    }
}

#[test]
fn hidden_colour_does_not_bleed_into_flat_formats() {
    let red = Color { red: 255, green: 0, blue: 0 };
    let variant =
        VariantSpec { format: OutputFormat::Jpeg, background: red, quality: Some(95), ..png(&[into_box(16, 16, Fit::Inside)]) };
    let jpeg = run(&source("png-hidden-colour.png"), &[variant]).unwrap().outputs.remove(0);
    let found = pixels(&jpeg.bytes, &png(&[]));
    let corner = found.at(0, 0);
    assert!(corner[0] > 240 && corner[1] < 16 && corner[2] < 16, "{corner:?}");
    assert!(found.samples.chunks_exact(3).all(|pixel| pixel[1] < 70), "green shows");
}

#[test]
fn sixteen_bits_survive() {
    let output = run(&source("png-rgba-16bit.png"), &[png(&[into_box(24, 16, Fit::Inside)])]).unwrap().outputs.remove(0);
    let mut reader = png::Decoder::new(std::io::Cursor::new(&output.bytes)).read_info().unwrap();
    assert_eq!(reader.info().bit_depth, png::BitDepth::Sixteen);
    let mut samples = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut samples).unwrap();
    let at = |x: usize, y: usize, channel: usize| {
        let start = ((y * 24 + x) * 4 + channel) * 2;
        u16::from_be_bytes([samples[start], samples[start + 1]])
    };
    // The middle of pixels 2x and 2x+1 of a ramp: 20000 + 37 (2x + 0.5). In 8 bits it would be off by up to 128.
    for (x, y) in [(5, 5), (8, 12), (14, 4)] {
        assert!(at(x, y, 0).abs_diff(20_000 + 37 * x as u16 * 2 + 18) < 24, "{}", at(x, y, 0));
        assert!(at(x, y, 1).abs_diff(30_000 + 41 * y as u16 * 2 + 20) < 24, "{}", at(x, y, 1));
        assert!(at(x, y, 2).abs_diff(4660) < 12);
    }
}

#[test]
fn transparency_comes_through() {
    // The F of the palette picture is clear, and so is the ground of the animation's first frame.
    let palette = full("png-palette-trns.png");
    assert_eq!(palette.channels, 4);
    assert!(palette.samples.chunks_exact(4).any(|pixel| pixel[3] == 0));
    assert_eq!(palette.at(1, 1), [220, 30, 30, 255]);
    let frame = full("gif-animated-transparent.gif");
    assert_eq!(frame.at(47, 31)[3], 0);
    assert!(frame.samples.chunks_exact(4).any(|pixel| pixel[3] == 255));
    let grey = full("png-grey-alpha.png");
    assert_eq!(grey.channels, 2);
}

#[test]
fn contain_pads_with_what_the_format_allows() {
    let contain = into_box(32, 32, Fit::Contain);
    let found = pixels(&source("png-rgb.png"), &png(std::slice::from_ref(&contain)));
    assert_eq!((found.width, found.height, found.channels), (32, 32, 4));
    assert_eq!((found.at(3, 3)[3], found.at(3, 16)[3], found.at(3, 29)[3]), (0, 255, 0));

    let background = Color { red: 0, green: 0, blue: 255 };
    let variant = VariantSpec { format: OutputFormat::Jpeg, background, quality: Some(100), ..png(&[contain]) };
    let jpeg = run(&source("png-rgb.png"), &[variant]).unwrap().outputs.remove(0);
    let found = pixels(&jpeg.bytes, &png(&[]));
    assert!(found.at(3, 1)[2] > 245 && found.at(3, 1)[0] < 10);
}

#[test]
fn cover_keeps_the_middle() {
    // 64×48 cut to 48×48 without scaling: the columns 8 to 55.
    let found = pixels(&source("png-rgb.png"), &png(&[into_box(48, 48, Fit::Cover)]));
    let reference = full("png-rgb.png");
    assert_eq!((found.width, found.height), (48, 48));
    for (x, y) in [(0, 0), (47, 0), (20, 30), (47, 47)] {
        assert_eq!(found.at(x, y), reference.at(x + 8, y));
    }
}

#[test]
fn steps_follow_each_other() {
    let steps = [into_box(32, 32, Fit::Inside), into_box(10, 20, Fit::Cover), into_box(20, 20, Fit::Contain)];
    let found = pixels(&source("png-rgb.png"), &png(&steps));
    assert_eq!((found.width, found.height), (20, 20));
    assert_eq!((found.at(2, 10)[3], found.at(10, 10)[3]), (0, 255));
}

/// A smaller variant made from a larger one looks like the same variant made alone.
#[test]
fn chained_variants_are_as_good_as_single_ones() {
    let photo = source("exif-rich.jpg");
    let sizes = [60, 28, 13];
    let variants: Vec<VariantSpec> = sizes.iter().map(|&side| png(&[into_box(side, side, Fit::Inside)])).collect();
    let together = run(&photo, &variants).unwrap();
    for (output, variant) in together.outputs.iter().zip(&variants) {
        let alone = pixels(&photo, variant);
        let chained = read_png(&output.bytes);
        assert!(alone.difference(&chained) < 3.0, "{}: {}", output.width, alone.difference(&chained));
    }
}

#[test]
fn lossless_conversion_changes_no_pixel() {
    for name in ["png-hidden-colour.png", "png-interlaced.png", "png-grey-alpha.png", "webp-lossless-alpha.webp"] {
        let bytes = source(name);
        let once = run(&bytes, &[png(&[])]).unwrap().outputs.remove(0);
        let twice = run(&once.bytes, &[png(&[])]).unwrap().outputs.remove(0);
        assert_eq!(read_png(&once.bytes), read_png(&twice.bytes), "{name}");
        if name.ends_with(".png") {
            assert_eq!(read_png(&bytes), read_png(&once.bytes), "{name}");
        }
    }
}

#[test]
fn each_format_is_written_and_read_again() {
    let reference = full("png-rgb.png");
    for (format, expected) in [
        (OutputFormat::Jpeg, Format::Jpeg),
        (OutputFormat::Png, Format::Png),
        (OutputFormat::Webp, Format::Webp),
        (OutputFormat::Gif, Format::Gif),
    ] {
        let variant = VariantSpec { format, quality: Some(95), ..png(&[]) };
        let output = run(&source("png-rgb.png"), &[variant]).unwrap().outputs.remove(0);
        assert_eq!(output.format, expected);
        assert_eq!(minilab_imaging::sniff(&output.bytes), Some(expected));
        let found = pixels(&output.bytes, &png(&[]));
        assert!(found.difference(&reference) < 5.0, "{expected}: {}", found.difference(&reference));
    }
    // Keep: the source's own.
    let keep = VariantSpec { format: OutputFormat::Keep, ..png(&[into_box(20, 20, Fit::Inside)]) };
    for (name, expected) in [("webp-lossy.webp", Format::Webp), ("jpeg-grey.jpg", Format::Jpeg), ("gif-still.gif", Format::Gif)] {
        assert_eq!(run(&source(name), std::slice::from_ref(&keep)).unwrap().outputs[0].format, expected);
    }
    let avif = VariantSpec { format: OutputFormat::Avif, quality: Some(95), ..png(&[]) };
    #[cfg(not(feature = "avif"))]
    {
        let refused = run(&source("png-rgb.png"), &[avif]).unwrap_err().to_string();
        assert!(refused.starts_with("variant `test` cannot be encoded as avif"), "{refused}");
    }
    #[cfg(feature = "avif")]
    {
        let output = run(&source("png-rgb.png"), &[avif]).unwrap().outputs.remove(0);
        assert_eq!((output.format, minilab_imaging::sniff(&output.bytes)), (Format::Avif, Some(Format::Avif)));
        assert!(pixels(&output.bytes, &png(&[])).difference(&reference) < 5.0);
    }
}

/// Variants say nothing of where and with what a picture was taken.
#[test]
fn variants_carry_no_metadata() {
    for format in [OutputFormat::Jpeg, OutputFormat::Png, OutputFormat::Webp] {
        let variant = VariantSpec { format, ..png(&[]) };
        let output = run(&source("exif-rich.jpg"), &[variant]).unwrap().outputs.remove(0);
        let found = run(&output.bytes, &[]).unwrap().metadata;
        assert!(found.exif.is_empty() && found.icc_profile.is_none() && found.orientation.value() == 1);
        assert!(!output.bytes.windows(4).any(|window| window == b"Exif" || window == b"eXIf" || window == b"EXIF"));
    }
}

/// A picture of noise, as PNG.
fn noise(width: u32, height: u32, color: png::ColorType) -> Vec<u8> {
    let mut state = 1_u32;
    let samples: Vec<u8> = (0..width as usize * height as usize * color.samples())
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    bytes
}

#[test]
fn extreme_shapes_work() {
    for (width, height) in [(1, 1), (1, 5000), (5000, 1), (3, 4000), (257, 255)] {
        for color in [png::ColorType::Grayscale, png::ColorType::Rgb, png::ColorType::Rgba] {
            let bytes = noise(width, height, color);
            for format in [OutputFormat::Png, OutputFormat::Jpeg, OutputFormat::Webp] {
                for fit in [Fit::Inside, Fit::Cover, Fit::Contain, Fit::Fill] {
                    let variant = VariantSpec { format, ..png(&[into_box(100, 100, fit)]) };
                    let output = run(&bytes, &[variant]).unwrap().outputs.remove(0);
                    let size = read_size(&output.bytes);
                    assert_eq!((output.width, output.height), size);
                    assert!(size.0 <= 100 && size.1 <= 100);
                }
            }
        }
    }
}

fn read_size(bytes: &[u8]) -> (u32, u32) {
    let header = minilab_imaging::read_header(bytes, &minilab_model::DecodeLimits::default()).unwrap();
    (header.width, header.height)
}

#[test]
fn large_shrinks_keep_the_mean() {
    // Noise becomes flat grey of its mean, whatever the sides leave over.
    for (width, height) in [(1000, 1000), (1031, 997)] {
        let found = pixels(&noise(width, height, png::ColorType::Rgb), &png(&[into_box(10, 10, Fit::Fill)]));
        assert!(found.samples.iter().all(|&sample| sample.abs_diff(127) < 12), "{:?}", found.samples);
    }
}

#[test]
fn edges_stay_where_they_are() {
    // Black left of column 520 of 1040, white right of it. Shrunk to 13 columns of 80, the edge is the middle of the 7th.
    let samples: Vec<u8> = (0..1040 * 40).map(|index| if index % 1040 < 520 { 0 } else { 255 }).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1040, 40);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    let found = pixels(&bytes, &png(&[Resize { width: Some(13), height: Some(1), fit: Fit::Fill, ..Resize::default() }]));
    let Pixels { samples, .. } = found;
    assert!(samples[6].abs_diff(127) <= 3, "{samples:?}");
    assert!(samples[..5].iter().all(|&sample| sample < 20) && samples[8..].iter().all(|&sample| sample > 235), "{samples:?}");
}

#[test]
fn outputs_over_a_limit_are_refused_by_name() {
    let huge = Resize { width: Some(16_000), height: Some(16_000), fit: Fit::Fill, enlarge: true, ..Resize::default() };
    let error = run(&source("png-rgb.png"), &[png(&[huge])]).unwrap_err();
    assert_eq!(error.to_string(), "variant `test` would have 256,000,000 pixels; the limit is 50,000,000");
}
