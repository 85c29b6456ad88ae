//! The table: which version of a source is current, who wrote a destination, the records and the totals.

mod catalog;
mod list;
mod table;

pub use catalog::DynamoCatalog;
pub use list::{ListOrder, ListRequest, Page};
pub use table::{Observed, Table, TableOptions};
