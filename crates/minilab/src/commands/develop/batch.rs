//! Many files at once.

use super::budget::Budget;
use super::current::Current;
use super::inputs::Input;
use super::output::Outputs;
use super::summary::{Fate, Summary};
use crate::error_chain::one_line;
use crate::progress::{Progress, Unit, human_bytes};
use anyhow::{Context, bail};
use minilab_imaging::{RenderOptions, Rendered, estimate, estimate_overlays, read_header, sniff};
use minilab_model::{Format, Limits, ObjectKey, ObjectRef, Rule, VariantSpec};
use minilab_pipeline::store::name_variants;
use minilab_pipeline::{SourceInfo, VariantBody};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What is common to all files.
pub struct Batch {
    pub rules: Vec<Rule>,
    pub limits: Limits,
    /// The images that watermarks name.
    pub overlays: BTreeMap<ObjectRef, Vec<u8>>,
    pub outputs: Outputs,
    pub current: Current,
    pub budget: Budget,
}

/// How one file went, as `--json` prints it.
#[derive(Serialize)]
struct Line<'a> {
    file: &'a Path,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    current: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<PathBuf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What was made of one file.
#[derive(Default)]
struct Developed {
    outputs: Vec<PathBuf>,
    warnings: Vec<String>,
    bytes_out: u64,
}

impl Batch {
    /// Develops all inputs on `jobs` threads.
    pub fn develop_all(&self, inputs: &[Input], jobs: usize, json: bool) -> Summary {
        let progress = Progress::new("developing", inputs.len() as u64, Unit::Count);
        let (next, done, summary) = (AtomicUsize::new(0), AtomicU64::new(0), Mutex::new(Summary::default()));
        std::thread::scope(|scope| {
            for _ in 0..jobs.min(inputs.len()) {
                scope.spawn(|| {
                    while let Some(input) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let mut line =
                            Line { file: &input.path, current: false, outputs: Vec::new(), warnings: Vec::new(), error: None };
                        let (format, fate) = self.develop_one(input, &mut line);
                        for warning in line.warnings.iter().chain(&line.error) {
                            progress.say(&format!("{}: {warning}", input.path.display()));
                        }
                        summary.lock().unwrap_or_else(PoisonError::into_inner).add(format, &fate);
                        if json {
                            println!("{}", serde_json::to_string(&line).unwrap_or_default());
                        }
                        progress.at(done.fetch_add(1, Ordering::Relaxed) + 1);
                    }
                });
            }
        });
        progress.finish();
        summary.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn develop_one(&self, input: &Input, line: &mut Line<'_>) -> (Option<Format>, Fate) {
        if let Some(results) = self.current.results(&input.path) {
            results.iter().for_each(|path| self.outputs.keep(path));
            (line.current, line.outputs) = (true, results);
            return (by_name(&input.path), Fate::Current);
        }
        let read = read_source(&input.path, self.limits.decode.source_bytes);
        let format = read.as_deref().ok().and_then(sniff);
        let developed = read.and_then(|bytes| Ok((self.develop(input, &bytes)?, bytes.len() as u64)));
        match developed {
            Ok((developed, bytes_in)) => {
                self.current.remember(&input.path, &developed.outputs);
                let results = developed.outputs.len() as u64;
                (line.outputs, line.warnings) = (developed.outputs, developed.warnings);
                (format, Fate::Developed { results, bytes_in, bytes_out: developed.bytes_out })
            }
            Err(error) => {
                line.error = Some(one_line(error.as_ref()));
                (format, Fate::Failed)
            }
        }
    }

    fn develop(&self, input: &Input, bytes: &[u8]) -> anyhow::Result<Developed> {
        let mut developed = Developed::default();
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
            let rendered = self.render(bytes, rule)?;
            developed.warnings.extend(rendered.warnings);
            let prints = name_variants(rule, &source, &info, Some(&rendered.metadata), rendered.outputs)?;
            for variant in prints.variants {
                let content = match &variant.body {
                    VariantBody::Bytes(content) => content.as_ref(),
                    VariantBody::CopyOfSource => bytes,
                };
                developed.outputs.push(self.outputs.write(&variant.destination, &input.path, content)?);
                developed.bytes_out += content.len() as u64;
            }
        }
        Ok(developed)
    }

    fn render(&self, bytes: &[u8], rule: &Rule) -> anyhow::Result<Rendered> {
        let variants: Vec<VariantSpec> = rule.variants.iter().filter(|variant| !variant.is_copy()).cloned().collect();
        let header = read_header(bytes, &self.limits.decode);
        let estimated_bytes = header.as_ref().map_or(0, |header| estimate(header, bytes.len() as u64, &variants, &self.limits));
        let laid_over: BTreeSet<_> = variants.iter().flat_map(VariantSpec::overlays).collect();
        let laid_over = laid_over.into_iter().filter_map(|overlay| self.overlays.get(overlay)).map(Vec::as_slice);
        let _share = self.budget.take(estimated_bytes + estimate_overlays(laid_over, &self.limits));
        let options = RenderOptions {
            record_gps: rule.record_gps,
            describe: &[],
            tolerant: rule.tolerant,
            overlays: &self.overlays,
            deadline: Some(Instant::now() + self.limits.decode.wall_time),
            ..RenderOptions::new(&self.limits)
        };
        Ok(minilab_imaging::render(bytes, &variants, &options)?)
    }
}

/// Reads what watermarks name: `bucket/key` below `folder`.
pub fn read_overlays(rules: &[Rule], folder: &Path) -> anyhow::Result<BTreeMap<ObjectRef, Vec<u8>>> {
    let mut overlays = BTreeMap::new();
    for overlay in rules.iter().flat_map(|rule| &rule.variants).flat_map(VariantSpec::overlays) {
        let path = folder.join(overlay.bucket.as_str()).join(overlay.key.as_str());
        let bytes = std::fs::read(&path).with_context(|| format!("the watermark {} cannot be read", path.display()))?;
        overlays.insert(overlay.clone(), bytes);
    }
    Ok(overlays)
}

/// Reads a file that is no larger than the limit.
pub fn read_source(path: &Path, limit_bytes: u64) -> anyhow::Result<Vec<u8>> {
    let size_bytes = std::fs::metadata(path).context("cannot be read")?.len();
    if size_bytes > limit_bytes {
        bail!("the file has {}; the limit is {}", human_bytes(size_bytes), human_bytes(limit_bytes));
    }
    std::fs::read(path).context("cannot be read")
}

/// The format that a file's name claims: enough for the summary of what was not read.
fn by_name(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    let known = |format: &Format| format.as_str() == extension || format.extension() == extension;
    Format::ALL.into_iter().find(known)
}
