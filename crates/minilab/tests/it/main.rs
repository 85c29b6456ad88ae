//! The binary as a whole, driven from outside.
#![allow(clippy::unwrap_used, missing_docs)]

mod crash;
mod flow;
mod http;
mod photo;
mod server;
mod walls;
