//! Progress for people: a bar on a terminal, now and then a plain line elsewhere, nothing when it is over at once.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How far a piece of work is, shown on stderr.
pub struct Progress {
    what: &'static str,
    total: u64,
    bar: Option<ProgressBar>,
    last_line: Mutex<Instant>,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes, shown as KiB, MiB and so on.
    Bytes,
}

impl Progress {
    /// Progress towards `total`; `what` says what is counted.
    pub fn new(what: &'static str, total: u64, unit: Unit) -> Self {
        let template = match unit {
            Unit::Count => "{msg} [{bar:32}] {pos}/{len} {eta}",
            Unit::Bytes => "{msg} [{bar:32}] {bytes}/{total_bytes} {eta}",
        };
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style.progress_chars("━╸─")).with_message(what)
        });
        Self { what, total, bar, last_line: Mutex::new(Instant::now()) }
    }

    /// Says how far it is.
    pub fn at(&self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None => {
                let mut last = self.last_line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if last.elapsed() >= LINE_EVERY {
                    *last = Instant::now();
                    eprintln!("{}: {done} of {}", self.what, self.total);
                }
            }
        }
    }

    /// Prints a line above the bar.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Bytes as people read them: `3.1 MB`, with powers of ten as on packages and in file managers.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number and its noun, in the plural unless it is one.
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        let check = |bytes, expected: &str| assert_eq!(human_bytes(bytes), expected);
        check(0, "0 B");
        check(999, "999 B");
        check(1000, "1.0 kB");
        check(999_949, "999.9 kB");
        check(999_950, "1.0 MB");
        check(4_379_037, "4.4 MB");
        assert_eq!((count(1, "photo"), count(0, "photo")), ("1 photo".to_owned(), "0 photos".to_owned()));
    }
}
