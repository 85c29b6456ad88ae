//! A running server: the store, its two listeners, the workers and the notifier, wired together.

pub mod backfill;
mod credentials;
mod dispatcher;
mod files;
mod listener;
mod metrics;
mod notifier;
mod reload;
mod renderer;
mod traffic;
mod workroom;

pub use credentials::Credentials;

pub use workroom::Workroom;

use crate::config::Config;
use crate::control::ControlSocket;
use crate::machine;
use anyhow::Context;
use axum::extract::ConnectInfo;
use backfill::Desk;
use dispatcher::Dispatchers;
use minilab_delivery::{Deliverer, unreachable_webhook};
use minilab_embedded::{Embedded, Health, OpenOptions};
use minilab_gateway::{AnswerObserver, GatewayOptions};
use minilab_model::BucketName;
use minilab_pipeline::{CpuPool, CpuPoolOptions, InProcess, job};
use minilab_web::{Access, Apply, WebOptions};
use reload::{Reloader, Workshop};
use renderer::ServerRenderer;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;
use traffic::{Counted, Traffic};

/// Where a server keeps its data and listens: the command line's word, which wins over the file's.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The data directory.
    pub data: Option<PathBuf>,
    /// Address of the S3 listener; port 0 picks a free one.
    pub s3_addr: Option<SocketAddr>,
    /// Address of the web listener.
    pub web_addr: Option<SocketAddr>,
    /// Whether image work runs on threads of this process.
    pub in_process: bool,
    /// The program that worker processes run, when it is not this one.
    pub worker_program: Option<PathBuf>,
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
    control: ControlSocket,
    shutdown: watch::Sender<bool>,
    /// Ends the web listeners, after all else: whoever asks meanwhile is told that the server is stopping.
    web_shutdown: watch::Sender<bool>,
    listeners: JoinSet<()>,
    web_listeners: JoinSet<()>,
    workers: JoinSet<()>,
}

impl Server {
    /// Opens the store and starts everything.
    ///
    /// # Errors
    /// Says which part could not start, and why.
    pub async fn start(config: Config, overrides: Overrides) -> anyhow::Result<Self> {
        let deliverer = deliverer(&config)?;
        let data_dir = overrides.data.unwrap_or_else(|| config.server.data.clone());
        let store = open_store(&config, &data_dir).await?;
        create_buckets(&store, &config).await?;
        let credentials = credentials::load(&data_dir)?;

        let s3 = bind(overrides.s3_addr.unwrap_or(config.server.s3_addr), "S3", "--s3-addr").await?;
        let web = bind(overrides.web_addr.unwrap_or(config.server.web_addr), "web", "--web-addr").await?;
        let (s3_addr, web_addr) = (s3.local_addr()?, web.local_addr()?);
        let (control, control_listener) = ControlSocket::bind(&data_dir)?;

        let pool_options = pool_options(&config);
        let renderer = renderer(&config, overrides.in_process, overrides.worker_program).await?;
        let sources = metrics::Sources {
            counters: Arc::default(),
            store: store.clone(),
            pool: CpuPool::new(pool_options),
            renderer: renderer.clone(),
            s3: Arc::new(Traffic::default()),
            web: Arc::new(Traffic::default()),
        };
        let (shutdown, stop) = watch::channel(false);
        let (web_shutdown, web_stop) = watch::channel(false);
        let (mut listeners, mut web_listeners, mut workers) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        let s3 = Counted { listener: s3, traffic: Arc::clone(&sources.s3) };
        listeners.spawn(serve_s3(s3, &store, &credentials, &config, Arc::clone(&sources.counters), stop.clone())?);
        let limits = config.limits.delivery;
        let workshop = Workshop { store: store.clone(), pool: sources.pool.clone(), renderer: renderer.clone() };
        let (deliverer, current_deliverer) = watch::channel(deliverer);
        let (reloader, current_worker) = Reloader::new(workshop, config.clone(), deliverer)?;
        let mut web_options = web_options(&credentials, &config, (s3_addr, web_addr), renderer, stop.clone())?;
        let asked = sources.clone();
        web_options.metrics = Some(Arc::new(move || Box::pin(metrics::page(asked.clone()))));
        let rules = reloader.rules();
        let desk = Desk::new(store.clone(), rules.clone(), &data_dir, stop.clone());
        web_options.rules = Some(Arc::new(move || rules.in_force()));
        web_options.apply = Some(apply(&desk));
        let local = WebOptions { access: Access::Local, ..web_options.clone() };
        let control_answers = answer(minilab_web::router(store.clone(), local));
        web_listeners.spawn(listener::run(control_listener, control_answers, web_stop.clone()));
        let web = Counted { listener: web, traffic: Arc::clone(&sources.web) };
        web_listeners.spawn(listener::run(web, answer(minilab_web::router(store.clone(), web_options)), web_stop));
        workers.spawn(reloader.run(stop.clone()));
        let dispatchers = Dispatchers { store: store.clone(), worker: current_worker, limits, counters: sources.counters };
        dispatchers.start(&mut workers, pool_options, &stop);
        desk.resume();
        workers.spawn(notifier::run(store.clone(), current_deliverer, stop));
        Ok(Self {
            s3_addr,
            web_addr,
            credentials,
            data_dir,
            store,
            control,
            shutdown,
            web_shutdown,
            listeners,
            web_listeners,
            workers,
        })
    }

    /// Stops accepting, finishes what is under way, gives back what is not done, and closes the store.
    pub async fn stop(mut self) {
        self.shutdown.send_replace(true);
        while self.listeners.join_next().await.is_some() {}
        while self.workers.join_next().await.is_some() {}
        self.web_shutdown.send_replace(true);
        while self.web_listeners.join_next().await.is_some() {}
        // While the store is still locked, so that it is this server's own socket that goes.
        drop(self.control);
        self.store.close().await;
    }
}

fn deliverer(config: &Config) -> anyhow::Result<Deliverer> {
    for reason in config.webhook_targets().filter_map(|target| unreachable_webhook(&target)) {
        tracing::warn!(reason, "a webhook will get nothing; its messages are refused and kept");
    }
    Ok(Deliverer::new(config.delivery_options()?)?)
}

/// Opens the store of a data directory, with the rules and limits of a configuration.
async fn open_store(config: &Config, data_dir: &Path) -> anyhow::Result<Embedded> {
    let planner_rules = config.rules.clone();
    let mut open = OpenOptions::new(data_dir);
    open.planner = Arc::new(move |event| job::plan(event, &planner_rules));
    open.limits.attempts = config.limits.delivery.attempts;
    open.limits.dead_letter_retention = config.limits.delivery.dead_letter_retention;
    if let Some(bytes) = config.server.reserve_bytes {
        open.limits.reserve_bytes = bytes;
        open.limits.reserve_fraction = 0.0;
    }
    Ok(tokio::task::spawn_blocking(move || Embedded::open(open)).await??)
}

/// What the web API does to apply the rules to what is there.
fn apply(desk: &Desk) -> Apply {
    let (start, progress) = (desk.clone(), desk.clone());
    Apply { start: Arc::new(move |request| start.start(request)), progress: Arc::new(move || progress.progress()) }
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
    listener: Counted<TcpListener>,
    store: &Embedded,
    credentials: &Credentials,
    config: &Config,
    counters: Arc<metrics::Counters>,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let pair =
        minilab_gateway::Credentials { access_key: credentials.access_key.clone(), secret_key: credentials.secret_key.clone() };
    let observer = Some(AnswerObserver::new(move |answered| counters.answered(answered)));
    let (region, webhooks) = (config.server.region.clone(), config.webhook_names());
    let options = GatewayOptions { region, webhooks, observer, ..GatewayOptions::default() };
    let gateway = minilab_gateway::service(store.clone(), vec![pair], options)?;
    let handler = move |request, _peer| {
        let gateway = gateway.clone();
        async move { Ok::<_, Infallible>(gateway.call(request).await) }
    };
    Ok(listener::run(listener, handler, stop))
}

fn web_options(
    credentials: &Credentials,
    config: &Config,
    (s3_addr, web_addr): (SocketAddr, SocketAddr),
    renderer: ServerRenderer,
    stopping: watch::Receiver<bool>,
) -> anyhow::Result<WebOptions> {
    let bucket = config.default_bucket().context("no bucket is configured; add one to `server.buckets`")?;
    let mut options = WebOptions::loopback(bucket.clone(), format!("http://{s3_addr}"));
    let first_rule = config.rules.iter().find(|rule| rule.bucket == bucket);
    options.upload_prefix = first_rule.and_then(|rule| rule.prefix.clone()).unwrap_or_default();
    if !web_addr.ip().is_loopback() {
        let pair =
            minilab_web::Credentials { access_key: credentials.access_key.clone(), secret_key: credentials.secret_key.clone() };
        options.access = Access::Remote { anonymous_read: config.server.anonymous_read, credentials: vec![pair] };
    }
    options.readiness = Arc::new(move || match (*stopping.borrow(), renderer.trouble()) {
        (true, _) => Health::NotReady { reason: "the server is stopping".to_owned() },
        (false, Some(reason)) => Health::NotReady { reason },
        (false, None) => Health::Ready,
    });
    Ok(options)
}

/// Hands requests to a router, and tells it who asks.
fn answer<P>(router: axum::Router) -> impl Fn(hyper::Request<hyper::body::Incoming>, P) -> Oneshot + Clone
where
    P: Clone + Send + Sync + 'static,
{
    move |request, peer| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    }
}

type Oneshot = tower::util::Oneshot<axum::Router, hyper::Request<axum::body::Body>>;

fn pool_options(config: &Config) -> CpuPoolOptions {
    let running = if config.server.jobs == 0 { machine::cores() } else { config.server.jobs };
    let memory_bytes = match config.server.memory_bytes {
        0 => machine::memory_bytes() / 2,
        bytes => bytes,
    };
    CpuPoolOptions { running, large_running: running.div_ceil(4), memory_bytes }
}

/// Worker processes, unless somebody asked for threads or the platform has nothing else.
#[cfg(target_os = "linux")]
async fn renderer(config: &Config, in_process: bool, program: Option<PathBuf>) -> anyhow::Result<ServerRenderer> {
    use minilab_workers::{WorkerPool, WorkerPoolOptions};
    if in_process || config.server.in_process {
        return Ok(ServerRenderer::InProcess(InProcess));
    }
    let mut options = match program {
        // Absolute, since worker processes start in the root directory.
        Some(program) => WorkerPoolOptions::new(std::path::absolute(program)?, Vec::new()),
        // The file that runs, whatever has taken its name since.
        None => WorkerPoolOptions::new("/proc/self/exe", vec!["worker".into()]),
    };
    options.memory_bytes = config.worker_memory_bytes;
    let pool = WorkerPool::new(options);
    pool.warm_up().await.context("image work needs worker processes (`serve --in-process` does without them)")?;
    Ok(ServerRenderer::Workers(pool))
}

#[cfg(not(target_os = "linux"))]
async fn renderer(_config: &Config, _in_process: bool, _program: Option<PathBuf>) -> anyhow::Result<ServerRenderer> {
    Ok(ServerRenderer::InProcess(InProcess))
}
