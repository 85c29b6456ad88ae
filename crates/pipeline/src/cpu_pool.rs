use minilab_model::Lane;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds the image work. Each lane has two: how many pieces of work run at once, and how many bytes they may take
/// together by their own estimates. What does not fit waits, in order of arrival, and no lane waits for the other.
#[derive(Debug, Clone)]
pub struct CpuPool {
    small: LanePool,
    large: LanePool,
}

#[derive(Debug, Clone)]
struct LanePool {
    places: usize,
    running: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    memory_units: u32,
}

/// The bounds of a [`CpuPool`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuPoolOptions {
    /// Small pieces of work that run at once. Default: the number of cores.
    pub running: usize,
    /// Large ones that run beside them. Default: one for every four cores, at least one.
    pub large_running: usize,
    /// Bytes that all admitted work may take together. Default: 1 GiB; the binary gives half of the machine's memory.
    /// Three quarters of it are the large lane's.
    pub memory_bytes: u64,
}

impl Default for CpuPoolOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { running: cores, large_running: cores.div_ceil(4), memory_bytes: 1 << 30 }
    }
}

/// A place in a lane: a share of its memory and, once started, one of those that run. Given back when dropped.
#[derive(Debug)]
pub struct Admission {
    lane: Lane,
    _memory: OwnedSemaphorePermit,
    running: Option<OwnedSemaphorePermit>,
}

/// What is in use of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneUse {
    /// Pieces of work under way.
    pub running: usize,
    /// Bytes that are admitted, by the estimates.
    pub admitted_bytes: u64,
    /// Bytes that may be admitted.
    pub budget_bytes: u64,
}

impl Admission {
    /// The lane that the work is in.
    #[must_use]
    pub fn lane(&self) -> Lane {
        self.lane
    }
}

impl CpuPool {
    /// A pool with these bounds.
    #[must_use]
    pub fn new(options: CpuPoolOptions) -> Self {
        let small_bytes = options.memory_bytes / 4;
        Self {
            small: LanePool::new(options.running, small_bytes),
            large: LanePool::new(options.large_running, options.memory_bytes - small_bytes),
        }
    }

    /// Waits until work of this estimated size fits into the lane's budget. Work larger than the whole budget is admitted
    /// alone: what may be decoded at all is the limits' business, not the budget's.
    pub async fn admit(&self, lane: Lane, estimated_bytes: u64) -> Admission {
        let pool = self.lane(lane);
        let units = estimated_bytes.div_ceil(LanePool::UNIT_BYTES).clamp(1, u64::from(pool.memory_units)) as u32;
        Admission { lane, _memory: acquire(&pool.memory, units).await, running: None }
    }

    /// Waits until the admitted work may run.
    pub async fn start(&self, admission: &mut Admission) {
        if admission.running.is_none() {
            admission.running = Some(acquire(&self.lane(admission.lane).running, 1).await);
        }
    }

    /// What is in use of a lane now.
    #[must_use]
    pub fn in_use(&self, lane: Lane) -> LaneUse {
        let pool = self.lane(lane);
        let units = u64::from(pool.memory_units);
        LaneUse {
            running: pool.places - pool.running.available_permits(),
            admitted_bytes: (units - pool.memory.available_permits() as u64) * LanePool::UNIT_BYTES,
            budget_bytes: units * LanePool::UNIT_BYTES,
        }
    }

    fn lane(&self, lane: Lane) -> &LanePool {
        match lane {
            Lane::Small => &self.small,
            Lane::Large => &self.large,
        }
    }
}

impl LanePool {
    /// Budget bytes are counted in units of this, since a semaphore counts in 32 bits.
    const UNIT_BYTES: u64 = 1 << 16;

    fn new(places: usize, memory_bytes: u64) -> Self {
        let places = places.max(1);
        let units = (memory_bytes / Self::UNIT_BYTES).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize) as u64);
        Self {
            places,
            running: Arc::new(Semaphore::new(places)),
            memory: Arc::new(Semaphore::new(units as usize)),
            // The clamp above keeps it within 32 bits.
            memory_units: units as u32,
        }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>, permits: u32) -> OwnedSemaphorePermit {
    loop {
        // The semaphore is never closed, so acquiring fails never; the loop says the same without a panic.
        if let Ok(permit) = Arc::clone(semaphore).acquire_many_owned(permits).await {
            return permit;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pool(running: usize, memory_bytes: u64) -> CpuPool {
        CpuPool::new(CpuPoolOptions { running, large_running: 1, memory_bytes })
    }

    #[tokio::test]
    async fn work_beyond_the_budget_waits_and_oversized_work_runs_alone() {
        let pool = pool(8, 4 << 20);
        let first = pool.admit(Lane::Small, 700 << 10).await;
        assert!(poll_once(pool.admit(Lane::Small, 700 << 10)).await.is_none(), "a second one does not fit beside the first");
        assert!(poll_once(pool.admit(Lane::Small, 1 << 40)).await.is_none(), "an oversized one waits for all");
        drop(first);
        let alone = pool.admit(Lane::Small, 1 << 40).await;
        assert_eq!(pool.in_use(Lane::Small), LaneUse { running: 0, admitted_bytes: 1 << 20, budget_bytes: 1 << 20 });
        assert!(poll_once(pool.admit(Lane::Small, 1)).await.is_none(), "nothing fits beside an oversized one");
        drop(alone);
        assert_eq!(pool.in_use(Lane::Small).admitted_bytes, 0);
    }

    #[tokio::test]
    async fn no_more_than_allowed_run_at_once_and_lanes_do_not_wait_for_each_other() {
        let pool = pool(1, 1 << 30);
        let mut first = pool.admit(Lane::Small, 1).await;
        let mut second = pool.admit(Lane::Small, 1).await;
        let mut large = pool.admit(Lane::Large, 1 << 40).await;
        pool.start(&mut first).await;
        pool.start(&mut large).await;
        assert!(poll_once(pool.start(&mut second)).await.is_none());
        assert_eq!((pool.in_use(Lane::Small).running, pool.in_use(Lane::Large).running), (1, 1));
        drop(first);
        pool.start(&mut second).await;
    }

    /// What the future gives without waiting.
    async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
        let mut future = Box::pin(future);
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
