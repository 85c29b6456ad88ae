#![allow(clippy::unwrap_used)]

use super::*;
use crate::animation::Frame;
use crate::decode::decode_frames;
use crate::header::read_header;
use crate::picture::{Picture, Samples};
use crate::sink::Take;
use minilab_model::DecodeLimits;
use minilab_webp::{EncodeOptions, Image, encode};
use std::time::Duration;

fn source(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../../testdata/formats/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Waves of strong colour, hard edges between blocks of 7 × 5, and alpha of every strength.
fn painted(width: u32, height: u32, has_alpha: bool) -> Vec<u8> {
    let wave = |value: f64| (127.5 + 80.0 * value.sin()) as u8;
    let pixel = |index: u32| {
        let (x, y) = (index % width, index / width);
        let step = f64::from((x / 7 + y / 5) % 3);
        let (across, down) = (f64::from(x), f64::from(y));
        let alpha = if y % 40 < 20 { 255 } else { (x * 7 + y * 3) as u8 };
        [wave(across / 30.0 + step), wave(down / 25.0 - step), wave((across + down) / 40.0), alpha]
    };
    (0..width * height).flat_map(|index| pixel(index)[..if has_alpha { 4 } else { 3 }].to_vec()).collect()
}

fn lossy(width: u32, height: u32, has_alpha: bool) -> Vec<u8> {
    let samples = painted(width, height, has_alpha);
    let options = EncodeOptions { quality: 85.0, ..EncodeOptions::default() };
    encode(Image { width, height, has_alpha, samples: &samples }, options).unwrap()
}

fn whole(source: &[u8], shrink: u32, tolerant: bool, way: Way) -> Result<Decoded, ImageError> {
    let (limits, take) = (DecodeLimits::default(), Take { whole: true, targets: Vec::new() });
    let header = read_header(source, &limits)?;
    way(source, &header, &DecodeOptions { shrink, tolerant, ..DecodeOptions::new(&limits, &take) })
}

type Way = fn(&[u8], &Header, &DecodeOptions<'_>) -> Result<Decoded, ImageError>;

fn samples(picture: &Picture) -> &[u8] {
    match &picture.samples {
        Samples::Eight(samples) => samples,
        Samples::Sixteen(_) => panic!("16 bits"),
    }
}

/// CIE L*a*b* of sRGB, D65.
fn lab(pixel: &[u8]) -> [f64; 3] {
    let [red, green, blue] = [0, 1, 2].map(|channel| {
        let value = f64::from(pixel[channel]) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    let f = |value: f64| if value > 216.0 / 24_389.0 { value.cbrt() } else { (24_389.0 / 27.0 * value + 16.0) / 116.0 };
    let x = f((0.412_456 * red + 0.357_576 * green + 0.180_437 * blue) / 0.950_47);
    let y = f(0.212_673 * red + 0.715_152 * green + 0.072_175 * blue);
    let z = f((0.019_334 * red + 0.119_192 * green + 0.950_304 * blue) / 1.088_83);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// Mean and largest ΔE (CIE 1976) of pixels that can be seen, and the largest difference of alpha.
fn differences(one: &Picture, other: &Picture) -> (f64, f64, u8) {
    assert_eq!((one.size, one.layout), (other.size, other.layout));
    let channels = one.layout.channels();
    let (mut sum, mut largest, mut alpha, mut count) = (0.0, 0.0_f64, 0, 0.0);
    for (a, b) in samples(one).chunks(channels).zip(samples(other).chunks(channels)) {
        if channels == 4 {
            alpha = alpha.max(a[3].abs_diff(b[3]));
        }
        if channels == 4 && a[3] < 16 {
            continue;
        }
        let difference = lab(a).iter().zip(lab(b)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        (sum, largest, count) = (sum + difference, largest.max(difference), count + 1.0);
    }
    (sum / count, largest, alpha)
}

#[test]
fn planes_give_what_rgb_gives() {
    let files = [
        ("clouds", source("webp-lossy.webp")),
        ("disc", source("webp-lossy-alpha.webp")),
        ("odd", lossy(323, 241, false)),
        ("even", lossy(256, 192, false)),
        ("clear", lossy(201, 163, true)),
        ("one column", lossy(1, 50, false)),
    ];
    for (name, file) in files {
        for shrink in [2, 3, 4, 5, 7, 8, 9, 16, 33, 64] {
            let averaged = whole(&file, shrink, false, planes::decode).unwrap();
            let expected = whole(&file, shrink, false, pixels).unwrap();
            assert_eq!(averaged.opaque, expected.opaque, "{name} 1/{shrink}");
            let (mean, largest, alpha) = differences(&averaged.whole.unwrap(), &expected.whole.unwrap());
            println!("{name:10} 1/{shrink:<2} mean {mean:.2} largest {largest:.2}");
            assert!(mean < 1.0 && alpha == 0, "{name} 1/{shrink}: mean {mean}, largest {largest}, alpha {alpha}");
            // What is left: rounding, the loop filter from 1/4 on, and colours outside of RGB, which are clamped before or after averaging.
            assert!(largest < 4.0, "{name} 1/{shrink}: mean {mean}, largest {largest}");
        }
    }
}

#[test]
fn rows_before_the_damage_are_given_when_that_is_tolerated() {
    let file = lossy(320, 240, false);
    let cut = &file[..file.len() / 2];
    for (shrink, way) in [(1, pixels as Way), (3, planes::decode), (16, planes::decode), (5, pixels)] {
        let error = whole(cut, shrink, false, way).unwrap_err();
        assert!(matches!(error, ImageError::Corrupt { offset: Some(offset), .. } if offset == cut.len() as u64), "{error}");
        let (found, expected) = (whole(cut, shrink, true, way).unwrap(), whole(&file, shrink, false, way).unwrap());
        assert!(found.damage.unwrap().contains("chunk VP8 ends after"), "1/{shrink}");
        let (found, expected) = (found.whole.unwrap(), expected.whole.unwrap());
        // The upper third is as it is in the whole file.
        let same = samples(&expected).len() / 3;
        assert_eq!(samples(&found)[..same], samples(&expected)[..same], "1/{shrink}");
        assert!(samples(&found).ends_with(&[0; 9]), "1/{shrink}");
    }
    // All pixels are there and only what follows is not.
    let mut short = file.clone();
    let stated = short.len() as u32;
    short[4..8].copy_from_slice(&stated.to_le_bytes());
    assert!(whole(&short, 4, false, decode).is_err());
    let found = whole(&short, 4, true, decode).unwrap();
    assert!(found.damage.unwrap().contains("it ends after"));
    assert_eq!(found.whole, whole(&file, 4, false, decode).unwrap().whole);
}

/// The frames of an animation, how it ended, and the delays.
fn played(file: &[u8], limits: DecodeLimits, tolerant: bool) -> Result<(Vec<Frame>, crate::decode::Played), ImageError> {
    let take = Take { whole: true, targets: Vec::new() };
    let header = read_header(file, &limits)?;
    let mut frames = Vec::new();
    let options = DecodeOptions { tolerant, ..DecodeOptions::new(&limits, &take) };
    let played = decode_frames(file, &header, &options, &mut |frame| {
        frames.push(frame);
        Ok(())
    })?;
    Ok((frames, played))
}

#[test]
fn frames_are_composed_as_pillow_composes_them() {
    let (frames, end) = played(&source("webp-animated.webp"), DecodeLimits::default(), false).unwrap();
    assert_eq!((end.plays, end.cut_short), (Some(3), None));
    let delays: Vec<_> = frames.iter().map(|frame| frame.delay.as_millis()).collect();
    assert_eq!(delays, [100, 40, 200, 70, 0, 300]);
    let mut reader = png::Decoder::new(std::io::Cursor::new(source("webp-animated-frames.png"))).read_info().unwrap();
    let mut expected = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut expected).unwrap();
    assert_eq!(expected.len(), 48 * 32 * 4 * frames.len());
    for (number, (frame, expected)) in frames.iter().zip(expected.chunks(48 * 32 * 4)).enumerate() {
        for (index, (found, expected)) in samples(&frame.picture).chunks(4).zip(expected.chunks(4)).enumerate() {
            let place = (number, index % 48, index / 48);
            // libwebp cuts off where we round, a level each time a frame is blended, and divides colour by alpha so: the fainter the coarser.
            assert!(found[3].abs_diff(expected[3]) <= 3, "{place:?}: {found:?} for {expected:?}");
            let bound = 3 + 160 / u32::from(expected[3]).max(1);
            let clear = expected[3] == 0 && found[3] == 0;
            let near = found.iter().zip(expected).all(|(a, b)| u32::from(a.abs_diff(*b)) <= bound);
            assert!(clear || near, "{place:?}: {found:?} for {expected:?}");
        }
    }
}

#[test]
fn frames_end_at_the_limits_and_at_the_damage() {
    let file = source("webp-animated.webp");
    let few = |frames, pixels| DecodeLimits { frames, pixels, ..DecodeLimits::default() };
    for (limits, expected) in [(few(2, 1_000_000), 2), (few(100, 48 * 32 * 3 + 7), 3), (few(6, 1_000_000), 6)] {
        let (frames, end) = played(&file, limits, false).unwrap();
        assert_eq!((frames.len(), end.cut_short.is_some()), (expected, expected < 6));
    }
    for length in 0..file.len() {
        let cut = &file[..length];
        assert!(played(cut, DecodeLimits::default(), false).is_err(), "{length}");
        if let Ok((frames, end)) = played(cut, DecodeLimits::default(), true) {
            assert!(!frames.is_empty() && end.cut_short.is_some(), "{length}");
        }
    }
    let (frames, end) = played(&file[..file.len() - 30], DecodeLimits::default(), true).unwrap();
    assert_eq!(frames.len(), 5);
    assert!(end.cut_short.unwrap().contains("chunk"));
    // The deadline is looked at.
    let (limits, take) = (DecodeLimits::default(), Take { whole: true, targets: Vec::new() });
    let past = Deadline(Some(std::time::Instant::now() - Duration::from_millis(1)));
    let options = DecodeOptions { deadline: past, tolerant: true, ..DecodeOptions::new(&limits, &take) };
    let header = read_header(&file, &limits).unwrap();
    assert_eq!(decode_frames(&file, &header, &options, &mut |_| Ok(())), Err(ImageError::Deadline));
    assert_eq!(decode(&file, &header, &options), Err(ImageError::Deadline));
}
