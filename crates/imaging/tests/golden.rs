//! Golden pictures: what each operation makes, pixel for pixel as far as a tolerance allows, is what was approved.
//!
//! The cases are a table in `golden/cases.rs`; the approved pictures lie beside it. The measure is ΔE by CIEDE2000, the largest
//! and the mean over all pixels; see `golden/difference.rs`. Where a picture differs, the failure names the case and the figures,
//! and what was found lies in `target/tmp/golden`, with a picture of where it differs.
//!
//! To approve what the engine makes now, look at what changes and commit it:
//!
//! ```text
//! MINILAB_UPDATE_GOLDEN=1 cargo test -p minilab-imaging --test golden
//! ```
//!
//! That writes the pictures that are missing or out of tolerance, leaves the others as they are, and removes those without a
//! case.
#![allow(clippy::unwrap_used)]

#[path = "golden/cases.rs"]
mod cases;
#[path = "golden/difference.rs"]
mod difference;
mod support;

use cases::Case;
use difference::{Difference, Image};
use minilab_imaging::{RenderOptions, render};
use minilab_model::{Limits, ObjectRef, OutputFormat, VariantSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn colour_steps_make_what_was_approved() {
    check_all(cases::COLOR_STEPS);
}

#[test]
fn frame_steps_make_what_was_approved() {
    check_all(cases::FRAME_STEPS);
}

#[test]
fn resizes_make_what_was_approved() {
    check_all(cases::RESIZES);
}

#[test]
fn every_approved_picture_has_a_case_and_every_case_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for case in cases::ALL.iter().flat_map(|table| table.iter()) {
        assert!(names.insert(format!("{}.png", case.name)), "two cases are called {}", case.name);
    }
    for file in fs::read_dir(directory()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if name.ends_with(".png") && !names.contains(&name) {
            assert!(is_update(), "{name} belongs to no case");
            fs::remove_file(file.path()).unwrap();
        }
    }
}

fn check_all(cases: &[Case]) {
    let failures: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(failures.is_empty(), "{} of {} pictures:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn check(case: &Case) -> Result<(), String> {
    let made = make(case)?;
    let found = Image::read(&made);
    let approved_path = directory().join(format!("{}.png", case.name));
    let wrong = match fs::read(&approved_path) {
        Err(_) => format!("{}: there is no approved picture; see the top of tests/golden.rs", case.name),
        Ok(approved) => match compared(case, &Image::read(&approved), &found, &made) {
            Ok(()) => return Ok(()),
            Err(wrong) => wrong,
        },
    };
    if !is_update() {
        return Err(wrong);
    }
    fs::write(approved_path, found.smallest_png()).map_err(|error| error.to_string())
}

/// What the engine makes of a case: a PNG.
fn make(case: &Case) -> Result<Vec<u8>, String> {
    let steps = serde_json::from_str(case.steps).map_err(|error| format!("{}: {error}", case.name))?;
    let key = "golden.png".to_owned().try_into().unwrap();
    let variant = VariantSpec { steps, format: OutputFormat::Png, ..VariantSpec::new(case.name, key) };
    for step in &variant.steps {
        step.validate().map_err(|reason| format!("{}: {reason}", case.name))?;
    }
    let disc: ObjectRef = serde_json::from_str(r#"{"bucket": "assets", "key": "disc.png"}"#).unwrap();
    let overlays = BTreeMap::from([(disc, support::source("png-hidden-colour.png"))]);
    let limits = Limits::default();
    let options = RenderOptions { overlays: &overlays, ..RenderOptions::new(&limits) };
    let rendered = render(&read(case.source), &[variant], &options).map_err(|error| format!("{}: {error}", case.name))?;
    let output = rendered.outputs.into_iter().next();
    output.map(|output| output.bytes).ok_or_else(|| format!("{}: nothing was made", case.name))
}

fn compared(case: &Case, approved: &Image, found: &Image, made: &[u8]) -> Result<(), String> {
    let report = target().join(format!("{}.found.png", case.name));
    let wrong = |what: String| {
        fs::create_dir_all(target()).unwrap();
        fs::write(&report, made).unwrap();
        Err(format!("{}: {what}; what was made is in {}", case.name, report.display()))
    };
    if approved.kind() != found.kind() {
        return wrong(format!("it is {}, approved is {}", found.kind(), approved.kind()));
    }
    let difference = Difference::of(approved, found);
    if difference.largest <= case.largest && difference.mean <= case.mean {
        return Ok(());
    }
    let map = target().join(format!("{}.difference.png", case.name));
    fs::create_dir_all(target()).unwrap();
    fs::write(&map, difference.picture().smallest_png()).unwrap();
    let Difference { largest, at: (x, y), mean, .. } = &difference;
    let allowed = format!("allowed are {} and {}", case.largest, case.mean);
    wrong(format!(
        "ΔE00 is {largest:.2} at ({x}, {y}) and {mean:.3} in the mean; {allowed}; where it differs is in {}",
        map.display()
    ))
}

fn read(source: &str) -> Vec<u8> {
    match source.strip_prefix("sources/") {
        Some(_) => fs::read(directory().join(source)).unwrap(),
        None => support::source(source),
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden")
}

fn is_update() -> bool {
    std::env::var_os("MINILAB_UPDATE_GOLDEN").is_some_and(|value| value == "1")
}
