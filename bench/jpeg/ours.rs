//! Minilab: all sizes from one decode, file bytes → JPEG bytes, a job a line as `bench/turns.py` describes it.
//!
//! `run.sh` compiles it with `rustc` against the library as Cargo built it, so that it is the workspace's own build that is measured.

use minilab_imaging::{RenderOptions, render};
use minilab_model::{KeyTemplate, Limits, OutputFormat, Resize, Step, VariantSpec};
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::time::{Duration, Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut path, mut source) = (String::new(), Vec::new());
    for line in stdin().lock().lines() {
        match run(&line?, &mut path, &mut source) {
            Ok(answer) => println!("{answer}"),
            Err(error) => println!("error {}", error.to_string().replace('\n', " ")),
        }
        stdout().flush()?;
    }
    Ok(())
}

/// One job; `path` and `source` keep the file for the next.
fn run(line: &str, path: &mut String, source: &mut Vec<u8>) -> Result<String, Box<dyn Error>> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [file, sizes, quality, out] = fields.as_slice() else {
        return Err(format!("`{line}` is not FILE, SIZES, QUALITY and OUT").into());
    };
    if path.as_str() != *file {
        *source = std::fs::read(file)?;
        *path = (*file).to_owned();
    }
    if sizes.is_empty() {
        return Ok("0 0 ".to_owned());
    }
    let quality = quality.parse()?;
    let variants = sizes.split(',').map(|side| variant(side, quality)).collect::<Result<Vec<_>, _>>()?;
    let limits = Limits::default();
    // The peers make pictures alone: no ThumbHash.
    let options = RenderOptions { describe: &[], ..RenderOptions::new(&limits) };
    let (cpu, start) = (cpu_milliseconds()?, Instant::now());
    let made = render(source, &variants, &options)?;
    let wall = start.elapsed().as_secs_f64() * 1000.0;
    let cpu = cpu_milliseconds()? - cpu;
    for (index, output) in made.outputs.iter().enumerate().filter(|_| !out.is_empty()) {
        std::fs::write(format!("{out}.{index}"), &output.bytes)?;
    }
    let bytes: Vec<String> = made.outputs.iter().map(|output| output.bytes.len().to_string()).collect();
    Ok(format!("{wall:.3} {cpu:.3} {}", bytes.join(",")))
}

fn variant(side: &str, quality: u8) -> Result<VariantSpec, Box<dyn Error>> {
    let side = Some(side.parse()?);
    Ok(VariantSpec {
        steps: vec![Step::Resize(Resize { width: side, height: side, ..Resize::default() })],
        format: OutputFormat::Jpeg,
        quality: Some(quality),
        ..VariantSpec::new("thumb", KeyTemplate::try_from("thumb.jpg".to_owned())?)
    })
}

/// What this thread, the only one, has had of the processor: the first field of Linux's schedstat, in nanoseconds.
fn cpu_milliseconds() -> Result<f64, Box<dyn Error>> {
    // The kernel counts at its ticks, and when a thread gives way. A short sleep is fair: after a yield other threads would go first.
    std::thread::sleep(Duration::from_micros(50));
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds = text.split_whitespace().next().ok_or("/proc/self/schedstat is empty")?;
    Ok(nanoseconds.parse::<f64>()? / 1e6)
}
