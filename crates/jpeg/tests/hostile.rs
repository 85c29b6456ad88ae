//! Broken, cut and unusual files: clear errors, honest outcomes, and never a panic.

#![allow(clippy::unwrap_used)]

mod support;

use std::ops::ControlFlow;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use minilab_jpeg::{ColorModel, DecodeOptions, Decoder, Error, Image, Kind, Outcome, Scale};
use support::{Form, Random};

const SCALES: [Scale; 4] = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];

fn tolerant() -> DecodeOptions {
    DecodeOptions { tolerant: true, max_buffer_bytes: 2 << 20, ..DecodeOptions::default() }
}

fn decode_tolerantly(file: &[u8], scale: Scale) -> Result<Image, Error> {
    Decoder::new(file)?.with_options(tolerant()).decode_to_image(scale)
}

/// Files of every path through the decoder, small enough for thousands of decodes.
fn forms() -> Vec<Form> {
    let small = Form { width: 50, height: 37, noise: 30, ..Form::default() };
    vec![
        small,
        Form { sampling: SamplingFactor::F_1_1, quality: 97, ..small },
        Form { restart_interval: 2, ..small },
        Form { sampling: SamplingFactor::F_4_1, ..small },
        Form { separate: true, ..small },
        Form { progressive: true, ..small },
        Form { progressive: true, restart_interval: 3, ..small },
        Form { grey: true, ..small },
    ]
}

/// Decodes in every way. The images must have the size that was announced, whatever the data.
fn exercise(file: &[u8]) {
    let Ok(decoder) = Decoder::new(file) else {
        return;
    };
    let info = decoder.info();
    // What any caller has to ask before decoding an untrusted image.
    if u64::from(info.width) * u64::from(info.height) > 1 << 18 {
        return;
    }
    for scale in SCALES {
        let (width, height) = decoder.output_size(scale);
        if let Ok(image) = decoder.decode_to_image(scale) {
            assert!(image.complete);
            assert_eq!((image.width, image.height), (width, height));
            let pixels = width as usize * height as usize;
            assert_eq!(image.pixels.len(), pixels * usize::from(image.channels));
        }
        if let Ok(image) = decode_tolerantly(file, scale) {
            let pixels = width as usize * height as usize;
            assert_eq!(image.pixels.len(), pixels * usize::from(image.channels));
        }
    }
}

#[test]
fn changed_bytes_never_panic() {
    let mut random = Random(0xD1B5_4A32_D192_ED03);
    for form in forms() {
        let original = form.encode();
        for _ in 0..1500 {
            let mut file = original.clone();
            for _ in 0..1 + random.below(4) {
                let place = random.below(file.len());
                file[place] = match random.below(4) {
                    0 => 0xFF,
                    1 => 0,
                    2 => file[place] ^ 1 << random.below(8),
                    _ => random.below(256) as u8,
                };
            }
            match random.below(8) {
                0 => file.truncate(random.below(file.len())),
                1 => {
                    let from = random.below(file.len());
                    let to = from + random.below(file.len() - from);
                    file.drain(from..to);
                }
                _ => {}
            }
            exercise(&file);
        }
    }
}

/// The headers are a small part of a file: every byte of them gets its turn.
#[test]
fn changed_header_bytes_never_panic() {
    for form in forms() {
        let original = form.encode();
        for place in 0..original.len().min(700) {
            for value in [0, 0x11, 0x7F, 0xC2, 0xFF] {
                let mut file = original.clone();
                file[place] = value;
                exercise(&file);
            }
        }
    }
}

#[test]
fn noise_after_the_headers_never_panics() {
    let mut random = Random(0xA076_1D64_78BD_642F);
    for form in forms() {
        let original = form.encode();
        let scan = original.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
        for _ in 0..200 {
            let mut file = original.clone();
            for byte in &mut file[scan + 14..] {
                *byte = random.below(256) as u8;
            }
            exercise(&file);
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    for form in forms() {
        let file = form.encode();
        let whole = Decoder::new(&file).unwrap();
        for cut in 0..file.len() - 2 {
            let Ok(decoder) = Decoder::new(&file[..cut]) else {
                continue;
            };
            assert_eq!(decoder.info(), whole.info());
            let full = whole.decode_to_image(Scale::Eighth).unwrap();
            let image = decode_tolerantly(&file[..cut], Scale::Eighth).unwrap();
            assert_eq!(image.pixels.len(), full.pixels.len());
            match decoder.decode_to_image(Scale::Eighth) {
                // The rest was not needed: padding bits, or the AC scans of a progressive file.
                Ok(image) => assert!(image == full, "{form:?} cut at {cut}"),
                Err(Error::Truncated { offset, .. }) => {
                    assert!(offset <= cut);
                    assert!(!image.complete, "{form:?} cut at {cut}");
                }
                Err(error) => panic!("{form:?} cut at {cut}: {error}"),
            }
        }
    }
}

#[test]
fn tolerant_decode_keeps_what_came_before_a_cut() {
    let file = Form { width: 320, height: 240, ..Form::default() }.encode();
    let cut = &file[..file.len() / 2];
    for scale in [Scale::Eighth, Scale::Quarter, Scale::Half] {
        let full = Decoder::new(&file).unwrap().decode_to_image(scale).unwrap();
        let part = decode_tolerantly(cut, scale).unwrap();
        assert!(full.complete && !part.complete);
        let same = full.pixels.iter().zip(&part.pixels);
        let same = same.take_while(|(a, b)| a == b).count();
        assert!(same > full.pixels.len() / 3, "{scale:?}: {same}");
    }
}

#[test]
fn a_lost_restart_interval_stays_where_it_was() {
    let form = Form { width: 160, height: 160, grey: true, restart_interval: 20, ..Form::default() };
    let file = form.encode();
    let markers: Vec<usize> = (0..file.len() - 1).filter(|&at| file[at] == 0xFF && (0xD0..=0xD7).contains(&file[at + 1])).collect();
    // One interval is one row of blocks; drop the fourth with its marker.
    let mut broken = file[..markers[2]].to_vec();
    broken.extend_from_slice(&file[markers[3]..]);
    assert!(matches!(Decoder::new(&broken).unwrap().decode_to_image(Scale::Eighth), Err(Error::Corrupt { .. })));
    let full = Decoder::new(&file).unwrap().decode_to_image(Scale::Eighth).unwrap();
    let image = decode_tolerantly(&broken, Scale::Eighth).unwrap();
    assert!(!image.complete);
    for row in (0..20).filter(|&row| row != 3) {
        let line = row * 20..(row + 1) * 20;
        assert_eq!(image.pixels[line.clone()], full.pixels[line], "row {row}");
    }
    // The lost row is grey.
    assert_eq!(image.pixels[60..80], [128; 20]);
}

#[test]
fn strips_follow_each_other_and_can_be_broken_off() {
    let file = Form { width: 100, height: 75, ..Form::default() }.encode();
    let decoder = Decoder::new(&file).unwrap();
    for scale in [Scale::Eighth, Scale::Quarter, Scale::Half] {
        let (width, height) = decoder.output_size(scale);
        let mut next = 0;
        let outcome = decoder
            .decode(scale, &mut |strip| {
                assert_eq!((strip.y, strip.width, strip.channels), (next, width, 3));
                assert_eq!(strip.pixels.len() as u32, strip.rows * width * 3);
                next += strip.rows;
                ControlFlow::Continue(())
            })
            .unwrap();
        let complete = Outcome { complete: true, rows: height };
        assert_eq!((outcome, next), (complete, height));
        let outcome = decoder.decode(scale, &mut |_| ControlFlow::Break(()));
        assert_eq!(outcome.unwrap().rows, 2 * scale.eighths());
    }
}

/// Replaces the byte `offset` bytes behind the first start-of-frame marker.
fn patch_frame(file: &mut [u8], offset: usize, value: u8) {
    let frame = (0..file.len() - 1).find(|&at| file[at] == 0xFF && matches!(file[at + 1], 0xC0..=0xC2)).unwrap();
    file[frame + offset] = value;
}

#[test]
fn what_is_not_supported_is_said() {
    let check = |patch: &[(usize, u8)], words: &str| {
        let mut file = Form::default().encode();
        for &(offset, value) in patch {
            patch_frame(&mut file, offset, value);
        }
        let error = Decoder::new(&file).and_then(|decoder| decoder.decode_to_image(Scale::Eighth)).unwrap_err();
        assert!(matches!(error, Error::Unsupported { what } if what.contains(words)), "{error}");
    };
    check(&[(1, 0xC9)], "arithmetic");
    check(&[(1, 0xC3)], "lossless");
    check(&[(4, 12)], "12 bits");
}

#[test]
fn inks_are_given_as_stored() {
    let mut file = Vec::new();
    Encoder::new(&mut file, 90).encode(&[9, 90, 160, 240].repeat(16 * 16), 16, 16, ColorType::Cmyk).unwrap();
    let decoder = Decoder::new(&file).unwrap();
    assert_eq!(decoder.info().color_model, ColorModel::Cmyk);
    for scale in SCALES {
        let image = decoder.decode_to_image(scale).unwrap();
        assert_eq!(image.channels, 4);
        // The encoder inverts, as Adobe does.
        for (got, want) in image.pixels.iter().zip([246, 165, 95, 15].iter().cycle()) {
            assert!(got.abs_diff(*want) <= 1, "{got}, not {want}, at {scale:?}");
        }
    }
}

/// The height may follow the first scan.
#[test]
fn a_number_of_lines_is_the_height() {
    let file = Form::default().encode();
    let expected = Decoder::new(&file).unwrap().decode_to_image(Scale::Half).unwrap();
    let mut open = file.clone();
    patch_frame(&mut open, 5, 0);
    patch_frame(&mut open, 6, 0);
    assert!(matches!(Decoder::new(&open), Err(Error::Corrupt { .. })));
    let end = open.len() - 2;
    open.splice(end..end, [0xFF, 0xDC, 0, 4, 0, Form::default().height as u8]);
    assert!(Decoder::new(&open).unwrap().decode_to_image(Scale::Half).unwrap() == expected);
}

#[test]
fn what_is_no_jpeg_is_said() {
    assert!(matches!(Decoder::new(b""), Err(Error::NotJpeg)));
    assert!(matches!(Decoder::new(b"\x89PNG\r\n"), Err(Error::NotJpeg)));
    let soi = Decoder::new(&[0xFF, 0xD8]);
    assert!(matches!(soi, Err(Error::Truncated { .. })));
    let eoi = Decoder::new(&[0xFF, 0xD8, 0xFF, 0xD9]);
    assert!(matches!(eoi, Err(Error::Truncated { .. })));
}

/// An extended sequential file of 8 bits is read as a baseline one.
#[test]
fn extended_is_read_as_baseline() {
    let baseline = Form::default().encode();
    let mut extended = baseline.clone();
    patch_frame(&mut extended, 1, 0xC1);
    let decoder = Decoder::new(&extended).unwrap();
    assert_eq!(decoder.info().kind, Kind::Extended);
    let image = decoder.decode_to_image(Scale::Quarter).unwrap();
    let expected = Decoder::new(&baseline).unwrap();
    assert!(image == expected.decode_to_image(Scale::Quarter).unwrap());
}

#[test]
fn plane_sizes_are_those_of_the_planes() {
    let file = Form::default().encode();
    let decoder = Decoder::new(&file).unwrap();
    for (scale, chroma) in [(Scale::Eighth, (13, 8)), (Scale::Quarter, (25, 16)), (Scale::Half, (49, 31)), (Scale::Full, (49, 31))]
    {
        let sizes = decoder.plane_sizes(scale);
        let told: Vec<_> = sizes.iter().map(|size| (size.width, size.height)).collect();
        assert_eq!(told, [decoder.output_size(scale), chroma, chroma]);
        let times = if scale == Scale::Full { 2.0 } else { 1.0 };
        assert_eq!(
            sizes.iter().map(|size| (size.across, size.down)).collect::<Vec<_>>(),
            [(1.0, 1.0), (times, times), (times, times)]
        );
        let mut rows = [0; 3];
        let outcome = decoder.decode_planes(scale, &mut |strip| {
            for (plane, (rows, size)) in strip.planes.iter().zip(rows.iter_mut().zip(&sizes)) {
                assert_eq!((plane.y, plane.width), (*rows, size.width));
                *rows += plane.rows;
            }
            ControlFlow::Continue(())
        });
        assert!(outcome.unwrap().complete);
        assert_eq!(rows.to_vec(), sizes.iter().map(|size| size.height).collect::<Vec<_>>());
    }
}

#[test]
fn headers_are_told() {
    let file = Form { sampling: SamplingFactor::F_2_1, ..Form::default() }.encode();
    let decoder = Decoder::new(&file).unwrap();
    let info = decoder.info();
    assert_eq!((info.width, info.height, info.precision), (97, 61, 8));
    assert_eq!(info.kind, Kind::Baseline);
    assert_eq!(info.color_model, ColorModel::YCbCr);
    let factors: Vec<(u8, u8)> = (info.sampling.iter()).map(|sampling| (sampling.horizontal, sampling.vertical)).collect();
    assert_eq!(factors, [(2, 1), (1, 1), (1, 1)]);
}

/// The same components read as RGB once an Adobe marker says so.
#[test]
fn adobe_marker_means_rgb() {
    let file = Form { sampling: SamplingFactor::F_1_1, ..Form::default() }.encode();
    let jfif = file.windows(4).position(|name| name == b"JFIF").unwrap();
    let mut rgb = file[..2].to_vec();
    rgb.extend_from_slice(b"\xFF\xEE\x00\x0EAdobe\x00\x64\x00\x00\x00\x00\x00");
    rgb.extend_from_slice(&file[2..]);
    rgb[jfif + 16..jfif + 20].copy_from_slice(b"none");
    let decoder = Decoder::new(&rgb).unwrap();
    assert_eq!(decoder.info().color_model, ColorModel::Rgb);
    let image = decoder.decode_to_image(Scale::Eighth).unwrap();
    let mut planes = vec![Vec::new(); 3];
    let collected = Decoder::new(&file).unwrap().decode_planes(Scale::Eighth, &mut |strip| {
        for (all, plane) in planes.iter_mut().zip(strip.planes) {
            all.extend_from_slice(&plane.samples[..plane.width as usize]);
        }
        ControlFlow::Continue(())
    });
    assert!(collected.unwrap().complete);
    for (channel, plane) in planes.iter().enumerate() {
        let seen: Vec<u8> = image.pixels.iter().skip(channel).step_by(3).copied().collect();
        assert!(seen == *plane, "channel {channel}");
    }
}

#[test]
fn memory_is_limited() {
    let file = Form { width: 2000, height: 16, separate: true, ..Form::default() }.encode();
    let options = DecodeOptions { max_buffer_bytes: 1000, ..DecodeOptions::default() };
    let error = Decoder::new(&file).unwrap().with_options(options).decode(Scale::Half, &mut |_| ControlFlow::Continue(()));
    assert!(matches!(error, Err(Error::TooLarge { limit_bytes: 1000, .. })));
}
