//! The arithmetic of sizes: what each component's blocks become at a scale, and where they go.

use crate::info::Sampling;
use crate::markers::{Headers, Scan};
use crate::{Error, Scale};

/// One component at one scale.
#[derive(Debug, Clone)]
pub(crate) struct ComponentPlan {
    pub sampling: Sampling,
    /// Samples across and down in one decoded block: 1, 2, 4 or 8.
    pub side: usize,
    /// Blocks across that hold image, without the padding to whole MCUs.
    pub blocks_across: usize,
    /// Blocks down that hold image.
    pub blocks_down: usize,
    /// Samples in a row of the plane, padding included.
    pub stride: usize,
    /// Rows of samples in one row of MCUs.
    pub rows_per_strip: usize,
}

/// The whole image at one scale.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Output pixels across and down.
    pub width: usize,
    pub height: usize,
    /// Output rows in one row of MCUs.
    pub strip_rows: usize,
    /// Output columns in one MCU.
    pub mcu_columns: usize,
    pub mcus_across: usize,
    pub mcus_down: usize,
    pub components: Vec<ComponentPlan>,
    /// As in [`DecodeOptions`](crate::DecodeOptions::plain).
    pub plain: bool,
}

impl Plan {
    /// `half_chroma` as in [`DecodeOptions`](crate::DecodeOptions::half_chroma), for components of which all but the first are chroma;
    /// `plain` as there.
    pub fn new(headers: &Headers, scale: Scale, half_chroma: bool, plain: bool) -> Self {
        let numerator = scale.eighths() as usize;
        let (width, height) = (headers.info.width as usize, headers.info.height as usize);
        let sampling: Vec<Sampling> = match &headers.info.sampling[..] {
            // The factors of a lone component mean nothing: its MCU is one block (T.81, A.2.2).
            [_] => vec![Sampling { horizontal: 1, vertical: 1 }],
            all => all.to_vec(),
        };
        let most = |factor: fn(&Sampling) -> u8| {
            let largest = sampling.iter().map(factor).max();
            usize::from(largest.unwrap_or(1))
        };
        let most_across = most(|sampling| sampling.horizontal);
        let most_down = most(|sampling| sampling.vertical);
        let mcus_across = width.div_ceil(8 * most_across);
        let mcus_down = height.div_ceil(8 * most_down);
        let components = sampling
            .into_iter()
            .enumerate()
            .map(|(index, sampling)| {
                let (h, v) = (sampling.horizontal.into(), sampling.vertical.into());
                let factors = [(h, most_across), (v, most_down)];
                let side = match half_chroma && index > 0 {
                    true => half_side(numerator, factors),
                    false => block_side(numerator, factors),
                };
                ComponentPlan {
                    sampling,
                    side,
                    blocks_across: (width * h).div_ceil(most_across).div_ceil(8),
                    blocks_down: (height * v).div_ceil(most_down).div_ceil(8),
                    stride: mcus_across * h * side,
                    rows_per_strip: v * side,
                }
            })
            .collect();
        Self {
            width: (width * numerator).div_ceil(8),
            height: (height * numerator).div_ceil(8),
            strip_rows: most_down * numerator,
            mcu_columns: most_across * numerator,
            mcus_across,
            mcus_down,
            components,
            plain,
        }
    }

    /// Samples across and down in a component's plane that hold image.
    pub fn plane_size(&self, component: &ComponentPlan) -> (usize, usize) {
        let across = usize::from(component.sampling.horizontal) * component.side;
        ((self.width * across).div_ceil(self.mcu_columns), (self.height * component.rows_per_strip).div_ceil(self.strip_rows))
    }

    /// How many pixels of the output a sample of a component stands for, across and down.
    pub fn pixels_per_sample(&self, component: &ComponentPlan) -> (f64, f64) {
        let across = usize::from(component.sampling.horizontal) * component.side;
        (self.mcu_columns as f64 / across as f64, self.strip_rows as f64 / component.rows_per_strip as f64)
    }

    /// Output rows that the row of MCUs `mcu_row` gives; the last can give fewer.
    pub fn rows_of(&self, mcu_row: usize) -> usize {
        self.strip_rows.min(self.height - (mcu_row * self.strip_rows).min(self.height))
    }
}

/// Samples a side of a component's blocks: twice as many as the scale asks for, as often as both directions need that, so that
/// the component is enlarged less or not at all. As in libjpeg (`jdmaster.c`).
fn block_side(numerator: usize, factors: [(usize, usize); 2]) -> usize {
    let mut side = numerator;
    while side < 8 && factors.iter().all(|(factor, most)| (numerator * most).is_multiple_of(2 * side * factor)) {
        side *= 2;
    }
    side
}

/// One component of a scan: how its blocks follow each other and where they go.
#[derive(Debug, Clone)]
pub(crate) struct ScanComponentPlan {
    /// Blocks across and down in one MCU of this scan.
    pub across: usize,
    pub down: usize,
}

/// The order of blocks in one scan.
#[derive(Debug, Clone)]
pub(crate) struct ScanPlan {
    pub components: Vec<ScanComponentPlan>,
    pub mcus_across: usize,
    pub mcus_down: usize,
}

impl ScanPlan {
    pub fn new(plan: &Plan, scan: &Scan) -> Result<Self, Error> {
        if let [only] = &scan.components[..] {
            let component = &plan.components[only.index];
            return Ok(Self {
                components: vec![ScanComponentPlan { across: 1, down: 1 }],
                mcus_across: component.blocks_across,
                mcus_down: component.blocks_down,
            });
        }
        let components: Vec<ScanComponentPlan> = scan
            .components
            .iter()
            .map(|component| {
                let sampling = plan.components[component.index].sampling;
                ScanComponentPlan { across: sampling.horizontal.into(), down: sampling.vertical.into() }
            })
            .collect();
        let blocks: usize = components.iter().map(|c| c.across * c.down).sum();
        // T.81, B.2.3; the window of the bit reader counts on it.
        if blocks > 10 {
            return Err(Error::Corrupt { offset: scan.data_start, what: "more than ten blocks in an mcu" });
        }
        Ok(Self { components, mcus_across: plan.mcus_across, mcus_down: plan.mcus_down })
    }
}

/// Samples a side of the blocks of chroma that is to have half as many samples as luma: no less in either direction, but where luma's
/// blocks are a sample each.
fn half_side(numerator: usize, factors: [(usize, usize); 2]) -> usize {
    let enough = |side: usize| factors.iter().all(|&(factor, most)| 2 * factor * side >= most * numerator);
    if numerator > 1 && enough(numerator / 2) { numerator / 2 } else { numerator }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sides_avoid_enlargement() {
        let check = |numerator, across, down, expected| assert_eq!(block_side(numerator, [across, down]), expected);
        // At 1/2 the half-size chroma of 4:2:0 is decoded in full.
        check(4, (1, 2), (1, 2), 8);
        check(4, (2, 2), (2, 2), 4);
        check(2, (1, 2), (1, 2), 4);
        check(1, (1, 2), (1, 2), 2);
        // 4:2:2 would have too many rows.
        check(4, (1, 2), (1, 1), 4);
        check(2, (1, 4), (1, 4), 8);
        check(2, (2, 3), (2, 3), 2);
        check(8, (1, 2), (1, 2), 8);
    }

    #[test]
    fn half_chroma_has_half_the_samples() {
        let check = |numerator, across, down, expected| assert_eq!(half_side(numerator, [across, down]), expected);
        // 4:4:4
        check(8, (1, 1), (1, 1), 4);
        check(2, (2, 2), (2, 2), 1);
        check(1, (1, 1), (1, 1), 1);
        // 4:2:0 and 4:2:2 have it as they are.
        check(8, (1, 2), (1, 2), 8);
        check(4, (1, 2), (1, 1), 4);
        check(1, (1, 2), (1, 2), 1);
        // 4:1:1 has less.
        check(4, (1, 4), (1, 1), 4);
    }
}
