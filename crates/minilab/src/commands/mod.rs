//! A file per command.

pub mod aws;
pub mod demo;
pub mod develop;
pub mod fsck;
pub mod inspect;
pub mod jobs;
pub mod notifications;
mod place;
pub mod rules;
pub mod serve;
pub mod stats;
#[cfg(target_os = "linux")]
pub mod worker;

use crate::config::{Config, ServerConfig};
use std::path::PathBuf;

/// Runs a command that needs the asynchronous runtime.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(future)
}

/// The data directory that is meant: the option, else what the configuration says.
fn data_dir(option: Option<&PathBuf>) -> PathBuf {
    // A command that only reads the data does not need a configuration without mistakes.
    option.cloned().unwrap_or_else(|| Config::load(None).map_or_else(|_| ServerConfig::default().data, |config| config.server.data))
}
