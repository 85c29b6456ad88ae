use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The one bridge between the asynchronous flow and the synchronous image work. It has two bounds: how many pieces of
/// work run at once, and how many bytes they may take together by their own estimates. What does not fit waits, in
/// order of arrival.
#[derive(Debug, Clone)]
pub struct CpuPool {
    running: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    memory_units: u32,
}

/// The bounds of a [`CpuPool`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuPoolOptions {
    /// Pieces of work that run at once. Default: the number of cores.
    pub running: usize,
    /// Bytes that all admitted work may take together. Default: 1 GiB; the binary gives half of the machine's memory.
    pub memory_bytes: u64,
}

impl Default for CpuPoolOptions {
    fn default() -> Self {
        Self { running: std::thread::available_parallelism().map_or(1, usize::from), memory_bytes: 1 << 30 }
    }
}

/// A share of the memory budget, given back when dropped.
#[derive(Debug)]
pub struct Admission {
    _memory: tokio::sync::OwnedSemaphorePermit,
}

/// A piece of work panicked; the message says where.
#[derive(Debug)]
pub struct Panicked(pub String);

impl CpuPool {
    /// Budget bytes are counted in units of this, since a semaphore counts in 32 bits.
    const UNIT_BYTES: u64 = 1 << 16;

    /// A pool with these bounds.
    #[must_use]
    pub fn new(options: CpuPoolOptions) -> Self {
        let units = (options.memory_bytes / Self::UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize) as u64);
        Self {
            running: Arc::new(Semaphore::new(options.running.max(1))),
            memory: Arc::new(Semaphore::new(units as usize)),
            // The clamp above keeps it within 32 bits.
            memory_units: units as u32,
        }
    }

    /// Waits until work of this estimated size fits into the budget. Work larger than the whole budget is admitted
    /// alone: what may be decoded at all is the limits' business, not the budget's.
    pub async fn admit(&self, estimated_bytes: u64) -> Admission {
        let units = estimated_bytes.div_ceil(Self::UNIT_BYTES).clamp(1, u64::from(self.memory_units)) as u32;
        loop {
            // The semaphore is never closed, so acquiring fails never; the loop says the same without a panic.
            if let Ok(permit) = Arc::clone(&self.memory).acquire_many_owned(units).await {
                return Admission { _memory: permit };
            }
        }
    }

    /// Runs admitted work on a thread of its own, when one is free. The admission is given back at the end.
    ///
    /// # Errors
    /// [`Panicked`] when the work did; nothing else is harmed.
    pub async fn run<T: Send + 'static>(
        &self,
        admission: Admission,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let running = Arc::clone(&self.running).acquire_owned().await;
        let task = tokio::task::spawn_blocking(move || {
            let result = catch_unwind(AssertUnwindSafe(work)).map_err(|payload| Panicked(panic_message(payload.as_ref())));
            drop((running, admission));
            result
        });
        match task.await {
            Ok(result) => result,
            Err(error) => Err(Panicked(error.to_string())),
        }
    }
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Barrier;

    #[tokio::test]
    async fn work_beyond_the_budget_waits_and_oversized_work_runs_alone() {
        let pool = CpuPool::new(CpuPoolOptions { running: 8, memory_bytes: 1 << 20 });
        let first = pool.admit(700 << 10).await;
        assert!(futures_poll_once(pool.admit(700 << 10)).await.is_none(), "a second one does not fit beside the first");
        assert!(futures_poll_once(pool.admit(1 << 40)).await.is_none(), "an oversized one waits for all");
        drop(first);
        let alone = pool.admit(1 << 40).await;
        assert!(futures_poll_once(pool.admit(1)).await.is_none(), "nothing fits beside an oversized one");
        drop(alone);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_more_than_allowed_run_at_once() {
        let pool = CpuPool::new(CpuPoolOptions { running: 2, memory_bytes: 1 << 30 });
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let start = Arc::new(Barrier::new(16));
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let (pool, now, most, start) = (pool.clone(), Arc::clone(&now), Arc::clone(&most), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    let admission = pool.admit(1).await;
                    let work = move || {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                    };
                    pool.run(admission, work).await.unwrap();
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn a_panic_costs_only_its_own_work() {
        let pool = CpuPool::new(CpuPoolOptions { running: 1, memory_bytes: 1 });
        let panicked = pool.run(pool.admit(9).await, || panic!("bad table")).await;
        assert!(matches!(panicked, Err::<(), _>(Panicked(message)) if message == "bad table"));
        assert_eq!(pool.run(pool.admit(9).await, || 7).await.unwrap(), 7);
    }

    /// What the future gives without waiting.
    async fn futures_poll_once<F: Future>(future: F) -> Option<F::Output> {
        let mut future = Box::pin(future);
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
