//! Image work in worker processes that can be killed.
//!
//! Decoders are other people's code and the bytes are strangers'. A thread that loops cannot be stopped, and a failed
//! allocation ends its whole process; so the work is done in child processes. A child gets its source in a file that
//! exists in memory only (`memfd_create(2)`, its standard input) and talks over a socket (its standard output). Before
//! it reads the first byte it walls itself in (the module `walls`), and whatever it does afterwards costs one attempt
//! at one job: it is killed at the deadline, and another one takes its place.
//!
//! The parent believes nothing that a child says: lengths, counts and sizes are checked before they are used.
//!
//! Linux only. Elsewhere the work runs [in process](minilab_pipeline::InProcess).
#![cfg(target_os = "linux")]

pub mod child;

mod pool;
mod process;
mod protocol;
mod walls;

pub use pool::{WorkerPool, WorkerPoolOptions, WorkerStatistics};
pub use walls::Walls;
