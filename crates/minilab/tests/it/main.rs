//! The binary as a whole, driven from outside.
#![allow(clippy::unwrap_used, missing_docs)]

mod aws;
mod crash;
mod flow;
mod http;
mod photo;
#[cfg(target_os = "linux")]
mod poison;
mod reload;
mod rules;
mod server;
mod telemetry;
#[cfg(feature = "otlp")]
mod traces;
mod unanswered;
mod walls;
