//! One plane of 8 bits, resampled while its rows come. As many rows are kept as the filter down the columns reaches; it comes first,
//! since it is the cheaper one, and leaves fewer rows to the filter across. Weights are made once for the whole plane.
//!
//! Between the two filters values have six more bits than a sample. The arithmetic is in integers and the same on every machine.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod portable;
mod weights;

use crate::Task;
use weights::Weights;

/// Samples that are worked on at once: rows are padded to a multiple.
const LANES: usize = 16;

/// Fraction bits of a weight. The largest, of a kernel that sharpens, are below 2.
const WEIGHT_BITS: u32 = 14;

/// Fraction bits of a value between the two filters.
const VALUE_BITS: u32 = 6;

/// Filters down the columns: as many rows of samples as weights, to values.
type DownFn = unsafe fn(&[&[u8]], &[i16], &mut [i16]);

/// Filters a row of values across, to samples.
type AcrossFn = unsafe fn(&[i16], &Weights, &mut [u8]);

/// Takes the rows of a plane and makes the task's picture of them.
#[derive(Debug)]
pub struct PlaneStream {
    down: Weights,
    across: Weights,
    functions: (DownFn, AcrossFn),
    /// The rows that are still needed, padded: row `y` of the source in the place `y` modulo their number.
    ring: Vec<Vec<u8>>,
    /// A row between the two filters, with room behind it for weights that count nothing.
    row: Vec<i16>,
    /// Rows taken so far.
    taken: usize,
    /// Rows of the result so far.
    made: usize,
    width: usize,
    /// The result. While a row is made, it has room for lanes that it does not need.
    output: Vec<u8>,
    /// Rows are copied.
    unchanged: bool,
}

impl PlaneStream {
    /// For a task of one channel.
    #[must_use]
    pub fn new(task: &Task) -> Self {
        let (x, y, width, height) = task.part;
        let unchanged = task.to == task.from && task.part == (0.0, 0.0, f64::from(task.from.0), f64::from(task.from.1));
        let down = Weights::new(task.from.1, (y, height), task.to.1, task.filter, task.boxed, 2);
        let across = Weights::new(task.from.0, (x, width), task.to.0, task.filter, task.boxed, LANES);
        let padded = (task.from.0 as usize).next_multiple_of(LANES);
        Self {
            ring: vec![vec![0; padded]; if unchanged { 0 } else { down.taps }],
            row: vec![0; padded.max(across.reach())],
            down,
            across,
            functions: functions(),
            taken: 0,
            made: 0,
            width: task.to.0 as usize,
            output: Vec::with_capacity(task.to.0 as usize * task.to.1 as usize + LANES),
            unchanged,
        }
    }

    /// Takes the next row. Rows after the last are of no account; what a row has more than the task says, neither.
    pub fn push(&mut self, row: &[u8]) {
        let y = self.taken;
        self.taken += 1;
        if self.unchanged {
            self.output.extend_from_slice(&row[..row.len().min(self.width)]);
            return;
        }
        if self.made == self.down.outputs() || y < self.down.start(self.made) {
            return;
        }
        let place = y % self.ring.len();
        let length = row.len().min(self.ring[place].len());
        self.ring[place][..length].copy_from_slice(&row[..length]);
        while self.made < self.down.outputs() && self.down.end(self.made) <= self.taken {
            self.make();
        }
    }

    /// Makes the next row of the result.
    #[allow(unsafe_code)]
    fn make(&mut self) {
        let first = self.down.start(self.made);
        let rows: Vec<&[u8]> = (0..self.down.taps).map(|tap| &self.ring[(first + tap) % self.ring.len()][..]).collect();
        let begin = self.made * self.width;
        self.output.resize(begin + self.width.next_multiple_of(LANES), 0);
        let (down, across) = self.functions;
        // SAFETY: `functions` has chosen what this processor can run.
        unsafe {
            down(&rows, self.down.of(self.made), &mut self.row);
            across(&self.row, &self.across, &mut self.output[begin..]);
        }
        self.output.truncate(begin + self.width);
        self.made += 1;
    }

    /// The result, when all rows have been pushed.
    ///
    /// # Errors
    /// When there were too few of them.
    pub fn finish(self) -> Result<Vec<u8>, String> {
        let wanted = self.width * self.down.outputs();
        if self.output.len() < wanted {
            return Err(format!("a plane ends after {} rows", self.taken));
        }
        Ok(self.output)
    }
}

fn functions() -> (DownFn, AcrossFn) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return (avx2::down, avx2::across);
    }
    (portable::down, portable::across)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Filter, Resampler};

    fn noise(width: u32, height: u32) -> Vec<u8> {
        // Not so strong that it overshoots what a sample holds.
        (0..width * height).map(|index| 64 + (index.wrapping_mul(2_654_435_761) >> 25) as u8).collect()
    }

    fn streamed(from: &[u8], task: &Task, functions: (DownFn, AcrossFn)) -> Vec<u8> {
        let mut stream = PlaneStream { functions, ..PlaneStream::new(task) };
        for row in from.chunks(task.from.0 as usize) {
            stream.push(row);
        }
        stream.finish().unwrap()
    }

    fn tasks() -> impl Iterator<Item = Task> {
        use Filter::{Box, CatmullRom, Lanczos3, Linear, Mitchell, Nearest};
        let from = (61, 47);
        let parts = [(0.0, 0.0, 61.0, 47.0), (3.5, 2.25, 40.0, 30.5)];
        let sizes = [(61, 47), (31, 20), (7, 3), (1, 1), (100, 90)];
        let filters = [Lanczos3, CatmullRom, Mitchell, Linear, Box, Nearest];
        let all = filters.into_iter().flat_map(move |filter| parts.map(|part| (filter, part)));
        all.flat_map(move |(filter, part)| sizes.map(|to| Task { from, part, to, channels: 1, has_alpha: false, filter, boxed: 1 }))
    }

    #[test]
    fn a_stream_gives_what_the_resampler_gives() {
        let from = noise(61, 47);
        for task in tasks().filter(|task| !matches!(task.filter, Filter::Nearest | Filter::Box)) {
            let mut whole = vec![0; (task.to.0 * task.to.1 * 3) as usize];
            let pixels: Vec<u8> = from.iter().flat_map(|&sample| [sample; 3]).collect();
            Resampler::new().eight(&pixels, &mut whole, &Task { channels: 3, ..task }).unwrap();
            let streamed = streamed(&from, &task, functions());
            assert_eq!(streamed.len() * 3, whole.len());
            let worst = streamed.iter().zip(whole.iter().step_by(3)).map(|(a, b)| a.abs_diff(*b)).max();
            // The other one rounds to samples between its passes.
            assert!(worst <= Some(2), "{task:?}: {worst:?}");
        }
    }

    #[test]
    fn vector_code_agrees_with_its_twin() {
        let from = noise(61, 47);
        for task in tasks() {
            for boxed in [1, 4] {
                let task = Task { boxed, ..task };
                assert_eq!(
                    streamed(&from, &task, functions()),
                    streamed(&from, &task, (portable::down, portable::across)),
                    "{task:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_even_stays_even() {
        for task in tasks() {
            let result = streamed(&[77; 61 * 47], &task, functions());
            assert!(result.iter().all(|&value| value == 77), "{task:?}");
        }
    }

    #[test]
    fn missing_rows_are_noticed() {
        let task = tasks().nth(1).unwrap();
        let mut stream = PlaneStream::new(&task);
        for _ in 0..40 {
            stream.push(&[1; 61]);
        }
        assert!(stream.finish().is_err());
    }
}
