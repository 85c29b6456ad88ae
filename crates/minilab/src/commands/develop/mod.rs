//! `minilab develop`

mod inputs;
mod options;
mod output;

use crate::config::Config;
use crate::error_chain::one_line;
use crate::progress::{Progress, Unit, count, human_bytes};
use anyhow::{Context, bail};
use inputs::Input;
use minilab_imaging::RenderOptions;
use minilab_model::{Limits, ObjectKey, ObjectRef, Rule};
use minilab_pipeline::store::name_variants;
use minilab_pipeline::{SourceInfo, VariantBody};
use options::{FitName, FormatName, Size};
use output::Outputs;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Make variants of local files and folders. Exit code 1 when any file failed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Image files, and folders of them
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// Where the results go; folders keep their shape
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Size in pixels: 800x600, 800x (any height), x600 (any width) or 800 (both)
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,
    /// How an image meets the size [default: inside]
    #[arg(long, value_name = "FIT", requires = "size")]
    fit: Option<FitName>,
    /// Enlarge images that are smaller than the size
    #[arg(long, requires = "size")]
    enlarge: bool,
    /// Output format [default: keep]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FormatName>,
    /// Quality of lossy formats, 1 to 100 [default: 80]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: Option<u8>,
    /// Make the variants of the rules in this configuration instead; buckets become folders
    #[arg(long, value_name = "FILE", conflicts_with_all = ["size", "fit", "enlarge", "format", "quality"])]
    rules: Option<PathBuf>,
    /// Files worked on at once [default: the number of cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// Print one JSON object a line for each file
    #[arg(long)]
    json: bool,
}

/// How one file went, as `--json` prints it.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What is common to all files.
struct Batch {
    rules: Vec<Rule>,
    limits: Limits,
    outputs: Outputs,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (rules, limits) = match &args.rules {
        Some(file) => {
            let config = Config::load(Some(file))?;
            (config.rules.iter().cloned().collect(), config.limits)
        }
        None => (vec![args.rule()?], Limits::default()),
    };
    let inputs = inputs::collect(&args.inputs)?;
    if inputs.is_empty() {
        bail!("no image files were found; folders are searched for .jpg, .jpeg, .png, .webp and .gif");
    }
    std::fs::create_dir_all(&args.out).with_context(|| format!("{} cannot be made", args.out.display()))?;
    let outputs = Outputs::new(&args.out, args.rules.is_some());
    let batch = Batch { rules, limits, outputs, bytes_in: AtomicU64::new(0), bytes_out: AtomicU64::new(0) };
    let started = Instant::now();
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), |jobs| jobs as usize);
    let (made, failed) = batch.develop_all(&inputs, jobs, args.json);
    let seconds = started.elapsed().as_secs_f64();
    let rate = (inputs.len() - failed) as f64 / seconds.max(0.001);
    eprintln!(
        "{} from {} in {seconds:.1} s ({rate:.1} a second), {} in, {} out{}",
        count(made, "file"),
        count((inputs.len() - failed) as u64, "image"),
        human_bytes(batch.bytes_in.into_inner()),
        human_bytes(batch.bytes_out.into_inner()),
        if failed == 0 { String::new() } else { format!("; {} failed", count(failed as u64, "image")) }
    );
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Args {
    /// The options as a rule with one variant.
    fn rule(&self) -> anyhow::Result<Rule> {
        let fit = self.fit.map_or("inside", FitName::as_str);
        let steps = match self.size {
            Some(size) => serde_json::json!([{ "resize": size.resize(fit, self.enlarge) }]),
            None => serde_json::json!([]),
        };
        let format = self.format.map_or("keep", FormatName::as_str);
        let rule: Rule = serde_json::from_value(serde_json::json!({
            "name": "develop", "bucket": "develop", "record_gps": false,
            "variants": [{"name": "out", "bucket": "out", "key": "{dir}/{stem}.{ext}", "steps": steps, "format": format, "quality": self.quality}],
        }))?;
        // The same checks as for a rules file, so that the messages are the same.
        minilab_model::RuleSet::new(vec![rule.clone()])?;
        Ok(rule)
    }
}

impl Batch {
    /// Develops all inputs on `jobs` threads; says how many files were made and how many inputs failed.
    fn develop_all(&self, inputs: &[Input], jobs: usize, json: bool) -> (u64, usize) {
        let progress = Progress::new("developing", inputs.len() as u64, Unit::Count);
        let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
        let (made, failed) = (AtomicU64::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..jobs.min(inputs.len()) {
                scope.spawn(|| {
                    while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let result = self.develop(input);
                        let mut line = Line { file: &input.path, outputs: Vec::new(), error: None };
                        match result {
                            Ok(outputs) => line.outputs = outputs,
                            Err(error) => {
                                let error = one_line(error.as_ref());
                                progress.say(&format!("{}: {error}", input.path.display()));
                                line.error = Some(error);
                                failed.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        made.fetch_add(line.outputs.len() as u64, Ordering::Relaxed);
                        if json {
                            println!("{}", serde_json::to_string(&line).unwrap_or_default());
                        }
                        progress.at(done.fetch_add(1, Ordering::Relaxed) + 1);
                    }
                });
            }
        });
        progress.finish();
        (made.into_inner(), failed.into_inner())
    }

    fn develop(&self, input: &Input) -> anyhow::Result<Vec<PathBuf>> {
        let bytes = read_source(&input.path, self.limits.decode.source_bytes)?;
        self.bytes_in.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let mut made = Vec::new();
        for rule in &self.rules {
            let key = ObjectKey::new(input.key.clone())?;
            let source = ObjectRef::new(rule.bucket.clone(), key);
            let info = SourceInfo {
                size_bytes: bytes.len() as u64,
                etag: String::new(),
                sha256: String::new(),
                content_type: None,
                user_metadata: BTreeMap::new(),
                created_at: minilab_model::Timestamp::from_millis(0),
            };
            let rendered = self.render(&bytes, rule)?;
            let prints = name_variants(rule, &source, &info, Some(&rendered.metadata), rendered.outputs)?;
            for variant in prints.variants {
                let content = match &variant.body {
                    VariantBody::Bytes(content) => content.as_ref(),
                    VariantBody::CopyOfSource => &bytes,
                };
                made.push(self.outputs.write(&variant.destination, &input.path, content)?);
                self.bytes_out.fetch_add(content.len() as u64, Ordering::Relaxed);
            }
        }
        Ok(made)
    }

    fn render(&self, bytes: &[u8], rule: &Rule) -> anyhow::Result<minilab_imaging::Rendered> {
        let rendered: Vec<_> = rule.variants.iter().filter(|variant| !variant.is_copy()).cloned().collect();
        let deadline = Instant::now() + self.limits.decode.wall_time;
        let options = RenderOptions { limits: &self.limits, record_gps: rule.record_gps, deadline: Some(deadline) };
        Ok(minilab_imaging::render(bytes, &rendered, &options)?)
    }
}

/// Reads a file that is no larger than the limit.
pub fn read_source(path: &Path, limit_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let size_bytes = std::fs::metadata(path).context("cannot be read")?.len();
    if size_bytes > limit_bytes {
        bail!("the file has {}; the limit is {}", human_bytes(size_bytes), human_bytes(limit_bytes));
    }
    std::fs::read(path).context("cannot be read")
}
