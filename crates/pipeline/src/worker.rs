use crate::catalog::{Catalog, CatalogWrite, Commit, RecordChange};
use crate::cpu_pool::CpuPool;
use crate::error::JobError;
use crate::process::{Progress, Workplace, process};
use crate::stages::{Stage, StageTimes};
use crate::store::{ObjectStore, SourceState, StoreError, name_variants};
use crate::{notify, render::Renderer};
use minilab_imaging::ENGINE_VERSION;
use minilab_model::{Action, Failure, Job, Lane, Lease, Limits, NotificationSpec, OnDelete, Rule, RuleSet};
use std::collections::HashMap;
use std::sync::Arc;

/// Takes one job through process, store and catalog. It holds no state of its own: two workers on the same job do no
/// harm, since every write is guarded by the version of the source and by the lease.
pub struct Worker<S, C, R> {
    store: S,
    catalog: C,
    renderer: R,
    options: WorkerOptions,
    rules: HashMap<String, Arc<Rule>>,
}

/// What a [`Worker`] works by.
#[derive(Debug, Clone)]
pub struct WorkerOptions {
    /// The rules in force.
    pub rules: Arc<RuleSet>,
    /// Who is told of what.
    pub notifications: Vec<NotificationSpec>,
    /// Bounds of the image work.
    pub limits: Limits,
    /// What bounds the image work of all workers together.
    pub pool: CpuPool,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finished {
    /// Its variants and record are there.
    Processed {
        /// Number of variants.
        variants: usize,
    },
    /// The rule does not want this version; what it had made of an older one is gone.
    Skipped,
    /// Nothing was done: the work is too large for the small lane, and belongs into the large one.
    TooLarge {
        /// What it is estimated to take in memory, in bytes.
        estimated_bytes: u64,
    },
    /// It failed for good; its record says why.
    Failed,
    /// Its record is gone, and its variants where the rule says so.
    Removed,
    /// There was nothing to do: the source has been written again or deleted since, or the rule no longer exists.
    Dropped,
    /// Somebody else holds the job by now; whatever they do stands.
    LeaseLost,
}

impl<S: ObjectStore, C: Catalog, R: Renderer> Worker<S, C, R> {
    /// A worker over this store and catalog, whose image work is done by `renderer`.
    #[must_use]
    pub fn new(store: S, catalog: C, renderer: R, options: WorkerOptions) -> Self {
        let rules = options.rules.iter().map(|rule| (rule.name.clone(), Arc::new(rule.clone()))).collect();
        Self { store, catalog, renderer, options, rules }
    }

    /// Does the job, unless it is too large for `lane`.
    ///
    /// # Errors
    /// [`JobError`]; its [`kind`](JobError::kind) says whether another try can help. Nothing that a reader sees has
    /// changed, except that variants may already be there.
    pub async fn run(&self, job: &Job, lane: Lane, lease: Option<Lease>) -> Result<Finished, JobError> {
        self.run_timed(job, lane, lease, &mut StageTimes::default()).await
    }

    /// As [`run`](Self::run), and says where the time went, also when the job fails.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_timed(
        &self,
        job: &Job,
        lane: Lane,
        lease: Option<Lease>,
        times: &mut StageTimes,
    ) -> Result<Finished, JobError> {
        let Some(rule) = self.rules.get(&job.rule) else {
            tracing::info!(rule = job.rule, "the rule no longer exists; its job is dropped");
            return self.drop_job(job, lease).await;
        };
        let result = match job.action {
            Action::Process => self.process(job, rule, lane, lease, times).await,
            Action::Remove => self.remove(job, rule, lease, times).await,
        };
        match result {
            Err(JobError::Store(StoreError::Superseded { .. })) => self.drop_job(job, lease).await,
            result => result,
        }
    }

    /// Ends a job that will not be tried again: the record says why, copies are made all the same, and nothing of an
    /// older version is left.
    ///
    /// # Errors
    /// [`JobError`] when even that could not be written; the job is then to be tried again later.
    pub async fn give_up(&self, job: &Job, error: &JobError, lease: Option<Lease>) -> Result<Finished, JobError> {
        let Some(rule) = self.rules.get(&job.rule) else {
            return self.drop_job(job, lease).await;
        };
        match self.record_failure(job, rule, error, lease).await {
            Err(JobError::Store(StoreError::Superseded { .. })) => self.drop_job(job, lease).await,
            result => result,
        }
    }

    async fn process(
        &self,
        job: &Job,
        rule: &Rule,
        lane: Lane,
        lease: Option<Lease>,
        times: &mut StageTimes,
    ) -> Result<Finished, JobError> {
        let version = job.event.version();
        let mut info = times.time(Stage::Read, self.store.head(&version)).await?;
        if !rule.accepts_source(info.size_bytes, &info.user_metadata) {
            return self.skip(job, lease, times).await;
        }
        let place = Workplace { pool: &self.options.pool, renderer: &self.renderer, limits: &self.options.limits, lane };
        let processed = match process(&self.store, &place, rule, &version, &info, times).await? {
            Progress::Done(processed) => processed,
            Progress::Unwanted => return self.skip(job, lease, times).await,
            Progress::TooLarge { estimated_bytes } => return Ok(Finished::TooLarge { estimated_bytes }),
        };
        for warning in &processed.warnings {
            tracing::warn!(warning, "the image is odd");
        }
        let prints = name_variants(rule, &version.object, &info, Some(&processed.metadata), processed.outputs)?;
        times.time(Stage::Store, self.store.replace_variants(&version, SourceState::Present, &rule.name, prints.variants)).await?;
        if !rule.tag.is_empty() {
            times.time(Stage::Store, self.store.add_tags(&version, &rule.tag)).await?;
        }
        if let Some(sha256) = processed.sha256 {
            info.sha256 = sha256;
        }
        let recipe = rule.recipe(&info.etag, ENGINE_VERSION);
        let metadata = Box::new(processed.metadata);
        let change = RecordChange::Processed { info, metadata, variants: prints.records, recipe };
        times.time(Stage::Commit, self.commit(job, change, lease)).await
    }

    /// Ends a job whose source the rule does not want. What the rule made of an older version goes.
    async fn skip(&self, job: &Job, lease: Option<Lease>, times: &mut StageTimes) -> Result<Finished, JobError> {
        let version = job.event.version();
        times.time(Stage::Store, self.store.replace_variants(&version, SourceState::Present, &job.rule, Vec::new())).await?;
        times.time(Stage::Commit, self.commit(job, RecordChange::Skipped, lease)).await
    }

    async fn remove(&self, job: &Job, rule: &Rule, lease: Option<Lease>, times: &mut StageTimes) -> Result<Finished, JobError> {
        if rule.on_delete == OnDelete::Remove {
            let version = job.event.version();
            times.time(Stage::Store, self.store.replace_variants(&version, SourceState::Gone, &rule.name, Vec::new())).await?;
        }
        times.time(Stage::Commit, self.commit(job, RecordChange::Removed, lease)).await
    }

    async fn record_failure(&self, job: &Job, rule: &Rule, error: &JobError, lease: Option<Lease>) -> Result<Finished, JobError> {
        let version = job.event.version();
        let mut info = None;
        let mut variants = Vec::new();
        if job.action == Action::Process {
            let mut source = self.store.head(&version).await?;
            if source.sha256.is_empty() {
                source.sha256 = self.store.hash(&version).await?;
            }
            // A key that cannot be made, or a place that is taken, would fail here in the same way: then nothing is written.
            if !matches!(error, JobError::Key { .. } | JobError::Store(_)) {
                let prints = name_variants(rule, &version.object, &source, None, Vec::new())?;
                self.store.replace_variants(&version, SourceState::Present, &rule.name, prints.variants).await?;
                variants = prints.records;
            }
            info = Some(source);
        }
        let failure = Failure { rule: rule.name.clone(), cause: error.cause(), error: error.chain() };
        self.commit(job, RecordChange::Failed { info, variants, failure, facts: error.facts().cloned() }, lease).await
    }

    async fn drop_job(&self, job: &Job, lease: Option<Lease>) -> Result<Finished, JobError> {
        self.commit(job, RecordChange::Dropped, lease).await
    }

    async fn commit(&self, job: &Job, change: RecordChange, lease: Option<Lease>) -> Result<Finished, JobError> {
        let source = job.event.version();
        let notifications = notify::rows(&self.options.notifications, &job.event, &job.rule, &change);
        let finished = Finished::from(&change);
        let write = CatalogWrite { source, rule: job.rule.clone(), change, notifications, lease };
        Ok(match self.catalog.commit(write).await? {
            Commit::Applied => finished,
            Commit::Superseded => Finished::Dropped,
            Commit::LeaseLost => Finished::LeaseLost,
        })
    }
}

impl From<&RecordChange> for Finished {
    fn from(change: &RecordChange) -> Self {
        match change {
            RecordChange::Processed { variants, .. } => Self::Processed { variants: variants.len() },
            RecordChange::Skipped => Self::Skipped,
            RecordChange::Failed { .. } => Self::Failed,
            RecordChange::Removed => Self::Removed,
            RecordChange::Dropped => Self::Dropped,
        }
    }
}
