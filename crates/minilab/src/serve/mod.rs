//! A running server: the store, its two listeners, the workers and the notifier, wired together.

mod credentials;
mod dispatcher;
mod listener;
mod machine;
mod notifier;

pub use credentials::Credentials;

use crate::config::Config;
use anyhow::Context;
use axum::extract::ConnectInfo;
use dispatcher::Dispatcher;
use minilab_embedded::{Embedded, Health, OpenOptions};
use minilab_gateway::GatewayOptions;
use minilab_model::BucketName;
use minilab_pipeline::{CpuPool, CpuPoolOptions, Worker, WorkerOptions, job};
use minilab_web::WebOptions;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

/// Where a server keeps its data and listens: the command line's word, which wins over the file's.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The data directory.
    pub data: Option<PathBuf>,
    /// Address of the S3 listener; port 0 picks a free one.
    pub s3_addr: Option<SocketAddr>,
    /// Address of the web listener.
    pub web_addr: Option<SocketAddr>,
}

/// A server that runs until [`Server::stop`].
pub struct Server {
    /// Where S3 clients connect.
    pub s3_addr: SocketAddr,
    /// Where browsers connect.
    pub web_addr: SocketAddr,
    /// The key pair.
    pub credentials: Credentials,
    /// The data directory.
    pub data_dir: PathBuf,
    store: Embedded,
    shutdown: watch::Sender<bool>,
    listeners: JoinSet<()>,
    workers: JoinSet<()>,
}

impl Server {
    /// Opens the store and starts everything.
    ///
    /// # Errors
    /// Says which part could not start, and why.
    pub async fn start(config: Config, overrides: Overrides) -> anyhow::Result<Self> {
        let data_dir = overrides.data.unwrap_or_else(|| config.server.data.clone());
        let rules = Arc::new(config.rules.clone());
        let planner_rules = Arc::clone(&rules);
        let mut open = OpenOptions::new(&data_dir);
        open.planner = Arc::new(move |event| job::plan(event, &planner_rules));
        open.limits.dead_letter_retention = config.limits.delivery.dead_letter_retention;
        if let Some(bytes) = config.server.reserve_bytes {
            open.limits.reserve_bytes = bytes;
            open.limits.reserve_fraction = 0.0;
        }
        let store = tokio::task::spawn_blocking(move || Embedded::open(open)).await??;
        create_buckets(&store, &config).await?;
        let credentials = credentials::load(&data_dir)?;

        let s3 = bind(overrides.s3_addr.unwrap_or(config.server.s3_addr), "S3", "--s3-addr").await?;
        let web = bind(overrides.web_addr.unwrap_or(config.server.web_addr), "web", "--web-addr").await?;
        let (s3_addr, web_addr) = (s3.local_addr()?, web.local_addr()?);

        let (shutdown, stop) = watch::channel(false);
        let mut listeners = JoinSet::new();
        listeners.spawn(serve_s3(s3, &store, &credentials, &config, stop.clone())?);
        listeners.spawn(serve_web(web, &store, &credentials, &config, s3_addr, stop.clone())?);
        let mut workers = JoinSet::new();
        let cores = machine::cores();
        let dispatcher = Dispatcher {
            store: store.clone(),
            worker: Arc::new(worker(&store, &config, rules)),
            limits: config.limits.delivery,
            concurrency: 2 * if config.server.jobs == 0 { cores } else { config.server.jobs },
        };
        workers.spawn(dispatcher.run(stop.clone()));
        workers.spawn(notifier::run(store.clone(), stop));
        Ok(Self { s3_addr, web_addr, credentials, data_dir, store, shutdown, listeners, workers })
    }

    /// Stops accepting, finishes what is under way, gives back what is not done, and closes the store.
    pub async fn stop(mut self) {
        self.shutdown.send_replace(true);
        while self.listeners.join_next().await.is_some() {}
        while self.workers.join_next().await.is_some() {}
        self.store.close().await;
    }
}

async fn create_buckets(store: &Embedded, config: &Config) -> anyhow::Result<()> {
    let existing: Vec<BucketName> = store.buckets().await?.into_iter().map(|bucket| bucket.name).collect();
    config.check_buckets(&existing)?;
    for bucket in config.server.buckets.iter().filter(|bucket| !existing.contains(bucket)) {
        store.create_bucket(bucket).await.with_context(|| format!("bucket `{bucket}` cannot be created"))?;
    }
    Ok(())
}

async fn bind(address: SocketAddr, name: &str, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("the {name} listener cannot use {address}; pick another address with {option}, or port 0 for a free one")
    })
}

fn serve_s3(
    listener: TcpListener,
    store: &Embedded,
    credentials: &Credentials,
    config: &Config,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let pair =
        minilab_gateway::Credentials { access_key: credentials.access_key.clone(), secret_key: credentials.secret_key.clone() };
    let options = GatewayOptions { region: config.server.region.clone(), ..GatewayOptions::default() };
    let gateway = minilab_gateway::service(store.clone(), vec![pair], options)?;
    let handler = move |request, _peer| {
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(gateway.call(request).await) }
    };
    Ok(listener::run(listener, handler, stop))
}

fn serve_web(
    listener: TcpListener,
    store: &Embedded,
    credentials: &Credentials,
    config: &Config,
    s3_addr: SocketAddr,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let bucket = config.default_bucket().context("no bucket is configured; add one to `server.buckets`")?;
    let mut options = WebOptions::loopback(bucket.clone(), format!("http://{s3_addr}"));
    let first_rule = config.rules.iter().find(|rule| rule.bucket == bucket);
    options.upload_prefix = first_rule.and_then(|rule| rule.prefix.clone()).unwrap_or_default();
    if !listener.local_addr()?.ip().is_loopback() {
        let pair =
            minilab_web::Credentials { access_key: credentials.access_key.clone(), secret_key: credentials.secret_key.clone() };
        options.access = minilab_web::Access::Remote { anonymous_read: config.server.anonymous_read, credentials: vec![pair] };
    }
    let stopping = stop.clone();
    options.readiness = Arc::new(move || match *stopping.borrow() {
        false => Health::Ready,
        true => Health::NotReady { reason: "the server is stopping".to_owned() },
    });
    let router = minilab_web::router(store.clone(), options);
    let handler = move |request: hyper::Request<hyper::body::Incoming>, peer: SocketAddr| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    };
    Ok(listener::run(listener, handler, stop))
}

fn worker(store: &Embedded, config: &Config, rules: Arc<minilab_model::RuleSet>) -> dispatcher::EmbeddedWorker {
    let mut pool = CpuPoolOptions::default();
    if config.server.jobs > 0 {
        pool.running = config.server.jobs;
    }
    pool.memory_bytes = match config.server.memory_bytes {
        0 => machine::memory_bytes() / 2,
        bytes => bytes,
    };
    let options =
        WorkerOptions { rules, notifications: config.notifications.clone(), limits: config.limits, pool: CpuPool::new(pool) };
    Worker::new(store.clone(), store.clone(), options)
}
