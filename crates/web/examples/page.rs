//! Serves the page over a store in a temporary directory, with the real pipeline behind it, to look at it.
//!
//! `cargo run -p minilab-web --ignore-rust-version --example page -- [PORT] [PHOTO…]`

use minilab_embedded::{BodyOptions, ClaimOptions, Embedded, OpenOptions, Origin, PutObject};
use minilab_model::{Event, EventKind, Job, Lane, Limits, ObjectKey, ObjectRef, Rule, RuleSet};
use minilab_pipeline::{CpuPool, CpuPoolOptions, InProcess, Worker, WorkerOptions};
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const CLAIM: ClaimOptions = ClaimOptions { lane: Lane::Small, max: 1, lease: Duration::from_secs(60) };

const RULE: &str = r#"{
    "name": "prints", "bucket": "photos", "prefix": "input/",
    "variants": [
        { "name": "small", "bucket": "prints", "key": "128/{stem}.{ext}", "steps": [{ "resize": { "width": 128, "height": 128 } }] },
        { "name": "medium", "bucket": "prints", "key": "512/{stem}.{ext}", "steps": [{ "resize": { "width": 512, "height": 512 } }] },
        { "name": "large", "bucket": "prints", "key": "1600/{stem}.{ext}", "steps": [{ "resize": { "width": 1600, "height": 1600 } }] }
    ]
}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().map_or(Ok(8080), |port| port.parse())?;
    let photos: Vec<PathBuf> = arguments.map(PathBuf::from).collect();

    let data_dir = tempfile::tempdir()?;
    let rules = Arc::new(RuleSet::new(vec![serde_json::from_str::<Rule>(RULE)?])?);
    let planned = Arc::clone(&rules);
    let planner = Arc::new(move |event: &Event| minilab_pipeline::job::plan(event, &planned))
        as Arc<dyn Fn(&Event) -> Vec<Job> + Send + Sync>;
    let store = Embedded::open(OpenOptions { planner, ..OpenOptions::new(data_dir.path()) })?;
    let bucket = "photos".parse()?;
    for name in [&bucket, &"prints".parse()?] {
        store.create_bucket(name).await?;
    }

    tokio::spawn(develop(store.clone(), rules));
    for photo in &photos {
        let name = photo.file_name().unwrap_or_default().to_string_lossy();
        put(&store, ObjectRef::new(bucket.clone(), ObjectKey::new(format!("input/{name}"))?), std::fs::read(photo)?).await?;
    }

    let mut options = minilab_web::WebOptions::loopback(bucket, "http://127.0.0.1:4569");
    options.upload_prefix = "input/".to_owned();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("web http://{}", listener.local_addr()?);
    axum::serve(listener, minilab_web::router(store, options)).await?;
    Ok(())
}

async fn put(store: &Embedded, object: ObjectRef, content: Vec<u8>) -> Result<(), Box<dyn Error>> {
    let mut writer = store.write_body(BodyOptions { max_bytes: u64::MAX, checksum: None });
    writer.write(content.into()).await?;
    let body = writer.finish().await?;
    let put = PutObject {
        object,
        body,
        attributes: minilab_embedded::Attributes::default(),
        precondition: minilab_embedded::Precondition::default(),
        kind: EventKind::CreatedPut,
        origin: Origin::default(),
    };
    store.put_object(put).await?;
    Ok(())
}

/// Does the jobs as they come, each given up at its first failure.
async fn develop(store: Embedded, rules: Arc<RuleSet>) {
    let pool = CpuPool::new(CpuPoolOptions::default());
    let worker = Worker::new(
        store.clone(),
        store.clone(),
        InProcess,
        WorkerOptions { rules, notifications: Vec::new(), limits: Limits::default(), pool },
    );
    let mut arrivals = store.job_arrivals();
    loop {
        while let Some(leased) = store.claim(CLAIM).await.ok().and_then(|mut leased| leased.pop()) {
            if let Err(error) = worker.run(&leased.job, Lane::Large, Some(leased.lease)).await {
                let ended = worker.give_up(&leased.job, &error, Some(leased.lease)).await;
                eprintln!("{}: {} ({ended:?})", leased.job.event.object(), error.chain());
            }
        }
        if arrivals.changed().await.is_err() {
            return;
        }
    }
}
