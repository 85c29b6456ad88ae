//! What a run did, for people.

use crate::progress::{count, human_bytes};
use crate::table::Table;
use minilab_model::Format;
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

/// How one file went.
pub enum Fate {
    /// Its results were made.
    Developed { results: u64, bytes_in: u64, bytes_out: u64 },
    /// Its results are there already.
    Current,
    /// It failed.
    Failed,
}

/// Counts, by the format of the source; `None` for what is no image.
#[derive(Default)]
pub struct Summary {
    formats: BTreeMap<Option<Format>, Counts>,
}

#[derive(Default)]
struct Counts {
    developed: u64,
    current: u64,
    failed: u64,
    results: u64,
    bytes_in: u64,
    bytes_out: u64,
}

impl Summary {
    /// Counts a file.
    pub fn add(&mut self, format: Option<Format>, fate: &Fate) {
        let counts = self.formats.entry(format).or_default();
        match fate {
            Fate::Developed { results, bytes_in, bytes_out } => {
                counts.developed += 1;
                counts.results += results;
                counts.bytes_in += bytes_in;
                counts.bytes_out += bytes_out;
            }
            Fate::Current => counts.current += 1,
            Fate::Failed => counts.failed += 1,
        }
    }

    /// How many files failed.
    pub fn failed(&self) -> u64 {
        self.total(|counts| counts.failed)
    }

    fn total(&self, field: impl Fn(&Counts) -> u64) -> u64 {
        self.formats.values().map(field).sum()
    }

    /// Prints a table, where there is more than one kind of source, and a line, both on stderr: stdout is for `--json`.
    pub fn print(&self, took: Duration) -> std::io::Result<()> {
        let mut out = std::io::stderr().lock();
        if self.formats.len() > 1 {
            let mut table = Table::new(["source", "developed", "current", "failed", "in", "out"]);
            for (format, counts) in &self.formats {
                let name = format.map_or("no image", Format::as_str).to_owned();
                let numbers = [counts.developed, counts.current, counts.failed].map(|number| number.to_string());
                let [developed, current, failed] = numbers;
                table.push([name, developed, current, failed, human_bytes(counts.bytes_in), human_bytes(counts.bytes_out)]);
            }
            table.print(&mut out)?;
        }
        let seconds = took.as_secs_f64();
        let (developed, current, failed) =
            (self.total(|counts| counts.developed), self.total(|counts| counts.current), self.failed());
        if developed + failed == 0 {
            return writeln!(out, "nothing to make: {} already current", count(current, "image"));
        }
        write!(
            out,
            "{} from {} in {seconds:.1} s ({:.1} a second), {} in, {} out",
            count(self.total(|counts| counts.results), "file"),
            count(developed, "image"),
            developed as f64 / seconds.max(0.001),
            human_bytes(self.total(|counts| counts.bytes_in)),
            human_bytes(self.total(|counts| counts.bytes_out)),
        )?;
        if current > 0 {
            write!(out, "; {} already current", count(current, "image"))?;
        }
        if failed > 0 {
            write!(out, "; {} failed", count(failed, "image"))?;
        }
        writeln!(out)
    }
}
