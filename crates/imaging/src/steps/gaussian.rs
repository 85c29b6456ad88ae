//! A Gaussian over rows of numbers, at a cost and in a space that do not grow with its width.
//!
//! A narrow one is an exact kernel, first along each row, then down the columns, over as many rows as the kernel reaches.
//! A wide one leaves nothing that a smaller picture could not hold: so the picture is shrunk by a whole factor with a
//! triangle (two boxes in turn, which keeps from it what would show as moiré), blurred there, and interpolated by Catmull and
//! Rom's cubic. What the triangle has blurred already is taken off the variance: boxes of n pixels have (n² − 1) / 12 each.
//!
//! Beyond the edges the nearest pixel goes on.

use crate::error::ImageError;
use crate::picture::{Deadline, Size};

/// From how many standard deviations on the kernel counts as nothing: less than 0.05% lie there.
const REACH: f64 = 3.5;

/// The least standard deviation that is left for the shrunk picture. At 3, the triangle lets a 360th of the worst texture
/// through: less than a step of 8 bits.
const LEAST_SIGMA: f64 = 3.0;

/// Samples that are summed at a time, so that they stay in the nearest cache.
const BLOCK: usize = 1024;

/// Blurs a picture of `channels` numbers a pixel. `read` fills in a row of it, and is asked for each once, from the top;
/// `write` takes the rows of the result, from the top.
///
/// # Errors
/// The deadline, which is looked at for every row.
pub(super) fn gaussian(
    size: Size,
    channels: usize,
    sigma: f64,
    deadline: Deadline,
    read: &mut dyn FnMut(usize, &mut [f32]),
    write: &mut dyn FnMut(usize, &[f32]),
) -> Result<(), ImageError> {
    let (width, height) = (size.width as usize, size.height as usize);
    let factor = (sigma / LEAST_SIGMA) as usize;
    if factor < 2 {
        return convolve((width, height), channels, &kernel(sigma), deadline, read, write);
    }
    match channels {
        1 => shrunk::<1>((width, height), factor, sigma, deadline, read, write),
        2 => shrunk::<2>((width, height), factor, sigma, deadline, read, write),
        3 => shrunk::<3>((width, height), factor, sigma, deadline, read, write),
        _ => shrunk::<4>((width, height), factor, sigma, deadline, read, write),
    }
}

/// The weights of the middle and of the pixels at each distance from it; the whole kernel's sum is 1.
fn kernel(sigma: f64) -> Vec<f32> {
    let radius = (REACH * sigma).ceil() as usize;
    let weights: Vec<f64> = (0..=radius).map(|distance| (-0.5 * (distance as f64 / sigma).powi(2)).exp()).collect();
    let sum = weights.iter().skip(1).sum::<f64>() * 2.0 + weights.first().copied().unwrap_or(1.0);
    weights.iter().map(|weight| (weight / sum) as f32).collect()
}

/// Convolves with a kernel along rows and columns.
fn convolve(
    (width, height): (usize, usize),
    channels: usize,
    kernel: &[f32],
    deadline: Deadline,
    read: &mut dyn FnMut(usize, &mut [f32]),
    write: &mut dyn FnMut(usize, &[f32]),
) -> Result<(), ImageError> {
    let radius = kernel.len() - 1;
    let length = width * channels;
    // Rows are convolved when they are read, and kept as long as the columns' kernel reaches them.
    let slots = (2 * radius + 1).min(height);
    let mut ring = vec![0.0; slots * length];
    let mut padded = vec![0.0; (width + 2 * radius) * channels];
    let mut output = vec![0.0; length];
    let mut rows_read = 0;
    for y in 0..height {
        deadline.check()?;
        while rows_read < height && rows_read <= y + radius {
            read(rows_read, &mut padded[radius * channels..][..length]);
            pad(&mut padded, radius, width, channels);
            let row = &mut ring[rows_read % slots * length..][..length];
            sum_pairs(row, kernel, |distance| {
                let (before, behind) = ((radius - distance) * channels, (radius + distance) * channels);
                (&padded[before..before + length], &padded[behind..behind + length])
            });
            rows_read += 1;
        }
        let row = |y: usize| &ring[y % slots * length..][..length];
        sum_pairs(&mut output, kernel, |distance| (row(y.saturating_sub(distance)), row((y + distance).min(height - 1))));
        write(y, &output);
    }
    Ok(())
}

/// Repeats the first and the last of `width` pixels, which begin behind `border` pixels, to the ends.
fn pad(padded: &mut [f32], border: usize, width: usize, channels: usize) {
    let (first, last) = (border * channels, (border + width - 1) * channels);
    for start in (0..first).step_by(channels) {
        padded.copy_within(first..first + channels, start);
    }
    for start in (last + channels..padded.len()).step_by(channels) {
        padded.copy_within(last..last + channels, start);
    }
}

/// The sum of slices weighted by a symmetric kernel: `pair` gives those at a distance on either side.
fn sum_pairs<'a>(output: &mut [f32], kernel: &[f32], pair: impl Fn(usize) -> (&'a [f32], &'a [f32])) {
    let Some((&middle_weight, weights)) = kernel.split_first() else { return };
    let length = output.len();
    for start in (0..length).step_by(BLOCK) {
        let range = start..(start + BLOCK).min(length);
        let output = &mut output[range.clone()];
        for (output, value) in output.iter_mut().zip(&pair(0).0[range.clone()]) {
            *output = middle_weight * value;
        }
        // Two distances at a time halve the passes over the sums.
        let (twos, one) = weights.as_chunks::<2>();
        for (index, &[near_weight, far_weight]) in twos.iter().enumerate() {
            let (near, far) = (pair(2 * index + 1), pair(2 * index + 2));
            let near = near.0[range.clone()].iter().zip(&near.1[range.clone()]);
            let far = far.0[range.clone()].iter().zip(&far.1[range.clone()]);
            for ((output, near), far) in output.iter_mut().zip(near).zip(far) {
                *output += near_weight * (near.0 + near.1) + far_weight * (far.0 + far.1);
            }
        }
        for &weight in one {
            let (before, behind) = pair(weights.len());
            for ((output, before), behind) in output.iter_mut().zip(&before[range.clone()]).zip(&behind[range.clone()]) {
                *output += weight * (before + behind);
            }
        }
    }
}

/// The pixels of one direction after shrinking: number `i` lies on pixel `(i − 1) × factor`, one before the first and one
/// behind the last, so that both ends show the edge alone.
fn shrunk_length(length: usize, factor: usize) -> usize {
    (length - 1).div_ceil(factor) + 3
}

/// Shrinks, blurs, interpolates.
fn shrunk<const N: usize>(
    (width, height): (usize, usize),
    factor: usize,
    sigma: f64,
    deadline: Deadline,
    read: &mut dyn FnMut(usize, &mut [f32]),
    write: &mut dyn FnMut(usize, &[f32]),
) -> Result<(), ImageError> {
    let (small_width, small_height) = (shrunk_length(width, factor), shrunk_length(height, factor));
    let small_row = small_width * N;
    let small = shrink::<N>((width, height), factor, deadline, read)?;
    let area = (factor * factor) as f64;
    let small_sigma = (sigma * sigma / area - (area - 1.0) / (6.0 * area)).sqrt();
    let mut blurred = vec![0.0; small.len()];
    convolve(
        (small_width, small_height),
        N,
        &kernel(small_sigma),
        deadline,
        &mut |y, row| row.copy_from_slice(&small[y * small_row..][..small_row]),
        &mut |y, row| blurred[y * small_row..][..small_row].copy_from_slice(row),
    )?;
    drop(small);

    let weights: Vec<[f32; 4]> = (0..factor).map(|phase| catmull_rom(phase as f32 / factor as f32)).collect();
    // The four rows that a row of the result is made from, at full width.
    let length = width * N;
    let mut ring = vec![0.0; 4 * length];
    let mut rows_made = 0;
    let mut output = vec![0.0; length];
    for y in 0..height {
        deadline.check()?;
        let first = y / factor;
        while rows_made < first + 4 {
            // The fourth has no weight where it is missing.
            let source = rows_made.min(small_height - 1);
            widen::<N>(&blurred[source * small_row..][..small_row], &weights, &mut ring[rows_made % 4 * length..][..length]);
            rows_made += 1;
        }
        let row = |index: usize| &ring[(first + index) % 4 * length..][..length];
        let [a, b, c, d] = weights[y % factor];
        let rows = row(0).iter().zip(row(1)).zip(row(2)).zip(row(3));
        for (output, (((first, second), third), fourth)) in output.iter_mut().zip(rows) {
            *output = a * first + b * second + c * third + d * fourth;
        }
        write(y, &output);
    }
    Ok(())
}

/// The picture at every `factor`th pixel, averaged with a triangle of `2 × factor − 1` pixels.
fn shrink<const N: usize>(
    (width, height): (usize, usize),
    factor: usize,
    deadline: Deadline,
    read: &mut dyn FnMut(usize, &mut [f32]),
) -> Result<Vec<f32>, ImageError> {
    let (small_width, small_height) = (shrunk_length(width, factor), shrunk_length(height, factor));
    let small_row = small_width * N;
    let area = (factor * factor) as f32;
    let weight = |distance: usize| (factor - distance) as f32 / area;
    let triangle: Vec<f32> = (1..2 * factor).map(|place| weight(place.abs_diff(factor))).collect();
    let mut small = vec![0.0; small_height * small_row];
    let mut reduced = vec![0.0; small_row];
    let border = 2 * factor;
    let mut padded = vec![0.0; (border + small_width * factor) * N];
    let mut rows_read = 0;
    // Rows are counted from `border` rows above the image to as many below; the nearest row of the image stands for them.
    for place in 1..(small_height + 1) * factor {
        let y = place.saturating_sub(border).min(height - 1);
        if y == rows_read {
            deadline.check()?;
            read(y, &mut padded[border * N..][..width * N]);
            pad(&mut padded, border, width, N);
            reduce::<N>(&padded, factor, &triangle, &mut reduced);
            rows_read += 1;
        }
        // Each lies between two rows of the result, number `i` of which is at place `(i + 1) × factor`.
        let (above, distance) = (place / factor, place % factor);
        for (index, distance) in [(above.checked_sub(1), distance), (Some(above), factor - distance)] {
            if let Some(index) = index.filter(|&index| index < small_height && distance < factor) {
                let weight = weight(distance);
                for (sum, value) in small[index * small_row..][..small_row].iter_mut().zip(&reduced) {
                    *sum += weight * value;
                }
            }
        }
    }
    Ok(small)
}

/// One row of [`shrink`].
fn reduce<const N: usize>(padded: &[f32], factor: usize, triangle: &[f32], output: &mut [f32]) {
    let pixels = padded.as_chunks::<N>().0;
    for (output, start) in output.as_chunks_mut::<N>().0.iter_mut().zip((1..).step_by(factor)) {
        let mut sums = [0.0; N];
        for (pixel, weight) in pixels[start..].iter().zip(triangle) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += weight * value;
            }
        }
        *output = sums;
    }
}

/// Interpolates a shrunk row.
fn widen<const N: usize>(small: &[f32], weights: &[[f32; 4]], output: &mut [f32]) {
    let small = small.as_chunks::<N>().0;
    let last = small.len() - 1;
    for (index, output) in output.as_chunks_mut::<N>().0.chunks_mut(weights.len()).enumerate() {
        let [first, second, third, fourth] = [0, 1, 2, 3].map(|place| small[(index + place).min(last)]);
        for (output, [a, b, c, d]) in output.iter_mut().zip(weights) {
            *output = std::array::from_fn(|n| a * first[n] + b * second[n] + c * third[n] + d * fourth[n]);
        }
    }
}

/// The weights of four neighbours for a place between the second and the third, by Catmull and Rom's cubic (1974).
pub(super) fn catmull_rom(fraction: f32) -> [f32; 4] {
    let t = fraction;
    [t * (-0.5 + t * (1.0 - 0.5 * t)), 1.0 + t * t * (-2.5 + 1.5 * t), t * (0.5 + t * (2.0 - 1.5 * t)), t * t * (-0.5 + 0.5 * t)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The blur as it is defined, in f64.
    fn reference(samples: &[f64], (width, height): (usize, usize), sigma: f64) -> Vec<f64> {
        let radius = (sigma * 6.0).ceil() as i64;
        let weights: Vec<f64> = (-radius..=radius).map(|x| (-0.5 * (x as f64 / sigma).powi(2)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let pass = |samples: &[f64], length: usize, at: &dyn Fn(usize, usize) -> usize, lines: usize| {
            let mut output = vec![0.0; samples.len()];
            for line in 0..lines {
                for place in 0..length {
                    let value = |(offset, weight): (usize, &f64)| {
                        let place = (place as i64 + offset as i64 - radius).clamp(0, length as i64 - 1);
                        samples[at(line, place as usize)] * weight / sum
                    };
                    output[at(line, place)] = weights.iter().enumerate().map(value).sum();
                }
            }
            output
        };
        let across = pass(samples, width, &|y, x| y * width + x, height);
        pass(&across, height, &|x, y| y * width + x, width)
    }

    fn blurred(samples: &[f64], (width, height): (usize, usize), channels: usize, sigma: f64) -> Vec<f32> {
        let mut output = vec![0.0; samples.len() * channels];
        let size = Size { width: width as u32, height: height as u32 };
        let mut read = |y: usize, row: &mut [f32]| {
            for (pixel, &value) in row.chunks_exact_mut(channels).zip(&samples[y * width..]) {
                pixel.fill(value as f32);
            }
        };
        let mut write = |y: usize, row: &[f32]| output[y * width * channels..][..row.len()].copy_from_slice(row);
        gaussian(size, channels, sigma, Deadline::default(), &mut read, &mut write).unwrap();
        output
    }

    /// How far from the definition the blur of hard edges, texture and noise is at most, of 255.
    fn check(size: (usize, usize), channels: usize, sigma: f64, most: f64) {
        let mut state = 1_u32;
        let value = |index: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (x, y) = (index % size.0, index / size.0);
            match (x * 3 / size.0, y * 2 / size.1) {
                (0, _) => f64::from(state >> 24),
                (1, 0) => 255.0 * (x % 2) as f64,
                (1, _) => 0.0,
                _ => 255.0,
            }
        };
        let samples: Vec<f64> = (0..size.0 * size.1).map(value).collect();
        let (expected, found) = (reference(&samples, size, sigma), blurred(&samples, size, channels, sigma));
        let far =
            |(pixel, expected): (&[f32], &f64)| pixel.iter().map(|value| (f64::from(*value) - expected).abs()).fold(0.0, f64::max);
        let error = found.chunks_exact(channels).zip(&expected).map(far).fold(0.0, f64::max);
        assert!(error <= most, "{size:?} {sigma}: {error}");
    }

    #[test]
    fn blurs_are_what_their_definition_says() {
        check((61, 43), 1, 0.3, 0.2);
        check((61, 43), 3, 1.0, 0.2);
        check((61, 43), 4, 2.4, 0.2);
        check((97, 80), 2, 5.9, 0.2);
        check((97, 80), 1, 6.0, 1.0);
        check((97, 80), 3, 9.1, 1.0);
        check((211, 160), 4, 20.0, 1.0);
        check((211, 160), 1, 250.0, 1.0);
        check((1, 1), 3, 250.0, 0.01);
        check((1, 90), 2, 14.0, 1.0);
        check((90, 1), 2, 14.0, 1.0);
        check((2, 3), 1, 30.0, 1.0);
    }

    /// The standard deviation of what becomes of a dot, over dots at every place between shrunk pixels: there the triangle
    /// does more or less. Cutting the kernel off takes 0.3% away.
    #[test]
    fn shrinking_adds_nothing_to_the_width() {
        for sigma in [1.0, 4.0, 6.0, 8.9, 12.0] {
            let variance = |place: usize| {
                let mut dot = vec![0.0; 161];
                dot[place] = 1000.0;
                let found = blurred(&dot, (161, 1), 1, sigma);
                let moment = |power: i32| -> f64 {
                    found.iter().enumerate().map(|(x, &value)| (x as f64 - place as f64).powi(power) * f64::from(value)).sum()
                };
                moment(2) / moment(0)
            };
            let found = ((70..82).map(variance).sum::<f64>() / 12.0).sqrt();
            assert!((-0.006..0.001).contains(&(found / sigma - 1.0)), "{sigma}: {found}");
        }
    }

    #[test]
    fn a_plane_stays_one() {
        for sigma in [0.5, 5.0, 12.0, 250.0] {
            let found = blurred(&vec![77.0; 50 * 40], (50, 40), 3, sigma);
            assert!(found.iter().all(|value| (value - 77.0).abs() < 0.01), "{sigma}");
        }
    }

    #[test]
    fn a_missed_deadline_ends_it() {
        let past = Deadline(Some(std::time::Instant::now()));
        let size = Size { width: 9, height: 9 };
        for sigma in [1.0, 100.0] {
            let ended = gaussian(size, 1, sigma, past, &mut |_, _| {}, &mut |_, _| {});
            assert_eq!(ended, Err(ImageError::Deadline));
        }
    }
}
