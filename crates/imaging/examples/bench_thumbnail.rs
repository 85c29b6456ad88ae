//! Measures thumbnails: `bench_thumbnail FILE SIZE[,SIZE…] N` runs source bytes in memory to a JPEG of quality 80 inside each SIZE
//! × SIZE, all from one decode, N times after one to warm up. It prints the median of the wall times and the mean of the CPU times,
//! in milliseconds.

use minilab_imaging::{RenderOptions, render};
use minilab_model::{KeyTemplate, Limits, OutputFormat, Resize, Step, VariantSpec};
use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    match run() {
        Ok((wall, cpu)) => {
            println!("{wall:.2} {cpu:.2}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(f64, f64), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, sides, runs] = arguments.as_slice() else {
        return Err("usage: bench_thumbnail FILE SIZE[,SIZE…] N".into());
    };
    let source = std::fs::read(file)?;
    let variants = sides.split(',').map(variant).collect::<Result<Vec<_>, _>>()?;
    let runs = runs.parse::<usize>()?.max(1);
    let limits = Limits::default();
    let options = RenderOptions::new(&limits);
    render(&source, &variants, &options)?;
    let mut times = Vec::new();
    let before = cpu_milliseconds()?;
    for _ in 0..runs {
        let start = Instant::now();
        std::hint::black_box(render(&source, &variants, &options)?);
        times.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let cpu = (cpu_milliseconds()? - before) / runs as f64;
    times.sort_by(f64::total_cmp);
    Ok((times[times.len() / 2], cpu))
}

fn variant(side: &str) -> Result<VariantSpec, Box<dyn Error>> {
    let side = Some(side.parse()?);
    Ok(VariantSpec {
        steps: vec![Step::Resize(Resize { width: side, height: side, ..Resize::default() })],
        format: OutputFormat::Jpeg,
        ..VariantSpec::new("thumb", KeyTemplate::try_from("thumb.jpg".to_owned())?)
    })
}

/// What this thread, the only one, has had of the processor: the first field of Linux's schedstat, in nanoseconds.
fn cpu_milliseconds() -> Result<f64, Box<dyn Error>> {
    // The kernel counts at its ticks, and when a thread gives way.
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().ok_or("/proc/self/schedstat is empty")?;
    Ok(nanoseconds.parse::<f64>()? / 1e6)
}
