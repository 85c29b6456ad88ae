//! A store and its workers without listeners: what does the work of a data directory that has no server.

use super::dispatcher::Dispatchers;
use super::reload::Workshop;
use super::{create_buckets, open_store, pool_options, renderer};
use crate::config::Config;
use minilab_embedded::Embedded;
use minilab_pipeline::CpuPool;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// An open store whose jobs are worked on until [`Workroom::close`].
pub struct Workroom {
    pub store: Embedded,
    shutdown: watch::Sender<bool>,
    workers: JoinSet<()>,
}

impl Workroom {
    /// Opens the store in `data_dir`, makes the buckets that the configuration lists, and starts to work.
    ///
    /// # Errors
    /// [`OpenError::Locked`](minilab_embedded::OpenError::Locked) when a server runs; otherwise says what cannot be done.
    pub async fn open(config: &Config, data_dir: &Path) -> anyhow::Result<Self> {
        let store = open_store(config, data_dir).await?;
        create_buckets(&store, config).await?;
        let renderer = renderer(config, false, None).await?;
        let (shutdown, stop) = watch::channel(false);
        let pool = pool_options(config);
        let workshop = Workshop { store: store.clone(), pool: CpuPool::new(pool), renderer };
        let (_, worker) = watch::channel(Arc::new(workshop.worker(config)));
        let mut workers = JoinSet::new();
        let limits = config.limits.delivery;
        let dispatchers = Dispatchers { store: store.clone(), worker, limits, counters: Arc::default() };
        dispatchers.start(&mut workers, pool, &stop);
        Ok(Self { store, shutdown, workers })
    }

    /// Finishes what is under way, and closes the store.
    pub async fn close(mut self) {
        self.shutdown.send_replace(true);
        while self.workers.join_next().await.is_some() {}
        self.store.close().await;
    }
}
