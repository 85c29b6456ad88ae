//! Where the eye goes: the cut of a `cover` whose gravity is `attention` or `entropy`.
//!
//! Both look at a small copy of the first frame, slide the window that is kept over it and take the best place; of equally
//! good places the one nearest to the middle. Numbers are integers, so that the same picture always gives the same place.
//!
//! *Attention* adds up, for each pixel, edges (the Laplacian of luma), strong colours and colours of skin, with the weights of
//! smartcrop.js (Jonas Wagner, 2014); libvips looks for the same three. What lies near the window's middle counts more, so
//! that a subject is not put at its rim.
//!
//! *Entropy* is Shannon's: of the shades of luma in the window, in bits.

use super::crop::cut as cut_out;
use super::resize::resample;
use crate::alpha::{expand, flatten};
use crate::orient::Rect;
use crate::picture::{Picture, Size};
use minilab_model::{Color, Gravity, Kernel};
use minilab_resample::Resampler;

/// The small copy's longer side in pixels.
const SMALL_SIDE: u32 = 160;

/// Cuts every frame to `size` at the place that the gravity finds in the first.
pub(crate) fn cut(frames: Vec<Picture>, size: Size, gravity: Gravity) -> Vec<Picture> {
    let Some(first) = frames.first() else { return frames };
    let corner = corner(first, size, gravity);
    frames.into_iter().map(|frame| cut_out(frame, corner, size)).collect()
}

/// The left upper corner of what is kept.
fn corner(picture: &Picture, size: Size, gravity: Gravity) -> (u32, u32) {
    let spare = (picture.size.width.saturating_sub(size.width), picture.size.height.saturating_sub(size.height));
    let at = |(across, down): (f64, f64)| {
        // Halves go up, as in every other cut.
        ((across * f64::from(spare.0)).ceil() as u32, (down * f64::from(spare.1)).ceil() as u32)
    };
    let middle = at((0.5, 0.5));
    if spare == (0, 0) {
        return middle;
    }
    // What cannot be shrunk is cut in the middle.
    let Some(small) = Small::of(picture) else { return middle };
    let window = small.window(picture.size, size);
    let found = match gravity {
        Gravity::Attention => attention(&small, window),
        Gravity::Entropy => entropy(&small, window),
        // The others say where without pixels.
        other => return at(other.position().unwrap_or((0.5, 0.5))),
    };
    at(found)
}

/// A small copy of a picture, flat, in RGB.
struct Small {
    width: usize,
    height: usize,
    pixels: Vec<[i32; 3]>,
}

impl Small {
    fn of(picture: &Picture) -> Option<Self> {
        let longer = picture.size.width.max(picture.size.height);
        let side = |side: u32| match longer > SMALL_SIDE {
            true => ((u64::from(side) * u64::from(SMALL_SIDE) / u64::from(longer)) as u32).max(1),
            false => side,
        };
        let to = Size { width: side(picture.size.width), height: side(picture.size.height) };
        let whole = Rect { x: 0.0, y: 0.0, width: picture.size.width.into(), height: picture.size.height.into() };
        let small = resample(&mut Resampler::new(), picture, whole, to, Kernel::Linear).ok()?;
        // Clear parts are to be as dull as can be.
        let grey = Color { red: 128, green: 128, blue: 128 };
        let small = expand(&flatten(small, grey)).into_owned();
        let samples = small.to_eight_bits();
        let pixels = samples.as_chunks::<3>().0.iter().map(|pixel| pixel.map(i32::from)).collect();
        Some(Self { width: to.width as usize, height: to.height as usize, pixels })
    }

    /// The window on this copy that stands for `kept` of a picture of `whole`: its width and height.
    fn window(&self, whole: Size, kept: Size) -> (usize, usize) {
        let side = |small: usize, kept: u32, whole: u32| {
            let exact = small as f64 * f64::from(kept) / f64::from(whole);
            (exact.round() as usize).clamp(1, small)
        };
        (side(self.width, kept.width, whole.width), side(self.height, kept.height, whole.height))
    }

    /// Luma from 0 to 255, by Rec. 709's weights in 256ths.
    fn luma(&self) -> Vec<i32> {
        self.pixels.iter().map(|[red, green, blue]| (54 * red + 183 * green + 19 * blue) / 256).collect()
    }
}

/// The best place of those that were offered.
struct Best {
    /// How far the window can go, across and down.
    spare: (usize, usize),
    /// The score, how far from the middle (less is better), and the place.
    best: Option<(i64, u64, (usize, usize))>,
}

impl Best {
    fn new(small: &Small, window: (usize, usize)) -> Self {
        Self { spare: (small.width - window.0, small.height - window.1), best: None }
    }

    fn offer(&mut self, x: usize, y: usize, score: i64) {
        let off = |place: usize, spare: usize| ((2 * place).abs_diff(spare) as u64).pow(2);
        let distance = off(x, self.spare.0) + off(y, self.spare.1);
        let better = self.best.is_none_or(|(best, nearest, _)| score > best || (score == best && distance < nearest));
        if better {
            self.best = Some((score, distance, (x, y)));
        }
    }

    /// As fractions of what is to spare.
    fn place(&self) -> (f64, f64) {
        let Some((.., (x, y))) = self.best else { return (0.5, 0.5) };
        let fraction = |place: usize, spare: usize| match (2 * place).abs_diff(spare) {
            // The middle of an odd number of places lies between two.
            0 | 1 => 0.5,
            _ => place as f64 / spare as f64,
        };
        (fraction(x, self.spare.0), fraction(y, self.spare.1))
    }
}

fn attention(small: &Small, window: (usize, usize)) -> (f64, f64) {
    let sums = Sums::new(&interest(small), small.width);
    let mut best = Best::new(small, window);
    for y in 0..=best.spare.1 {
        for x in 0..=best.spare.0 {
            // The whole window, and again two and one third of it in the middle.
            let score = (0..3).map(|ring| {
                let (margin_x, margin_y) = (window.0 * ring / 6, window.1 * ring / 6);
                sums.of((x + margin_x, y + margin_y), (window.0 - 2 * margin_x, window.1 - 2 * margin_y))
            });
            best.offer(x, y, score.sum());
        }
    }
    best.place()
}

/// Sums over the rectangle left of and above each corner of a pixel, so that the sum of any rectangle takes four of them.
struct Sums {
    sums: Vec<i64>,
    row: usize,
}

impl Sums {
    fn new(values: &[i64], width: usize) -> Self {
        let row = width + 1;
        let mut sums = vec![0; row];
        for values in values.chunks_exact(width) {
            let above = sums.len() - row;
            let mut sum = 0;
            sums.push(0);
            for (x, value) in values.iter().enumerate() {
                sum += value;
                sums.push(sums[above + x + 1] + sum);
            }
        }
        Self { sums, row }
    }

    fn of(&self, (x, y): (usize, usize), (width, height): (usize, usize)) -> i64 {
        let at = |x: usize, y: usize| self.sums[y * self.row + x];
        at(x + width, y + height) - at(x, y + height) - at(x + width, y) + at(x, y)
    }
}

/// How much each pixel catches the eye.
fn interest(small: &Small) -> Vec<i64> {
    let luma = small.luma();
    let mut interest = Vec::with_capacity(luma.len());
    for (index, (pixel, &own)) in small.pixels.iter().zip(&luma).enumerate() {
        let (x, y) = (index % small.width, index / small.width);
        let at = |x: usize, y: usize| luma[y.min(small.height - 1) * small.width + x.min(small.width - 1)];
        let around = at(x.saturating_sub(1), y) + at(x + 1, y) + at(x, y.saturating_sub(1)) + at(x, y + 1);
        let edge = (4 * own - around).abs().min(255) as f64 / 255.0;
        let [red, green, blue] = pixel.map(|value| f64::from(value) / 255.0);
        let brightness = f64::from(own) / 255.0;
        let skin = skin(red, green, blue, brightness);
        let strong = strength(red, green, blue, brightness);
        let score = 0.2 * edge + 1.8 * skin * (edge + 0.01) + 0.1 * strong * (edge + 0.2);
        interest.push((score * 65_536.0) as i64);
    }
    interest
}

/// How near a colour's direction is to that of skin, 0 (more than a fifth off, too dark) to 1. Skins of every brightness have
/// much the same.
fn skin(red: f64, green: f64, blue: f64, brightness: f64) -> f64 {
    const DIRECTION: [f64; 3] = [0.78, 0.57, 0.44];
    let length = (red * red + green * green + blue * blue).sqrt();
    if length <= 0.0 || !(0.2..=1.0).contains(&brightness) {
        return 0.0;
    }
    let [away_red, away_green, away_blue] =
        [red / length - DIRECTION[0], green / length - DIRECTION[1], blue / length - DIRECTION[2]];
    let likeness = 1.0 - (away_red * away_red + away_green * away_green + away_blue * away_blue).sqrt();
    ((likeness - 0.8) / 0.2).max(0.0)
}

/// How much more saturated than 0.4 (in HSL) a colour is, 0 to 1; nothing where it is all but black or white.
fn strength(red: f64, green: f64, blue: f64, brightness: f64) -> f64 {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    let lightness = (most + least) / 2.0;
    let range = 1.0 - (2.0 * lightness - 1.0).abs();
    if range <= 0.0 || !(0.05..=0.9).contains(&brightness) {
        return 0.0;
    }
    (((most - least) / range - 0.4) / 0.6).clamp(0.0, 1.0)
}

fn entropy(small: &Small, window: (usize, usize)) -> (f64, f64) {
    let luma: Vec<usize> = small.luma().iter().map(|&value| value.clamp(0, 255) as usize).collect();
    // Entropy is log n − Σ (c log c) / n over the counts c of shades: the least sum has the most. In integers sums can be
    // kept up to date without an error that grows.
    let terms: Vec<i64> = (0..=window.0 * window.1)
        .map(|count| if count == 0 { 0 } else { (count as f64 * (count as f64).log2() * 65_536.0).round() as i64 })
        .collect();
    let mut best = Best::new(small, window);
    for y in 0..=best.spare.1 {
        let mut counts = [0_usize; 256];
        let mut sum = 0;
        let rows = || luma.chunks_exact(small.width).skip(y).take(window.1);
        for &shade in rows().flat_map(|row| &row[..window.0]) {
            sum += terms[counts[shade] + 1] - terms[counts[shade]];
            counts[shade] += 1;
        }
        best.offer(0, y, -sum);
        for x in 1..=best.spare.0 {
            for row in rows() {
                let (left, entered) = (row[x - 1], row[x + window.0 - 1]);
                sum += terms[counts[left] - 1] - terms[counts[left]];
                counts[left] -= 1;
                sum += terms[counts[entered] + 1] - terms[counts[entered]];
                counts[entered] += 1;
            }
            best.offer(x, y, -sum);
        }
    }
    best.place()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Layout, Samples};
    use proptest::prelude::*;

    /// A dull picture with a patch of something at a place.
    fn with_patch(size: (u32, u32), patch: (u32, u32, u32), pixel: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
        let (left, top, side) = patch;
        let at = |x: u32, y: u32| match (left..left + side).contains(&x) && (top..top + side).contains(&y) {
            true => pixel(x, y),
            false => [120, 125, 130],
        };
        let pixels: Vec<u8> = (0..size.1).flat_map(|y| (0..size.0).flat_map(move |x| at(x, y))).collect();
        Picture::eight(Size { width: size.0, height: size.1 }, Layout::Rgb, pixels)
    }

    fn check(picture: &Picture, kept: (u32, u32), gravity: Gravity, across: std::ops::RangeInclusive<u32>) {
        let size = Size { width: kept.0, height: kept.1 };
        let (x, y) = corner(picture, size, gravity);
        assert!(across.contains(&x), "{gravity:?} of {:?}: {x}, {y}", picture.size);
        assert_eq!(cut(vec![picture.clone()], size, gravity)[0].size, size);
    }

    fn noise(x: u32, y: u32) -> [u8; 3] {
        [((x * 7919 + y * 104_729) % 251) as u8; 3]
    }

    #[test]
    fn what_is_of_interest_is_kept_in_the_middle() {
        for gravity in [Gravity::Attention, Gravity::Entropy] {
            let patch = with_patch((600, 200), (420, 60, 80), noise);
            check(&patch, (200, 200), gravity, if gravity == Gravity::Attention { 345..=375 } else { 300..=400 });
        }
        let skin = with_patch((600, 200), (100, 60, 80), |_, _| [220, 165, 130]);
        check(&skin, (200, 200), Gravity::Attention, 25..=55);
        let strong = with_patch((600, 200), (450, 60, 80), |_, _| [230, 10, 20]);
        check(&strong, (200, 200), Gravity::Attention, 370..=400);
        let small = with_patch((60, 20), (40, 2, 8), noise);
        check(&small, (20, 20), Gravity::Attention, 32..=36);
    }

    #[test]
    fn skin_is_found_before_mere_edges() {
        let mut picture =
            with_patch((600, 200), (60, 60, 80), |x, y| if (x / 4 + y / 4) % 2 == 0 { [220, 165, 130] } else { [180, 130, 100] });
        let other =
            with_patch((600, 200), (460, 60, 80), |x, y| if (x / 4 + y / 4) % 2 == 0 { [165, 180, 220] } else { [130, 140, 180] });
        let (Samples::Eight(samples), Samples::Eight(other)) = (&mut picture.samples, &other.samples) else { unreachable!() };
        for (sample, other) in samples.chunks_exact_mut(600 * 3).zip(other.chunks_exact(600 * 3)) {
            sample[300 * 3..].copy_from_slice(&other[300 * 3..]);
        }
        check(&picture, (200, 200), Gravity::Attention, 0..=40);
    }

    #[test]
    fn nothing_of_interest_is_cut_in_the_middle() {
        for (size, kept, x) in
            [((300, 100), (100, 100), 100), ((301, 100), (100, 100), 101), ((161, 9), (8, 9), 77), ((3, 1), (1, 1), 1)]
        {
            let flat = with_patch(size, (0, 0, 0), noise);
            check(&flat, kept, Gravity::Attention, x..=x);
            check(&flat, kept, Gravity::Entropy, x..=x);
        }
    }

    #[test]
    fn the_first_frame_decides() {
        let size = Size { width: 50, height: 50 };
        let frames = vec![with_patch((200, 50), (140, 0, 50), noise), with_patch((200, 50), (0, 0, 50), noise)];
        let found = cut(frames.clone(), size, Gravity::Attention);
        let (x, y) = corner(&frames[0], size, Gravity::Attention);
        assert!(x > 100);
        assert_eq!(found, frames.into_iter().map(|frame| cut_out(frame, (x, y), size)).collect::<Vec<_>>());
    }

    /// The windows' entropies are what their definition gives.
    #[test]
    fn entropy_is_shannons() {
        let picture = with_patch((40, 20), (5, 0, 18), |x, y| [((x * x + 3 * y) % 7 * 30) as u8; 3]);
        let small = Small::of(&picture).unwrap_or_else(|| unreachable!());
        let window = (11, 9);
        let luma = small.luma();
        let shannon = |left: usize, top: usize| {
            let mut counts = std::collections::BTreeMap::new();
            for y in top..top + window.1 {
                for x in left..left + window.0 {
                    *counts.entry(luma[y * 40 + x]).or_insert(0.0) += 1.0;
                }
            }
            let share = |count: &f64| count / (window.0 * window.1) as f64;
            counts.values().map(|count| -share(count) * share(count).log2()).sum::<f64>()
        };
        let best = (0..=11).flat_map(|y| (0..=29).map(move |x| shannon(x, y))).fold(0.0, f64::max);
        let (across, down) = entropy(&small, window);
        let found = shannon((across * 29.0).round() as usize, (down * 11.0).round() as usize);
        assert!((found - best).abs() < 0.001, "{found} {best}");
    }

    proptest! {
        #[test]
        fn the_cut_lies_inside(
            width in 1_u32..400, height in 1_u32..400, across in 0.0_f64..=1.0, down in 0.0_f64..=1.0,
            layout in prop::sample::select(vec![Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba]),
            gravity in prop::sample::select(vec![Gravity::Attention, Gravity::Entropy]), deep: bool,
        ) {
            let size = Size { width, height };
            let samples: Vec<u8> = (0..size.pixels() as usize * layout.channels()).map(|index| (index * index / 3) as u8).collect();
            let samples = match deep {
                true => Samples::Sixteen(samples.iter().map(|&value| u16::from(value) * 257).collect()),
                false => Samples::Eight(samples),
            };
            let part = |side: u32, share: f64| ((f64::from(side) * share) as u32).max(1);
            let kept = Size { width: part(width, across), height: part(height, down) };
            let found = cut(vec![Picture { size, layout, samples }], kept, gravity);
            prop_assert_eq!(found[0].size, kept);
        }
    }
}
