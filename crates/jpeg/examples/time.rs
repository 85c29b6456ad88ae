//! Times the decoding of JPEG files at every scale: `time [--half-chroma] [--only=EIGHTHS] RUNS FILE…` prints the least and the median milliseconds of processor time at 1/8, 1/4, 1/2 and 1/1.

use minilab_jpeg::{DecodeOptions, Decoder, Scale};
use std::ops::ControlFlow;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let half_chroma = arguments.iter().any(|argument| argument == "--half-chroma");
    let only: Option<u32> = arguments.iter().find_map(|argument| argument.strip_prefix("--only=")?.parse().ok());
    let mut plain = arguments.iter().filter(|argument| !argument.starts_with("--"));
    let runs: usize = plain.next().ok_or("usage: time [--half-chroma] [--only=EIGHTHS] RUNS FILE…")?.parse()?;
    for file in plain {
        let data = std::fs::read(file)?;
        let decoder = Decoder::new(&data)?.with_options(DecodeOptions { half_chroma, ..DecodeOptions::default() });
        let scales = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];
        for scale in scales.into_iter().filter(|scale| only.is_none_or(|only| scale.eighths() == only)) {
            let mut times = Vec::new();
            for _ in 0..runs {
                let start = processor_seconds()?;
                decoder.decode(scale, &mut |strip| {
                    std::hint::black_box(strip.pixels);
                    ControlFlow::Continue(())
                })?;
                times.push((processor_seconds()? - start) * 1e3);
            }
            times.sort_by(f64::total_cmp);
            print!("{:9.2} {:7.2}", times[0], times[runs / 2]);
        }
        println!("  {file}");
    }
    Ok(())
}

/// What this thread has had of the processor (Linux), which other work on the machine does not count to.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = times.split(' ').next().ok_or("no time in schedstat")?;
    Ok(nanoseconds.parse::<f64>()? / 1e9)
}
