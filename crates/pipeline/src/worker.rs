use crate::catalog::{Catalog, CatalogWrite, Commit, RecordChange};
use crate::cpu_pool::CpuPool;
use crate::error::JobError;
use crate::store::{ObjectStore, SourceState, StoreError, name_variants};
use crate::{notify, process};
use minilab_model::{Action, Failure, Job, Lease, Limits, NotificationSpec, OnDelete, Rule, RuleSet};
use std::collections::HashMap;
use std::sync::Arc;

/// Takes one job through process, store and catalog. It holds no state of its own: two workers on the same job do no
/// harm, since every write is guarded by the version of the source and by the lease.
pub struct Worker<S, C> {
    store: S,
    catalog: C,
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
    /// Where the image work runs.
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
    /// It failed for good; its record says why.
    Failed,
    /// Its record is gone, and its variants where the rule says so.
    Removed,
    /// There was nothing to do: the source has been written again or deleted since, or the rule no longer exists.
    Dropped,
    /// Somebody else holds the job by now; whatever they do stands.
    LeaseLost,
}

impl<S: ObjectStore, C: Catalog> Worker<S, C> {
    /// A worker over this store and catalog.
    #[must_use]
    pub fn new(store: S, catalog: C, options: WorkerOptions) -> Self {
        let rules = options.rules.iter().map(|rule| (rule.name.clone(), Arc::new(rule.clone()))).collect();
        Self { store, catalog, options, rules }
    }

    /// Does the job.
    ///
    /// # Errors
    /// [`JobError`]; its [`kind`](JobError::kind) says whether another try can help. Nothing that a reader sees has
    /// changed, except that variants may already be there.
    pub async fn run(&self, job: &Job, lease: Option<Lease>) -> Result<Finished, JobError> {
        let Some(rule) = self.rules.get(&job.rule) else {
            tracing::info!(rule = job.rule, object = %job.event.object(), "the rule no longer exists; its job is dropped");
            return self.drop_job(job, lease).await;
        };
        let result = match job.action {
            Action::Process => self.process(job, rule, lease).await,
            Action::Remove => self.remove(job, rule, lease).await,
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

    async fn process(&self, job: &Job, rule: &Arc<Rule>, lease: Option<Lease>) -> Result<Finished, JobError> {
        let version = job.event.version();
        let info = self.store.head(&version).await?;
        let processed = process::process(&self.store, &self.options.pool, &self.options.limits, rule, &version, &info).await?;
        for warning in &processed.warnings {
            tracing::warn!(object = %version.object, warning, "the image is odd");
        }
        let prints = name_variants(rule, &version.object, &info, Some(&processed.metadata), processed.outputs)?;
        self.store.replace_variants(&version, SourceState::Present, &rule.name, prints.variants).await?;
        let change = RecordChange::Processed { info, metadata: Box::new(processed.metadata), variants: prints.records };
        self.commit(job, change, lease).await
    }

    async fn remove(&self, job: &Job, rule: &Rule, lease: Option<Lease>) -> Result<Finished, JobError> {
        if rule.on_delete == OnDelete::Remove {
            self.store.replace_variants(&job.event.version(), SourceState::Gone, &rule.name, Vec::new()).await?;
        }
        self.commit(job, RecordChange::Removed, lease).await
    }

    async fn record_failure(&self, job: &Job, rule: &Rule, error: &JobError, lease: Option<Lease>) -> Result<Finished, JobError> {
        let version = job.event.version();
        let mut info = None;
        let mut variants = Vec::new();
        if job.action == Action::Process {
            let source = self.store.head(&version).await?;
            // A key that cannot be made, or a place that is taken, would fail here in the same way: then nothing is written.
            if !matches!(error, JobError::Key { .. } | JobError::Store(_)) {
                let prints = name_variants(rule, &version.object, &source, None, Vec::new())?;
                self.store.replace_variants(&version, SourceState::Present, &rule.name, prints.variants).await?;
                variants = prints.records;
            }
            info = Some(source);
        }
        let failure = Failure { rule: rule.name.clone(), error: error.chain() };
        self.commit(job, RecordChange::Failed { info, variants, failure }, lease).await
    }

    async fn drop_job(&self, job: &Job, lease: Option<Lease>) -> Result<Finished, JobError> {
        self.commit(job, RecordChange::Dropped, lease).await
    }

    async fn commit(&self, job: &Job, change: RecordChange, lease: Option<Lease>) -> Result<Finished, JobError> {
        let source = job.event.version();
        let notifications = notify::rows(&self.options.notifications, &source, &job.rule, &change);
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
            RecordChange::Failed { .. } => Self::Failed,
            RecordChange::Removed => Self::Removed,
            RecordChange::Dropped => Self::Dropped,
        }
    }
}
