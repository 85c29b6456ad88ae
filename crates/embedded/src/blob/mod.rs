//! Contents of objects: short ones in the index, long ones in files of random names under `blobs/`.

mod collection;
mod directory;
mod reader;
mod writer;

pub(crate) use collection::Collector;
pub(crate) use directory::{BlobDirectory, BlobGuard, BlobName};
pub(crate) use reader::{Content, Segment};
pub(crate) use writer::StagedContent;

pub use reader::BodyReader;
pub use writer::{BodyOptions, BodyWriter, StagedBody};
