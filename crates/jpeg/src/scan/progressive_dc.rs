//! The DC scans of a progressive image, which are all that the smallest scale needs.
//!
//! The first DC scan can give fewer bits than there are, and refinements, one bit each, can come
//! anywhere after it. All other scans are passed over without being decoded.

use std::ops::ControlFlow;
use std::rc::Rc;

use crate::Error;
use crate::bits::{BitReader, Buffer};
use crate::block::{Fault, read_dc};
use crate::huffman::DcTable;
use crate::idct::flat_sample;
use crate::markers::{Headers, Scan, Tables};
use crate::plan::{Plan, ScanPlan};
use crate::scan::sequential::BuiltTables;
use crate::scan::{BlockCoder, MAX_SCANS, ScanSource, walk};
use crate::strip::Planes;

/// The DC coefficients of one component of the frame.
pub(crate) struct DcPlane {
    coefficients: Vec<i16>,
    /// Blocks across, padding included.
    stride: usize,
    /// Quantiser; as it stands at the component's first scan.
    quant: Option<u16>,
    /// Bits that later scans still have to give; `None` before the first.
    missing_bits: Option<u8>,
}

impl DcPlane {
    /// Writes the samples of the rows of blocks from `row` on; missing rows are left alone.
    pub fn write_samples(&self, row: usize, samples: &mut [u8]) {
        let quant = self.quant.unwrap_or(1);
        let coefficients = self.coefficients.get(row * self.stride..).unwrap_or(&[]);
        for (sample, &coefficient) in samples.iter_mut().zip(coefficients) {
            *sample = flat_sample(coefficient.into(), quant);
        }
    }
}

/// Memory that [`read_dc_planes`] takes.
pub(crate) fn dc_plane_bytes(plan: &Plan) -> u64 {
    let blocks: u64 =
        plan.components.iter().map(|component| (component.stride * component.rows_per_strip * plan.mcus_down) as u64).sum();
    blocks * size_of::<i16>() as u64
}

/// Reads the DC scans. The second value tells whether nothing was missing.
pub(crate) fn read_dc_planes(data: &[u8], headers: &Headers, plan: &Plan, tolerant: bool) -> Result<(Vec<DcPlane>, bool), Error> {
    let mut planes: Vec<DcPlane> = plan
        .components
        .iter()
        .map(|component| DcPlane {
            // At this scale a sample is a block.
            coefficients: vec![0; component.stride * component.rows_per_strip * plan.mcus_down],
            stride: component.stride,
            quant: None,
            missing_bits: None,
        })
        .collect();
    match read_scans(data, headers, plan, tolerant, &mut planes) {
        Ok(complete) => Ok((planes, complete)),
        // What came before the fault is in the planes.
        Err(_) if tolerant => Ok((planes, false)),
        Err(error) => Err(error),
    }
}

fn read_scans(data: &[u8], headers: &Headers, plan: &Plan, tolerant: bool, planes: &mut [DcPlane]) -> Result<bool, Error> {
    let mut tables = headers.tables.clone();
    let mut scan = headers.scan.clone();
    let mut complete = true;
    for _ in 0..MAX_SCANS {
        let mut position = scan.data_start;
        if scan.spectral_start == 0 {
            let source = ScanSource { data, start: scan.data_start, restart_interval: tables.restart_interval, tolerant };
            check_order(&scan, planes)?;
            let scan_plan = ScanPlan::new(plan, &scan)?;
            let mut coder = DcCoder::new(&scan, &scan_plan, headers, &tables, planes)?;
            let walked = walk(&source, &scan_plan, &mut coder)?;
            complete &= walked.complete;
            position = walked.end;
        }
        // The earliest end: nothing after this can change a DC coefficient.
        if planes.iter().all(|plane| plane.missing_bits == Some(0)) {
            return Ok(complete);
        }
        match tables.next_scan(data, position, &headers.frame)? {
            Some(next) => scan = next,
            // Some bits may never have been sent; every component must have been.
            None if planes.iter().all(|plane| plane.missing_bits.is_some()) => return Ok(complete),
            None => {
                return Err(Error::Truncated { offset: position, what: "the dc scan of a component" });
            }
        }
    }
    Err(Error::Corrupt { offset: scan.data_start, what: "too many scans" })
}

/// A DC scan's parameters must follow from those before (T.81, G.1.1.1).
fn check_order(scan: &Scan, planes: &[DcPlane]) -> Result<(), Error> {
    let corrupt = |what| Error::Corrupt { offset: scan.data_start, what };
    if scan.spectral_end != 0 {
        return Err(corrupt("dc and ac coefficients in one progressive scan"));
    }
    if scan.approx_low > 13 {
        return Err(corrupt("a point transform out of range"));
    }
    for component in &scan.components {
        let plane = &planes[component.index];
        let fits = match scan.approx_high {
            0 => plane.missing_bits.is_none(),
            high => plane.missing_bits == Some(high) && high == scan.approx_low + 1,
        };
        if !fits {
            return Err(corrupt("dc scans out of order"));
        }
    }
    Ok(())
}

/// One component of the scan.
struct Component {
    /// Place in the frame.
    index: usize,
    /// `None` in a refinement.
    table: Option<Rc<DcTable>>,
    prediction: i32,
    /// Offset in the plane of the present row of MCUs, and what each row adds.
    origin: usize,
    row_step: usize,
}

/// Reads a first DC scan or a refinement.
struct DcCoder<'a> {
    components: Vec<Component>,
    planes: &'a mut [DcPlane],
    approx_low: u8,
}

impl<'a> DcCoder<'a> {
    fn new(
        scan: &Scan,
        scan_plan: &ScanPlan,
        headers: &Headers,
        tables: &Tables,
        planes: &'a mut [DcPlane],
    ) -> Result<Self, Error> {
        let mut built = BuiltTables::new(tables, scan.data_start);
        let mut components = Vec::with_capacity(scan.components.len());
        for (part, order) in scan.components.iter().zip(&scan_plan.components) {
            let table = match scan.approx_high {
                0 => Some(built.dc(part.dc_table)?),
                _ => None,
            };
            let plane = &mut planes[part.index];
            if plane.quant.is_none() {
                let quant = tables.quant[headers.frame[part.index].quant]
                    .as_deref()
                    .ok_or_else(|| built.missing("a quantisation table is missing"))?;
                plane.quant = Some(quant[0]);
            }
            plane.missing_bits = Some(scan.approx_low);
            components.push(Component { index: part.index, table, prediction: 0, origin: 0, row_step: order.down * plane.stride });
        }
        Ok(Self { components, planes, approx_low: scan.approx_low })
    }
}

impl BlockCoder for DcCoder<'_> {
    #[inline(always)]
    fn read(&mut self, reader: &mut BitReader, buffer: &Buffer, slot: usize, x: usize, y: usize) -> Result<(), Fault> {
        let component = &mut self.components[slot];
        let plane = &mut self.planes[component.index];
        let coefficient = &mut plane.coefficients[component.origin + y * plane.stride + x];
        match &component.table {
            Some(table) => {
                let difference = read_dc(reader, buffer, table)?;
                component.prediction = component.prediction.wrapping_add(difference);
                *coefficient = (component.prediction << self.approx_low) as i16;
            }
            None => {
                reader.refill(buffer);
                *coefficient |= ((reader.bits >> 63) as i16) << self.approx_low;
                reader.consume(1);
            }
        }
        Ok(())
    }

    fn conceal(&mut self, slot: usize, x: usize, y: usize) {
        let component = &self.components[slot];
        if component.table.is_some() {
            let plane = &mut self.planes[component.index];
            plane.coefficients[component.origin + y * plane.stride + x] = (component.prediction << self.approx_low) as i16;
        }
    }

    fn restart(&mut self) {
        for component in &mut self.components {
            component.prediction = 0;
        }
    }

    fn end_row(&mut self, _mcu_row: usize) -> ControlFlow<()> {
        for component in &mut self.components {
            component.origin += component.row_step;
        }
        ControlFlow::Continue(())
    }
}

/// Turns the coefficients into samples, one row of MCUs after another.
pub(crate) fn emit(
    dc_planes: &[DcPlane],
    plan: &Plan,
    planes: &mut Planes,
    mut end_row: impl FnMut(&Planes, usize) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for mcu_row in 0..plan.mcus_down {
        for (index, dc_plane) in dc_planes.iter().enumerate() {
            let rows = plan.components[index].rows_per_strip;
            dc_plane.write_samples(mcu_row * rows, planes.plane_mut(index));
        }
        end_row(planes, mcu_row)?;
    }
    ControlFlow::Continue(())
}
