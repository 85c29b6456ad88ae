use super::exposition::{Labels, Metric};
use std::time::Duration;

/// Times, counted by how long they were.
#[derive(Debug, Clone)]
pub struct Histogram {
    bounds: &'static [f64],
    /// By the first bound that is not below it; the last are longer than all bounds.
    counts: Vec<u64>,
    sum: Duration,
}

impl Histogram {
    /// Bounds for what should take milliseconds, in seconds.
    pub const QUICK: &'static [f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    /// Bounds for what may wait its turn, in seconds.
    pub const PATIENT: &'static [f64] =
        &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0];

    /// An empty histogram with these bounds, which rise.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: Duration::ZERO }
    }

    /// Counts one.
    pub fn observe(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.counts[self.bounds.partition_point(|bound| *bound < seconds)] += 1;
        self.sum += time;
    }

    /// Writes the buckets, the sum and the count.
    pub fn write(&self, metric: &mut Metric<'_>, labels: Labels<'_>) {
        let mut so_far = 0;
        let bounds = self.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(&self.counts) {
            so_far += count;
            let mut with_bound = labels.to_vec();
            with_bound.push(("le", &bound));
            metric.part("_bucket", &with_bound, so_far);
        }
        metric.part("_sum", labels, self.sum.as_secs_f64());
        metric.part("_count", labels, so_far);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Exposition, Kind};
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_hold_their_bound() {
        let mut histogram = Histogram::new(&[0.5, 1.0]);
        for millis in [500, 501, 1000, 7000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let mut page = Exposition::default();
        histogram.write(&mut page.metric("t", Kind::Histogram, "T."), &[("a", "b")]);
        let expected = "# HELP t T.\n# TYPE t histogram\nt_bucket{a=\"b\",le=\"0.5\"} 1\nt_bucket{a=\"b\",le=\"1\"} 3\n\
            t_bucket{a=\"b\",le=\"+Inf\"} 4\nt_sum{a=\"b\"} 9.001\nt_count{a=\"b\"} 4\n";
        assert_eq!(page.into_text(), expected);
    }
}
