//! The flow: `event → job → process → store → catalog → notify`, a module each.
//!
//! The flow knows no database, no network and no protocol: objects and records live behind [`ObjectStore`] and
//! [`Catalog`], which the embedded store and the AWS adapters implement and test against one conformance suite
//! (the module `conformance`, behind the feature of that name). Whoever has a [`Job`](minilab_model::Job) in hand (the embedded dispatcher with its leases, a
//! Lambda worker with its queue message) gives it to a [`Worker`].

pub mod catalog;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod event;
pub mod job;
pub mod notify;
pub mod plan;
pub mod process;
pub mod record;
pub mod store;

mod cpu_pool;
mod error;
mod render;
mod stages;
mod worker;

pub use catalog::{Catalog, CatalogError, CatalogWrite, Commit, RecordChange};
pub use cpu_pool::{Admission, CpuPool, CpuPoolOptions, LaneUse};
pub use error::JobError;
pub use render::{InProcess, RenderFailure, RenderWork, Renderer};
pub use stages::{Stage, StageTimes};
pub use store::{NewVariant, ObjectStore, SourceInfo, SourceState, StoreError, VariantBody};
pub use worker::{Finished, Worker, WorkerOptions};
