//! Encodes the pixels of JPEGs again and prints the median time of this encoder and of jpeg-encoder, and what they made:
//! `cargo run --release -p minilab-jpeg --example time_encode -- <runs> <quality> <file>...`

use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, QuantizationTableType, SamplingFactor};
use minilab_jpeg::{Decoder, EncodeOptions, Encoder, HuffmanTables, Scale, Subsampling};
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "time_encode <runs> <quality> <file>...";
    let runs: usize = arguments.next().ok_or(usage)?.parse()?;
    let quality: u8 = arguments.next().ok_or(usage)?.parse()?;
    let scale = if quality < 50 { 5000 / u32::from(quality) } else { 200 - 2 * u32::from(quality) };
    // Any table does; the two encoders have to have the same.
    let table: [u16; 64] = std::array::from_fn(|place| {
        let step = 10 + place as u32 / 8 * 6 + place as u32 % 8 * 6;
        ((step * scale + 50) / 100).clamp(1, 255) as u16
    });
    for path in arguments {
        let bytes = std::fs::read(&path)?;
        let image = Decoder::new(&bytes)?.decode_to_image(Scale::Full)?;
        if image.channels != 3 {
            println!("{path}: not a colour image");
            continue;
        }
        let (width, height) = (image.width as u16, image.height as u16);
        for (name, subsampling, factor) in
            [("4:2:0", Subsampling::Half, SamplingFactor::F_2_2), ("4:4:4", Subsampling::Full, SamplingFactor::F_1_1)]
        {
            let ours = [HuffmanTables::Standard, HuffmanTables::Fitted].map(|huffman| {
                let options = EncodeOptions { width, height, components: 3, subsampling, huffman, luma: table, chroma: table };
                median(runs, || {
                    let mut encoder = Encoder::new(&options)?;
                    encoder.push_rgb(&image.pixels)?;
                    Ok(encoder.finish()?.len())
                })
            });
            let (theirs, their_bytes) = median(runs, || {
                let mut output = Vec::with_capacity(image.pixels.len() / 8 + 1024);
                let mut encoder = jpeg_encoder::Encoder::new(&mut output, quality);
                let tables = QuantizationTableType::Custom(Box::new(table));
                encoder.set_quantization_tables(tables.clone(), tables);
                encoder.set_sampling_factor(factor);
                encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
                encoder.encode(&image.pixels, width, height, ColorType::Rgb)?;
                Ok(output.len())
            })?;
            let megapixels = f64::from(width) * f64::from(height) / 1e6;
            println!("{path} {name}: jpeg-encoder {:.2} ms a megapixel, {their_bytes} bytes", theirs / megapixels);
            for (tables, result) in ["standard", "fitted"].into_iter().zip(ours) {
                let (time, bytes) = result?;
                println!("  {tables} tables: {:.2} ms a megapixel, {bytes} bytes, ratio {:.2}", time / megapixels, theirs / time);
            }
        }
    }
    Ok(())
}

/// The median time in milliseconds, and the result of the last run.
fn median<T>(runs: usize, mut work: impl FnMut() -> Result<T, Box<dyn Error>>) -> Result<(f64, T), Box<dyn Error>> {
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let result = work()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if times.len() >= runs.max(1) {
            times.sort_by(f64::total_cmp);
            return Ok((times[times.len() / 2], result));
        }
    }
}
