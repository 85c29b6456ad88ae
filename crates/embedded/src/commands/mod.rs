//! What the writer can be asked for: a command per change, by family.

pub(crate) mod backfill;
pub(crate) mod body;
pub(crate) mod bucket;
pub(crate) mod catalog;
pub(crate) mod copy;
pub(crate) mod event;
pub(crate) mod multipart;
pub(crate) mod notification;
pub(crate) mod object;
pub(crate) mod queue;
pub(crate) mod statistics;
pub(crate) mod tags;
pub(crate) mod variants;
