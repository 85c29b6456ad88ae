//! A pool of real processes, and decoders that do what no decoder should.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use minilab_imaging::Rendered;
use minilab_model::{FailureCause, Lane, Limits};
use minilab_pipeline::{Admission, CpuPool, CpuPoolOptions, RenderFailure, RenderWork, Renderer as _};
use minilab_workers::{WorkerPool, WorkerPoolOptions};
use std::time::Duration;

const POISONED: &str = env!("CARGO_BIN_EXE_poisoned-worker");

struct Shop {
    pool: WorkerPool,
    places: CpuPool,
}

impl Shop {
    fn new(change: impl FnOnce(&mut WorkerPoolOptions)) -> Self {
        let mut options = WorkerPoolOptions::new(POISONED, Vec::new());
        options.grace = Duration::from_millis(200);
        options.memory_bytes = 512 << 20;
        change(&mut options);
        Self { pool: WorkerPool::new(options), places: CpuPool::new(CpuPoolOptions::default()) }
    }

    async fn admission(&self, lane: Lane) -> Admission {
        let mut admission = self.places.admit(lane, 1 << 20).await;
        self.places.start(&mut admission).await;
        admission
    }

    async fn render(&self, source: impl Into<Bytes>) -> Result<Rendered, RenderFailure> {
        let source = source.into();
        let mut work = work();
        if source.starts_with(b"POISON-LOOP") {
            work.limits.decode.wall_time = Duration::from_millis(500);
        }
        let admission = self.admission(Lane::Small).await;
        self.pool.render(source, work, admission).await
    }

    async fn failure(&self, source: &'static str) -> RenderFailure {
        let failure = self.render(source).await.unwrap_err();
        assert_eq!(self.places.in_use(Lane::Small).running, 0, "the place is free again");
        failure
    }
}

fn work() -> RenderWork {
    let variants = serde_json::from_value(serde_json::json!([
        {"name": "small", "key": "s", "steps": [{"resize": {"width": 20, "height": 20}}], "format": "jpeg"},
        {"name": "whole", "key": "w", "format": "png"}
    ]));
    RenderWork { variants: variants.unwrap(), limits: Limits::default(), ..RenderWork::default() }
}

fn photo() -> Bytes {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/demo/rocket.jpg");
    std::fs::read(path).unwrap().into()
}

#[tokio::test]
async fn a_worker_gives_what_the_engine_gives() {
    let shop = Shop::new(|_| ());
    let here = work().render(&photo()).unwrap();
    for _ in 0..3 {
        assert_eq!(shop.render(photo()).await.unwrap(), here);
    }
    let refused = shop.render("no image").await.unwrap_err();
    assert_eq!(refused.cause, FailureCause::NotAnImage);
    assert!(refused.message.contains("not an image"), "{refused}");
    let statistics = shop.pool.statistics();
    assert_eq!((statistics.started, statistics.idle, statistics.busy), (1, 1, 0), "one process did it all");
    assert!(statistics.resident_bytes > 0);
}

#[tokio::test]
async fn whatever_a_decoder_does_costs_one_attempt() {
    let shop = Shop::new(|_| ());
    let check = async |source: &'static str, cause: FailureCause, said: &str| {
        let failure = shop.failure(source).await;
        assert_eq!(failure.cause, cause, "{source}: {failure}");
        assert!(failure.message.contains(said), "{source}: {failure}");
        shop.render(photo()).await.unwrap();
    };
    check("POISON-LOOP", FailureCause::Deadline, "still under way after 0.7 s").await;
    check("POISON-MEMORY", FailureCause::OutOfMemory, "memory allocation of").await;
    check("POISON-ABORT", FailureCause::WorkerDied, "SIGABRT").await;
    check("POISON-EXIT", FailureCause::WorkerDied, "exit status: 7").await;
    check("POISON-STACK", FailureCause::WorkerDied, "overflowed its stack").await;
    check("POISON-NONSENSE", FailureCause::WorkerDied, "a message of 4294967295 bytes").await;
    let statistics = shop.pool.statistics();
    assert_eq!((statistics.deadline, statistics.out_of_memory, statistics.died), (1, 1, 4));
}

#[tokio::test]
async fn the_walls_stand() {
    let shop = Shop::new(|_| ());
    let file = shop.failure("POISON-FILE").await;
    assert!(file.message.contains("PermissionDenied"), "{file}");
    let socket = shop.failure("POISON-SOCKET").await;
    assert!(socket.message.contains("system call that is not allowed"), "{socket}");
}

#[tokio::test]
async fn processes_are_replaced_after_their_share_of_jobs() {
    let shop = Shop::new(|options| options.jobs_each = 2);
    for _ in 0..6 {
        shop.render(photo()).await.unwrap();
    }
    assert_eq!(shop.pool.statistics().recycled, 3);
}

#[tokio::test]
async fn work_that_nobody_waits_for_is_stopped_and_its_place_given_back() {
    let shop = Shop::new(|_| ());
    let admission = shop.admission(Lane::Large).await;
    {
        let render = shop.pool.render("POISON-LOOP".into(), work(), admission);
        assert!(tokio::time::timeout(Duration::from_millis(300), render).await.is_err());
    }
    while shop.places.in_use(Lane::Large).running > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(shop.pool.statistics().busy, 0);
}

#[tokio::test]
async fn a_program_that_cannot_start_is_named() {
    let shop = Shop::new(|options| options.program = "/nowhere/minilab".into());
    let failure = shop.failure("anything").await;
    assert!(failure.message.contains("/nowhere/minilab cannot be started"), "{failure}");
    assert!(shop.pool.trouble().is_some());
    let silent = Shop::new(|options| options.program = "/bin/false".into());
    let failure = silent.pool.warm_up().await.unwrap_err();
    assert!(failure.message.contains("did not get ready"), "{failure}");
}
