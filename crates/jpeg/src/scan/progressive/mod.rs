//! Progressive images: the scans that a scale needs, gathered into coefficients, then transformed.
//!
//! The first DC scan can give fewer bits than there are, and refinements, one bit each, can come anywhere after it; AC
//! coefficients come in bands, a component at a time. Of a component that becomes a sample a block, only the DC
//! coefficients count: its other scans are passed over without being decoded. Of one that becomes two or four samples a
//! side, the coefficients that cancel when neighbours are averaged are read but not kept.

mod ac;
mod coefficients;
mod dc;

pub(crate) use coefficients::{Coefficients, emit};

use crate::Error;
use crate::markers::{Headers, Scan, Tables};
use crate::plan::{Plan, ScanPlan};
use crate::scan::{MAX_SCANS, ScanSource, Walked, walk};
use ac::{AcFirst, AcRefinement};
use dc::DcCoder;

/// Memory that [`read_scans`] takes.
pub(crate) fn coefficient_bytes(plan: &Plan) -> u64 {
    plan.components.iter().map(|component| Coefficients::bytes(plan, component)).sum()
}

/// Reads the scans that `plan` needs. The second value tells whether nothing was missing.
pub(crate) fn read_scans(data: &[u8], headers: &Headers, plan: &Plan, tolerant: bool) -> Result<(Vec<Coefficients>, bool), Error> {
    let mut coefficients = plan.components.iter().map(|component| Coefficients::new(plan, component)).collect::<Vec<_>>();
    match read_into(&mut coefficients, data, headers, plan, tolerant) {
        Ok(complete) => Ok((coefficients, complete)),
        // What came before the fault is there.
        Err(_) if tolerant => Ok((coefficients, false)),
        Err(error) => Err(error),
    }
}

fn read_into(
    coefficients: &mut [Coefficients],
    data: &[u8],
    headers: &Headers,
    plan: &Plan,
    tolerant: bool,
) -> Result<bool, Error> {
    let mut tables = headers.tables.clone();
    let mut scan = headers.scan.clone();
    let mut complete = true;
    for _ in 0..MAX_SCANS {
        let mut position = scan.data_start;
        check(&scan)?;
        if scan.spectral_start == 0 || scan.components.iter().any(|part| coefficients[part.index].has_ac()) {
            let walked = read_scan(coefficients, data, headers, &tables, &scan, plan, tolerant)?;
            complete &= walked.complete;
            position = walked.end;
        }
        // The earliest end: nothing after this can change a coefficient that counts.
        if coefficients.iter().all(Coefficients::is_final) {
            return Ok(complete);
        }
        match tables.next_scan(data, position, &headers.frame)? {
            Some(next) => scan = next,
            // Some bits may never have been sent; every component must have been.
            None if coefficients.iter().all(Coefficients::is_begun) => return Ok(complete),
            None => return Err(Error::Truncated { offset: position, what: "the dc scan of a component" }),
        }
    }
    Err(Error::Corrupt { offset: scan.data_start, what: "too many scans" })
}

fn read_scan(
    coefficients: &mut [Coefficients],
    data: &[u8],
    headers: &Headers,
    tables: &Tables,
    scan: &Scan,
    plan: &Plan,
    tolerant: bool,
) -> Result<Walked, Error> {
    for part in &scan.components {
        coefficients[part.index].begin(scan, headers, tables, part.index)?;
    }
    let source = ScanSource { data, start: scan.data_start, restart_interval: tables.restart_interval, tolerant };
    let scan_plan = ScanPlan::new(plan, scan)?;
    match (scan.spectral_start, scan.approx_high) {
        (0, _) => walk(&source, &scan_plan, &mut DcCoder::new(scan, &scan_plan, tables, coefficients)?),
        (_, 0) => walk(&source, &scan_plan, &mut AcFirst::new(scan, tables, coefficients)?),
        _ => walk(&source, &scan_plan, &mut AcRefinement::new(scan, tables, coefficients)?),
    }
}

/// A scan's parameters must be possible (T.81, G.1.1.1).
fn check(scan: &Scan) -> Result<(), Error> {
    let corrupt = |what| Err(Error::Corrupt { offset: scan.data_start, what });
    match (scan.spectral_start, scan.spectral_end) {
        (0, 0) => {}
        (0, _) => return corrupt("dc and ac coefficients in one progressive scan"),
        (start, end) if start > end || end > 63 => return corrupt("a band of coefficients out of range"),
        _ if scan.components.len() != 1 => return corrupt("ac coefficients of several components in one scan"),
        _ => {}
    }
    if scan.approx_low > 13 {
        return corrupt("a point transform out of range");
    }
    if scan.approx_high != 0 && scan.approx_high != scan.approx_low + 1 {
        return corrupt("a refinement of more than one bit");
    }
    Ok(())
}
