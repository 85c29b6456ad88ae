//! What the encoder takes and refuses, and what its files hold. `cjpeg.rs` compares the bytes.

#![allow(clippy::unwrap_used)]

mod support;

use minilab_jpeg::{Decoder, EncodeError, EncodeOptions, Encoder, HuffmanTables, PlaneRows, Scale, Subsampling};
use support::{Random, synthetic};

fn options(width: u16, height: u16, components: u8, subsampling: Subsampling) -> EncodeOptions {
    let huffman = HuffmanTables::Standard;
    EncodeOptions { width, height, components, subsampling, huffman, luma: [3; 64], chroma: [5; 64] }
}

/// Samples of one plane, in rows of their own length.
struct Plane {
    samples: Vec<u8>,
    width: usize,
}

impl Plane {
    fn random(random: &mut Random, width: usize, height: usize) -> Self {
        Self { samples: (0..width * height).map(|_| random.below(256) as u8).collect(), width }
    }

    /// Rows from `from` on, at most `count`, from a strided copy.
    fn rows(&self, from: usize, count: usize) -> PlaneRows<'_> {
        let samples = &self.samples[(from * self.width).min(self.samples.len())..];
        PlaneRows { samples, stride: self.width, rows: count.min(samples.len() / self.width) }
    }
}

/// Planes of the size that they have in the file.
fn random_planes(random: &mut Random, options: &EncodeOptions) -> Vec<Plane> {
    let (width, height) = (usize::from(options.width), usize::from(options.height));
    let half = options.subsampling == Subsampling::Half;
    (0..options.components)
        .map(|component| match component > 0 && half {
            true => Plane::random(random, width.div_ceil(2), height.div_ceil(2)),
            false => Plane::random(random, width, height),
        })
        .collect()
}

#[test]
fn files_show_the_pixels() {
    let check = |width: u16, height: u16, subsampling, most: f64| {
        let pixels = synthetic(width.into(), height.into(), 0);
        let mut encoder = Encoder::new(&options(width, height, 3, subsampling)).unwrap();
        encoder.push_rgb(&pixels).unwrap();
        let file = encoder.finish().unwrap();
        let image = Decoder::new(&file).unwrap().decode_to_image(Scale::Full).unwrap();
        assert!(image.complete);
        assert_eq!((image.width, image.height), (width.into(), height.into()));
        let errors = image.pixels.iter().zip(&pixels).map(|(&got, &want)| f64::from(got.abs_diff(want)).powi(2));
        let error = (errors.sum::<f64>() / pixels.len() as f64).sqrt();
        assert!(error < most, "{width}×{height} {subsampling:?}: {error}");
    };
    for (width, height) in [(64, 64), (77, 45), (15, 200), (300, 17)] {
        check(width, height, Subsampling::Full, 2.0);
        check(width, height, Subsampling::Half, 3.0);
    }
}

#[test]
fn sides_may_be_as_long_as_the_format_allows() {
    for (width, height) in [(65_535, 1), (1, 65_535), (65_535, 17), (17, 65_535)] {
        for subsampling in [Subsampling::Half, Subsampling::Full] {
            let mut encoder = Encoder::new(&options(width, height, 3, subsampling)).unwrap();
            encoder.push_rgb(&synthetic(width.into(), height.into(), 3)).unwrap();
            let file = encoder.finish().unwrap();
            let image = Decoder::new(&file).unwrap().decode_to_image(Scale::Eighth).unwrap();
            assert!(image.complete);
            assert_eq!((image.width, image.height), (u32::from(width).div_ceil(8), u32::from(height).div_ceil(8)));
        }
    }
}

#[test]
fn rows_may_come_in_any_portions() {
    let mut random = Random(7);
    for case in 0..60 {
        let (width, height) = (1 + random.below(70) as u16, 1 + random.below(70) as u16);
        let subsampling = if case % 2 == 0 { Subsampling::Half } else { Subsampling::Full };
        let options = options(width, height, 3, subsampling);
        let pixels = synthetic(width.into(), height.into(), 20);
        let mut whole = Encoder::new(&options).unwrap();
        whole.push_rgb(&pixels).unwrap();
        let mut portions = Encoder::new(&options).unwrap();
        let mut rest = pixels.as_slice();
        while !rest.is_empty() {
            let (portion, after) = rest.split_at((random.below(20) * usize::from(width) * 3).min(rest.len()));
            portions.push_rgb(portion).unwrap();
            rest = after;
        }
        assert_eq!(portions.finish().unwrap(), whole.finish().unwrap(), "{width}×{height}");

        let components = if case % 3 == 0 { 1 } else { 3 };
        let options = EncodeOptions { components, ..options };
        let planes = random_planes(&mut random, &options);
        let strip = if components == 3 && subsampling == Subsampling::Half { 16 } else { 8 };
        let mut whole = Encoder::new(&options).unwrap();
        whole.push_planes(&planes.iter().map(|plane| plane.rows(0, usize::MAX)).collect::<Vec<_>>()).unwrap();
        let mut portions = Encoder::new(&options).unwrap();
        let mut from = 0;
        while from < usize::from(height) {
            let count = strip * (1 + random.below(2));
            let rows = |plane: usize| if plane > 0 && strip == 16 { (from / 2, count / 2) } else { (from, count) };
            let portion = planes.iter().enumerate().map(|(index, plane)| plane.rows(rows(index).0, rows(index).1));
            portions.push_planes(&portion.collect::<Vec<_>>()).unwrap();
            from += count;
        }
        assert_eq!(portions.finish().unwrap(), whole.finish().unwrap(), "{width}×{height} {components}");
    }
}

#[test]
fn no_samples_make_it_panic_or_write_what_cannot_be_read() {
    let mut random = Random(3);
    for case in 0..300 {
        let (width, height) = (1 + random.below(40) as u16, 1 + random.below(40) as u16);
        let components = [1, 3][case % 2];
        let subsampling = [Subsampling::Half, Subsampling::Full][case / 2 % 2];
        let mut options = options(width, height, components, subsampling);
        options.huffman = [HuffmanTables::Standard, HuffmanTables::Fitted][case / 16 % 2];
        let coarsest = [1, 2, 20, 255][case / 4 % 4];
        for step in options.luma.iter_mut().chain(&mut options.chroma) {
            *step = 1 + random.below(coarsest) as u16;
        }
        let mut planes = random_planes(&mut random, &options);
        if case % 5 == 0 {
            planes.iter_mut().flat_map(|plane| &mut plane.samples).for_each(|sample| *sample = if *sample > 127 { 255 } else { 0 });
        }
        let mut encoder = Encoder::new(&options).unwrap();
        encoder.push_planes(&planes.iter().map(|plane| plane.rows(0, usize::MAX)).collect::<Vec<_>>()).unwrap();
        let file = encoder.finish().unwrap();
        let image = Decoder::new(&file).unwrap().decode_to_image(Scale::Full).unwrap();
        assert!(image.complete, "{width}×{height} {components} {subsampling:?}");
        // Grey at the finest steps comes back as it was, but for rounding.
        if components == 1 && coarsest == 1 {
            assert!(image.pixels.iter().zip(&planes[0].samples).all(|(got, want)| got.abs_diff(*want) <= 2));
        }
    }
}

#[test]
fn fitted_tables_change_the_size_alone() {
    // The last has more symbols than are kept: its tables are those of its upper part.
    for (width, height, noise) in [(1, 1, 0), (60, 40, 10), (500, 300, 30), (1024, 3000, 255)] {
        let mut pixels = synthetic(width, height, noise);
        // Below, what the upper part has not: extremes.
        let lower = pixels.len() / 4 * 3;
        pixels[lower..].iter_mut().enumerate().for_each(|(index, value)| *value = if index * 7 % 11 < 5 { 0 } else { *value });
        let files = [HuffmanTables::Standard, HuffmanTables::Fitted].map(|huffman| {
            let options = options(width as u16, height as u16, 3, Subsampling::Full);
            let mut encoder = Encoder::new(&EncodeOptions { huffman, luma: [1; 64], ..options }).unwrap();
            encoder.push_rgb(&pixels).unwrap();
            encoder.finish().unwrap()
        });
        let [standard, fitted] = files.each_ref().map(|file| Decoder::new(file).unwrap().decode_to_image(Scale::Full).unwrap());
        assert!(fitted.complete && fitted == standard, "{width}×{height}");
        assert!(files[1].len() < files[0].len(), "{width}×{height}: {} of {}", files[1].len(), files[0].len());
    }
}

#[test]
fn segments_stand_before_the_frame() {
    let mut encoder = Encoder::new(&options(8, 8, 1, Subsampling::Full)).unwrap();
    encoder.segment(0xe1, b"first").unwrap();
    encoder.segment(0xfe, &[0xff; 65_533]).unwrap();
    encoder.push_planes(&[PlaneRows { samples: &[9; 64], stride: 8, rows: 8 }]).unwrap();
    assert_eq!(encoder.segment(0xe2, b"late"), Err(EncodeError::SegmentTooLate));
    let file = encoder.finish().unwrap();
    assert_eq!(file[20..29], [0xff, 0xe1, 0, 7, b'f', b'i', b'r', b's', b't']);
    assert_eq!(file[29..34], [0xff, 0xfe, 0xff, 0xff, 0xff]);
    assert_eq!(Decoder::new(&file).unwrap().decode_to_image(Scale::Full).unwrap().pixels, [9; 64]);
}

#[test]
fn options_that_make_no_file_are_refused() {
    let fine = options(5, 5, 3, Subsampling::Half);
    let check = |options: EncodeOptions, expected| assert_eq!(Encoder::new(&options).err(), expected);
    check(EncodeOptions { width: 0, ..fine.clone() }, Some(EncodeError::Empty { width: 0, height: 5 }));
    check(EncodeOptions { height: 0, ..fine.clone() }, Some(EncodeError::Empty { width: 5, height: 0 }));
    check(EncodeOptions { components: 4, ..fine.clone() }, Some(EncodeError::Components { components: 4 }));
    check(EncodeOptions { luma: [0; 64], ..fine.clone() }, Some(EncodeError::Step { place: 0, step: 0 }));
    check(EncodeOptions { chroma: [256; 64], ..fine.clone() }, Some(EncodeError::Step { place: 0, step: 256 }));
    check(EncodeOptions { chroma: [256; 64], components: 1, ..fine.clone() }, None);
    check(fine, None);
}

#[test]
fn rows_that_do_not_fit_are_refused() {
    let encoder = || Encoder::new(&options(10, 40, 3, Subsampling::Half)).unwrap();
    let is_refused = |result: Result<(), EncodeError>| matches!(result, Err(EncodeError::Rows { .. }));
    assert!(is_refused(encoder().push_rgb(&[0; 29])));
    assert!(is_refused(encoder().push_rgb(&[0; 30 * 41])));
    assert_eq!(encoder().push_rgb(&[]), Ok(()));
    assert_eq!(encoder().finish().err(), Some(EncodeError::MissingRows { given: 0, height: 40 }));
    let mut grey = Encoder::new(&options(10, 40, 1, Subsampling::Half)).unwrap();
    assert!(is_refused(grey.push_rgb(&[0; 30])));

    let samples = [0; 1000];
    let plane = |stride, rows| PlaneRows { samples: &samples, stride, rows };
    let push = |planes: &[PlaneRows<'_>]| encoder().push_planes(planes);
    assert_eq!(push(&[plane(10, 40), plane(5, 20), plane(5, 20)]), Ok(()));
    assert_eq!(push(&[plane(10, 16), plane(7, 8), plane(90, 8)]), Ok(()));
    assert_eq!(push(&[plane(10, 0), plane(5, 0), plane(5, 0)]), Ok(()));
    for planes in [
        vec![],
        vec![plane(10, 40)],
        vec![plane(10, 40); 4],
        vec![plane(10, 48), plane(5, 24), plane(5, 24)],
        vec![plane(10, 15), plane(5, 8), plane(5, 8)],
        vec![plane(10, 16), plane(5, 8), plane(5, 7)],
        vec![plane(9, 16), plane(5, 8), plane(5, 8)],
        vec![plane(10, 16), plane(4, 8), plane(5, 8)],
        vec![plane(100, 16), plane(5, 8), plane(5, 8)],
        vec![plane(usize::MAX, 16), plane(5, 8), plane(5, 8)],
    ] {
        assert!(is_refused(push(&planes)), "{planes:?}");
    }
    let mut mixed = encoder();
    mixed.push_rgb(&[0; 30]).unwrap();
    assert!(is_refused(mixed.push_planes(&[plane(10, 16), plane(5, 8), plane(5, 8)])));
    assert_eq!(mixed.finish().err(), Some(EncodeError::MissingRows { given: 1, height: 40 }));
}

#[test]
fn segments_that_do_not_fit_are_refused() {
    let mut encoder = Encoder::new(&options(8, 8, 1, Subsampling::Full)).unwrap();
    assert_eq!(encoder.segment(0xd8, &[]), Err(EncodeError::Marker { marker: 0xd8 }));
    assert_eq!(encoder.segment(0xe1, &[0; 65_534]), Err(EncodeError::SegmentTooLong { length: 65_534 }));
}
