//! Lanczos-3, read from a table, and made to undo what averaging over boxes took away.
//!
//! A pixel that is the mean of `n × n` others is softer than one that was taken at a point. Along one side, in units of that pixel, the
//! mean over a box is `g ≈ f + (1 − 1/n²) f″ / 24`; the second term of the series is what is left out. So `f` is nearly
//! `g − (1 − 1/n²) g″ / 24`, and with the second difference for the second derivative that is a filter of three taps, which
//! is folded into the kernel. What is left of the difference from a resize of all the pixels is a third of what it was.

use fast_image_resize::{Filter, FilterType};
use std::cell::Cell;
use std::f64::consts::PI;
use std::sync::LazyLock;

/// Lobes on either side.
pub(crate) const LOBES: f64 = 3.0;

/// Entries of the table for each pixel. On the line between two of them the value is right to 2 in a million.
const STEPS: f64 = 512.0;

static TABLE: LazyLock<Vec<f64>> = LazyLock::new(|| {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    (0..=(LOBES * STEPS) as usize).map(|index| index as f64 / STEPS).map(|x| sinc(x) * sinc(x / LOBES)).collect()
});

thread_local! {
    /// What [`softness`] gave. The resizer takes a function without surroundings, and calls it on the thread that it is called on.
    static SOFTNESS: Cell<(f64, f64)> = const { Cell::new((0.0, 0.0)) };
}

/// The filter for pixels that are means of `boxed × boxed` others (1: they are not), of which `scale` become one.
pub(crate) fn filter(boxed: u32, scale: f64) -> FilterType {
    if boxed <= 1 {
        return named("Lanczos3", lanczos, LOBES);
    }
    let softness = softness(boxed, scale);
    SOFTNESS.set(softness);
    named("Lanczos3 of means", |x| of_means(x, SOFTNESS.get()), LOBES + softness.0)
}

/// How far apart two pixels of the source are, in pixels of the result, and the weight of the second difference; nothing where pixels
/// are no means.
pub(crate) fn softness(boxed: u32, scale: f64) -> (f64, f64) {
    let side = f64::from(boxed);
    if boxed <= 1 { (0.0, 0.0) } else { (1.0 / scale.max(1.0), (1.0 - 1.0 / (side * side)) / 24.0) }
}

fn named(name: &'static str, function: fn(f64) -> f64, support: f64) -> FilterType {
    // Refused are supports that are not positive numbers.
    Filter::new(name, function, support).map_or(FilterType::Lanczos3, FilterType::Custom)
}

/// The kernel with this softness.
pub(crate) fn of_means(x: f64, (spacing, weight): (f64, f64)) -> f64 {
    if weight == 0.0 {
        return lanczos(x);
    }
    lanczos(x) * (1.0 + 2.0 * weight) - (lanczos(x - spacing) + lanczos(x + spacing)) * weight
}

fn lanczos(x: f64) -> f64 {
    let place = x.abs() * STEPS;
    let index = place as usize;
    match (TABLE.get(index), TABLE.get(index.saturating_add(1))) {
        (Some(before), Some(after)) => before + (after - before) * place.fract(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_kernel() {
        for index in 0..10_000 {
            let x = f64::from(index) * 4e-4 - 2.0;
            let exact = if x == 0.0 { 1.0 } else { 3.0 * (PI * x).sin() * (PI * x / 3.0).sin() / (PI * x).powi(2) };
            assert!((lanczos(x) - exact).abs() < 4e-6, "{x}: {}, not {exact}", lanczos(x));
        }
        assert_eq!((lanczos(3.0), lanczos(-3.5), lanczos(f64::INFINITY)), (lanczos(3.0), 0.0, 0.0));
    }
}
