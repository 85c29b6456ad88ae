//! The decoder beside its plain form: without vector code, without reading a scan in two places, and in one thread. Sound or damaged, what a
//! file gives is the same: pixels, planes, and errors to the byte.

#![allow(clippy::unwrap_used)]

mod support;

use std::ops::ControlFlow;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use minilab_jpeg::{DecodeOptions, Decoder, Error, Outcome, Scale};
use support::{Form, Random};

const SCALES: [Scale; 4] = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];

/// Large enough for many windows, and for each of the ways that scans are laid out.
fn forms() -> Vec<Form> {
    let base = Form { width: 1203, height: 905, noise: 30, ..Form::default() };
    vec![
        base,
        Form { quality: 97, sampling: SamplingFactor::F_1_1, ..base },
        Form { quality: 100, noise: 80, ..base },
        Form { quality: 30, noise: 4, ..base },
        Form { quality: 5, noise: 0, ..base },
        Form { sampling: SamplingFactor::F_2_1, ..base },
        Form { sampling: SamplingFactor::F_4_2, quality: 92, ..base },
        Form { restart_interval: 76, ..base },
        Form { restart_interval: 1000, sampling: SamplingFactor::F_1_1, ..base },
        Form { separate: true, ..base },
        Form { grey: true, quality: 90, ..base },
        Form { progressive: true, ..base },
    ]
}

/// All samples of all planes, strip by strip, and how it ended.
fn planes(file: &[u8], scale: Scale, options: DecodeOptions) -> (Vec<u8>, Result<Outcome, Error>) {
    let mut samples = Vec::new();
    let decoder = Decoder::new(file).map(|decoder| decoder.with_options(options));
    let outcome = decoder.and_then(|decoder| {
        decoder.decode_planes(scale, &mut |strip| {
            for plane in strip.planes {
                samples.extend_from_slice(plane.samples);
            }
            ControlFlow::Continue(())
        })
    });
    (samples, outcome)
}

fn compare(file: &[u8], name: &str) {
    for tolerant in [false, true] {
        for (scale, half_chroma) in [(Scale::Eighth, true), (Scale::Eighth, false), (Scale::Quarter, true)] {
            let options = DecodeOptions { tolerant, half_chroma, ..DecodeOptions::default() };
            let plain = planes(file, scale, DecodeOptions { plain: true, ..options.clone() });
            let usual = planes(file, scale, options);
            assert_eq!(plain.1, usual.1, "{name} at {scale:?}, tolerant: {tolerant}");
            assert!(plain.0 == usual.0, "{name} at {scale:?}, tolerant: {tolerant}: other samples");
        }
    }
}

#[test]
fn sound_files_give_the_same_pixels() {
    for form in forms() {
        let file = form.encode();
        compare(&file, &format!("{form:?}"));
        for scale in SCALES {
            let plain = DecodeOptions { plain: true, ..DecodeOptions::default() };
            let decoder = Decoder::new(&file).unwrap();
            let usual = decoder.decode_to_image(scale).unwrap();
            let plain = Decoder::new(&file).unwrap().with_options(plain).decode_to_image(scale).unwrap();
            assert!(usual == plain, "{form:?} at {scale:?}");
        }
    }
}

#[test]
fn damaged_files_give_the_same() {
    let mut random = Random(11);
    for form in forms() {
        let file = form.encode();
        for round in 0..12 {
            let mut damaged = file.clone();
            // Behind the headers, mostly.
            for _ in 0..1 + random.below(3) {
                let place = 700 + random.below(file.len() - 700);
                damaged[place] = random.below(256) as u8;
            }
            if round % 4 == 0 {
                damaged.truncate(700 + random.below(file.len() - 700));
            }
            compare(&damaged, &format!("{form:?}, {round}"));
        }
    }
}

/// Codes without any order behind them: nothing falls into step, and most of it is no code.
#[test]
fn noise_in_place_of_a_scan_gives_the_same() {
    let mut random = Random(5);
    for form in forms() {
        let mut file = form.encode();
        let start = file.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap() + 20;
        for byte in &mut file[start..] {
            *byte = random.below(255) as u8;
        }
        compare(&file, &format!("{form:?}"));
    }
}

/// Noise and nothing by turns: what an MCU takes says little about the next ones.
fn striped() -> Vec<u8> {
    let (width, height) = (1700u16, 1300u16);
    let mut pixels = support::synthetic(width.into(), height.into(), 120);
    for (y, row) in pixels.chunks_mut(3 * usize::from(width)).enumerate() {
        if y / 200 % 2 == 1 {
            row.fill(90);
        }
    }
    let mut file = Vec::new();
    Encoder::new(&mut file, 97).encode(&pixels, width, height, ColorType::Rgb).unwrap();
    file
}

#[test]
fn threads_give_the_same() {
    let base = Form { width: 1700, height: 1300, noise: 90, quality: 96, ..Form::default() };
    let forms = [
        base,
        Form { sampling: SamplingFactor::F_1_1, quality: 90, ..base },
        // A row of MCUs, less, and more.
        Form { restart_interval: 107, ..base },
        Form { restart_interval: 41, ..base },
        Form { restart_interval: 1111, ..base },
    ];
    let mut random = Random(23);
    let files = forms.iter().map(|form| (format!("{form:?}"), form.encode())).chain([("striped".into(), striped())]);
    for (name, file) in files {
        for round in 0..5 {
            let mut damaged = file.clone();
            for _ in 0..round {
                let place = 700 + random.below(file.len() - 700);
                damaged[place] = random.below(256) as u8;
            }
            if round == 4 {
                damaged.truncate(file.len() / 2 + random.below(file.len() / 2));
            }
            for tolerant in [false, true] {
                for scale in [Scale::Quarter, Scale::Full] {
                    let options = DecodeOptions { tolerant, plain: true, ..DecodeOptions::default() };
                    let expected = planes(&damaged, scale, options.clone());
                    for threads in [2, 3] {
                        let got = planes(&damaged, scale, DecodeOptions { threads, plain: false, ..options.clone() });
                        assert_eq!(got.1, expected.1, "{name}, {round}, {scale:?}, tolerant: {tolerant}, {threads} threads");
                        assert!(
                            got.0 == expected.0,
                            "{name}, {round}, {scale:?}, tolerant: {tolerant}, {threads} threads: samples"
                        );
                    }
                }
            }
        }
    }
}
