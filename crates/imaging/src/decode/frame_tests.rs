//! Animations: files whose frames are known, round trips through the encoders, and files that mean harm.
#![allow(clippy::unwrap_used)]

use super::{DecodeOptions, Played, decode, decode_frames};
use crate::animation::{Animation, Frame};
use crate::encode::{Attachments, EncodeOptions, encode_animation};
use crate::error::ImageError;
use crate::header::read_header;
use crate::picture::{Layout, Picture, Samples, Size};
use crate::sink::Take;
use minilab_model::{DecodeLimits, Format, VariantSpec};
use std::time::Duration;

fn testdata(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/formats").join(name);
    std::fs::read(path).unwrap()
}

fn frames_within(file: &[u8], limits: &DecodeLimits, tolerant: bool) -> Result<(Vec<Frame>, Played), ImageError> {
    let take = Take::default();
    let header = read_header(file, limits)?;
    let mut frames = Vec::new();
    let options = DecodeOptions { tolerant, ..DecodeOptions::new(limits, &take) };
    let played = decode_frames(file, &header, &options, &mut |frame| {
        frames.push(frame);
        Ok(())
    })?;
    Ok((frames, played))
}

fn frames_of(file: &[u8]) -> (Vec<Frame>, Played) {
    frames_within(file, &DecodeLimits::default(), false).unwrap()
}

/// A still PNG, as RGBA.
fn still(file: &[u8]) -> Vec<u8> {
    let take = Take { whole: true, targets: Vec::new() };
    let limits = DecodeLimits::default();
    let decoded = decode(file, &read_header(file, &limits).unwrap(), &DecodeOptions::new(&limits, &take)).unwrap();
    let picture = decoded.whole.unwrap();
    assert_eq!(picture.layout, Layout::Rgba);
    picture.to_eight_bits().into_owned()
}

/// What shows: what is clear has no colour.
fn shown(samples: &[u8]) -> Vec<u8> {
    samples
        .chunks_exact(4)
        .flat_map(|pixel| if pixel[3] == 0 { [0; 4] } else { [pixel[0], pixel[1], pixel[2], pixel[3]] })
        .collect()
}

fn check(name: &str, delays: &[u64], plays: Option<u32>) {
    let (frames, played) = frames_of(&testdata(name));
    assert_eq!(played, Played { plays, cut_short: None });
    assert_eq!(frames.iter().map(|frame| frame.delay.as_millis() as u64).collect::<Vec<_>>(), delays);
    let expected = shown(&still(&testdata(&name.replace('.', ".frames.").replace(".gif", ".png"))));
    let length = expected.len() / frames.len();
    for (number, (frame, expected)) in frames.iter().zip(expected.chunks_exact(length)).enumerate() {
        let found = shown(&frame.picture.to_eight_bits());
        let worst = found.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(found.len() == length && worst <= Some(1), "{name}: frame {number}: {worst:?}");
    }
}

#[test]
fn frames_are_composed_as_they_are_shown() {
    check("gif-disposals.gif", &[100, 100, 50, 70, 90, 110, 130, 3000], Some(4));
    // The first picture of the PNG is not a frame; a delay over 0 is over 100.
    check("apng-blends.png", &[100, 40, 40, 70, 3000], Some(2));
}

#[test]
fn a_gif_of_one_picture_is_no_animation() {
    let animated = |file: &[u8]| read_header(file, &DecodeLimits::default()).unwrap().animated;
    assert!(!animated(&testdata("gif-still.gif")));
    assert!(animated(&testdata("gif-disposals.gif")));
    // Without a loop block, as animations that are played once are.
    let file = testdata("gif-disposals.gif");
    let once = [&file[..25], &file[44..]].concat();
    assert!(animated(&once));
    assert_eq!(frames_of(&once).1.plays, Some(1));
}

/// The colour of a place, by x, y and the number of the frame.
type Ground = fn(u32, u32, u32) -> [u8; 4];

/// Frames of squares that move over a ground of the given kind.
fn moving(frames: u32, size: Size, ground: impl Fn(u32, u32, u32) -> [u8; 4]) -> Animation {
    let frame = |number: u32| {
        let at = |place: u64| {
            let (x, y) = ((place % u64::from(size.width)) as u32, (place / u64::from(size.width)) as u32);
            let inside = x / 8 == number % 4 && (8..16).contains(&y);
            if inside { [(number * 40) as u8, 200, 10, 255] } else { ground(x, y, number) }
        };
        let samples = (0..size.pixels()).flat_map(at).collect();
        Frame { picture: Picture::eight(size, Layout::Rgba, samples), delay: Duration::from_millis(u64::from(30 + number * 10)) }
    };
    Animation { frames: (0..frames).map(frame).collect(), plays: Some(3) }
}

fn encoded(animation: &Animation, format: Format, palette: Option<u16>) -> Vec<u8> {
    let spec = VariantSpec { palette, ..VariantSpec::new("test", "{stem}".to_owned().try_into().unwrap()) };
    encode_animation(animation, &EncodeOptions::of(&spec, format, &Attachments::default())).unwrap()
}

const SIZE: Size = Size { width: 40, height: 30 };

/// Few colours: nothing is lost, whatever becomes clear in between.
#[test]
fn animations_of_few_colours_come_back_as_they_were() {
    let grounds: [Ground; 4] = [
        |_, _, _| [0; 4],
        |x, _, _| [90, (x * 4) as u8, 9, 255],
        |x, y, number| if (x + y + number).is_multiple_of(3) { [0; 4] } else { [(y * 3) as u8, 7, 7, 255] },
        |_, _, number| if number % 2 == 0 { [0; 4] } else { [1, 2, 3, 255] },
    ];
    for (index, ground) in grounds.into_iter().enumerate() {
        for plays in [None, Some(1), Some(2), Some(70)] {
            let animation = Animation { plays, ..moving(6, SIZE, ground) };
            for format in [Format::Gif, Format::Png] {
                let (frames, played) = frames_of(&encoded(&animation, format, None));
                assert_eq!(played, Played { plays, cut_short: None }, "{format}");
                assert_eq!(frames.len(), animation.frames.len());
                for (number, (found, wanted)) in frames.iter().zip(&animation.frames).enumerate() {
                    let same = shown(&found.picture.to_eight_bits()) == shown(&wanted.picture.to_eight_bits());
                    assert!(same && found.delay == wanted.delay, "{format}: ground {index}: frame {number}");
                }
            }
        }
    }
}

/// More colours in each frame than a palette has.
fn colourful(x: u32, y: u32, number: u32) -> [u8; 4] {
    [(x * 6) as u8, (y * 8) as u8, (number * 30 + x) as u8, if x < 20 { 255 } else { (y * 8) as u8 }]
}

#[test]
fn png_loses_nothing_of_many_colours() {
    let animation = moving(5, SIZE, colourful);
    let (frames, _) = frames_of(&encoded(&animation, Format::Png, None));
    for (found, wanted) in frames.iter().zip(&animation.frames) {
        assert_eq!(shown(&found.picture.to_eight_bits()), shown(&wanted.picture.to_eight_bits()));
    }
    assert_eq!(frames.len(), 5);
}

/// A GIF has a palette for each frame, of opaque colours; a PNG one for all, in which they share the room with alpha: 128 colours
/// for such a range lie some 30 levels apart.
#[test]
fn gif_and_palettes_come_near_to_many_colours() {
    let animation = moving(5, SIZE, colourful);
    for (format, palette, most) in [(Format::Gif, None, 4.0), (Format::Gif, Some(32), 10.0), (Format::Png, Some(256), 12.0)] {
        let (frames, _) = frames_of(&encoded(&animation, format, palette));
        assert_eq!(frames.len(), 5);
        for (found, wanted) in frames.iter().zip(&animation.frames) {
            let (found, wanted) = (found.picture.to_eight_bits(), wanted.picture.to_eight_bits());
            let (mut sum, mut count) = (0.0, 0.0);
            for (found, wanted) in found.chunks_exact(4).zip(wanted.chunks_exact(4)) {
                if format == Format::Gif {
                    assert_eq!(found[3], if wanted[3] >= 128 { 255 } else { 0 });
                }
                if found[3] == 255 && wanted[3] == 255 {
                    sum += found.iter().zip(wanted).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / 3.0;
                    count += 1.0;
                }
            }
            assert!(sum / count < most, "{format} {palette:?}: {}", sum / count);
        }
    }
}

/// What stands still costs next to nothing, and does not flicker.
#[test]
fn only_what_moves_is_written() {
    let size = Size { width: 200, height: 150 };
    let ground = |x: u32, y: u32, _| [(x + y) as u8, (x * y / 40) as u8, (x ^ y) as u8, 255];
    let lengths = |format| [1, 9].map(|frames| encoded(&moving(frames, size, ground), format, None).len());
    for format in [Format::Gif, Format::Png] {
        let [one, nine] = lengths(format);
        assert!(nine < one * 3 / 2, "{format}: {one} bytes for one frame, {nine} for nine");
    }
    let (frames, _) = frames_of(&encoded(&moving(9, size, ground), Format::Gif, None));
    let still = |frame: &Frame| frame.picture.to_eight_bits()[200 * 4 * 20..].to_vec();
    assert!(frames.windows(2).all(|pair| still(&pair[0]) == still(&pair[1])));
}

#[test]
fn grey_animations_stay_grey() {
    let samples = |value: u8| (0..64).flat_map(|at| [value + at, 255 - at]).collect::<Vec<u8>>();
    let frame = |value| {
        let picture = Picture::eight(Size { width: 8, height: 8 }, Layout::GreyAlpha, samples(value));
        Frame { picture, delay: Duration::from_millis(70) }
    };
    let animation = Animation { frames: vec![frame(0), frame(100)], plays: None };
    let (frames, _) = frames_of(&encoded(&animation, Format::Png, None));
    let grey = |pixel: &[u8]| (pixel[0], pixel[3]);
    let found: Vec<_> =
        frames.iter().flat_map(|frame| frame.picture.to_eight_bits().chunks_exact(4).map(grey).collect::<Vec<_>>()).collect();
    let wanted: Vec<_> = [samples(0), samples(100)].concat().chunks_exact(2).map(|pixel| (pixel[0], pixel[1])).collect();
    assert_eq!(found, wanted);
}

#[test]
fn a_cut_file_is_refused_or_gives_what_is_there() {
    let limits = DecodeLimits::default();
    for name in ["gif-disposals.gif", "apng-blends.png"] {
        let whole = testdata(name);
        let (all, _) = frames_of(&whole);
        let mut most = 0;
        for length in 60..whole.len() {
            let cut = &whole[..length];
            assert!(frames_within(cut, &limits, false).is_err(), "{name} cut to {length} was accepted");
            let Ok((frames, played)) = frames_within(cut, &limits, true) else { continue };
            let said = played.cut_short.unwrap();
            assert!(said.contains("is damaged") && said.ends_with("the animation ends there"), "{said}");
            // Frames come whole, but for the first.
            assert!(!frames.is_empty() && frames.len() >= most && frames[1..] == all[1..frames.len()], "{name} cut to {length}");
            most = frames.len();
        }
        assert_eq!(most, all.len(), "{name}: the last frame is there before the end of the file is");
    }
}

#[test]
fn changed_bytes_never_panic() {
    let limits = DecodeLimits { pixels: 1_000_000, ..DecodeLimits::default() };
    let gif = encoded(&moving(4, SIZE, colourful), Format::Gif, None);
    let indexed = encoded(&moving(4, SIZE, colourful), Format::Png, Some(16));
    for file in [testdata("gif-disposals.gif"), testdata("apng-blends.png"), testdata("gif-animated-transparent.gif"), gif, indexed]
    {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        for round in 0..600 {
            let mut changed = file.clone();
            for _ in 0..1 + round % 3 {
                let at = next(changed.len());
                changed[at] = next(256) as u8;
            }
            // PNG's checksums catch nearly all changes, so here they are made right again.
            if changed.starts_with(b"\x89PNG") {
                mend_checksums(&mut changed);
            }
            for tolerant in [false, true] {
                let _ = frames_within(&changed, &limits, tolerant);
            }
        }
    }
}

fn mend_checksums(file: &mut [u8]) {
    let mut position = 8;
    while let Some(length) = file.get(position..position + 4).map(|bytes| u32::from_be_bytes(bytes.try_into().unwrap()) as usize) {
        let Some(body) = file.get(position + 4..position.saturating_add(8).saturating_add(length)) else { return };
        let mut sum = flate2::Crc::new();
        sum.update(body);
        let sum = sum.sum().to_be_bytes();
        let Some(place) = file.get_mut(position + 8 + length..position + 12 + length) else { return };
        place.copy_from_slice(&sum);
        position += 12 + length;
    }
}

/// A GIF of frames that have no pixels of their own but ask for a canvas.
fn bomb(canvas: (u16, u16), frame: (u16, u16), frames: usize) -> Vec<u8> {
    let mut file = b"GIF89a".to_vec();
    [canvas.0, canvas.1].iter().for_each(|side| file.extend_from_slice(&side.to_le_bytes()));
    file.extend_from_slice(&[0x80, 0, 0, 1, 2, 3, 4, 5, 6]);
    for _ in 0..frames {
        file.extend_from_slice(&[0x2c, 0, 0, 0, 0]);
        [frame.0, frame.1].iter().for_each(|side| file.extend_from_slice(&side.to_le_bytes()));
        // One pixel: clear code, 0, end.
        file.extend_from_slice(&[0, 2, 2, 0x44, 0x01, 0]);
    }
    file.push(0x3b);
    file
}

#[test]
fn bombs_end_at_the_limits() {
    let limits = DecodeLimits { frames: 20, pixels: 2_000_000, ..DecodeLimits::default() };
    let run = |file: &[u8], tolerant| {
        let found = frames_within(file, &limits, tolerant);
        found.map(|(frames, played)| (frames.len(), played.cut_short.unwrap_or_default())).map_err(|error| error.to_string())
    };
    let (given, said) = run(&bomb((10, 10), (1, 1), 100_000), false).unwrap();
    assert_eq!((given, said.as_str()), (20, "the animation has more than 20 frames; the first 20 were taken"));
    let (given, said) = run(&bomb((1000, 500), (1, 1), 100), false).unwrap();
    assert!(given == 4 && said.contains("more than 2000000 pixels"), "{said}");
    // A first frame that is far larger than its canvas, which grows to it.
    let refused = run(&bomb((10, 10), (65_535, 65_535), 1), true).unwrap_err();
    assert_eq!(refused, "the image has 4,294,836,225 pixels; the limit is 2,000,000");
    // Frames without pixels, and with more data than pixels.
    assert_eq!(run(&bomb((10, 10), (0, 0), 3), false).unwrap().0, 3);
    assert_eq!(run(&bomb((10, 10), (0, 9), 3), false).unwrap().0, 3);
    assert!(run(&bomb((10, 10), (2, 1), 1), false).unwrap_err().contains("frame 1 ends after 0 of 1 rows"));
}

#[test]
fn the_deadline_ends_an_animation() {
    let (limits, take) = (DecodeLimits::default(), Take::default());
    let file = testdata("gif-disposals.gif");
    let deadline = crate::picture::Deadline(Some(std::time::Instant::now()));
    let options = DecodeOptions { deadline, tolerant: true, ..DecodeOptions::new(&limits, &take) };
    let played = decode_frames(&file, &read_header(&file, &limits).unwrap(), &options, &mut |_| Ok(()));
    assert_eq!(played, Err(ImageError::Deadline));
}

#[test]
fn sixteen_bits_are_written_as_eight() {
    let picture =
        Picture { size: Size { width: 1, height: 1 }, layout: Layout::Rgb, samples: Samples::Sixteen(vec![65_535, 257 * 9, 0]) };
    let frame = Frame { picture, delay: Duration::from_millis(50) };
    let animation = Animation { frames: vec![frame.clone(), frame], plays: None };
    for format in [Format::Gif, Format::Png] {
        let (frames, _) = frames_of(&encoded(&animation, format, None));
        assert!(frames.len() == 2 && frames.iter().all(|frame| *frame.picture.to_eight_bits() == [255, 9, 0, 255]));
    }
}
