use std::fmt::{Display, Write as _};
use std::time::Duration;

/// A page of metrics in Prometheus' text format, version 0.0.4
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
#[derive(Debug, Default)]
pub struct Exposition(String);

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// Labels of one sample.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    /// Begins a metric; its samples follow.
    pub fn metric(&mut self, name: &'static str, kind: Kind, help: &str) -> Metric<'_> {
        let page = &mut self.0;
        page.push_str("# HELP ");
        page.push_str(name);
        page.push(' ');
        escape(page, help, &['\\', '\n']);
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(page, "\n# TYPE {name} {}", kind.as_str());
        Metric { page, name }
    }

    /// A metric with one sample without labels.
    pub fn single(&mut self, name: &'static str, kind: Kind, help: &str, value: impl Display) {
        self.metric(name, kind, help).sample(&[], value);
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.0
    }
}

/// A metric whose samples are being written.
pub struct Metric<'a> {
    page: &'a mut String,
    name: &'static str,
}

impl Metric<'_> {
    /// One sample.
    pub fn sample(&mut self, labels: Labels<'_>, value: impl Display) {
        self.part("", labels, value);
    }

    /// A time, in seconds.
    pub fn seconds(&mut self, labels: Labels<'_>, value: Duration) {
        self.sample(labels, value.as_secs_f64());
    }

    /// A sample of a part of a metric: `_sum`, say.
    pub fn part(&mut self, suffix: &str, labels: Labels<'_>, value: impl Display) {
        self.page.push_str(self.name);
        self.page.push_str(suffix);
        for (place, (name, value)) in labels.iter().enumerate() {
            self.page.push(if place == 0 { '{' } else { ',' });
            self.page.push_str(name);
            self.page.push_str("=\"");
            escape(self.page, value, &['\\', '\n', '"']);
            self.page.push('"');
        }
        if !labels.is_empty() {
            self.page.push('}');
        }
        let _ = writeln!(self.page, " {value}");
    }
}

fn escape(page: &mut String, text: &str, special: &[char]) {
    for character in text.chars() {
        match character {
            '\n' if special.contains(&'\n') => page.push_str("\\n"),
            character if special.contains(&character) => page.extend(['\\', character]),
            character => page.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_the_format_wants_it() {
        let mut page = Exposition::default();
        let mut metric = page.metric("a_seconds", Kind::Gauge, "How \\ long.\nOr not.");
        metric.seconds(&[], Duration::from_millis(1500));
        metric.sample(&[("kind", "a\"b\\c\nd"), ("n", "1")], 7);
        page.single("b_total", Kind::Counter, "All.", u64::MAX);
        let expected = "# HELP a_seconds How \\\\ long.\\nOr not.\n# TYPE a_seconds gauge\na_seconds 1.5\n\
            a_seconds{kind=\"a\\\"b\\\\c\\nd\",n=\"1\"} 7\n\
            # HELP b_total All.\n# TYPE b_total counter\nb_total 18446744073709551615\n";
        assert_eq!(page.into_text(), expected);
    }
}
