//! How different two pictures look: ΔE by CIEDE2000 (CIE 142-2001; formulas by Sharma, Wu and Dalal, "The CIEDE2000
//! Color-Difference Formula", 2005), from sRGB by way of CIELAB with the white of D65.
//!
//! Of transparent pixels the larger difference counts that they have on black and on white.

use png::{BitDepth, ColorType};
use std::fmt::Write;

/// A PNG as it is stored, and its pixels as RGBA from 0 to 1.
pub struct Image {
    width: u32,
    height: u32,
    color_type: ColorType,
    bit_depth: BitDepth,
    stored: Vec<u8>,
    pixels: Vec<[f64; 4]>,
}

impl Image {
    /// A PNG of grey or RGB, with alpha or without, of 8 or 16 bits.
    pub fn read(file: &[u8]) -> Self {
        // A palette is how a file is packed, not what it shows.
        let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut stored = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut stored).unwrap();
        stored.truncate(info.buffer_size());
        let (color_type, bit_depth) = (info.color_type, info.bit_depth);
        let samples: Vec<f64> = match bit_depth {
            BitDepth::Sixteen => {
                stored.chunks_exact(2).map(|pair| f64::from(u16::from_be_bytes([pair[0], pair[1]])) / 65_535.0).collect()
            }
            _ => stored.iter().map(|&sample| f64::from(sample) / 255.0).collect(),
        };
        let pixels = samples.chunks_exact(color_type.samples()).map(|pixel| match *pixel {
            [grey] => [grey, grey, grey, 1.0],
            [grey, alpha] => [grey, grey, grey, alpha],
            [red, green, blue] => [red, green, blue, 1.0],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => unreachable!("PNG has no such pixels"),
        });
        Self { width: info.width, height: info.height, color_type, bit_depth, pixels: pixels.collect(), stored }
    }

    /// Size, channels and depth, in words.
    pub fn kind(&self) -> String {
        format!("{}×{} {:?} of {} bits", self.width, self.height, self.color_type, self.bit_depth as u8)
    }

    /// It as a PNG, packed as well as the encoder can.
    pub fn smallest_png(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width, self.height);
        encoder.set_color(self.color_type);
        encoder.set_depth(self.bit_depth);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&self.stored).unwrap();
        writer.finish().unwrap();
        file
    }
}

/// How far two pictures of one size are apart.
pub struct Difference {
    /// The largest ΔE00 of a pixel.
    pub largest: f64,
    /// Where it is.
    pub at: (u32, u32),
    /// The mean ΔE00.
    pub mean: f64,
    pixels: Vec<f64>,
    width: u32,
    height: u32,
}

impl Difference {
    pub fn of(one: &Image, other: &Image) -> Self {
        let pixels: Vec<f64> = one.pixels.iter().zip(&other.pixels).map(|(&one, &other)| pixel_difference(one, other)).collect();
        let (place, largest) = pixels.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0));
        let mean = pixels.iter().sum::<f64>() / pixels.len() as f64;
        let at = (place as u32 % one.width, place as u32 / one.width);
        Self { largest, at, mean, pixels, width: one.width, height: one.height }
    }

    /// Where they differ: black is nowhere, white a ΔE00 of 10 or more.
    pub fn picture(&self) -> Image {
        let stored = self.pixels.iter().map(|difference| (difference.min(10.0) * 25.5).round() as u8).collect();
        let (color_type, bit_depth) = (ColorType::Grayscale, BitDepth::Eight);
        Image { width: self.width, height: self.height, color_type, bit_depth, stored, pixels: Vec::new() }
    }
}

fn pixel_difference(one: [f64; 4], other: [f64; 4]) -> f64 {
    let on = |[red, green, blue, alpha]: [f64; 4], ground: f64| lab([red, green, blue].map(|v| v * alpha + ground * (1.0 - alpha)));
    [0.0, 1.0].map(|ground| ciede2000(on(one, ground), on(other, ground))).into_iter().fold(0.0, f64::max)
}

/// CIELAB of a gamma-encoded sRGB colour.
fn lab(color: [f64; 3]) -> [f64; 3] {
    let [red, green, blue] = color.map(|value| if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) });
    let xyz = [
        (0.412_456_4 * red + 0.357_576_1 * green + 0.180_437_5 * blue) / 0.950_47,
        0.212_672_9 * red + 0.715_152_2 * green + 0.072_175_0 * blue,
        (0.019_333_9 * red + 0.119_192_0 * green + 0.950_304_1 * blue) / 1.088_83,
    ];
    let [x, y, z] = xyz.map(|v| if v > 216.0 / 24_389.0 { v.cbrt() } else { (24_389.0 / 27.0 * v + 16.0) / 116.0 });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The difference of two CIELAB colours, all weights 1.
fn ciede2000([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let seventh = |chroma: f64| (chroma.powi(7) / (chroma.powi(7) + 25_f64.powi(7))).sqrt();
    let g = 0.5 * (1.0 - seventh((a1.hypot(b1) + a2.hypot(b2)) / 2.0));
    let (a1, a2) = (a1 * (1.0 + g), a2 * (1.0 + g));
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| if a == 0.0 && b == 0.0 { 0.0 } else { b.atan2(a).to_degrees().rem_euclid(360.0) };
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let grey = c1 * c2 == 0.0;
    let turn = match h2 - h1 {
        _ if grey => 0.0,
        turn if turn > 180.0 => turn - 360.0,
        turn if turn < -180.0 => turn + 360.0,
        turn => turn,
    };
    let mean_hue = match (h1 + h2, (h1 - h2).abs()) {
        (sum, _) if grey => sum,
        (sum, apart) if apart <= 180.0 => sum / 2.0,
        (sum, _) if sum < 360.0 => (sum + 360.0) / 2.0,
        (sum, _) => (sum - 360.0) / 2.0,
    };
    let (mean_l, mean_c) = ((l1 + l2) / 2.0, (c1 + c2) / 2.0);
    let cosine = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cosine(mean_hue - 30.0) + 0.24 * cosine(2.0 * mean_hue) + 0.32 * cosine(3.0 * mean_hue + 6.0)
        - 0.20 * cosine(4.0 * mean_hue - 63.0);
    let from_middle = (mean_l - 50.0).powi(2);
    let lightness = (l2 - l1) / (1.0 + 0.015 * from_middle / (20.0 + from_middle).sqrt());
    let chroma = (c2 - c1) / (1.0 + 0.045 * mean_c);
    let hue = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin() / (1.0 + 0.015 * mean_c * t);
    let rotation = -(60.0 * (-((mean_hue - 275.0) / 25.0).powi(2)).exp()).to_radians().sin() * 2.0 * seventh(mean_c);
    (lightness.powi(2) + chroma.powi(2) + hue.powi(2) + rotation * chroma * hue).max(0.0).sqrt()
}

/// Pairs of the paper's table 1, among them those at which other implementations went wrong.
#[test]
fn the_measure_is_ciede2000() {
    let pairs = [
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, -1.1848, -84.8006], [50.0, 0.0, -82.7485], 1.0),
        ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0009], 7.1792),
        ([50.0, 2.49, -0.001], [50.0, -2.49, 0.0011], 7.2195),
        ([50.0, -0.001, 2.49], [50.0, 0.0011, -2.49], 4.7461),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
        ([50.0, 2.5, 0.0], [61.0, -5.0, 29.0], 22.8977),
        ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
        ([63.0109, -31.0961, -5.8663], [62.8187, -29.7946, -4.0864], 1.2630),
        ([22.7233, 20.0904, -46.6940], [23.0331, 14.9730, -42.5619], 2.0373),
        ([2.0776, 0.0795, -1.1350], [0.9033, -0.0636, -0.5514], 0.9082),
    ];
    let mut wrong = String::new();
    for (one, other, expected) in pairs {
        for found in [ciede2000(one, other), ciede2000(other, one)] {
            if (found - expected).abs() > 0.0001 {
                writeln!(wrong, "{one:?} {other:?}: {found:.4} is not {expected}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    // White, and sRGB's red, as CSS Color 4 has them.
    let near = |found: [f64; 3], expected: [f64; 3]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.02);
    assert!(near(lab([1.0; 3]), [100.0, 0.0, 0.0]) && near(lab([1.0, 0.0, 0.0]), [53.24, 80.09, 67.20]));
}
