use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A value for each combination of labels that has occurred. Labels are words of the program's own, never a client's, so
/// that there are few.
#[derive(Debug)]
pub struct Labelled<K, V>(Mutex<BTreeMap<K, V>>);

impl<K, V> Default for Labelled<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord + Clone, V: Clone> Labelled<K, V> {
    /// Changes the value of `key`, which begins as `new` says.
    pub fn update(&self, key: K, new: impl FnOnce() -> V, change: impl FnOnce(&mut V)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert_with(new));
    }

    /// All of them, in order.
    pub fn snapshot(&self) -> BTreeMap<K, V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<K: Ord + Clone> Labelled<K, u64> {
    /// Counts one more.
    pub fn count(&self, key: K) {
        self.update(key, || 0, |count| *count += 1);
    }
}
