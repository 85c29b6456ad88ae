//! The gateway as its clients see it: the AWS SDK for Rust over a real socket, and requests made by hand where no
//! SDK would send them.
#![allow(clippy::unwrap_used)]

mod bodies;
mod buckets;
mod checksums;
mod conditions;
mod copies;
mod deletions;
mod forms;
mod listings;
mod notifications;
mod objects;
mod raw;
mod sdk;
mod server;
mod signatures;
mod uploads;
