//! The first palette: the colours cut into boxes.

use super::oklab::Place;

/// A colour and how often it is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Point {
    pub place: Place,
    pub weight: f32,
}

/// Sums over points, from which mean and variance follow.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weight: f64,
    /// Of places, times weight.
    first: [f64; 4],
    /// Of squares, times weight.
    second: [f64; 4],
}

impl Sums {
    fn of(points: &[Point]) -> Self {
        let mut sums = Self::default();
        points.iter().for_each(|point| sums.add(point, 1.0));
        sums
    }

    fn add(&mut self, point: &Point, sign: f64) {
        let weight = f64::from(point.weight) * sign;
        self.weight += weight;
        for (axis, &value) in point.place.iter().enumerate() {
            self.first[axis] += weight * f64::from(value);
            self.second[axis] += weight * f64::from(value) * f64::from(value);
        }
    }

    /// How far the points are from their mean along each axis: squares, times weight, summed.
    fn spread(&self) -> [f64; 4] {
        std::array::from_fn(|axis| (self.second[axis] - self.first[axis] * self.first[axis] / self.weight.max(1e-9)).max(0.0))
    }

    /// What a cut makes greatest on both sides together: the squared length of the sum by the weight.
    fn gain(&self) -> f64 {
        self.first.iter().map(|sum| sum * sum).sum::<f64>() / self.weight.max(1e-9)
    }

    fn mean(&self) -> Place {
        self.first.map(|sum| (sum / self.weight.max(1e-9)) as f32)
    }
}

/// A run of points.
struct Part {
    start: usize,
    end: usize,
    sums: Sums,
    /// The spread along all axes: the box with the most is cut next.
    spread: f64,
}

impl Part {
    fn new(points: &[Point], start: usize, end: usize) -> Self {
        let sums = Sums::of(&points[start..end]);
        let spread = if end - start > 1 { sums.spread().iter().sum() } else { 0.0 };
        Self { start, end, sums, spread }
    }
}

/// Cuts the points, which are put in another order, into at most `count` boxes and gives their means. The box that is spread widest
/// is cut across its longest axis, where the two halves are spread least.
pub(super) fn boxes(points: &mut [Point], count: usize) -> Vec<Place> {
    if points.is_empty() {
        return Vec::new();
    }
    let mut parts = vec![Part::new(points, 0, points.len())];
    while parts.len() < count {
        let widest = (0..parts.len()).max_by(|&a, &b| parts[a].spread.total_cmp(&parts[b].spread)).unwrap_or(0);
        let Part { start, end, sums, spread } = parts[widest];
        if spread <= 1e-12 {
            break;
        }
        let middle = start + cut(&mut points[start..end], &sums);
        parts[widest] = Part::new(points, start, middle);
        parts.push(Part::new(points, middle, end));
    }
    parts.iter().map(|part| part.sums.mean()).collect()
}

/// Sorts the points, of which there are at least two, along their longest axis and says how many go to the first half.
fn cut(points: &mut [Point], all: &Sums) -> usize {
    let spread = all.spread();
    let axis = (0..4).max_by(|&a, &b| spread[a].total_cmp(&spread[b])).unwrap_or(0);
    points.sort_unstable_by(|a, b| a.place[axis].total_cmp(&b.place[axis]));
    let (mut left, mut right) = (Sums::default(), *all);
    let (mut best, mut best_gain) = (1, f64::MIN);
    for (index, point) in points[..points.len() - 1].iter().enumerate() {
        left.add(point, 1.0);
        right.add(point, -1.0);
        let gain = left.gain() + right.gain();
        if gain > best_gain {
            (best, best_gain) = (index + 1, gain);
        }
    }
    best
}
