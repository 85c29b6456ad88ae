//! Counting, and telling it in Prometheus' text format.
//!
//! Written here and not taken from a library: the format is a page long, most numbers are the store's and are read when
//! somebody asks, and the usual libraries either keep a registry of their own beside the store's counts or write
//! OpenMetrics instead.

mod exposition;
mod histogram;
mod labelled;

pub use exposition::{Exposition, Kind};
pub use histogram::Histogram;
pub use labelled::Labelled;
