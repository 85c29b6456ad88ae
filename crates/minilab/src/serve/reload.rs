//! Takes up a configuration that changes while the server runs: all of it or nothing.

use super::dispatcher::EmbeddedWorker;
use super::renderer::ServerRenderer;
use super::{create_buckets, deliverer};
use crate::config::Config;
use minilab_delivery::Deliverer;
use minilab_embedded::Embedded;
use minilab_model::{RuleSet, Timestamp};
use minilab_pipeline::{CpuPool, Worker, WorkerOptions, job};
use minilab_web::RulesInForce;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How often the file is looked at. Looking costs a `stat`, and notices every way of replacing a file, also on network
/// file systems and through symbolic links, where notifications of the kernel fail.
const LOOK: Duration = Duration::from_secs(1);

/// A handle on the rules in force.
#[derive(Clone)]
pub struct Rules(Arc<Mutex<RulesInForce>>);

impl Rules {
    fn new(rules: &RuleSet) -> Self {
        Self(Arc::new(Mutex::new(in_force(&Arc::new(rules.clone())))))
    }

    /// The rules in force now.
    #[must_use]
    pub fn in_force(&self) -> RulesInForce {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut RulesInForce)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn in_force(rules: &Arc<RuleSet>) -> RulesInForce {
    RulesInForce {
        rules: Arc::clone(rules),
        fingerprint: rules.fingerprint(),
        loaded_at: Timestamp::from(SystemTime::now()),
        last_error: None,
    }
}

/// What a worker is made of beside the configuration.
#[derive(Clone)]
pub struct Workshop {
    pub store: Embedded,
    pub pool: CpuPool,
    pub renderer: ServerRenderer,
}

impl Workshop {
    /// A worker that goes by this configuration.
    pub fn worker(&self, config: &Config) -> EmbeddedWorker {
        let options = WorkerOptions {
            rules: Arc::new(config.rules.clone()),
            notifications: config.notifications.clone(),
            limits: config.limits,
            pool: self.pool.clone(),
        };
        Worker::new(self.store.clone(), self.store.clone(), self.renderer.clone(), options)
    }
}

/// Keeps the server at what its file says.
pub struct Reloader {
    workshop: Workshop,
    /// The configuration that the server started with: what cannot change stays as it says.
    config: Config,
    worker: watch::Sender<Arc<EmbeddedWorker>>,
    deliverer: watch::Sender<Deliverer>,
    rules: Rules,
    hangup: Signal,
}

impl Reloader {
    /// A reloader, and the worker in force.
    ///
    /// # Errors
    /// When SIGHUP cannot be listened to.
    pub fn new(
        workshop: Workshop,
        config: Config,
        deliverer: watch::Sender<Deliverer>,
    ) -> std::io::Result<(Self, watch::Receiver<Arc<EmbeddedWorker>>)> {
        let (worker, current) = watch::channel(Arc::new(workshop.worker(&config)));
        let rules = Rules::new(&config.rules);
        let hangup = signal(SignalKind::hangup())?;
        Ok((Self { workshop, config, worker, deliverer, rules, hangup }, current))
    }

    /// A handle on the rules in force.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules.clone()
    }

    /// Takes up changes of the file, and what SIGHUP asks for, until `shutdown` says true.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let Some(file) = self.config.file().map(PathBuf::from) else {
            // There is nothing that could change. The signal is taken all the same, so that it does not end the server.
            let told = async {
                while self.hangup.recv().await.is_some() {
                    tracing::warn!("SIGHUP: the configuration is built in, there is no file to read again");
                }
            };
            tokio::select! {
                () = told => {}
                _ = shutdown.wait_for(|stop| *stop) => {}
            }
            return;
        };
        let mut seen = Look::at(&file).await;
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                _ = shutdown.wait_for(|stop| *stop) => return,
                _ = self.hangup.recv() => true,
                _ = looks.tick() => false,
            };
            let now = Look::at(&file).await;
            // A file that is gone for a moment is being replaced.
            if asked || (now != seen && now.is_there()) {
                seen = now;
                self.reload(file.clone()).await;
            }
        }
    }

    async fn reload(&mut self, file: PathBuf) {
        let read = tokio::task::spawn_blocking({
            let file = file.clone();
            move || Config::load(Some(&file))
        });
        let loaded = match read.await {
            Ok(Ok(config)) => Ok(config),
            Ok(Err(error)) => Err(anyhow::Error::from(error)),
            Err(error) => Err(error.into()),
        };
        let taken_up = match loaded {
            Ok(config) => self.take_up(config).await,
            Err(error) => Err(error),
        };
        match taken_up {
            Ok(fingerprint) => tracing::info!(file = %file.display(), rules = fingerprint, "the configuration was read again"),
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(file = %file.display(), error, "the changed configuration is not taken up; the one before stays in force");
                self.rules.change(|rules| rules.last_error = Some(error));
            }
        }
    }

    async fn take_up(&mut self, config: Config) -> anyhow::Result<String> {
        let deliverer = deliverer(&config)?;
        create_buckets(&self.workshop.store, &config).await?;
        let fixed = self.config.needs_restart(&config);
        if !fixed.is_empty() {
            tracing::warn!(settings = fixed.join(", "), "these settings are taken up when the server starts again");
        }
        self.deliverer.send_replace(deliverer);
        // The worker before the rules: a job that the new rules have planned must find its rule.
        self.worker.send_replace(Arc::new(self.workshop.worker(&config)));
        let rules = Arc::new(config.rules);
        let in_force = in_force(&rules);
        let fingerprint = in_force.fingerprint.clone();
        self.workshop.store.set_planner(Arc::new(move |event| job::plan(event, &rules)));
        self.rules.change(|rules| *rules = in_force);
        Ok(fingerprint)
    }
}

/// What tells two states of a file apart without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look(Option<(u64, u64, Option<SystemTime>)>);

impl Look {
    async fn at(file: &std::path::Path) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = tokio::fs::metadata(file).await.ok();
        Self(metadata.map(|metadata| (metadata.ino(), metadata.len(), metadata.modified().ok())))
    }

    fn is_there(&self) -> bool {
        self.0.is_some()
    }
}
