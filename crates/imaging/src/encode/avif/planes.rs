//! From interleaved RGB to the planes of a frame: Y′CbCr by BT.601 (ITU-R BT.601-7, 2.5), full range as in JFIF.

use crate::picture::{Layout, Picture, Samples};
use rav1e::prelude::{CastFromPrimitive, ChromaSampling, Frame, Pixel};

/// Weights of red and blue in luma; green has the rest.
const RED: f32 = 0.299;
const BLUE: f32 = 0.114;

/// Fills luma, and chroma where the frame has some. Where a pixel is clear, its colour is the one last seen in its row: what
/// nobody sees costs next to nothing then, and the edge of what is seen stays clean.
pub(super) fn fill_color<P: Pixel + CastFromPrimitive<u16>>(
    frame: &mut Frame<P>,
    picture: &Picture,
    chroma: ChromaSampling,
    bits: u8,
) {
    let (width, height) = (picture.size.width as usize, picture.size.height as usize);
    let step = if chroma == ChromaSampling::Cs420 { 2 } else { 1 };
    let [luma, blue, red] = &mut frame.planes;
    let mut luma = luma.mut_slice(Default::default());
    let mut blue = blue.mut_slice(Default::default());
    let mut red = red.mut_slice(Default::default());
    let mut luma = luma.rows_iter_mut();
    let mut chroma_rows = blue.rows_iter_mut().zip(red.rows_iter_mut());
    let mut row = vec![[0.0; 3]; width];
    // Sums of the pixels that share a chroma sample.
    let mut sums = vec![[0.0_f32; 3]; width.div_ceil(step)];
    for y in 0..height {
        read_row(picture, y, bits, &mut row);
        if let Some(luma) = luma.next() {
            luma.iter_mut().zip(&row).for_each(|(sample, pixel)| *sample = rounded(brightness(pixel), bits));
        }
        if chroma == ChromaSampling::Cs400 {
            continue;
        }
        for (sum, pixels) in sums.iter_mut().zip(row.chunks(step)) {
            // The last pixel of an odd row stands for two.
            let share = step as f32 / pixels.len() as f32;
            pixels.iter().for_each(|pixel| (0..3).for_each(|channel| sum[channel] += pixel[channel] * share));
        }
        let is_last = y + 1 == height;
        if (y + 1) % step != 0 && !is_last {
            continue;
        }
        let rows = y % step + 1;
        let Some((blue, red)) = chroma_rows.next() else { continue };
        for ((blue, red), sum) in blue.iter_mut().zip(red).zip(&mut sums) {
            let pixel = sum.map(|value| value / (rows * step) as f32);
            let luma = brightness(&pixel);
            let middle = f32::from(1_u16 << (bits - 1));
            *blue = rounded((pixel[2] - luma) / (2.0 * (1.0 - BLUE)) + middle, bits);
            *red = rounded((pixel[0] - luma) / (2.0 * (1.0 - RED)) + middle, bits);
            *sum = [0.0; 3];
        }
    }
}

/// Fills the one plane of an alpha image.
pub(super) fn fill_alpha<P: Pixel + CastFromPrimitive<u16>>(frame: &mut Frame<P>, picture: &Picture, bits: u8) {
    let channels = picture.layout.channels();
    let row_length = picture.size.width as usize * channels;
    let [plane, ..] = &mut frame.planes;
    let mut plane = plane.mut_slice(Default::default());
    for (y, row) in plane.rows_iter_mut().take(picture.size.height as usize).enumerate() {
        let range = y * row_length..(y + 1) * row_length;
        match &picture.samples {
            Samples::Eight(samples) => {
                let alphas = samples[range].iter().skip(channels - 1).step_by(channels);
                row.iter_mut().zip(alphas).for_each(|(sample, &alpha)| *sample = rounded(scaled(alpha.into(), 255.0, bits), bits));
            }
            Samples::Sixteen(samples) => {
                let alphas = samples[range].iter().skip(channels - 1).step_by(channels);
                row.iter_mut()
                    .zip(alphas)
                    .for_each(|(sample, &alpha)| *sample = rounded(scaled(alpha.into(), 65_535.0, bits), bits));
            }
        }
    }
}

/// Reads a row as RGB on the frame's scale.
fn read_row(picture: &Picture, y: usize, bits: u8, row: &mut [[f32; 3]]) {
    let row_length = row.len() * picture.layout.channels();
    let range = y * row_length..(y + 1) * row_length;
    match &picture.samples {
        Samples::Eight(samples) => convert(&samples[range], picture.layout, 255.0, bits, row),
        Samples::Sixteen(samples) => convert(&samples[range], picture.layout, 65_535.0, bits, row),
    }
}

fn convert<S: Copy + Into<f32>>(samples: &[S], layout: Layout, max: f32, bits: u8, row: &mut [[f32; 3]]) {
    let mut seen = None;
    let channels = layout.channels();
    for (target, pixel) in row.iter_mut().zip(samples.chunks_exact(channels)) {
        let at = |channel: usize| scaled(pixel[channel].into(), max, bits);
        let color = if channels < 3 { [at(0); 3] } else { [at(0), at(1), at(2)] };
        let is_clear = layout.has_alpha() && pixel[channels - 1].into() == 0.0;
        *target = if is_clear { seen.unwrap_or([0.0; 3]) } else { color };
        seen = Some(*target);
    }
}

fn brightness(pixel: &[f32; 3]) -> f32 {
    RED * pixel[0] + (1.0 - RED - BLUE) * pixel[1] + BLUE * pixel[2]
}

fn scaled(value: f32, max: f32, bits: u8) -> f32 {
    value * (f32::from(full(bits)) / max)
}

fn rounded<P: CastFromPrimitive<u16>>(value: f32, bits: u8) -> P {
    P::cast_from((value + 0.5).clamp(0.0, full(bits).into()) as u16)
}

const fn full(bits: u8) -> u16 {
    (1 << bits) - 1
}
