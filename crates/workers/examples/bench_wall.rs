//! What a worker process costs beside a thread: the same thumbnail, in turns.
//!
//! `cargo run --release -p minilab-workers --ignore-rust-version --example bench_wall -- PHOTO [ROUNDS]`
//!
//! Prints the medians in milliseconds, and their difference.

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("worker processes are for Linux");
}

#[cfg(target_os = "linux")]
mod linux {
    use bytes::Bytes;
    use minilab_model::{Lane, Limits};
    use minilab_pipeline::{CpuPool, CpuPoolOptions, InProcess, RenderWork, Renderer};
    use minilab_workers::{Walls, WorkerPool, WorkerPoolOptions, child};
    use std::error::Error;
    use std::time::{Duration, Instant};

    pub fn main() -> Result<(), Box<dyn Error>> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        match arguments.first().map(String::as_str) {
            Some("worker") => {
                let walls = Walls { memory_bytes: 1 << 30, cpu_time: Duration::from_secs(600), niceness: 0 };
                Ok(child::run(&walls, RenderWork::render)?)
            }
            Some(photo) => {
                let rounds = arguments.get(1).map_or(Ok(300), |rounds| rounds.parse())?;
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                runtime.block_on(measure(std::fs::read(photo)?.into(), rounds))
            }
            None => Err("usage: bench_wall PHOTO [ROUNDS]".into()),
        }
    }

    async fn measure(photo: Bytes, rounds: usize) -> Result<(), Box<dyn Error>> {
        let variants = serde_json::from_value(serde_json::json!([
            {"name": "thumb", "key": "t", "steps": [{"resize": {"width": 128, "height": 128}}], "format": "jpeg"}
        ]))?;
        let work = RenderWork { variants, limits: Limits::default(), ..RenderWork::default() };
        let places = CpuPool::new(CpuPoolOptions::default());
        let workers = WorkerPool::new(WorkerPoolOptions::new(std::env::current_exe()?, vec!["worker".into()]));
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for round in 0..rounds + 10 {
            let threads = time(&InProcess, &places, &photo, &work).await?;
            let processes = time(&workers, &places, &photo, &work).await?;
            // The first ones start the process and warm the caches.
            if round >= 10 {
                here.push(threads);
                there.push(processes);
            }
        }
        let (here, there) = (median(here), median(there));
        println!(
            "{} bytes, {rounds} rounds: thread {here:.3} ms, process {there:.3} ms, the wall {:.3} ms",
            photo.len(),
            there - here
        );
        Ok(())
    }

    async fn time(
        renderer: &impl Renderer,
        places: &CpuPool,
        photo: &Bytes,
        work: &RenderWork,
    ) -> Result<Duration, Box<dyn Error>> {
        let mut admission = places.admit(Lane::Small, 1 << 20).await;
        places.start(&mut admission).await;
        let began = Instant::now();
        renderer.render(photo.clone(), work.clone(), admission).await?;
        Ok(began.elapsed())
    }

    fn median(mut times: Vec<Duration>) -> f64 {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1000.0
    }
}
