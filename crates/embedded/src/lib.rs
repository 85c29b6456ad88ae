//! The embedded store: objects, the queue and the catalog in one data directory, with nothing else to install.
//!
//! `index.db` (SQLite) holds everything but long bodies, which are files under `blobs/`. One thread writes; what waits
//! for it goes into one transaction (group commit), and an answer is given only once that transaction is on the disk.
//! An object, the event of its upload and the jobs that follow from it are one write: none of them can be lost alone.
//!
//! # How a body becomes an object
//! 1. A [`BodyWriter`] takes it in with bounded memory and hashes it. A short one stays in memory; a longer one goes to a
//!    file of random name, which no row names yet. The file and its directory are synced.
//! 2. One command to the writer decides the [`Precondition`], writes the row, takes the replaced content out of use, asks
//!    the [`Planner`] for jobs and queues them: each command in a savepoint, many in a transaction.
//! 3. The transaction is committed with `synchronous = FULL`, and only then are its commands answered. What only workers
//!    are told (claims, heartbeats, variants) is not synced on its own: losing it means that the job runs again.
//!
//! # What is absent
//! - No second writer: not in this process (one thread), and not in another (a lock on the directory).
//! - No retried fsync: when one fails, nobody knows what the disk holds, so the store takes no more writes until it is
//!   opened again ([`EmbeddedError::Stopped`]). Lack of room is told apart ([`EmbeddedError::DiskFull`]).
//! - No file that vanishes under a row: a file is unlinked only when the row that gave it up is known to be on the disk,
//!   after a grace period, and when no reader is about to open it.
//! - No path made of a key, and no cost by the size of a bucket: every query of a request is a seek.

mod activity;
mod backfill;
mod blob;
mod bucket;
mod catalog;
mod checksum;
mod commands;
mod delivery_log;
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
mod row;
mod schema;
mod tags;
mod upkeep;
mod variants;
mod writer;

pub use activity::{DiskRoom, WriteStatistics};
pub use backfill::{Inventory, MadeCursor, MadePage, RemovedOrphan, SourcePage, UnfinishedJob};
pub use blob::{BodyOptions, BodyReader, BodyWriter, StagedBody};
pub use bucket::BucketInfo;
pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumType};
pub use delivery_log::{DeliveryFilter, DeliveryInfo, DeliverySelection, DeliveryState, NotificationCounts, NotificationReport};
pub use error::EmbeddedError;
#[doc(hidden)]
pub use fault::{FaultPoint, Faults};
pub use fsck::{BucketStatistics, Finding, FsckProgress, FsckReport, StoreStatistics, fsck, read_statistics};
pub use health::Health;
pub use list::{ListCursor, ListPage, ListQuery};
pub use multipart::{CompletePart, CompleteUpload, PartInfo, PartPage, UploadId, UploadInfo, UploadPage, UploadQuery};
pub use notification::{DeliveryAttempt, PendingNotification, WaitingTarget};
pub use object::{Attributes, CopyObject, EtagCondition, ObjectInfo, Origin, Precondition, PutObject};
pub use open::{Embedded, OpenError, OpenOptions, Planner, StoreLimits};
pub use queue::{
    ClaimOptions, FailedAttempt, JobFilter, JobInfo, JobMatch, JobSelection, JobState, LeasedJob, QueueCounts, QueueReport,
};

pub(crate) use blob::{BlobDirectory, BlobGuard, BlobName};
