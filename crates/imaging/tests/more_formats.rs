//! TIFF, BMP, ICO, AVIF and SVG: the same pictures in many clothes, and files that mean harm.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_imaging::{ImageError, RenderOptions, read_header, render};
use minilab_model::{ColorSpace, Fit, Format, Limits};
#[cfg(feature = "avif")]
use minilab_model::{OutputColor, VariantSpec};
use std::time::{Duration, Instant};
use support::{Pixels, full, into_box, pixels, png, run, source};

/// The same channels: grey becomes colour, and where one has alpha, the other is opaque.
fn as_rgba(found: &Pixels) -> Pixels {
    let expand = |pixel: &[u8]| match *pixel {
        [grey] => [grey, grey, grey, 255],
        [grey, alpha] => [grey, grey, grey, alpha],
        [red, green, blue] => [red, green, blue, 255],
        _ => [pixel[0], pixel[1], pixel[2], pixel[3]],
    };
    let samples = found.samples.chunks_exact(found.channels).map(expand);
    // What is clear has no colour.
    let samples = samples.flat_map(|pixel| if pixel[3] == 0 { [0; 4] } else { pixel }).collect();
    Pixels { channels: 4, samples, ..found.clone() }
}

/// Compares a file with a PNG of the same picture by the mean difference of samples.
fn check_same(name: &str, reference: &str, tolerance: f64) {
    let (found, reference) = (as_rgba(&full(name)), as_rgba(&full(reference)));
    let difference = found.difference(&reference);
    assert!(difference <= tolerance, "{name} differs by {difference}");
}

#[test]
fn tiff_pictures_are_those_of_their_pngs() {
    for name in ["rgb", "lzw-predictor", "deflate-strips", "packbits", "big", "planar", "tiles", "orientation-6"] {
        check_same(&format!("tiff-{name}.tif"), "png-rgb.png", 0.0);
    }
    check_same("tiff-palette.tif", "png-rgb.png", 1.0);
    check_same("tiff-palette-2bit.tif", "png-rgb.png", 5.0);
    check_same("tiff-jpeg.tif", "png-rgb.png", 6.0);
    check_same("tiff-cmyk.tif", "png-rgb.png", 1.0);
    check_same("tiff-rgb-12bit.tif", "png-rgb.png", 0.5);
    check_same("tiff-grey.tif", "png-grey.png", 0.0);
    check_same("tiff-float.tif", "png-grey.png", 0.0);
    check_same("tiff-white-is-zero-4bit.tif", "png-grey.png", 10.0);
    check_same("tiff-bilevel.tif", "png-bilevel.png", 0.0);
    check_same("tiff-group4.tif", "png-bilevel.png", 0.0);
    check_same("tiff-rgba.tif", "png-hidden-colour.png", 0.0);
    check_same("tiff-associated-alpha.tif", "png-faded.png", 1.0);
    check_same("tiff-rgba-16bit.tif", "png-rgba-16bit.png", 0.0);
}

#[test]
fn bmp_pictures_are_those_of_their_pngs() {
    for name in ["rgb", "os2"] {
        check_same(&format!("bmp-{name}.bmp"), "png-rgb.png", 0.0);
    }
    for name in ["palette", "4bit", "rle8", "rle4"] {
        check_same(&format!("bmp-{name}.bmp"), "png-rgb.png", 1.0);
        assert_eq!(full(&format!("bmp-{name}.bmp")), full("bmp-palette.bmp"), "{name}");
    }
    check_same("bmp-565.bmp", "png-rgb.png", 3.0);
    check_same("bmp-bilevel.bmp", "png-bilevel.png", 0.0);
    check_same("bmp-v5-alpha.bmp", "png-faded.png", 0.0);
}

#[test]
fn the_largest_picture_of_an_icon_is_taken() {
    check_same("ico-png.ico", "png-hidden-colour.png", 0.0);
    check_same("ico-bitmap.ico", "png-hidden-colour.png", 0.0);
    let masked = full("ico-mask.ico");
    assert_eq!((masked.width, masked.height), (48, 48));
    assert_eq!(masked.at(4, 4), [220, 30, 30, 255]);
    assert_eq!(masked.at(40, 4)[3], 0);
}

#[cfg(feature = "avif")]
#[test]
fn avif_pictures_are_those_of_their_pngs() {
    check_same("avif-444.avif", "png-rgb.png", 2.0);
    check_same("avif-limited-range.avif", "png-rgb.png", 2.0);
    check_same("avif-10bit.avif", "png-rgb.png", 2.0);
    check_same("avif-identity.avif", "png-rgb.png", 0.0);
    // Colour noise loses most of its colour at a quarter of the samples; libavif differs by 8.8, 5.4 and 8.5.
    check_same("avif-420.avif", "png-clouds.png", 7.0);
    check_same("avif-422.avif", "png-clouds.png", 5.0);
    check_same("avif-12bit.avif", "png-clouds.png", 7.0);
    check_same("avif-grey.avif", "png-grey.png", 2.0);
    check_same("avif-alpha.avif", "png-faded.png", 2.0);
    check_same("avif-grid.avif", "png-100x90.png", 2.0);
    for orientation in [2, 5, 6, 7, 8] {
        check_same(&format!("avif-orientation-{orientation}.avif"), "png-rgb.png", 2.0);
    }
}

/// The same numbers stated to be Display P3: what `profile-display-p3.png` is.
#[cfg(feature = "avif")]
#[test]
fn avif_colours_that_are_stated_by_code_points_are_followed() {
    let mut bytes = source("avif-444.avif");
    let at = bytes.windows(4).position(|window| window == b"nclx").unwrap();
    bytes[at + 4..at + 8].copy_from_slice(&[0, 12, 0, 13]);
    let found = pixels(&bytes, &png(&[]));
    assert!(found.difference(&full("profile-display-p3.png")) < 2.0);
    // Kept, the numbers stay, and a profile says what they are.
    let kept = VariantSpec { color: OutputColor::Keep, ..png(&[]) };
    let output = run(&bytes, &[kept]).unwrap().outputs.remove(0);
    assert!(pixels(&output.bytes, &png(&[])).difference(&full("profile-display-p3.png")) < 2.0);
    assert!(read_header(&output.bytes, &Limits::default().decode).unwrap().has_icc_profile());
}

#[cfg(feature = "svg")]
#[test]
fn svg_is_drawn_at_the_size_that_is_wanted() {
    check_same("svg-quadrants.svg", "png-rgb.png", 0.0);
    // At twice the size every pixel is four, not a blur.
    let twice = pixels(&source("svg-quadrants.svg"), &png(&[into_box(128, 96, Fit::Inside)]));
    let once = full("png-rgb.png");
    assert_eq!((twice.width, twice.height), (128, 96));
    for (x, y) in [(0, 0), (63, 47), (64, 48), (47, 24), (48, 23), (82, 25), (127, 95)] {
        assert_eq!(twice.at(x, y)[..3], *once.at(x / 2, y / 2), "{x}, {y}");
    }
    let half_clear = full("svg-half-clear.svg");
    assert_eq!((half_clear.at(5, 5), half_clear.at(30, 5)), (&[255, 0, 0, 128][..], &[0, 0, 0, 0][..]));
}

#[cfg(feature = "svg")]
#[test]
fn svg_sees_nothing_outside_of_its_file() {
    let found = full("svg-outside.svg");
    assert_eq!(found.samples, [0, 0, 255].repeat(200));
}

#[test]
fn profiles_of_all_containers_are_converted() {
    let check = |name: &str, tolerance: u8| {
        let found = full(name);
        for (at, expected) in [((4, 4), [240, 0, 0]), ((60, 4), [0, 183, 31])] {
            let near = found.at(at.0, at.1).iter().zip(expected).all(|(&found, wanted)| found.abs_diff(wanted) <= tolerance);
            assert!(near, "{name}: {:?} is not {expected:?}", found.at(at.0, at.1));
        }
    };
    check("tiff-profile.tif", 2);
    #[cfg(feature = "avif")]
    check("avif-profile.avif", 4);
}

#[test]
fn headers_say_what_the_files_hold() {
    let check = |name: &str, format, size: (u32, u32), depth, color_space, has_alpha| {
        let header = read_header(&source(name), &Limits::default().decode).unwrap();
        let found = (header.format, (header.width, header.height), header.bit_depth, header.color_space, header.has_alpha);
        assert_eq!(found, (format, size, depth, color_space, has_alpha), "{name}");
    };
    check("tiff-rgba-16bit.tif", Format::Tiff, (48, 32), 16, ColorSpace::Rgb, true);
    check("tiff-orientation-6.tif", Format::Tiff, (48, 64), 8, ColorSpace::Rgb, false);
    check("tiff-cmyk.tif", Format::Tiff, (64, 48), 8, ColorSpace::Cmyk, false);
    check("tiff-group4.tif", Format::Tiff, (64, 48), 1, ColorSpace::Grey, false);
    check("tiff-float.tif", Format::Tiff, (64, 48), 16, ColorSpace::Grey, false);
    check("bmp-v5-alpha.bmp", Format::Bmp, (64, 48), 8, ColorSpace::Rgb, true);
    check("bmp-rle4.bmp", Format::Bmp, (64, 48), 8, ColorSpace::Rgb, false);
    check("ico-png.ico", Format::Ico, (64, 64), 8, ColorSpace::Rgb, true);
    check("ico-mask.ico", Format::Ico, (48, 48), 8, ColorSpace::Rgb, true);
    #[cfg(feature = "avif")]
    {
        check("avif-420.avif", Format::Avif, (67, 51), 8, ColorSpace::Ycbcr, false);
        check("avif-12bit.avif", Format::Avif, (67, 51), 16, ColorSpace::Ycbcr, false);
        check("avif-grey.avif", Format::Avif, (64, 48), 8, ColorSpace::Grey, false);
        check("avif-alpha.avif", Format::Avif, (64, 48), 8, ColorSpace::Ycbcr, true);
        check("avif-grid.avif", Format::Avif, (100, 90), 8, ColorSpace::Ycbcr, false);
    }
    #[cfg(feature = "svg")]
    check("svg-quadrants.svg", Format::Svg, (64, 48), 8, ColorSpace::Rgb, true);
}

#[test]
fn sixteen_bits_stay_sixteen() {
    let rendered = run(&source("tiff-rgba-16bit.tif"), &[png(&[])]).unwrap();
    let decoder = png::Decoder::new(std::io::Cursor::new(&rendered.outputs[0].bytes));
    let mut reader = decoder.read_info().unwrap();
    let mut samples = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut samples).unwrap();
    assert_eq!(reader.info().bit_depth, png::BitDepth::Sixteen);
    let at = |x: usize, y: usize| &samples[(y * 48 + x) * 8..][..6];
    let expected = |x: u16, y: u16| [20000 + x * 37, 30000 + y * 41, 4660].map(u16::to_be_bytes).concat();
    assert_eq!((at(0, 0), at(40, 31)), (&expected(0, 0)[..], &expected(40, 31)[..]));
}

#[test]
fn what_is_not_read_says_so() {
    let check = |bytes: &[u8], expected: &str| {
        let error = run(bytes, &[png(&[into_box(8, 8, Fit::Inside)])]).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    #[cfg(not(feature = "heic"))]
    check(&source("heic-header.heic"), "the file is an HEIC image; this build has no decoder for it (the feature `heic`)");
    #[cfg(not(feature = "jxl"))]
    check(&source("jxl-header.jxl"), "the file is a JXL image; this build has no decoder for it (the feature `jxl`)");
    check(b"\x1f\x8b\x08\0\0\0\0\0", "the file is not an image: it holds gzip-compressed data, which is not unpacked here");
    check(&source("tiff-logluv.tif"), "the colour model 32845 is not supported in tiff images");
    check(&source("jpeg-12bit.jpg"), "a precision of 12 bits is not supported in jpeg images");
    let mut arithmetic = source("jpeg-420.jpg");
    let frame = arithmetic.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    arithmetic[frame + 1] = 0xc9;
    check(&arithmetic, "arithmetic coding is not supported in jpeg images");
    #[cfg(feature = "svg")]
    {
        check(&source("svg-entity-bomb.svg"), "an entity inside of another is not supported in svg images");
        check(&source("svg-filter-bomb.svg"), "a drawing that takes so much work is not supported in svg images");
        check(&source("svg-pattern-bomb.svg"), "a drawing with layers so much larger than itself is not supported in svg images");
    }
}

#[test]
fn claims_are_refused_by_the_limits() {
    let check = |name: &str| {
        let error = run(&source(name), &[png(&[into_box(8, 8, Fit::Inside)])]).unwrap_err();
        assert!(matches!(error, ImageError::LimitExceeded { .. }), "{name}: {error}");
    };
    check("tiff-claims-50000x50000.tif");
    check("bmp-claims-60000x60000.bmp");
    #[cfg(feature = "svg")]
    check("svg-use-bomb.svg");
}

/// Strips that all point at the same bytes, directories that point at themselves: nothing is followed in circles.
#[test]
fn circles_end() {
    let bytes = source("tiff-rgb.tif");
    let directory = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
    let mut circle = bytes.clone();
    let entries = u16::from_le_bytes(bytes[directory as usize..][..2].try_into().unwrap());
    let next = directory as usize + 2 + usize::from(entries) * 12;
    circle[next..next + 4].copy_from_slice(&directory.to_le_bytes());
    assert!(run(&circle, &[png(&[])]).is_ok());
}

#[test]
fn a_deadline_ends_the_work() {
    let limits = Limits::default();
    let options = RenderOptions { deadline: Some(Instant::now() - Duration::from_secs(1)), ..RenderOptions::new(&limits) };
    for name in ["tiff-rgb.tif", "bmp-rgb.bmp", "ico-bitmap.ico"] {
        assert_eq!(render(&source(name), &[png(&[])], &options), Err(ImageError::Deadline), "{name}");
    }
}

#[test]
fn damaged_files_give_what_is_there_when_asked() {
    let limits = Limits::default();
    let options = RenderOptions { tolerant: true, ..RenderOptions::new(&limits) };
    for name in ["tiff-rgb.tif", "bmp-rgb.bmp", "bmp-rle8.bmp", "tiff-planar.tif"] {
        let bytes = source(name);
        // The directory of these TIFF files stands at either end.
        let cut = if name.starts_with("bmp") { bytes[..bytes.len() * 2 / 3].to_vec() } else { zeroed(bytes) };
        let found = render(&cut, &[png(&[])], &options);
        match found {
            Ok(rendered) => assert!(rendered.metadata.incomplete || name.starts_with("tiff-rgb"), "{name}"),
            Err(error) => assert!(name.starts_with("tiff"), "{name}: {error}"),
        }
    }
}

fn zeroed(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0);
    bytes
}
