//! Files that are cut off or changed: an error that says where, or pixels; never a panic.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_webp::{
    Animation, AnimationEncoder, Attachments, Canvas, DecodeOptions, Decoder, EncodeOptions, Error, Features, Image, Pixels,
    attach, encode,
};
use std::time::Duration;
use support::{lossless, noise, painting};

/// One file of every kind, all of 40 × 30 pixels.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let (opaque, clear) = (painting(40, 30, 3), painting(40, 30, 4));
    let still = |has_alpha, options| {
        let samples = if has_alpha { &clear } else { &opaque };
        encode(Image { width: 40, height: 30, has_alpha, samples }, options).unwrap()
    };
    let mut encoder = AnimationEncoder::new((40, 30), None, EncodeOptions::default()).unwrap();
    for samples in [&clear, &noise(40 * 30 * 4), &clear] {
        encoder.add(Image { width: 40, height: 30, has_alpha: true, samples }, Duration::from_millis(100)).unwrap();
    }
    let attachments = Attachments { icc: Some(b"icc"), exif: Some(b"exif"), xmp: Some(b"xmp!") };
    vec![
        ("lossy", still(false, EncodeOptions::default())),
        ("lossy with alpha", still(true, EncodeOptions::default())),
        ("lossless", still(false, lossless())),
        ("lossless with alpha", still(true, lossless())),
        ("extended", attach(still(true, EncodeOptions::default()), (40, 30), attachments).unwrap()),
        ("animation", encoder.finish().unwrap()),
    ]
}

/// Everything that can be done with a file.
fn look_at(file: &[u8]) -> Result<(), Error> {
    let features = Features::read(file)?;
    // The limit that a caller would have.
    if u64::from(features.width) * u64::from(features.height) > 1 << 20 {
        return Ok(());
    }
    if features.animated {
        let mut animation = Animation::read(file)?;
        let small = u64::from(animation.width) * u64::from(animation.height) <= 1 << 20;
        let mut canvas = if small { Canvas::new(animation.width, animation.height) } else { Canvas::new(1, 1) };
        while let Some(frame) = animation.next_frame()? {
            if u64::from(frame.width) * u64::from(frame.height) > 1 << 20 {
                continue;
            }
            let mut decoder = Decoder::of_frame(&frame, Pixels::Rgba, DecodeOptions::default())?;
            let outcome = all(&mut decoder, 300);
            canvas.draw(&frame, decoder.samples());
            outcome?;
        }
        return Ok(());
    }
    let options = DecodeOptions { bypass_filtering: true, no_fancy_upsampling: true };
    let planes = all(&mut Decoder::new(file, Pixels::Planes, options)?, usize::MAX);
    let pixels = all(&mut Decoder::new(file, Pixels::Rgba, DecodeOptions::default())?, 300);
    planes.and(pixels)
}

fn all(decoder: &mut Decoder<'_>, step: usize) -> Result<(), Error> {
    while !decoder.decode_some(step)? {}
    assert_eq!(decoder.decode_some(step), Ok(true));
    Ok(())
}

#[test]
fn whole_files_are_taken() {
    for (name, file) in files() {
        look_at(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused_with_its_place() {
    for (name, file) in files() {
        for length in 0..file.len() {
            let cut = &file[..length];
            assert!(minilab_webp::check_length(cut).is_err(), "{name} cut to {length}");
            match look_at(cut) {
                // What follows the pixels, the last bytes of a coder, or a whole number of frames is not missed by the decoder.
                Ok(()) => assert!(name == "extended" || name == "animation" || length + 4 > file.len(), "{name} cut to {length}"),
                Err(error) => {
                    let place = error.offset().unwrap_or(0);
                    assert!(place <= length, "{name} cut to {length}: {error} at {place}");
                }
            }
        }
    }
}

#[test]
fn messages_name_the_chunk_and_the_place() {
    let check = |file: &[u8], message: &str, offset: Option<usize>| {
        let error = look_at(file).unwrap_err();
        assert_eq!((error.to_string().as_str(), error.offset()), (message, offset));
    };
    let files = files();
    let file = |name: &str| files.iter().find(|(found, _)| *found == name).unwrap().1.clone();
    let lossy = file("lossy");
    let body = lossy.len() - 20;
    check(&lossy[..100], &format!("chunk VP8 ends after 80 of {body} bytes"), Some(100));
    check(&lossy[..15], "it ends inside its header", Some(15));
    check(b"GIF89a, and then more bytes than a header has", "its header is wrong", None);
    let animation = file("animation");
    let mut twice = Animation::read(&animation).unwrap();
    let frame = twice.next_frame().unwrap().unwrap();
    let cut = &animation[..frame.offset + 100];
    let error = look_at(cut).unwrap_err();
    assert!(error.to_string().starts_with("chunk ALPH ends after") || error.to_string().starts_with("chunk VP8"), "{error}");
    // The bitstream says another size than its frame.
    let mut changed = animation.clone();
    changed[frame.offset - 10] -= 1;
    check(&changed, "chunk ANMF: the frame and its bitstream differ in size", Some(frame.offset));
    // It lies half outside.
    let mut changed = animation.clone();
    changed[frame.offset - 16] = 4;
    check(&changed, "chunk ANMF: the frame lies outside the canvas", Some(frame.offset - 16));
}

#[test]
fn rows_before_the_damage_are_kept() {
    let samples = painting(64, 256, 3);
    let file = encode(Image { width: 64, height: 256, has_alpha: false, samples: &samples }, EncodeOptions::default()).unwrap();
    let whole = support::decoded(&file, Pixels::Rgb, usize::MAX).unwrap();
    let mut decoder = Decoder::new(&file[..file.len() * 2 / 3], Pixels::Rgb, DecodeOptions::default()).unwrap();
    let error = loop {
        match decoder.decode_some(100) {
            Ok(done) => assert!(!done),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Truncated { .. }), "{error:?}");
    assert_eq!(decoder.decode_some(100), Err(error));
    let rows = decoder.rows() as usize;
    assert!((64..256).contains(&rows), "{rows}");
    assert_eq!(decoder.samples(), &whole[..rows * 64 * 3]);
}

#[test]
fn changed_bytes_never_panic() {
    for (_, file) in files() {
        let random = noise(6000);
        for change in random.chunks_exact(4) {
            let mut changed = file.clone();
            // Half of the changes go to the first 256 bytes, where the structure is.
            let at = if change[0] < 128 { usize::from(change[1]) } else { usize::from(change[1]) * 256 + usize::from(change[2]) };
            let length = changed.len();
            changed[at % length] = change[3];
            let _ = look_at(&changed);
        }
    }
}
