//! Compares the estimate with what happens: `peak_memory FILE SIZE[,SIZE…] [FORMAT]` renders variants inside SIZE × SIZE
//! and prints the estimated and the measured peak bytes (VmHWM, Linux only, with about 3 MB of the process itself).

use minilab_imaging::{RenderOptions, estimate, read_header, render};
use minilab_model::{Limits, OutputFormat, Resize, Step, VariantSpec};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, sides, format) = match arguments.as_slice() {
        [file, sides] => (file, sides, "jpeg"),
        [file, sides, format] => (file, sides, format.as_str()),
        _ => return Err("usage: peak_memory FILE SIZE[,SIZE…] [FORMAT]".into()),
    };
    let format: OutputFormat = serde_json::from_value(serde_json::json!(format))?;
    let mut variants = Vec::new();
    for side in sides.split(',') {
        let side = side.parse::<u32>()?;
        variants.push(VariantSpec {
            steps: vec![Step::Resize(Resize { width: Some(side), height: Some(side), ..Resize::default() })],
            format,
            ..VariantSpec::new(side.to_string(), "{stem}.{ext}".to_owned().try_into()?)
        });
    }
    let source = std::fs::read(file)?;
    let limits = Limits::default();
    let header = read_header(&source, &limits.decode)?;
    let estimated = estimate(&header, source.len() as u64, &variants, &limits);
    render(&source, &variants, &RenderOptions::new(&limits))?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next());
    let measured = peak.ok_or("no VmHWM")?.parse::<u64>()? * 1024;
    println!("{:>10.1} MB estimated {:>10.1} MB measured", estimated as f64 / 1e6, measured as f64 / 1e6);
    Ok(())
}
