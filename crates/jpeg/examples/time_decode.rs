//! Times the shrinking decoder beside zune-jpeg's full decode of the same file.
//!
//! `cargo run --release -p minilab-jpeg --example time_decode -- [--runs N] [--threads N] FILE…`
//!
//! One thread unless told otherwise, source bytes in memory, after one round to warm up; the decoders take turns, so that
//! a busy machine hits them alike. Prints the median and the best of N runs in milliseconds, and how
//! many times faster than the full decode the median is.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use minilab_jpeg::{DecodeOptions, Decoder, Scale};
use zune_core::bytestream::ZCursor;
use zune_jpeg::JpegDecoder;

const SCALES: [Scale; 4] = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files = Vec::new();
    let mut runs = 9;
    let mut options = DecodeOptions::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--runs" {
            runs = arguments.next().ok_or("--runs needs a number")?.parse()?;
        } else if argument == "--threads" {
            options.threads = arguments.next().ok_or("--threads needs a number")?.parse()?;
        } else {
            files.push(argument);
        }
    }
    println!("median/best of {runs} runs in milliseconds, × faster than zune-jpeg's full decode");
    for file in files {
        let data = std::fs::read(&file)?;
        // The full decode first, then each scale that works.
        let mut times = vec![Vec::new(); 1 + SCALES.len()];
        for round in 0..=runs {
            let full = time(|| {
                let mut decoder = JpegDecoder::new(ZCursor::new(&data[..]));
                black_box(decoder.decode()).is_ok()
            });
            let scaled = SCALES.map(|scale| time(|| shrink(&data, scale, &options).is_ok()));
            if round > 0 {
                for (times, time) in times.iter_mut().zip([full].into_iter().chain(scaled)) {
                    times.extend(time);
                }
            }
        }
        let name = Path::new(&file).file_name().unwrap_or_default();
        print!("{:34}", name.to_string_lossy());
        let mut full = 0.0;
        for (index, mut times) in times.into_iter().enumerate() {
            times.sort();
            let (Some(median), Some(best)) = (times.get(times.len() / 2), times.first()) else {
                print!(" |      (not decoded)     ");
                continue;
            };
            let (median, best) = (milliseconds(*median), milliseconds(*best));
            print!(" | {median:6.2} /{best:6.2}");
            match index {
                0 => full = median,
                _ => print!(" {:5.1}×", full / median),
            }
        }
        println!();
    }
    Ok(())
}

fn shrink(data: &[u8], scale: Scale, options: &DecodeOptions) -> Result<(), minilab_jpeg::Error> {
    Decoder::new(data)?.with_options(options.clone()).decode(scale, &mut |strip| {
        black_box(strip.pixels);
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// How long a job takes; `None` if it fails.
fn time(job: impl FnOnce() -> bool) -> Option<Duration> {
    let start = Instant::now();
    job().then(|| start.elapsed())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
