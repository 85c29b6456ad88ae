//! What the tests share: the files of `testdata/formats`, recipes, and a look at what came out.
#![allow(clippy::unwrap_used, dead_code)]

use minilab_imaging::{ImageError, RenderOptions, Rendered, render};
use minilab_model::{Fit, Limits, OutputFormat, Resize, Step, VariantSpec};
use std::path::Path;

/// The bytes of a file in `testdata/formats`.
pub fn source(name: &str) -> Vec<u8> {
    testdata(&format!("formats/{name}"))
}

/// The bytes of a file in `testdata`.
pub fn testdata(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A variant without steps, PNG so that pixels can be compared.
pub fn png(steps: &[Resize]) -> VariantSpec {
    VariantSpec {
        steps: steps.iter().cloned().map(Step::Resize).collect(),
        format: OutputFormat::Png,
        ..VariantSpec::new("test", "{stem}.png".to_owned().try_into().unwrap())
    }
}

pub fn into_box(width: u32, height: u32, fit: Fit) -> Resize {
    Resize { width: Some(width), height: Some(height), fit, ..Resize::default() }
}

pub fn run(source: &[u8], variants: &[VariantSpec]) -> Result<Rendered, ImageError> {
    render(source, variants, &RenderOptions::new(&Limits::default()))
}

/// An 8-bit image with its channels interleaved.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    pub width: u32,
    pub height: u32,
    pub channels: usize,
    pub samples: Vec<u8>,
}

impl Pixels {
    pub fn at(&self, x: u32, y: u32) -> &[u8] {
        let start = (y * self.width + x) as usize * self.channels;
        &self.samples[start..start + self.channels]
    }

    /// Mean absolute difference of samples.
    pub fn difference(&self, other: &Self) -> f64 {
        assert_eq!((self.width, self.height, self.channels), (other.width, other.height, other.channels));
        let sum: u64 = self.samples.iter().zip(&other.samples).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / self.samples.len() as f64
    }
}

/// Reads a PNG with the png crate itself.
pub fn read_png(bytes: &[u8]) -> Pixels {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().unwrap();
    let mut samples = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut samples).unwrap();
    samples.truncate(info.buffer_size());
    Pixels { width: info.width, height: info.height, channels: info.color_type.samples(), samples }
}

/// Renders one PNG variant and reads it.
pub fn pixels(source: &[u8], variant: &VariantSpec) -> Pixels {
    let rendered = run(source, std::slice::from_ref(variant)).unwrap();
    assert_eq!(rendered.warnings, Vec::<String>::new());
    let output = &rendered.outputs[0];
    let pixels = read_png(&output.bytes);
    assert_eq!((output.width, output.height), (pixels.width, pixels.height));
    pixels
}

/// Renders a file of `testdata/formats` at full size.
pub fn full(name: &str) -> Pixels {
    pixels(&source(name), &png(&[]))
}
