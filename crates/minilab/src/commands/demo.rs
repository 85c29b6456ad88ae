//! `minilab demo`

use crate::config::Config;
use crate::progress::{count, human_bytes};
use crate::s3_client::S3Client;
use crate::serve::{Overrides, Server};
use crate::telemetry;
use anyhow::{Context, bail};
use minilab_model::{BucketName, ImageRecord, ImageState};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// Shows the main job in one command.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End when all is done, instead of leaving the gallery open
    #[arg(long)]
    once: bool,
}

/// Public-domain and CC0 photos; their origins stand in `testdata/demo/README.md`.
const PHOTOS: [(&str, &[u8]); 5] = [
    ("astronaut.png", include_bytes!("../../../../testdata/demo/astronaut.png")),
    ("chelsea.png", include_bytes!("../../../../testdata/demo/chelsea.png")),
    ("coffee.png", include_bytes!("../../../../testdata/demo/coffee.png")),
    ("hubble_deep_field.jpg", include_bytes!("../../../../testdata/demo/hubble_deep_field.jpg")),
    ("rocket.jpg", include_bytes!("../../../../testdata/demo/rocket.jpg")),
];

/// How long all photos together may take before the demo says that something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks at a record.
const LOOK_EVERY: Duration = Duration::from_millis(2);

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let _telemetry = telemetry::start("warn,s3s=off")?;
    super::block_on(async {
        let data = tempfile::tempdir().context("no temporary directory can be made")?;
        let config = Config::built_in()?;
        let bucket = config.default_bucket().context("the built-in configuration has a bucket")?;
        let overrides = Overrides {
            data: Some(data.path().to_owned()),
            s3_addr: Some(free(config.server.s3_addr).await),
            web_addr: Some(free(config.server.web_addr).await),
            ..Overrides::default()
        };
        let server = Server::start(config, overrides).await?;
        println!("A server runs on a temporary data directory. Uploading {} photos over S3:\n", PHOTOS.len());
        let shown = show(&server, &bucket).await;
        if shown.is_ok() && !args.once {
            invite(&server, &bucket);
            tokio::signal::ctrl_c().await?;
        }
        server.stop().await;
        shown.map(|()| ExitCode::SUCCESS)
    })
}

/// The address, or a free port beside it when it is taken.
async fn free(address: SocketAddr) -> SocketAddr {
    match TcpListener::bind(address).await {
        Ok(_) => address,
        Err(_) => SocketAddr::new(address.ip(), 0),
    }
}

async fn show(server: &Server, bucket: &BucketName) -> anyhow::Result<()> {
    let client = S3Client::new(server.s3_addr, &server.credentials)?;
    for (name, bytes) in PHOTOS {
        let started = Instant::now();
        client.put(bucket, name, bytes).await.with_context(|| format!("{name} could not be uploaded"))?;
        let stored = started.elapsed();
        let record = processed(&client, server.web_addr, name).await?;
        print_record(&record, stored, started.elapsed());
    }
    let statistics: minilab_model::CollectionStatistics = client.get_json(server.web_addr, "/infoimages").await?;
    let types: Vec<String> = statistics.types.iter().map(|(format, number)| format!("{number} {format}")).collect();
    println!("\nThe collection: {}, {}: {}.", count(statistics.count, "image"), human_bytes(statistics.bytes), types.join(", "));
    if let (Some(largest), Some(smallest)) = (statistics.largest, statistics.smallest) {
        let size = |sized: &minilab_model::SizedKey| format!("{} ({})", sized.key, human_bytes(sized.size_bytes));
        println!("Largest {}, smallest {}.", size(&largest), size(&smallest));
    }
    Ok(())
}

/// Waits for the record of a photo.
async fn processed(client: &S3Client, web: SocketAddr, name: &str) -> anyhow::Result<ImageRecord> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let answer: Option<serde_json::Value> = client.find_json(web, &format!("/images/{name}")).await?;
        // A pending record has no metadata yet, so the state is looked at first.
        match answer {
            Some(json) if json["state"] == "pending" => {}
            Some(json) => {
                let record: ImageRecord = serde_json::from_value(json).context("the record has an unknown shape")?;
                if record.state == ImageState::Failed {
                    let why = record.failures.first().map_or("no reason was recorded", |failure| failure.error.as_str());
                    bail!("{name} could not be processed: {why}");
                }
                return Ok(record);
            }
            None => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    bail!("{name} was not processed within {} s", PATIENCE.as_secs())
}

fn print_record(record: &ImageRecord, stored: Duration, done: Duration) {
    let shape = record.metadata.as_ref().map_or_else(String::new, |data| format!("{}×{} {}", data.width, data.height, data.format));
    println!(
        "  {:<22} {shape:<15} {:>9}   stored in {:>5.1} ms, developed in {:>5.1} ms",
        record.key,
        human_bytes(record.size_bytes),
        ms(stored),
        ms(done)
    );
    for variant in &record.variants {
        let size = format!("{}×{}", variant.width.unwrap_or(0), variant.height.unwrap_or(0));
        println!("    → {}/{} {size} {}", variant.bucket, variant.key, human_bytes(variant.size_bytes));
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn invite(server: &Server, bucket: &BucketName) {
    println!("\nThe gallery is open: http://{}", server.web_addr);
    println!("Put a photo of your own:\n");
    println!(
        "  export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={}",
        server.credentials.access_key, server.credentials.secret_key
    );
    println!("  aws --region us-east-1 --endpoint-url http://{} s3 cp photo.jpg s3://{bucket}/photo.jpg", server.s3_addr);
    println!("\nCtrl-C ends it and removes everything.");
}
