//! Measures claims beside a growing queue: `bench_queue DIRECTORY COUNT REQUESTERS SHARES` queues up to COUNT jobs of
//! REQUESTERS clients (0: one for each job) in SHARES directories, and prints one JSON line at 1,000, 10,000 … COUNT: what
//! a claim takes (2,000 claims of one job each, none of them ended), what queueing took, and the process's memory.

use minilab_embedded::{ClaimOptions, Embedded, OpenOptions};
use minilab_model::{Action, Event, EventKind, Job, Lane, ObjectKey, Priority, Sequencer, Timestamp};
use std::time::{Duration, Instant};

const CLAIMS: usize = 2_000;
const LEASE: Duration = Duration::from_secs(3600);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, count, requesters, shares] = arguments.as_slice() else {
        return Err("usage: bench_queue DIRECTORY COUNT REQUESTERS SHARES".into());
    };
    let (count, requesters, shares): (u64, u64, u64) = (count.parse()?, requesters.parse()?, shares.parse()?);
    let store = Embedded::open(OpenOptions::new(directory))?;
    let mut queued = 0;
    let mut level = 1_000;
    while level <= count {
        let (before, began) = (queued, Instant::now());
        while queued < level {
            let jobs =
                (queued..level.min(queued + 1_000)).map(|number| job(number, requesters, shares)).collect::<Result<_, _>>()?;
            queued += store.enqueue(jobs, Priority::Foreground).await? as u64;
        }
        let enqueue_us = began.elapsed().as_secs_f64() * 1e6 / (queued - before) as f64;
        let mut took = Vec::with_capacity(CLAIMS);
        let mut leases = Vec::with_capacity(CLAIMS);
        for _ in 0..CLAIMS.min(usize::try_from(level / 2)?) {
            let began = Instant::now();
            let claimed = store.claim(ClaimOptions { lane: Lane::Small, max: 1, lease: LEASE }).await?;
            took.push(began.elapsed());
            leases.extend(claimed.into_iter().map(|job| job.lease));
        }
        let began = Instant::now();
        let report = store.queue_report().await?;
        let report_us = began.elapsed().as_secs_f64() * 1e6;
        // In this order the next claims take them in the same order again.
        for lease in leases.into_iter().rev() {
            store.release(lease).await?;
        }
        took.sort_unstable();
        let at = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e6;
        let ready: u64 = report.lanes.iter().map(|(_, counts)| counts.ready).sum();
        println!(
            r#"{{"queued": {queued}, "ready": {ready}, "claim_p50_us": {:.1}, "claim_p99_us": {:.1}, "enqueue_us": {enqueue_us:.1}, "report_us": {report_us:.1}, "rss_mib": {:.1}}}"#,
            at(0.5),
            at(0.99),
            rss_mib()?,
        );
        level *= 10;
    }
    store.close().await;
    Ok(())
}

fn job(number: u64, requesters: u64, shares: u64) -> Result<Job, Box<dyn std::error::Error>> {
    let requester = if requesters == 0 { number } else { number % requesters };
    let event = Event {
        kind: EventKind::CreatedPut,
        bucket: "photos".parse()?,
        key: ObjectKey::new(format!("2026/{}/{number:09}.jpg", number % shares))?,
        sequencer: Sequencer(number + 1),
        etag: format!("{number:032x}"),
        size_bytes: 1,
        time: Timestamp::from_millis(0),
        request_id: Some(format!("{number:016X}")),
        requester: Some(format!("requester-{requester}")),
    };
    Ok(Job { event, rule: "thumb".to_owned(), action: Action::Process })
}

/// The resident memory of this process.
fn rss_mib() -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
