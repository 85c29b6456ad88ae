//! Measures one thumbnail: `bench_thumbnail FILE SIZE N` prints the median milliseconds of N runs of source bytes in memory
//! to one JPEG of quality 80 inside SIZE × SIZE, after a warm-up run.

use minilab_imaging::{RenderOptions, render};
use minilab_model::{KeyTemplate, Limits, OutputFormat, Resize, Step, VariantSpec};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    match run() {
        Ok(milliseconds) => {
            println!("{milliseconds:.2}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<f64, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, side, runs] = arguments.as_slice() else {
        return Err("usage: bench_thumbnail FILE SIZE N".into());
    };
    let source = std::fs::read(file)?;
    let side = Some(side.parse()?);
    let variant = VariantSpec {
        steps: vec![Step::Resize(Resize { width: side, height: side, ..Resize::default() })],
        format: OutputFormat::Jpeg,
        ..VariantSpec::new("thumb", KeyTemplate::try_from("thumb.jpg".to_owned())?)
    };
    let limits = Limits::default();
    let options = RenderOptions::new(&limits);
    let variants = [variant];
    render(&source, &variants, &options)?;
    let mut times = Vec::new();
    for _ in 0..runs.parse::<usize>()?.max(1) {
        let start = Instant::now();
        std::hint::black_box(render(&source, &variants, &options)?);
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
