//! The dominant colours of a picture.

use super::fields::Small;
use crate::light::{light_to_srgb, srgb_to_light};
use minilab_model::{Color, PaletteColor};

/// Most colours that are given.
const MAX_COLORS: usize = 6;
/// Clusters to begin with: more than are given, so that a small but striking colour has one of its own.
const CLUSTERS: usize = 12;
/// Rounds of refinement.
const ROUNDS: usize = 10;
/// Colours nearer than this in Oklab count as one; 0.02 is just noticeable.
const SAME: f64 = 0.08;
/// Colours of a smaller share are not given.
const SMALLEST_SHARE: f64 = 0.01;
/// Pixels with less alpha are not seen.
const SEEN: u8 = 32;

/// A point in Oklab (<https://bottosson.github.io/posts/oklab/>), in which distances are as large as they look.
type Lab = [f64; 3];

/// Up to six colours and the share of the visible pixels that each stands for, the most frequent first. Clusters of k-means in
/// Oklab, which begin with colours that lie far apart; the same picture gives the same colours.
pub(crate) fn palette(small: &Small) -> Vec<PaletteColor> {
    let points = points(small);
    let Some(mut centers) = seeds(&points) else { return Vec::new() };
    let mut clusters = Vec::new();
    for _ in 0..ROUNDS {
        clusters = assign(&points, &centers);
        centers = clusters.iter().map(|cluster| cluster.center).collect();
    }
    merge(&mut clusters);
    clusters.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let total: f64 = points.iter().map(|(_, weight)| weight).sum();
    let share = |cluster: &Cluster| (cluster.weight / total * 1000.0).round() / 1000.0;
    clusters
        .iter()
        .map(|cluster| PaletteColor { color: color(cluster.center), share: share(cluster) })
        .filter(|color| color.share >= SMALLEST_SHARE)
        .take(MAX_COLORS)
        .collect()
}

/// The pixels' colours, those that share their five highest bits a channel as one, and how many they stand for.
fn points(small: &Small) -> Vec<(Lab, f64)> {
    let mut cells = std::collections::BTreeMap::<[u8; 3], ([f64; 3], f64)>::new();
    for &[red, green, blue, alpha] in small.pixels.iter().filter(|pixel| pixel[3] >= SEEN) {
        let weight = f64::from(alpha) / 255.0;
        let (sum, total) = cells.entry([red, green, blue].map(|value| value >> 3)).or_default();
        for (sum, value) in sum.iter_mut().zip([red, green, blue]) {
            *sum += f64::from(value) * weight;
        }
        *total += weight;
    }
    cells.into_values().map(|(sum, total)| (oklab(sum.map(|sum| sum / total)), total)).collect()
}

/// The most frequent point, and then again and again the one that is farthest from all there are, weighted by how much it
/// stands for.
fn seeds(points: &[(Lab, f64)]) -> Option<Vec<Lab>> {
    let mut nearest = vec![f64::INFINITY; points.len()];
    let (first, _) = points.iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let mut seeds = vec![*first];
    while seeds.len() < CLUSTERS.min(points.len()) {
        let last = *seeds.last()?;
        for (nearest, (point, _)) in nearest.iter_mut().zip(points) {
            *nearest = nearest.min(distance(*point, last));
        }
        let score = |index: usize| nearest[index] * points[index].1.sqrt();
        let farthest = (0..points.len()).max_by(|&a, &b| score(a).total_cmp(&score(b)))?;
        seeds.push(points[farthest].0);
    }
    Some(seeds)
}

#[derive(Clone, Copy)]
struct Cluster {
    center: Lab,
    weight: f64,
}

/// Gives each point to the nearest center, and each center to the middle of its points. Centers without points are left out.
fn assign(points: &[(Lab, f64)], centers: &[Lab]) -> Vec<Cluster> {
    let mut sums = vec![([0.0; 3], 0.0); centers.len()];
    for (point, weight) in points {
        let nearest = (0..centers.len()).min_by(|&a, &b| distance(*point, centers[a]).total_cmp(&distance(*point, centers[b])));
        let (sum, total) = &mut sums[nearest.unwrap_or(0)];
        for (sum, value) in sum.iter_mut().zip(point) {
            *sum += value * weight;
        }
        *total += weight;
    }
    let found = sums.into_iter().filter(|(_, weight)| *weight > 0.0);
    found.map(|(sum, weight)| Cluster { center: sum.map(|sum| sum / weight), weight }).collect()
}

/// Makes one of the two clusters that lie nearest to each other, as long as they look the same.
fn merge(clusters: &mut Vec<Cluster>) {
    loop {
        let mut nearest: Option<(f64, usize, usize)> = None;
        for (second, b) in clusters.iter().enumerate() {
            for (first, a) in clusters[..second].iter().enumerate() {
                let apart = distance(a.center, b.center);
                if nearest.is_none_or(|(least, ..)| apart < least) {
                    nearest = Some((apart, first, second));
                }
            }
        }
        let Some((_, first, second)) = nearest.filter(|(apart, ..)| *apart < SAME * SAME) else { return };
        let Cluster { center, weight } = clusters.swap_remove(second);
        let kept = &mut clusters[first];
        let total = kept.weight + weight;
        for (value, other) in kept.center.iter_mut().zip(center) {
            *value = (*value * kept.weight + other * weight) / total;
        }
        kept.weight = total;
    }
}

/// The square of the distance.
fn distance(a: Lab, b: Lab) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn oklab(rgb: [f64; 3]) -> Lab {
    let [red, green, blue] = rgb.map(|value| srgb_to_light(value / 255.0));
    let long = (0.412_221_470_8 * red + 0.536_332_536_3 * green + 0.051_445_992_9 * blue).cbrt();
    let middle = (0.211_903_498_2 * red + 0.680_699_545_1 * green + 0.107_396_956_6 * blue).cbrt();
    let short = (0.088_302_461_9 * red + 0.281_718_837_6 * green + 0.629_978_700_5 * blue).cbrt();
    [
        0.210_454_255_3 * long + 0.793_617_785 * middle - 0.004_072_046_8 * short,
        1.977_998_495_1 * long - 2.428_592_205 * middle + 0.450_593_709_9 * short,
        0.025_904_037_1 * long + 0.782_771_766_2 * middle - 0.808_675_766 * short,
    ]
}

fn color([lightness, a, b]: Lab) -> Color {
    let long = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let middle = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let short = (lightness - 0.089_484_177_5 * a - 1.291_485_548 * b).powi(3);
    let light = [
        4.076_741_662_1 * long - 3.307_711_591_3 * middle + 0.230_969_929_2 * short,
        -1.268_438_004_6 * long + 2.609_757_401_1 * middle - 0.341_319_396_5 * short,
        -0.004_196_086_3 * long - 0.703_418_614_7 * middle + 1.707_614_701 * short,
    ];
    let [red, green, blue] = light.map(|light| (light_to_srgb(light.clamp(0.0, 1.0)) * 255.0).round() as u8);
    Color { red, green, blue }
}

#[cfg(test)]
mod tests {
    use super::super::fields::tests::small;
    use super::*;

    fn check(small: &Small, expected: &[([u8; 3], f64)]) {
        let found = palette(small);
        let expected: Vec<PaletteColor> =
            expected.iter().map(|&([red, green, blue], share)| PaletteColor { color: Color { red, green, blue }, share }).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn flat_colours_are_found_with_their_shares() {
        let flag = |x: usize, _| match x {
            0..5 => [220, 30, 30, 255],
            5..8 => [30, 60, 220, 255],
            _ => [255, 255, 255, 255],
        };
        check(&small(10, 10, flag), &[([220, 30, 30], 0.5), ([30, 60, 220], 0.3), ([255, 255, 255], 0.2)]);
    }

    #[test]
    fn a_small_striking_colour_is_seen_and_a_speck_is_not() {
        let grey = |x: usize, y: usize| [(100 + x % 8) as u8, (100 + y % 8) as u8, 104, 255];
        let dotted = |red: usize| move |x: usize, y: usize| if y * 50 + x < red { [250, 0, 0, 255] } else { grey(x, y) };
        let found = palette(&small(50, 50, dotted(50)));
        assert_eq!((found.len(), found[1].color), (2, Color { red: 250, green: 0, blue: 0 }));
        assert_eq!(palette(&small(50, 50, dotted(5))).len(), 1);
    }

    #[test]
    fn what_is_transparent_has_no_colour() {
        check(&small(4, 4, |_, _| [0, 255, 0, 0]), &[]);
        check(&small(4, 4, |x, _| if x == 0 { [0, 0, 255, 255] } else { [0, 255, 0, 0] }), &[([0, 0, 255], 1.0)]);
    }

    #[test]
    fn no_more_than_six_are_given() {
        let rainbow = |x: usize, y: usize| [(x * 2) as u8, (y * 2) as u8, ((x * 3 + y * 5) % 256) as u8, 255];
        let found = palette(&small(100, 100, rainbow));
        assert_eq!(found.len(), MAX_COLORS);
        assert!(found.is_sorted_by(|a, b| a.share >= b.share));
        assert!(found.iter().map(|color| color.share).sum::<f64>() <= 1.0);
    }
}
