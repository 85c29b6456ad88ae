//! What is encoded comes back: stills by every way of decoding, animations frame by frame.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_webp::{Animation, AnimationEncoder, Canvas, DecodeOptions, Decoder, EncodeOptions, Image, Pixels, encode};
use std::time::Duration;
use support::{decoded, lossless, noise, painting};

#[test]
fn lossless_stills_come_back_to_the_last_bit() {
    for (width, height) in [(1, 1), (17, 5), (64, 48), (131, 97)] {
        for has_alpha in [false, true] {
            // Noise: alpha of 0 over any colour is among it.
            let samples = noise(width as usize * height as usize * if has_alpha { 4 } else { 3 });
            let file = encode(Image { width, height, has_alpha, samples: &samples }, lossless()).unwrap();
            let pixels = if has_alpha { Pixels::Rgba } else { Pixels::Rgb };
            for step in [usize::MAX, 100] {
                assert_eq!(decoded(&file, pixels, step).unwrap(), samples, "{width} × {height} {has_alpha} by {step}");
            }
        }
    }
}

#[test]
fn lossy_stills_come_back_nearly() {
    let samples = painting(131, 97, 3);
    let file = encode(Image { width: 131, height: 97, has_alpha: false, samples: &samples }, EncodeOptions::default()).unwrap();
    let found = decoded(&file, Pixels::Rgb, 1000).unwrap();
    let difference: u64 = samples.iter().zip(&found).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    assert!((difference as f64 / samples.len() as f64) < 4.0, "{difference}");
}

#[test]
fn alpha_of_lossy_stills_is_exact_in_planes_and_pixels() {
    let samples = painting(61, 45, 4);
    let file = encode(Image { width: 61, height: 45, has_alpha: true, samples: &samples }, EncodeOptions::default()).unwrap();
    let alpha: Vec<u8> = samples.iter().skip(3).step_by(4).copied().collect();
    let found: Vec<u8> = decoded(&file, Pixels::Rgba, 50).unwrap().iter().skip(3).step_by(4).copied().collect();
    assert_eq!(found, alpha);
    let mut decoder = Decoder::new(&file, Pixels::Planes, DecodeOptions::default()).unwrap();
    while !decoder.decode_some(50).unwrap() {}
    let planes = decoder.planes().unwrap();
    assert_eq!(planes.alpha, Some(&alpha[..]));
    assert_eq!((planes.width, planes.chroma_width), (61, 31));
    assert_eq!((planes.luma.len(), planes.chroma[0].len(), planes.chroma[1].len()), (61 * 45, 31 * 23, 31 * 23));
}

#[test]
fn planes_hold_what_was_painted() {
    // Opaque red by BT.601: luma 81, blue difference 90, red difference 240.
    let samples = [255, 0, 0].repeat(32 * 32);
    let file = encode(Image { width: 32, height: 32, has_alpha: false, samples: &samples }, EncodeOptions::default()).unwrap();
    let mut decoder = Decoder::new(&file, Pixels::Planes, DecodeOptions::default()).unwrap();
    while !decoder.decode_some(usize::MAX).unwrap() {}
    let planes = decoder.planes().unwrap();
    for (plane, expected) in [(planes.luma, 81), (planes.chroma[0], 90), (planes.chroma[1], 240)] {
        assert!(plane.iter().all(|&value: &u8| value.abs_diff(expected) <= 2), "{:?}", &plane[..8]);
    }
    assert!(planes.alpha.is_none() && decoder.samples().is_empty());
}

#[test]
fn rows_come_while_the_file_does() {
    let samples = painting(200, 300, 3);
    for options in [EncodeOptions::default(), lossless()] {
        let file = encode(Image { width: 200, height: 300, has_alpha: false, samples: &samples }, options).unwrap();
        let whole = decoded(&file, Pixels::Rgb, usize::MAX).unwrap();
        let mut decoder = Decoder::new(&file, Pixels::Rgb, DecodeOptions::default()).unwrap();
        let mut seen = Vec::new();
        loop {
            let done = decoder.decode_some(file.len() / 20).unwrap();
            assert_eq!(decoder.samples(), &whole[..decoder.rows() as usize * 600], "rows that came stay as they are");
            seen.push(decoder.rows());
            if done {
                break;
            }
        }
        seen.dedup();
        assert!(seen.len() > 4, "{options:?}: {seen:?}");
        assert_eq!(decoder.rows(), 300);
    }
}

#[test]
fn lossless_animations_come_back_frame_by_frame() {
    let frames: Vec<Vec<u8>> = (0..4)
        .map(|number| {
            let mut samples = [20, 40, 60, 255].repeat(24 * 16);
            for pixel in 0..6 {
                let start = ((4 + number) * 24 + number * 5 + pixel) * 4;
                samples[start..start + 4].copy_from_slice(&[200, 10 * number as u8, 9, if number == 2 { 0 } else { 120 }]);
            }
            samples
        })
        .collect();
    for plays in [None, Some(3)] {
        let mut encoder = AnimationEncoder::new((24, 16), plays, lossless()).unwrap();
        for (number, samples) in frames.iter().enumerate() {
            let image = Image { width: 24, height: 16, has_alpha: true, samples };
            encoder.add(image, Duration::from_millis(40 + number as u64 * 10)).unwrap();
        }
        let file = encoder.finish().unwrap();
        let mut animation = Animation::read(&file).unwrap();
        assert_eq!((animation.width, animation.height, animation.plays), (24, 16, plays));
        let mut canvas = Canvas::new(24, 16);
        for (number, samples) in frames.iter().enumerate() {
            let frame = animation.next_frame().unwrap().unwrap();
            assert_eq!(frame.delay, Duration::from_millis(40 + number as u64 * 10));
            let mut decoder = Decoder::of_frame(&frame, Pixels::Rgba, DecodeOptions::default()).unwrap();
            while !decoder.decode_some(usize::MAX).unwrap() {}
            canvas.draw(&frame, decoder.samples());
            assert_eq!(canvas.samples(), samples, "frame {number}");
        }
        assert_eq!(animation.next_frame(), Ok(None));
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    let check = |width, height, samples: &[u8], part: &str| {
        let error = encode(Image { width, height, has_alpha: false, samples }, EncodeOptions::default()).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    };
    check(0, 1, &[], "0 × 1 pixels");
    check(16_384, 1, &[0; 16_384 * 3], "16384 × 1 pixels");
    check(2, 2, &[0; 11], "not as many");
    assert!(AnimationEncoder::new((1, 20_000), None, lossless()).is_err());
    let mut encoder = AnimationEncoder::new((2, 1), None, lossless()).unwrap();
    let frame = Image { width: 1, height: 1, has_alpha: false, samples: &[0; 3] };
    assert_eq!(encoder.add(frame, Duration::ZERO).unwrap_err().to_string(), "its frames differ in size");
    assert!(encoder.finish().unwrap_err().to_string().contains("refuses the animation"));
}
