//! Measures the decoder alone: `bench_decode FILE EIGHTHS N` prints the least CPU milliseconds of N decodes at 1, 2, 4 or 8 eighths of
//! the size, and a sum over the pixels by which two builds can be compared.

use minilab_jpeg::{Decoder, Scale};
use std::error::Error;
use std::ops::ControlFlow;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, eighths, times] = arguments.as_slice() else {
        return Err("usage: bench_decode FILE EIGHTHS N".into());
    };
    let source = std::fs::read(file)?;
    let scales = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];
    let eighths: u32 = eighths.parse()?;
    let scale = scales.into_iter().find(|scale| scale.eighths() == eighths).ok_or("EIGHTHS is 1, 2, 4 or 8")?;
    let mut least = f64::INFINITY;
    let mut sum = 0_u64;
    for _ in 0..times.parse()? {
        sum = 0;
        let before = cpu_milliseconds()?;
        Decoder::new(&source)?.decode(scale, &mut |strip| {
            sum = strip.pixels.iter().fold(sum, |sum, &sample| sum.wrapping_add(sample.into()));
            ControlFlow::Continue(())
        })?;
        least = least.min(cpu_milliseconds()? - before);
    }
    println!("{least:.2} ms, sum {sum}");
    Ok(())
}

/// What this thread, the only one, has had of the processor: the first field of Linux's schedstat, in nanoseconds.
fn cpu_milliseconds() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().ok_or("/proc/self/schedstat is empty")?;
    Ok(nanoseconds.parse::<f64>()? / 1e6)
}
