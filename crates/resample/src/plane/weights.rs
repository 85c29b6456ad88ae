//! Which samples of a row make a sample of the result, and how much each counts.

use super::{LANES, WEIGHT_BITS};
use crate::{Filter, lanczos};

/// The weights along one side.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    /// Weights of each output: as many as the widest needs, padded; those that are not needed are 0.
    pub taps: usize,
    /// The first sample of each output.
    starts: Vec<u32>,
    /// Samples that each output truly needs.
    lengths: Vec<u32>,
    values: Vec<i16>,
    /// The same in groups of outputs: their weights a step of lanes after the other.
    grouped: Vec<i16>,
    group_starts: Vec<[u32; OUTPUTS]>,
}

/// Outputs in a group.
pub(super) const OUTPUTS: usize = 8;

/// Some outputs side by side.
pub(super) struct Group<'a> {
    pub starts: &'a [u32; OUTPUTS],
    /// The first lanes of each output's weights, then the next of each.
    pub values: &'a [i16],
}

/// One of a weight.
const ONE: i32 = 1 << WEIGHT_BITS;

impl Weights {
    /// For `to` outputs of the stretch (start and length) of `from` samples. The number of taps is a multiple of `multiple`.
    pub fn new(from: u32, stretch: (f64, f64), to: u32, filter: Filter, boxed: u32, multiple: usize) -> Self {
        let scale = stretch.1 / f64::from(to);
        let spread = scale.max(1.0);
        let kernel = Kernel::new(filter, boxed, spread);
        let reach = kernel.support * spread;
        let mut starts = Vec::with_capacity(to as usize);
        let mut lengths = Vec::with_capacity(to as usize);
        let mut kept: Vec<Vec<i16>> = Vec::new();
        let mut exact = Vec::new();
        for index in 0..to {
            let center = stretch.0 + (f64::from(index) + 0.5) * scale;
            let (first, end) = match filter {
                Filter::Nearest => (center as u32, center as u32 + 1),
                _ => ((center - reach).floor().max(0.0) as u32, (center + reach).ceil() as u32),
            };
            let first = first.min(from.saturating_sub(1));
            let end = end.clamp(first + 1, from.max(first + 1));
            exact.clear();
            exact.extend((first..end).map(|sample| kernel.at((f64::from(sample) + 0.5 - center) / spread)));
            // What rounds to nothing at either end is not read.
            let quantised = quantise(&mut exact);
            let leading = quantised.iter().take_while(|&&weight| weight == 0).count();
            let trailing = quantised.iter().rev().take_while(|&&weight| weight == 0).count();
            starts.push(first + leading as u32);
            lengths.push((quantised.len() - leading - trailing) as u32);
            kept.push(quantised[leading..quantised.len() - trailing].to_vec());
        }
        // Windows lie in order, so that a stream can forget what comes before one.
        for index in (1..starts.len()).rev() {
            let early = starts[index - 1].saturating_sub(starts[index]);
            starts[index - 1] -= early;
            lengths[index - 1] += early;
            kept[index - 1].splice(..0, std::iter::repeat_n(0, early as usize));
        }
        let taps = (lengths.iter().copied().max().unwrap_or(1) as usize).next_multiple_of(multiple);
        let mut values = vec![0; taps * to as usize];
        for (values, kept) in values.chunks_exact_mut(taps).zip(&kept) {
            values[..kept.len()].copy_from_slice(kept);
        }
        let (grouped, group_starts) = if multiple == LANES { grouped(&starts, &values, taps) } else { (Vec::new(), Vec::new()) };
        Self { taps, starts, lengths, values, grouped, group_starts }
    }

    /// How many outputs there are.
    pub fn outputs(&self) -> usize {
        self.starts.len()
    }

    /// The first sample of an output.
    #[inline(always)]
    pub fn start(&self, output: usize) -> usize {
        self.starts[output] as usize
    }

    /// One more than the last sample of an output.
    pub fn end(&self, output: usize) -> usize {
        (self.starts[output] + self.lengths[output]) as usize
    }

    /// How long a row must be so that every weight finds a value.
    pub fn reach(&self) -> usize {
        self.starts.last().map_or(0, |&start| start as usize) + self.taps
    }

    /// The outputs in groups, where there are lanes of weights.
    pub fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        let values = self.grouped.chunks_exact(OUTPUTS * self.taps);
        self.group_starts.iter().zip(values).map(|(starts, values)| Group { starts, values })
    }

    /// The weights of an output.
    #[inline(always)]
    pub fn of(&self, output: usize) -> &[i16] {
        &self.values[output * self.taps..][..self.taps]
    }
}

/// The weights of eight outputs at a time, sixteen of each by turns. Outputs beyond the last weigh nothing.
fn grouped(starts: &[u32], values: &[i16], taps: usize) -> (Vec<i16>, Vec<[u32; OUTPUTS]>) {
    let mut grouped = Vec::with_capacity(values.len().next_multiple_of(OUTPUTS * taps));
    let mut group_starts = Vec::with_capacity(starts.len().div_ceil(OUTPUTS));
    for (starts, values) in starts.chunks(OUTPUTS).zip(values.chunks(OUTPUTS * taps)) {
        let mut group = [0; OUTPUTS];
        group[..starts.len()].copy_from_slice(starts);
        group_starts.push(group);
        for step in (0..taps).step_by(LANES) {
            for output in 0..OUTPUTS {
                match values.get(output * taps + step..) {
                    Some(weights) if !weights.is_empty() => grouped.extend_from_slice(&weights[..LANES]),
                    _ => grouped.extend_from_slice(&[0; LANES]),
                }
            }
        }
    }
    (grouped, group_starts)
}

/// Rounds weights so that they are one together: what is left goes to the largest.
fn quantise(exact: &mut [f64]) -> Vec<i16> {
    let sum: f64 = exact.iter().sum();
    // A window at the edge that the kernel gives nothing in.
    let factor = if sum.abs() < 1e-9 {
        exact.fill(1.0);
        f64::from(ONE) / exact.len() as f64
    } else {
        f64::from(ONE) / sum
    };
    // Saturates; no kernel here comes near it.
    let mut values: Vec<i16> = exact.iter().map(|weight| (weight * factor).round() as i16).collect();
    let left = ONE - values.iter().map(|&value| i32::from(value)).sum::<i32>();
    if let Some(largest) = values.iter_mut().max() {
        *largest = (i32::from(*largest) + left) as i16;
    }
    values
}

/// A filter's kernel, in pixels of the result or of the source, whichever are larger.
struct Kernel {
    filter: Filter,
    support: f64,
    /// What makes good the blur of boxes: see [`lanczos`].
    softness: (f64, f64),
}

impl Kernel {
    fn new(filter: Filter, boxed: u32, spread: f64) -> Self {
        let softness = if filter == Filter::Lanczos3 { lanczos::softness(boxed, spread) } else { (0.0, 0.0) };
        let support = match filter {
            Filter::Lanczos3 => lanczos::LOBES + softness.0,
            Filter::CatmullRom | Filter::Mitchell => 2.0,
            Filter::Linear => 1.0,
            Filter::Box | Filter::Nearest => 0.5,
        };
        Self { filter, support, softness }
    }

    fn at(&self, x: f64) -> f64 {
        match self.filter {
            Filter::Lanczos3 => lanczos::of_means(x, self.softness),
            Filter::CatmullRom => cubic(x, 0.0, 0.5),
            Filter::Mitchell => cubic(x, 1.0 / 3.0, 1.0 / 3.0),
            Filter::Linear => (1.0 - x.abs()).max(0.0),
            Filter::Box | Filter::Nearest => f64::from(x > -0.5 && x <= 0.5),
        }
    }
}

/// The cubics of Mitchell and Netravali (*Reconstruction filters in computer graphics*, 1988).
fn cubic(x: f64, b: f64, c: f64) -> f64 {
    let x = x.abs();
    let value = match x {
        ..1.0 => ((12.0 - 9.0 * b - 6.0 * c) * x + (-18.0 + 12.0 * b + 6.0 * c)) * x * x + (6.0 - 2.0 * b),
        ..2.0 => (((-b - 6.0 * c) * x + (6.0 * b + 30.0 * c)) * x + (-12.0 * b - 48.0 * c)) * x + (8.0 * b + 24.0 * c),
        _ => 0.0,
    };
    value / 6.0
}
