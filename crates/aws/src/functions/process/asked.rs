//! A store that is not asked twice what an object is: the check for our marker asks, and each of the event's jobs would again.

use bytes::Bytes;
use minilab_model::{ObjectRef, SourceVersion};
use minilab_pipeline::{NewVariant, ObjectStore, SourceInfo, SourceState, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The store, and what is known of the sources that are being worked on. Whether a version is still the current one is checked by
/// every other call, too, so that an answer which is a few moments old does no harm.
#[derive(Clone)]
pub(super) struct AskedOnce<S> {
    store: S,
    known: Arc<Mutex<HashMap<SourceVersion, SourceInfo>>>,
}

impl<S: ObjectStore> AskedOnce<S> {
    pub(super) fn new(store: S) -> Self {
        Self { store, known: Arc::default() }
    }

    /// Asks for a source, and keeps the answer until [`forget`](Self::forget).
    pub(super) async fn ask(&self, source: &SourceVersion) -> Result<SourceInfo, StoreError> {
        let info = self.store.head(source).await?;
        self.known().insert(source.clone(), info.clone());
        Ok(info)
    }

    /// Ends what is known of a source.
    pub(super) fn forget(&self, source: &SourceVersion) {
        self.known().remove(source);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SourceVersion, SourceInfo>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: ObjectStore> ObjectStore for AskedOnce<S> {
    async fn head(&self, source: &SourceVersion) -> Result<SourceInfo, StoreError> {
        let known = self.known().get(source).cloned();
        match known {
            Some(info) => Ok(info),
            None => self.store.head(source).await,
        }
    }

    async fn read(&self, source: &SourceVersion, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.store.read(source, range).await
    }

    async fn hash(&self, source: &SourceVersion) -> Result<String, StoreError> {
        self.store.hash(source).await
    }

    async fn read_current(&self, object: &ObjectRef, max_bytes: u64) -> Result<Option<Bytes>, StoreError> {
        self.store.read_current(object, max_bytes).await
    }

    async fn replace_variants(
        &self,
        source: &SourceVersion,
        state: SourceState,
        rule: &str,
        variants: Vec<NewVariant>,
    ) -> Result<(), StoreError> {
        self.store.replace_variants(source, state, rule, variants).await
    }

    async fn add_tags(&self, source: &SourceVersion, tags: &BTreeMap<String, String>) -> Result<(), StoreError> {
        self.store.add_tags(source, tags).await
    }
}
