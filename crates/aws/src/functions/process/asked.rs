//! A store that is not asked twice for the same: the check for our marker asks what an object is, and each of the event's jobs would
//! again; most photos come whole with the first answer.

use bytes::Bytes;
use minilab_model::{ObjectRef, SourceVersion};
use minilab_pipeline::{NewVariant, ObjectStore, SourceInfo, SourceState, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The longest source that is read whole before its header is known, in bytes: most photos. So much is held by each message that is
/// worked on, beyond what is estimated for it.
const WHOLE_BYTES: u64 = 8 << 20;
/// What is read first of a longer one, in bytes: as much as the pipeline looks into for a header.
const BEGINNING_BYTES: u64 = 1 << 20;

/// The store, and what is known of the sources that are being worked on. Whether a version is still the current one is checked by
/// every other call, too, so that an answer which is a few moments old does no harm.
#[derive(Clone)]
pub(super) struct AskedOnce<S> {
    store: S,
    known: Arc<Mutex<HashMap<SourceVersion, (SourceInfo, Bytes)>>>,
}

impl<S: ObjectStore> AskedOnce<S> {
    pub(super) fn new(store: S) -> Self {
        Self { store, known: Arc::default() }
    }

    /// Asks for a source, whose event says that it is so long, and keeps the answer until [`forget`](Self::forget).
    pub(super) async fn ask(&self, source: &SourceVersion, size_bytes: u64) -> Result<SourceInfo, StoreError> {
        let bytes = if size_bytes <= WHOLE_BYTES { WHOLE_BYTES } else { BEGINNING_BYTES };
        let (info, first) = self.store.open(source, bytes).await?;
        self.known().insert(source.clone(), (info.clone(), first));
        Ok(info)
    }

    /// The bytes of this range, if they are kept.
    fn kept(&self, source: &SourceVersion, range: &Range<u64>) -> Option<Bytes> {
        let known = self.known();
        let (info, first) = known.get(source)?;
        let (start, end) = (usize::try_from(range.start).ok()?, usize::try_from(range.end.min(info.size_bytes)).ok()?);
        (start <= end && end <= first.len()).then(|| first.slice(start..end))
    }

    /// Ends what is known of a source.
    pub(super) fn forget(&self, source: &SourceVersion) {
        self.known().remove(source);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<SourceVersion, (SourceInfo, Bytes)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: ObjectStore> ObjectStore for AskedOnce<S> {
    async fn head(&self, source: &SourceVersion) -> Result<SourceInfo, StoreError> {
        let known = self.known().get(source).map(|(info, _)| info.clone());
        match known {
            Some(info) => Ok(info),
            None => self.store.head(source).await,
        }
    }

    async fn read(&self, source: &SourceVersion, range: Range<u64>) -> Result<Bytes, StoreError> {
        match self.kept(source, &range) {
            Some(bytes) => Ok(bytes),
            None => self.store.read(source, range).await,
        }
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
