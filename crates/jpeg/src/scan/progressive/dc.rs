//! The DC scans of a progressive image (T.81, G.1.2.1 and G.1.3.1).

use std::ops::ControlFlow;
use std::rc::Rc;

use super::Coefficients;
use crate::Error;
use crate::bits::{BitReader, Buffer};
use crate::block::{Fault, read_dc};
use crate::huffman::DcTable;
use crate::markers::{Scan, Tables};
use crate::plan::ScanPlan;
use crate::scan::BlockCoder;
use crate::scan::tables::BuiltTables;

/// One component of the scan.
struct Component {
    /// Place in the frame.
    index: usize,
    /// `None` in a refinement.
    table: Option<Rc<DcTable>>,
    prediction: i32,
    /// The first block of the present row of MCUs, and what each row adds.
    origin: usize,
    row_step: usize,
}

/// Reads a first DC scan or a refinement.
pub(crate) struct DcCoder<'a> {
    components: Vec<Component>,
    coefficients: &'a mut [Coefficients],
    approx_low: u8,
}

impl<'a> DcCoder<'a> {
    /// # Errors
    /// [`Error::Corrupt`] if a table that the scan names is missing or unfit.
    pub fn new(scan: &Scan, scan_plan: &ScanPlan, tables: &Tables, coefficients: &'a mut [Coefficients]) -> Result<Self, Error> {
        let mut built = BuiltTables::new(tables, scan.data_start);
        let mut components = Vec::with_capacity(scan.components.len());
        for (part, order) in scan.components.iter().zip(&scan_plan.components) {
            let table = match scan.approx_high {
                0 => Some(built.dc(part.dc_table)?),
                _ => None,
            };
            let row_step = order.down * coefficients[part.index].stride;
            components.push(Component { index: part.index, table, prediction: 0, origin: 0, row_step });
        }
        Ok(Self { components, coefficients, approx_low: scan.approx_low })
    }
}

impl BlockCoder for DcCoder<'_> {
    #[inline(always)]
    fn read(&mut self, reader: &mut BitReader, buffer: &Buffer, slot: usize, x: usize, y: usize) -> Result<(), Fault> {
        let component = &mut self.components[slot];
        let coefficients = &mut self.coefficients[component.index];
        let coefficient = coefficients.dc_mut(component.origin + y * coefficients.stride + x);
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
            let coefficients = &mut self.coefficients[component.index];
            let block = component.origin + y * coefficients.stride + x;
            *coefficients.dc_mut(block) = (component.prediction << self.approx_low) as i16;
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
