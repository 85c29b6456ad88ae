//! The coefficients of one component while its scans come in.

use std::ops::ControlFlow;

use crate::Error;
use crate::idct::{Block, Inverse, Quant, ZIGZAG, flat_sample};
use crate::markers::{Headers, Scan, Tables};
use crate::plan::{ComponentPlan, Plan};
use crate::strip::Planes;

/// In place of a slot: the coefficient is not kept.
const DROPPED: u8 = u8::MAX;

/// The coefficients of one component that count at a scale.
pub(crate) struct Coefficients {
    /// For each block, row by row, the kept coefficients by slot.
    values: Vec<i16>,
    /// For each block, which AC coefficients are not zero: a bit for each zigzag place. Refinements need it of all
    /// coefficients. Empty where only DC coefficients count.
    nonzero: Vec<u64>,
    /// Kept coefficients of a block.
    kept: usize,
    /// The slot of each zigzag place.
    slots: [u8; 64],
    /// Where the coefficient of each slot stands, row · 8 + column.
    places: Vec<u8>,
    /// Blocks across, padding included.
    pub stride: usize,
    /// As it stands at the component's first scan.
    quant: Option<Box<Quant>>,
    /// For each zigzag place, the bits that later scans still have to give; `None` before the first.
    missing_bits: [Option<u8>; 64],
    side: usize,
}

/// Whether the frequency `k` counts in blocks of `side` samples: otherwise its mean over each sample is zero.
fn counts(side: usize, k: u8) -> bool {
    match side {
        8 => true,
        4 => k != 4,
        2 => k == 0 || k % 2 == 1,
        _ => k == 0,
    }
}

fn places(side: usize) -> Vec<u8> {
    (0..64).filter(|place| counts(side, place / 8) && counts(side, place % 8)).collect()
}

impl Coefficients {
    pub fn new(plan: &Plan, component: &ComponentPlan) -> Self {
        let places = places(component.side);
        let slot = |place: &u8| places.iter().position(|kept| kept == place).map_or(DROPPED, |slot| slot as u8);
        let blocks = blocks(plan, component);
        Self {
            values: vec![0; blocks * places.len()],
            nonzero: vec![0; if component.side > 1 { blocks } else { 0 }],
            kept: places.len(),
            slots: ZIGZAG.each_ref().map(slot),
            places,
            stride: plan.mcus_across * usize::from(component.sampling.horizontal),
            quant: None,
            missing_bits: [None; 64],
            side: component.side,
        }
    }

    /// What [`new`](Self::new) allocates.
    pub fn bytes(plan: &Plan, component: &ComponentPlan) -> u64 {
        let mask = if component.side > 1 { size_of::<u64>() } else { 0 };
        (blocks(plan, component) * (places(component.side).len() * size_of::<i16>() + mask)) as u64
    }

    /// Whether AC coefficients count.
    pub fn has_ac(&self) -> bool {
        self.side > 1
    }

    /// Whether no later scan can change a coefficient that counts.
    pub fn is_final(&self) -> bool {
        let counted = if self.has_ac() { &self.missing_bits[..] } else { &self.missing_bits[..1] };
        counted.iter().all(|missing| *missing == Some(0))
    }

    /// Whether there has been a scan of the DC coefficients.
    pub fn is_begun(&self) -> bool {
        self.missing_bits[0].is_some()
    }

    /// Takes note of a scan that is about to be read.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for scans of DC coefficients that do not follow from each other, and for a quantiser that is missing.
    pub fn begin(&mut self, scan: &Scan, headers: &Headers, tables: &Tables, index: usize) -> Result<(), Error> {
        let corrupt = |what| Error::Corrupt { offset: scan.data_start, what };
        if scan.spectral_start == 0 {
            let follows = match scan.approx_high {
                0 => self.missing_bits[0].is_none(),
                high => self.missing_bits[0] == Some(high),
            };
            if !follows {
                return Err(corrupt("dc scans out of order"));
            }
        }
        if self.quant.is_none() {
            let steps = tables.quant[headers.frame[index].quant].as_deref();
            self.quant = Some(Box::new(Quant::new(steps.ok_or_else(|| corrupt("a quantisation table is missing"))?)));
        }
        let band = usize::from(scan.spectral_start)..=usize::from(scan.spectral_end);
        self.missing_bits[band].fill(Some(scan.approx_low));
        Ok(())
    }

    /// The DC coefficient of a block.
    #[inline(always)]
    pub fn dc_mut(&mut self, block: usize) -> &mut i16 {
        &mut self.values[block * self.kept]
    }

    /// The AC coefficients of a block.
    #[inline(always)]
    pub fn ac_mut(&mut self, block: usize) -> AcBlock<'_> {
        AcBlock {
            values: &mut self.values[block * self.kept..][..self.kept],
            nonzero: &mut self.nonzero[block],
            slots: &self.slots,
        }
    }

    /// Writes the samples of one row of blocks to the front of `samples`.
    fn write_row(&self, row: usize, block: &mut Block, inverse: &Inverse, samples: &mut [u8]) {
        let Some(quant) = self.quant.as_deref() else { return };
        let first = row * self.stride;
        let line = self.stride * self.side;
        for x in 0..self.stride {
            let at = (first + x) * self.kept;
            let Some(values) = self.values.get(at..at + self.kept) else { return };
            let target = &mut samples[x * self.side..];
            if self.nonzero.get(first + x).is_none_or(|nonzero| *nonzero == 0) {
                (inverse.fill)(flat_sample(values[0].into(), quant.dc()), target, line);
                continue;
            }
            for (&value, &place) in values.iter().zip(&self.places) {
                block.0[usize::from(place) & 63] = value;
            }
            inverse.transform(block, quant, target, line);
        }
    }
}

fn blocks(plan: &Plan, component: &ComponentPlan) -> usize {
    let sampling = component.sampling;
    plan.mcus_across * usize::from(sampling.horizontal) * plan.mcus_down * usize::from(sampling.vertical)
}

/// The AC coefficients of one block.
pub(crate) struct AcBlock<'a> {
    values: &'a mut [i16],
    pub nonzero: &'a mut u64,
    slots: &'a [u8; 64],
}

impl AcBlock<'_> {
    /// Sets a coefficient that was zero.
    #[inline(always)]
    pub fn set(&mut self, zigzag: u32, value: i16) {
        *self.nonzero |= 1 << (zigzag & 63);
        if let Some(kept) = self.values.get_mut(usize::from(self.slots[zigzag as usize & 63])) {
            *kept = value;
        }
    }

    /// Takes a coefficient further from zero.
    #[inline(always)]
    pub fn grow(&mut self, zigzag: u32, bit: i16) {
        if let Some(kept) = self.values.get_mut(usize::from(self.slots[zigzag as usize & 63])) {
            *kept = kept.wrapping_add(if *kept < 0 { bit.wrapping_neg() } else { bit });
        }
    }
}

/// Turns the coefficients into samples, one row of MCUs after another.
pub(crate) fn emit(
    coefficients: &[Coefficients],
    plan: &Plan,
    planes: &mut Planes,
    mut end_row: impl FnMut(&Planes, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let inverses: Vec<Inverse> = plan.components.iter().map(|component| Inverse::new(component.side, plan.plain)).collect();
    let mut block = Block::new();
    for mcu_row in 0..plan.mcus_down {
        for (index, (part, component)) in coefficients.iter().zip(&plan.components).enumerate() {
            let rows = usize::from(component.sampling.vertical);
            let row_samples = component.stride * component.side;
            for (y, samples) in planes.plane_mut(index).chunks_exact_mut(row_samples).take(rows).enumerate() {
                part.write_row(mcu_row * rows + y, &mut block, &inverses[index], samples);
            }
        }
        end_row(planes, mcu_row)?;
    }
    ControlFlow::Continue(())
}
