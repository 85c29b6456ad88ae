//! Contents of objects: short ones in the index, long ones in files of random names.

mod reader;
mod writer;

pub use reader::BodyReader;
pub use writer::{BodyOptions, BodyWriter, StagedBody};
