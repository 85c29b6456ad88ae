//! The table: which version of a source is current, who wrote a destination, the records and the totals.

mod catalog;
mod image;
mod item;
mod list;
mod owner;
mod seen;
mod source;
mod statistics;
mod table;

pub(crate) use owner::{Owner, Right, now_ms};
pub(crate) use source::{Source, current, last_seen, superseded};

pub use catalog::DynamoCatalog;
pub use list::{ListOrder, ListRequest, Page};
pub use source::Observed;
pub use table::{Table, TableOptions};
