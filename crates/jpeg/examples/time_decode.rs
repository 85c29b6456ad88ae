//! Times the shrinking decoder beside zune-jpeg's full decode of the same file.
//!
//! `cargo run --release -p minilab-jpeg --example time_decode -- [--runs N] FILE…`
//!
//! One thread, source bytes in memory, both warmed and run in turn. Prints the median of N runs in
//! milliseconds at each scale and how many times faster than the full decode it is.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use minilab_jpeg::{Decoder, Scale};
use zune_core::bytestream::ZCursor;
use zune_jpeg::JpegDecoder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files = Vec::new();
    let mut runs = 9;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--runs" {
            runs = arguments.next().ok_or("--runs needs a number")?.parse()?;
        } else {
            files.push(argument);
        }
    }
    println!("median of {runs} runs, milliseconds (× faster than zune-jpeg's full decode)");
    for file in files {
        let data = std::fs::read(&file)?;
        let full = median(runs, || {
            let mut decoder = JpegDecoder::new(ZCursor::new(&data[..]));
            black_box(decoder.decode()).is_ok()
        });
        let Some(full) = full else {
            println!("{file}: zune-jpeg fails");
            continue;
        };
        print!("{file}: full {:.1}", milliseconds(full));
        for scale in [Scale::Eighth, Scale::Quarter, Scale::Half] {
            let time = median(runs, || shrink(&data, scale).is_ok());
            match time {
                Some(time) => print!(
                    ", {scale:?} {:.2} ({:.1}×)",
                    milliseconds(time),
                    full.as_secs_f64() / time.as_secs_f64()
                ),
                None => print!(", {scale:?} not decoded"),
            }
        }
        println!();
    }
    Ok(())
}

fn shrink(data: &[u8], scale: Scale) -> Result<(), minilab_jpeg::Error> {
    Decoder::new(data)?.decode(scale, &mut |strip| {
        black_box(strip.pixels);
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// The median time of `runs` calls after one to warm up; `None` if a call fails.
fn median(runs: usize, mut job: impl FnMut() -> bool) -> Option<Duration> {
    let mut times = Vec::with_capacity(runs);
    for run in 0..=runs {
        let start = Instant::now();
        if !job() {
            return None;
        }
        if run > 0 {
            times.push(start.elapsed());
        }
    }
    times.sort();
    times.get(runs / 2).copied()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
