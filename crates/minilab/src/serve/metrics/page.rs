use super::Counters;
use crate::machine;
use crate::metrics::{Exposition, Kind};
use crate::serve::renderer::ServerRenderer;
use crate::serve::traffic::Traffic;
use minilab_embedded::{Embedded, EmbeddedError, Health, NotificationReport, QueueReport};
use minilab_model::{Lane, Timestamp};
use minilab_pipeline::CpuPool;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

/// Who is asked for the page's numbers.
#[derive(Clone)]
pub struct Sources {
    pub counters: Arc<Counters>,
    pub store: Embedded,
    pub pool: CpuPool,
    pub renderer: ServerRenderer,
    pub s3: Arc<Traffic>,
    pub web: Arc<Traffic>,
}

/// The page. What cannot be read is left out, and `minilab_metrics_complete` is 0.
pub async fn page(sources: Sources) -> String {
    let mut page = Exposition::default();
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    page.metric("minilab_build_info", Kind::Gauge, "The program; always 1.").sample(&version, 1);
    sources.counters.write(&mut page);
    traffic(&mut page, &[("s3", &sources.s3), ("web", &sources.web)]);
    memory(&mut page, &sources.pool);
    workers(&mut page, &sources.renderer);
    store(&mut page, &sources);
    let (jobs, notifications) = tokio::join!(sources.store.queue_report(), sources.store.notification_report());
    let complete = jobs.is_ok() && notifications.is_ok();
    let report = |result: Result<(), EmbeddedError>| {
        if let Err(error) = result {
            tracing::warn!(error = crate::error_chain::one_line(&error), "metrics are not complete");
        }
    };
    report(jobs.map(|jobs| queue(&mut page, &jobs)));
    report(notifications.map(|told| deliveries(&mut page, &told)));
    let help = "Whether everything on this page could be read.";
    page.single("minilab_metrics_complete", Kind::Gauge, help, u8::from(complete));
    page.into_text()
}

impl Counters {
    fn write(&self, page: &mut Exposition) {
        let help = "Answers of the S3 gateway; operation `-` is a request that was not understood.";
        let mut metric = page.metric("minilab_s3_requests_total", Kind::Counter, help);
        for ((operation, status), count) in self.s3_requests.snapshot() {
            metric.sample(&[("operation", &operation), ("status", &status.to_string())], count);
        }
        let help = "From a request's head to the head of its answer, uploads with their body.";
        let mut metric = page.metric("minilab_s3_request_duration_seconds", Kind::Histogram, help);
        for (operation, times) in self.s3_times.snapshot() {
            times.write(&mut metric, &[("operation", &operation)]);
        }
        let help = "Attempts at jobs; cause is empty unless the attempt failed.";
        let mut metric = page.metric("minilab_job_attempts_total", Kind::Counter, help);
        for ((outcome, cause), count) in self.attempts.snapshot() {
            metric.sample(&[("outcome", outcome), ("cause", cause)], count);
        }
        let mut metric = page.metric("minilab_jobs_finished_total", Kind::Counter, "Jobs that ended, by result.");
        for (result, count) in self.finished.snapshot() {
            metric.sample(&[("result", result)], count);
        }
        let help = "Time of one attempt in each stage, by the source's format.";
        let mut metric = page.metric("minilab_job_stage_duration_seconds", Kind::Histogram, help);
        for ((stage, format), times) in self.stages.snapshot() {
            times.write(&mut metric, &[("stage", stage), ("format", format)]);
        }
        let help = "From the commit of an upload or a deletion to the end of a job for it.";
        let mut metric = page.metric("minilab_job_latency_seconds", Kind::Histogram, help);
        for (result, latencies) in self.latencies.snapshot() {
            latencies.write(&mut metric, &[("result", result)]);
        }
        let read = self.read_bytes.load(Ordering::Relaxed);
        page.single("minilab_source_read_bytes_total", Kind::Counter, "Bytes of sources read by jobs.", read);
        let made = self.made_bytes.load(Ordering::Relaxed);
        page.single("minilab_variant_made_bytes_total", Kind::Counter, "Bytes of variants made by jobs.", made);
    }
}

fn traffic(page: &mut Exposition, listeners: &[(&str, &Traffic)]) {
    let help = "Bytes from clients, heads and bodies.";
    let mut metric = page.metric("minilab_network_receive_bytes_total", Kind::Counter, help);
    for (listener, traffic) in listeners {
        metric.sample(&[("listener", listener)], traffic.received_bytes());
    }
    let help = "Bytes to clients, heads and bodies.";
    let mut metric = page.metric("minilab_network_transmit_bytes_total", Kind::Counter, help);
    for (listener, traffic) in listeners {
        metric.sample(&[("listener", listener)], traffic.sent_bytes());
    }
}

fn memory(page: &mut Exposition, pool: &CpuPool) {
    let in_use = Lane::ALL.map(|lane| (lane.as_str(), pool.in_use(lane)));
    let mut metric = page.metric("minilab_lane_running", Kind::Gauge, "Pieces of image work under way.");
    for (lane, used) in in_use {
        metric.sample(&[("lane", lane)], used.running);
    }
    let help = "Memory that admitted image work is estimated to take.";
    let mut metric = page.metric("minilab_lane_admitted_bytes", Kind::Gauge, help);
    for (lane, used) in in_use {
        metric.sample(&[("lane", lane)], used.admitted_bytes);
    }
    let mut metric = page.metric("minilab_lane_budget_bytes", Kind::Gauge, "Memory that may be admitted.");
    for (lane, used) in in_use {
        metric.sample(&[("lane", lane)], used.budget_bytes);
    }
    if let Some(bytes) = machine::resident_bytes() {
        let help = "Resident memory of the server, without its worker processes.";
        page.single("process_resident_memory_bytes", Kind::Gauge, help, bytes);
    }
}

#[cfg(target_os = "linux")]
fn workers(page: &mut Exposition, renderer: &ServerRenderer) {
    let ServerRenderer::Workers(pool) = renderer else { return };
    let now = pool.statistics();
    let mut metric = page.metric("minilab_worker_processes", Kind::Gauge, "Worker processes that run.");
    metric.sample(&[("state", "busy")], now.busy);
    metric.sample(&[("state", "idle")], now.idle);
    let help = "Worker processes started.";
    page.single("minilab_worker_processes_started_total", Kind::Counter, help, now.started);
    let help = "Worker processes that ended: recycled after their share of jobs, or lost to a job.";
    let mut metric = page.metric("minilab_worker_processes_ended_total", Kind::Counter, help);
    metric.sample(&[("cause", "recycled")], now.recycled);
    metric.sample(&[("cause", "deadline")], now.deadline);
    metric.sample(&[("cause", "out_of_memory")], now.out_of_memory);
    metric.sample(&[("cause", "worker_died")], now.died);
    let help = "Resident memory of all worker processes.";
    page.single("minilab_worker_resident_memory_bytes", Kind::Gauge, help, now.resident_bytes);
}

#[cfg(not(target_os = "linux"))]
fn workers(_page: &mut Exposition, _renderer: &ServerRenderer) {}

fn store(page: &mut Exposition, sources: &Sources) {
    let ready = sources.store.health() == Health::Ready && sources.renderer.trouble().is_none();
    page.single("minilab_ready", Kind::Gauge, "Whether uploads are taken and processed.", u8::from(ready));
    if let Some(room) = sources.store.disk_room() {
        let help = "Free on the data directory's file system.";
        page.single("minilab_disk_free_bytes", Kind::Gauge, help, room.free_bytes);
        let help = "Uploads are refused when less than this is free.";
        page.single("minilab_disk_reserve_bytes", Kind::Gauge, help, room.reserve_bytes);
    }
    let writes = sources.store.write_statistics();
    let help = "Changes written to the index; one transaction takes in all that wait.";
    page.single("minilab_store_changes_total", Kind::Counter, help, writes.changes);
    let help = "Transactions that failed as a whole.";
    page.single("minilab_store_commit_failures_total", Kind::Counter, help, writes.failures);
    let help = "Time of a transaction's commit, mostly the fsync.";
    let mut metric = page.metric("minilab_store_commit_duration_seconds", Kind::Summary, help);
    metric.part("_sum", &[], writes.commit_time.as_secs_f64());
    metric.part("_count", &[], writes.commits);
}

fn queue(page: &mut Exposition, report: &QueueReport) {
    let mut metric = page.metric("minilab_queue_jobs", Kind::Gauge, "Jobs in the queue; dead ones are dead letters.");
    for (lane, counts) in &report.lanes {
        let states = [("ready", counts.ready), ("leased", counts.leased), ("waiting", counts.waiting), ("dead", counts.dead)];
        for (state, count) in states {
            metric.sample(&[("lane", lane.as_str()), ("state", state)], count);
        }
    }
    let help = "How long the job has been ready that has been ready longest; 0 when none is.";
    let oldest = report.oldest_ready.unwrap_or_default();
    page.metric("minilab_queue_oldest_ready_seconds", Kind::Gauge, help).seconds(&[], oldest);
    let help = "Age of the oldest job that waits to be tried again; 0 when none does.";
    let oldest = report.oldest_waiting.unwrap_or_default();
    page.metric("minilab_queue_oldest_waiting_seconds", Kind::Gauge, help).seconds(&[], oldest);
}

fn deliveries(page: &mut Exposition, report: &NotificationReport) {
    let mut metric = page.metric("minilab_notifications", Kind::Gauge, "Notifications kept, by kind of target and state.");
    for (kind, counts) in &report.kinds {
        metric.sample(&[("target", kind), ("state", "waiting")], counts.waiting);
        metric.sample(&[("target", kind), ("state", "dead")], counts.dead);
    }
    let help = "Deliveries since the data directory was made; failed ones were tried again, dead ones given up.";
    let mut metric = page.metric("minilab_notification_deliveries_total", Kind::Counter, help);
    for (kind, counts) in &report.kinds {
        metric.sample(&[("target", kind), ("outcome", "delivered")], counts.delivered_total);
        metric.sample(&[("target", kind), ("outcome", "failed")], counts.failed_total);
        metric.sample(&[("target", kind), ("outcome", "dead")], counts.dead_total);
    }
    let now = Timestamp::from(SystemTime::now()).as_millis();
    let help = "How long the notification has waited that has waited longest; 0 when none does.";
    let mut metric = page.metric("minilab_notification_lag_seconds", Kind::Gauge, help);
    for (kind, counts) in &report.kinds {
        let lag_ms = counts.oldest_waiting_at.map_or(0, |since| now - since.as_millis());
        metric.seconds(&[("target", kind)], Duration::from_millis(u64::try_from(lag_ms).unwrap_or(0)));
    }
}
