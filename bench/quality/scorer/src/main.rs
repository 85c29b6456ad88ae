//! Scores pictures: each line of standard input is `WIDTH HEIGHT REFERENCE PICTURE`, tabs between; standard output gets its
//! SSIMULACRA 2 score, a line each. The files hold linear light, three 32-bit little-endian floats a pixel, 1 for white.

use ssimulacra2::{LinearRgb, compute_frame_ssimulacra2};
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};

fn main() -> Result<(), Box<dyn Error>> {
    for line in stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let [width, height, reference, picture] = fields.as_slice() else {
            return Err(format!("`{line}` is not WIDTH HEIGHT REFERENCE PICTURE").into());
        };
        let (width, height) = (width.parse()?, height.parse()?);
        let score = compute_frame_ssimulacra2(read(reference, width, height)?, read(picture, width, height)?)?;
        println!("{score:.4}");
        stdout().flush()?;
    }
    Ok(())
}

fn read(path: &str, width: usize, height: usize) -> Result<LinearRgb, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let (samples, _) = bytes.as_chunks::<4>();
    let (pixels, _) = samples.as_chunks::<3>();
    let pixels: Vec<_> = pixels.iter().map(|pixel| pixel.map(f32::from_le_bytes)).collect();
    LinearRgb::new(pixels, width, height).map_err(|error| format!("{path}: {error}").into())
}
