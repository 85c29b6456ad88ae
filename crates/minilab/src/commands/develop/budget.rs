//! How much memory the files in work may take together.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes of memory that are given out and come back. What is larger than all of them is let in alone.
pub struct Budget {
    bytes: u64,
    taken: Mutex<u64>,
    freed: Condvar,
}

/// Memory that is in use until this is dropped.
pub struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    /// Half of the machine's memory.
    pub fn of_this_machine() -> Self {
        Self::new(crate::machine::memory_bytes() / 2)
    }

    fn new(bytes: u64) -> Self {
        Self { bytes, taken: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits until there is room for `bytes`.
    pub fn take(&self, bytes: u64) -> Share<'_> {
        let bytes = bytes.min(self.bytes);
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |taken: &mut u64| *taken + bytes > self.bytes;
        let mut taken = self.freed.wait_while(taken, full).unwrap_or_else(PoisonError::into_inner);
        *taken += bytes;
        Share { budget: self, bytes }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.taken.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.budget.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_is_given_out_than_there_is() {
        let (budget, in_use) = (Budget::new(10), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for index in 0..40 {
                let (budget, in_use) = (&budget, &in_use);
                scope.spawn(move || {
                    let bytes = index % 4 * 5;
                    let _share = budget.take(bytes);
                    assert!(in_use.fetch_add(bytes.min(10), Ordering::SeqCst) + bytes.min(10) <= 10);
                    std::thread::yield_now();
                    in_use.fetch_sub(bytes.min(10), Ordering::SeqCst);
                });
            }
        });
        assert_eq!(*budget.taken.lock().unwrap_or_else(PoisonError::into_inner), 0);
    }
}
