//! Animations and palettes from file to file.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_imaging::{RenderOptions, render};
use minilab_model::{DecodeLimits, Fit, Format, Limits, OutputFormat, Step, VariantSpec};
use support::{into_box, png, read_png, run, source, testdata};

/// A variant in a format, resized into a box where a side is given.
fn variant(format: OutputFormat, side: Option<u32>) -> VariantSpec {
    let steps = side.map(|side| Step::Resize(into_box(side, side, Fit::Inside)));
    VariantSpec { format, steps: steps.into_iter().collect(), ..png(&[]) }
}

/// Size, delays in hundredths of a second, and how often a GIF is repeated.
fn read_gif(bytes: &[u8]) -> ((u16, u16), Vec<u16>, gif::Repeat) {
    let mut decoder = gif::DecodeOptions::new().read_info(bytes).unwrap();
    let mut delays = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        delays.push(frame.delay);
    }
    ((decoder.width(), decoder.height()), delays, decoder.repeat())
}

#[test]
fn a_resized_gif_keeps_its_frames_delays_and_loops() {
    for side in [None, Some(12), Some(7)] {
        for format in [OutputFormat::Gif, OutputFormat::Keep] {
            let made = run(&source("gif-disposals.gif"), &[variant(format, side)]).unwrap();
            assert_eq!(made.warnings, Vec::<String>::new());
            let output = &made.outputs[0];
            assert_eq!(output.format, Format::Gif);
            let (size, delays, repeat) = read_gif(&output.bytes);
            assert_eq!((u32::from(size.0), u32::from(size.1)), (output.width, output.height));
            assert_eq!(output.width, side.unwrap_or(24));
            // What asks for less than 20 ms gets 100, as it is shown.
            assert_eq!(delays, [10, 10, 5, 7, 9, 11, 13, 300]);
            assert_eq!(repeat, gif::Repeat::Finite(3));
        }
    }
    let (_, delays, repeat) =
        read_gif(&run(&source("gif-animated-transparent.gif"), &[variant(OutputFormat::Keep, Some(20))]).unwrap().outputs[0].bytes);
    assert_eq!((delays, repeat), (vec![10, 20, 10, 30], gif::Repeat::Infinite));
}

#[test]
fn a_resized_png_keeps_its_frames_delays_and_plays() {
    let made = run(&source("apng-blends.png"), &[variant(OutputFormat::Keep, Some(10)), variant(OutputFormat::Gif, None)]).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&made.outputs[0].bytes)).read_info().unwrap();
    let control = *reader.info().animation_control().unwrap();
    assert_eq!((control.num_frames, control.num_plays, reader.info().width), (5, 2, 10));
    let mut delays = Vec::new();
    let mut frame = vec![0; reader.output_buffer_size().unwrap()];
    for _ in 0..5 {
        reader.next_frame(&mut frame).unwrap();
        let control = reader.info().frame_control().unwrap();
        delays.push(u32::from(control.delay_num) * 1000 / u32::from(control.delay_den));
    }
    assert_eq!(delays, [100, 40, 40, 70, 3000]);
    // From PNG to GIF as well.
    let (_, delays, repeat) = read_gif(&made.outputs[1].bytes);
    assert_eq!((delays, repeat), (vec![10, 4, 4, 7, 300], gif::Repeat::Finite(1)));
}

#[test]
fn a_still_of_an_animation_is_one_frame() {
    for (name, format) in [
        ("gif-disposals.gif", OutputFormat::Png),
        ("gif-disposals.gif", OutputFormat::Jpeg),
        ("gif-disposals.gif", OutputFormat::Gif),
    ] {
        let still = VariantSpec { animated: false, ..variant(format, None) };
        let bytes = run(&source(name), &[still]).unwrap().outputs.remove(0).bytes;
        assert!(!minilab_imaging::read_header(&bytes, &DecodeLimits::default()).unwrap().animated, "{name} {format:?}");
    }
}

#[test]
fn an_animation_that_is_cut_short_says_so() {
    let limits = Limits { decode: DecodeLimits { frames: 3, ..DecodeLimits::default() }, ..Limits::default() };
    let made = render(&source("gif-disposals.gif"), &[variant(OutputFormat::Gif, None)], &RenderOptions::new(&limits)).unwrap();
    assert_eq!(made.warnings, ["the animation has more than 3 frames; the first 3 were taken"]);
    assert_eq!(read_gif(&made.outputs[0].bytes).1.len(), 3);

    let file = source("gif-disposals.gif");
    let cut = &file[..file.len() - 60];
    let limits = Limits::default();
    let options = RenderOptions::new(&limits);
    assert!(render(cut, &[variant(OutputFormat::Gif, None)], &options).is_err());
    let made = render(cut, &[variant(OutputFormat::Gif, None)], &RenderOptions { tolerant: true, ..options }).unwrap();
    assert!(made.warnings.iter().any(|warning| warning.ends_with("the animation ends there")), "{:?}", made.warnings);
}

#[test]
fn a_cut_still_gif_gives_its_rows_where_that_is_tolerated() {
    let file = run(&testdata("demo/chelsea.png"), &[variant(OutputFormat::Gif, Some(60))]).unwrap().outputs.remove(0).bytes;
    let limits = Limits::default();
    let options = RenderOptions::new(&limits);
    let cut = &file[..file.len() / 2];
    assert!(render(cut, &[png(&[])], &options).is_err());
    let made = render(cut, &[png(&[])], &RenderOptions { tolerant: true, ..options }).unwrap();
    assert!(made.metadata.incomplete && !made.warnings.is_empty());
    let (whole, half) = (read_png(&run(&file, &[png(&[])]).unwrap().outputs[0].bytes), read_png(&made.outputs[0].bytes));
    assert_eq!(half.at(30, 2)[..3], whole.at(30, 2)[..3]);
    assert_ne!(half.at(30, 38)[..3], whole.at(30, 38)[..3]);
}

#[test]
fn a_palette_has_no_more_colours_than_asked_for() {
    let photo = testdata("demo/chelsea.png");
    let full = read_png(&run(&photo, &[variant(OutputFormat::Png, Some(200))]).unwrap().outputs[0].bytes);
    for (format, colors, depth, most) in [
        (OutputFormat::Png, 2, 1, 40.0),
        (OutputFormat::Png, 4, 2, 25.0),
        (OutputFormat::Png, 16, 4, 12.0),
        (OutputFormat::Png, 256, 8, 4.0),
        (OutputFormat::Gif, 256, 8, 4.0),
    ] {
        let spec = VariantSpec { palette: Some(colors), ..variant(format, Some(200)) };
        let bytes = run(&photo, &[spec]).unwrap().outputs.remove(0).bytes;
        if format == OutputFormat::Png {
            let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
            assert_eq!((reader.info().color_type, reader.info().bit_depth as u8), (png::ColorType::Indexed, depth));
            assert!(reader.info().palette.as_ref().unwrap().len() <= usize::from(colors) * 3);
        }
        let found = read_png(&run(&bytes, &[png(&[])]).unwrap().outputs[0].bytes);
        assert!(found.difference(&full) < most, "{format:?} {colors}: {}", found.difference(&full));
    }
}

#[test]
fn few_colours_are_written_small_and_without_loss() {
    let bytes = run(&source("png-rgb.png"), &[png(&[])]).unwrap().outputs.remove(0).bytes;
    let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    assert_eq!((reader.info().color_type, reader.info().bit_depth), (png::ColorType::Indexed, png::BitDepth::Four));
    assert_eq!(read_png(&bytes), read_png(&source("png-rgb.png")));
}
