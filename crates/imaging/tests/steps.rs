//! Recipes of several steps that change the frame, from a file to a file.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_imaging::ImageError;
use minilab_model::{
    Blur, Color, Crop, Extend, ExtendFill, Fit, Gravity, OutputFormat, Real, Resize, Rotate, Sharpen, Step, Trim, VariantSpec,
};
use support::{Pixels, full, into_box, pixels, png, run, source};

fn recipe(steps: &[Step]) -> VariantSpec {
    VariantSpec { steps: steps.to_vec(), ..png(&[]) }
}

fn crop(x: u32, y: u32, width: u32, height: u32) -> Step {
    Step::Crop(Crop { width, height, x: Some(x), y: Some(y), gravity: Gravity::Center })
}

fn crop_by(gravity: Gravity, width: u32, height: u32) -> Step {
    Step::Crop(Crop { width, height, x: None, y: None, gravity })
}

fn resize(width: u32, height: u32, fit: Fit) -> Step {
    Step::Resize(into_box(width, height, fit))
}

fn cover_by(gravity: Gravity, width: u32, height: u32) -> Step {
    Step::Resize(Resize { gravity, ..into_box(width, height, Fit::Cover) })
}

fn rotate(degrees: f64) -> Step {
    Step::Rotate(Rotate { degrees: Real::new(degrees), background: None })
}

/// A PNG of pixels that a function gives.
fn drawn(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    let samples: Vec<u8> = (0..height).flat_map(|y| (0..width).flat_map(|x| pixel(x, y)).collect::<Vec<u8>>()).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    bytes
}

/// White with a dark red rectangle of 60 × 30 at (100, 40), 300 × 120 in all.
fn framed() -> Vec<u8> {
    drawn(300, 120, |x, y| if (100..160).contains(&x) && (40..70).contains(&y) { [120, 10, 20] } else { [255, 255, 253] })
}

/// What comes of steps in one recipe is what comes of them one after the other, each from the file of the one before.
fn check(file: &[u8], steps: &[Step], size: (u32, u32), most_difference: f64) -> Pixels {
    let together = pixels(file, &recipe(steps));
    assert_eq!((together.width, together.height), size, "{steps:?}");
    let mut file = file.to_vec();
    for step in steps {
        file = run(&file, &[recipe(std::slice::from_ref(step))]).unwrap().outputs.remove(0).bytes;
    }
    let apart = support::read_png(&file);
    let difference = together.difference(&apart);
    assert!(difference <= most_difference, "{steps:?}: {difference}");
    together
}

#[test]
fn recipes_do_one_step_after_the_other() {
    let photo = support::testdata("demo/astronaut.png");
    // A leading crop and resize are one look at the source, whose filter sees a little beyond the rectangle; and a file is
    // shrunk by whole boxes before a resize, the result of a step is not.
    const MOST: f64 = 2.0;
    check(&photo, &[crop(180, 20, 120, 160), resize(30, 30, Fit::Inside)], (23, 30), MOST);
    check(&photo, &[crop(180, 20, 120, 160), resize(60, 60, Fit::Cover)], (60, 60), MOST);
    check(&photo, &[resize(100, 100, Fit::Inside), crop_by(Gravity::North, 50, 40)], (50, 40), MOST);
    check(&photo, &[resize(200, 100, Fit::Cover), rotate(90.0), Step::Flip], (100, 200), MOST);
    check(&photo, &[rotate(45.0), resize(100, 100, Fit::Inside)], (100, 100), MOST);
    check(&photo, &[resize(90, 60, Fit::Fill), rotate(-30.0), resize(50, 50, Fit::Inside)], (50, 45), MOST);
    check(&photo, &[cover_by(Gravity::Attention, 40, 100), Step::Flop], (40, 100), MOST);
    check(&photo, &[cover_by(Gravity::Entropy, 100, 40), Step::Flop], (100, 40), MOST);
    check(&photo, &[crop_by(Gravity::Attention, 200, 200), resize(50, 50, Fit::Inside)], (50, 50), MOST);
    let blur = Step::Blur(Blur { sigma: Real::new(9.0) });
    check(&photo, &[resize(80, 80, Fit::Inside), blur, Step::Sharpen(Sharpen::default())], (80, 80), MOST);
    let mirror = Extend { left: 300, bottom: 7, fill: ExtendFill::Mirror, ..Extend::default() };
    check(&photo, &[resize(80, 80, Fit::Inside), Step::Extend(mirror), resize(95, 95, Fit::Inside)], (95, 22), MOST);
}

#[test]
fn a_crop_of_the_source_is_its_pixels() {
    let reference = full("png-rgb.png");
    let found = pixels(&source("png-rgb.png"), &recipe(&[crop(10, 5, 20, 90)]));
    assert_eq!((found.width, found.height), (20, 43));
    for (x, y) in [(0, 0), (19, 0), (0, 42), (19, 42), (7, 9)] {
        assert_eq!(found.at(x, y), reference.at(x + 10, y + 5));
    }
}

#[test]
fn a_turned_photo_is_cropped_as_it_is_shown() {
    let upright = pixels(&source("orientation-1.jpg"), &recipe(&[crop(3, 2, 20, 10)]));
    for name in ["orientation-6.jpg", "orientation-3.jpg"] {
        let found = pixels(&source(name), &recipe(&[crop(3, 2, 20, 10)]));
        assert!(found.difference(&upright) < 6.0, "{name}: {}", found.difference(&upright));
    }
}

#[test]
fn turned_corners_are_clear() {
    let found = pixels(&source("png-rgb.png"), &recipe(&[rotate(45.0), resize(40, 40, Fit::Inside)]));
    assert_eq!((found.width, found.height, found.channels), (40, 40, 4));
    assert_eq!([found.at(0, 0)[3], found.at(39, 0)[3], found.at(0, 39)[3], found.at(20, 20)[3]], [0, 0, 0, 255]);
    let blue = Color { red: 0, green: 0, blue: 250 };
    let turn = Step::Rotate(Rotate { degrees: Real::new(45.0), background: Some(blue) });
    let found = pixels(&source("png-rgb.png"), &recipe(&[turn]));
    assert_eq!((found.width, found.height, found.at(0, 0)), (80, 80, &[0, 0, 250][..]));
}

#[test]
fn borders_are_trimmed_before_what_follows() {
    let trim = Step::Trim(Trim::default());
    let found = pixels(&framed(), &recipe(&[trim.clone(), resize(30, 30, Fit::Inside)]));
    assert_eq!((found.width, found.height), (30, 15));
    assert!(found.samples.chunks_exact(3).all(|pixel| pixel == [120, 10, 20]));
    // And those that a step before made.
    let border = Step::Extend(Extend { top: 9, right: 8, background: Some(Color::WHITE), ..Extend::default() });
    let found = pixels(&framed(), &recipe(&[trim.clone(), border, trim]));
    assert_eq!((found.width, found.height), (60, 30));
}

#[test]
fn attention_finds_the_subject() {
    for (left, expected) in [(20_u32, 0..=70_u32), (520, 370..=520)] {
        let patch = drawn(700, 200, |x, y| match (left..left + 90).contains(&x) && (50..140).contains(&y) {
            true => [(200 + (x * 7 + y * 5) % 50) as u8, (140 + (x * 7 + y * 5) % 50) as u8, 110],
            false => [((x + y) / 10 + 80) as u8, 120, 140],
        });
        for gravity in [Gravity::Attention, Gravity::Entropy] {
            let found = pixels(&patch, &recipe(&[cover_by(gravity, 200, 200)]));
            assert_eq!((found.width, found.height), (200, 200));
            let reds = found.samples.chunks_exact(3).filter(|pixel| pixel[0] >= 200).count();
            // Entropy may cut off some rows of it, attention may not.
            let least = if gravity == Gravity::Attention { 8000 } else { 4000 };
            assert!(reds >= least, "{gravity:?} at {left}, {expected:?}: {reds}");
        }
    }
}

#[test]
fn a_crop_outside_the_image_is_refused_by_name() {
    let error = run(&source("png-rgb.png"), &[recipe(&[crop(64, 0, 5, 5)])]).unwrap_err();
    let expected = "variant `test`: crop is not possible: its corner at x 64, y 0 lies outside the image, which has 64 × 48 pixels";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn what_would_be_too_large_on_the_way_is_refused() {
    let check = |file: &[u8], steps: &[Step]| {
        let error = run(file, &[recipe(steps)]).unwrap_err();
        assert!(matches!(error, ImageError::OutputLimitExceeded { .. }), "{steps:?}: {error}");
    };
    let small = resize(10, 10, Fit::Inside);
    let huge = Extend { top: 10_000, left: 10_000, ..Extend::default() };
    check(&framed(), &[Step::Extend(huge), small.clone()]);
    let large = Resize { enlarge: true, ..into_box(7000, 7000, Fit::Fill) };
    check(&framed(), &[Step::Resize(large), rotate(45.0), small.clone()]);
    // Nothing is known of the shape behind a trim before it is done: here a line of one column.
    let line = drawn(400, 400, |x, y| if x == 200 && y > 10 { [0; 3] } else { [255; 3] });
    let wide = Resize { width: Some(2000), enlarge: true, ..Resize::default() };
    check(&line, &[Step::Trim(Trim::default()), Step::Resize(wide.clone()), small.clone()]);
    // The same without a trim is within the limits.
    assert!(run(&line, &[recipe(&[Step::Flip, Step::Resize(wide), small])]).is_ok());
    // All of the scaled image is looked at where the pixels say what is kept.
    let long = drawn(600, 3, |x, _| [(x % 256) as u8; 3]);
    let tall = |gravity| Step::Resize(Resize { enlarge: true, gravity, ..into_box(100, 3000, Fit::Cover) });
    check(&long, &[Step::Flip, tall(Gravity::Attention)]);
    assert!(run(&long, &[recipe(&[Step::Flip, tall(Gravity::North)])]).is_ok());
}

#[test]
fn every_depth_and_layout_goes_through_every_step() {
    let steps = [
        crop_by(Gravity::Attention, 40, 30),
        Step::Extend(Extend { left: 5, fill: ExtendFill::Edge, ..Extend::default() }),
        Step::Trim(Trim::default()),
        rotate(20.0),
        Step::Flip,
        Step::Flop,
        Step::Blur(Blur { sigma: Real::new(1.5) }),
        Step::Blur(Blur { sigma: Real::new(40.0) }),
        Step::Sharpen(Sharpen::default()),
        resize(20, 20, Fit::Cover),
    ];
    for name in
        ["png-rgb.png", "png-grey-alpha.png", "png-rgba-16bit.png", "png-hidden-colour.png", "jpeg-grey.jpg", "jpeg-cmyk.jpg"]
    {
        for format in [OutputFormat::Png, OutputFormat::Jpeg, OutputFormat::Webp] {
            let output = run(&source(name), &[VariantSpec { format, ..recipe(&steps) }]).unwrap().outputs.remove(0);
            assert_eq!((output.width, output.height), (20, 20), "{name} {format:?}");
        }
    }
}
