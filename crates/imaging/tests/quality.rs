//! How near the thumbnails are to what mathematics asks for: Lanczos-3 in double precision over the whole source.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_model::{Fit, OutputFormat, Resize, VariantSpec};
use std::f64::consts::PI;
use support::{Pixels, into_box, pixels, png, read_png, run, testdata};

/// The weight of a source sample at `distance` output pixels.
fn lanczos3(distance: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    if distance.abs() < 3.0 { sinc(distance) * sinc(distance / 3.0) } else { 0.0 }
}

/// Resizes rows: `rows` of `from` pixels with `channels` channels become `to` pixels wide. Samples past an edge do not count.
fn resize_rows(samples: &[f64], from: usize, to: usize, channels: usize) -> Vec<f64> {
    let scale = from as f64 / to as f64;
    let mut output = Vec::new();
    for row in samples.chunks_exact(from * channels) {
        for x in 0..to {
            let center = (x as f64 + 0.5) * scale;
            let mut sums = vec![0.0; channels];
            let mut total = 0.0;
            for (index, pixel) in row.chunks_exact(channels).enumerate() {
                let weight = lanczos3((index as f64 + 0.5 - center) / scale);
                total += weight;
                sums.iter_mut().zip(pixel).for_each(|(sum, sample)| *sum += weight * sample);
            }
            output.extend(sums.iter().map(|sum| sum / total));
        }
    }
    output
}

fn transposed(samples: &[f64], width: usize, channels: usize) -> Vec<f64> {
    let height = samples.len() / width / channels;
    let pixel = |x: usize, y: usize| &samples[(y * width + x) * channels..][..channels];
    (0..width).flat_map(|x| (0..height).flat_map(move |y| pixel(x, y).iter().copied())).collect()
}

fn reference(source: &Pixels, width: u32, height: u32) -> Pixels {
    let (from_width, channels) = (source.width as usize, source.channels);
    let samples: Vec<f64> = source.samples.iter().map(|&sample| f64::from(sample)).collect();
    let narrow = resize_rows(&samples, from_width, width as usize, channels);
    let turned = transposed(&narrow, width as usize, channels);
    let small = resize_rows(&turned, source.height as usize, height as usize, channels);
    let upright = transposed(&small, height as usize, channels);
    let samples = upright.iter().map(|sample| sample.round().clamp(0.0, 255.0) as u8).collect();
    Pixels { width, height, channels, samples }
}

/// Peak signal-to-noise ratio in decibels.
fn psnr(one: &Pixels, other: &Pixels) -> f64 {
    assert_eq!(one.samples.len(), other.samples.len());
    let squares: f64 = one.samples.iter().zip(&other.samples).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    10.0 * (255.0_f64.powi(2) / (squares / one.samples.len() as f64)).log10()
}

fn check(found: &Pixels, source: &Pixels, least_decibels: f64) {
    let found_decibels = psnr(found, &reference(source, found.width, found.height));
    eprintln!("{}×{}: {found_decibels:.1} dB", found.width, found.height);
    assert!(found_decibels >= least_decibels, "{found_decibels:.1} dB, wanted {least_decibels}");
}

#[test]
fn a_plain_resize_is_lanczos() {
    // No shrinking before the resize: less than a factor of four.
    let source = testdata("demo/chelsea.png");
    check(&pixels(&source, &png(&[into_box(200, 200, Fit::Inside)])), &read_png(&source), 49.0);
}

#[test]
fn shrinking_in_boxes_first_is_hardly_seen() {
    for (name, side) in [("coffee", 128), ("coffee", 64), ("chelsea", 48), ("astronaut", 100), ("astronaut", 33)] {
        let source = testdata(&format!("demo/{name}.png"));
        check(&pixels(&source, &png(&[into_box(side, side, Fit::Inside)])), &read_png(&source), 45.0);
    }
}

#[test]
fn shrunk_jpegs_are_near_lanczos() {
    // Decode scales 1/2 and 1/4, against all pixels of the same file.
    for (name, side) in [("rocket", 150), ("rocket", 100), ("hubble_deep_field", 200), ("hubble_deep_field", 100)] {
        let source = testdata(&format!("demo/{name}.jpg"));
        check(&pixels(&source, &png(&[into_box(side, side, Fit::Inside)])), &pixels(&source, &png(&[])), 45.0);
    }
    // And 1/8: an enlarged photograph.
    let enlarge = Resize { width: Some(1800), enlarge: true, ..Resize::default() };
    let large = VariantSpec { format: OutputFormat::Jpeg, quality: Some(90), ..png(&[enlarge]) };
    let source = run(&testdata("demo/coffee.png"), &[large]).unwrap().outputs.remove(0).bytes;
    check(&pixels(&source, &png(&[into_box(110, 110, Fit::Inside)])), &pixels(&source, &png(&[])), 45.0);
}

#[test]
fn chained_thumbnails_are_near_lanczos_too() {
    let source = testdata("demo/coffee.png");
    let variants = [300, 140, 60, 25].map(|side| png(&[into_box(side, side, Fit::Inside)]));
    let original = read_png(&source);
    for output in run(&source, &variants).unwrap().outputs {
        check(&read_png(&output.bytes), &original, 48.0);
    }
}

#[test]
fn a_cut_part_is_in_its_place() {
    // A cover is the inside of a larger resize, cut out.
    let source = testdata("demo/coffee.png");
    let cover = pixels(&source, &png(&[into_box(100, 100, Fit::Cover)]));
    let whole = reference(&read_png(&source), 150, 100);
    let samples = (0..100).flat_map(|y| whole.samples[(y * 150 + 25) * 3..][..300].to_vec()).collect();
    let decibels = psnr(&cover, &Pixels { width: 100, height: 100, channels: 3, samples });
    assert!(decibels > 45.0, "{decibels:.1} dB");
}
