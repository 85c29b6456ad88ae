//! The embedded store: objects, the queue and the catalog in one data directory, with nothing else to install.
//!
//! `index.db` (SQLite) holds everything but long bodies, which are files under `blobs/`. One thread writes; what waits
//! for it goes into one transaction (group commit), and an answer is given only once that transaction is on the disk.
//! An object, the event of its upload and the jobs that follow from it are one write: none of them can be lost alone.

mod blob;
mod bucket;
mod catalog;
mod checksum;
mod commands;
mod error;
mod fault;
mod fsck;
mod health;
mod index;
mod list;
mod lock;
mod multipart;
mod notification;
mod object;
mod open;
mod queue;
mod random;
mod record;
mod row;
mod schema;
mod upkeep;
mod variants;
mod writer;

pub use blob::{BodyOptions, BodyReader, BodyWriter, StagedBody};
pub use bucket::BucketInfo;
pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
pub use error::EmbeddedError;
#[doc(hidden)]
pub use fault::{FaultPoint, Faults};
pub use fsck::{BucketStatistics, Finding, FsckProgress, FsckReport, StoreStatistics, fsck, read_statistics};
pub use health::Health;
pub use list::{ListCursor, ListPage, ListQuery};
pub use multipart::{CompletePart, CompleteUpload, PartInfo, PartPage, UploadId, UploadInfo, UploadPage, UploadQuery};
pub use notification::PendingNotification;
pub use object::{Attributes, CopyObject, EtagCondition, ObjectInfo, Precondition, PutObject};
pub use open::{Embedded, OpenError, OpenOptions, Planner, StoreLimits};
pub use queue::{JobFilter, JobInfo, JobState, LeasedJob, QueueCounts};

pub(crate) use blob::{BlobDirectory, BlobGuard, BlobName};
