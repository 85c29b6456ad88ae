//! Applies the rules to what is there: removes what belongs to none, and makes what is missing or out of date.
//!
//! There is no state of its own to lose. What is to be done follows from comparing the rules with what exists, and a job
//! that is queued or done is not queued again; so after a kill, the same comparison finds what is left.

mod desk;
mod walk;

pub use desk::Desk;
pub use walk::{Orphan, Walk, check_rule};

use anyhow::Context;
use minilab_embedded::{Embedded, EmbeddedError, UnfinishedJob};
use minilab_model::{Action, IdempotencyKey, Job, ObjectRef, Priority, Rule, RuleSet};
use minilab_pipeline::plan::{SourceEntry, Standing, event_of};
use minilab_web::api::{ApplyFailure, ApplyProgress, ApplyStage};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::block_in_place;

/// Most jobs that are queued and waited for at a time.
const WINDOW: usize = 2000;
/// Most failures that are told one by one.
const TOLD_FAILURES: usize = 20;
/// How often the jobs under way are looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How long to wait when the store has too much to write.
const PAUSE: Duration = Duration::from_millis(100);

/// Applies `rules` to what is in `store`, as the request in `progress` asks, and keeps `progress` up to date. Somebody
/// else runs the jobs: it returns when the last has ended. It can be dropped at any await; whoever calls it again goes on.
///
/// `are_in_force` is asked again and again: rules that are not any more must neither make nor remove anything.
///
/// # Errors
/// When the rules have changed, the store has stopped, or its index cannot be read.
pub async fn run(
    store: &Embedded,
    rules: Arc<RuleSet>,
    progress: &watch::Sender<ApplyProgress>,
    are_in_force: impl Fn() -> bool + Send,
) -> anyhow::Result<()> {
    let request = progress.borrow().request.clone();
    let walk = Walk::new(block_in_place(|| store.inventory())?, Arc::clone(&rules), request.rule)?;
    let mut backfill = Backfill { store, walk, rules, progress, are_in_force, waiting: HashMap::new() };
    // First, since a new rule's variant gives way to one that an orphan has left under its key.
    if request.remove_orphans {
        backfill.remove_orphans().await?;
    }
    progress.send_modify(|progress| progress.stage = ApplyStage::Counting);
    backfill.count().await?;
    progress.send_modify(|progress| progress.stage = ApplyStage::Making);
    backfill.make().await?;
    progress.send_modify(|progress| progress.stage = ApplyStage::Finished);
    Ok(())
}

struct Backfill<'a, F> {
    store: &'a Embedded,
    walk: Walk,
    rules: Arc<RuleSet>,
    progress: &'a watch::Sender<ApplyProgress>,
    are_in_force: F,
    /// Jobs that have not ended, and what each is about.
    waiting: HashMap<IdempotencyKey, (ObjectRef, String)>,
}

impl<F: Fn() -> bool + Send> Backfill<'_, F> {
    async fn remove_orphans(&mut self) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            self.check_rules()?;
            let (orphans, next) = block_in_place(|| self.walk.orphans(after.as_ref()))?;
            for orphan in orphans {
                let rules = Arc::clone(&self.rules);
                let removed = self.store.remove_orphan(orphan.made.source, orphan.made.rule, rules, orphan.sniffed).await?;
                if let Some(removed) = removed {
                    self.progress.send_modify(|progress| {
                        progress.orphans += 1;
                        progress.removed_variants += removed.variants;
                        progress.removed_bytes += removed.bytes;
                    });
                }
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn count(&mut self) -> anyhow::Result<()> {
        for rule in self.walk.rules() {
            let mut after = None;
            loop {
                self.check_rules()?;
                let (page, next) = block_in_place(|| self.walk.sources(&rule, after.as_ref()))?;
                let number = page.iter().filter(|(_, standing)| is_waited_for(*standing)).count() as u64;
                self.progress.send_modify(|progress| progress.total += number);
                // Lets whoever cancels this have a word.
                tokio::task::yield_now().await;
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    async fn make(&mut self) -> anyhow::Result<()> {
        for rule in self.walk.rules() {
            let mut after = None;
            loop {
                self.check_rules()?;
                let (page, next) = block_in_place(|| self.walk.sources(&rule, after.as_ref()))?;
                let wanted = page.into_iter().filter(|(_, standing)| is_waited_for(*standing));
                let jobs: Vec<Job> = wanted.map(|(source, _)| job(&rule, &source)).collect();
                self.queue(jobs).await?;
                while self.waiting.len() >= WINDOW {
                    self.look().await?;
                }
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        while !self.waiting.is_empty() {
            self.look().await?;
        }
        Ok(())
    }

    async fn queue(&mut self, jobs: Vec<Job>) -> anyhow::Result<()> {
        if jobs.is_empty() {
            return Ok(());
        }
        loop {
            match self.store.enqueue(jobs.clone(), Priority::Background).await {
                Ok(_) => break,
                // Uploads come first.
                Err(EmbeddedError::Busy) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error).context("jobs cannot be queued"),
            }
        }
        self.waiting.extend(jobs.into_iter().map(|job| (job.idempotency_key(), (job.event.object(), job.rule))));
        // More may have come since they were counted.
        let waiting = self.waiting.len() as u64;
        self.progress.send_modify(|progress| progress.total = progress.total.max(progress.done + progress.failed + waiting));
        Ok(())
    }

    /// Waits a little, and takes note of the jobs that have ended.
    async fn look(&mut self) -> anyhow::Result<()> {
        tokio::time::sleep(LOOK).await;
        self.check_rules()?;
        let mut unfinished = block_in_place(|| self.walk.unfinished(self.waiting.keys()))?;
        let progress = self.progress;
        progress.send_if_modified(|progress| {
            let before = self.waiting.len();
            self.waiting.retain(|key, (source, rule)| match unfinished.remove(key) {
                Some(UnfinishedJob::Alive) => true,
                Some(UnfinishedJob::Dead { error }) => {
                    progress.failed += 1;
                    if progress.failures.len() < TOLD_FAILURES {
                        progress.failures.push(ApplyFailure { source: source.clone(), rule: rule.clone(), error });
                    }
                    false
                }
                None => {
                    progress.done += 1;
                    false
                }
            });
            self.waiting.len() < before
        });
        Ok(())
    }

    fn check_rules(&self) -> anyhow::Result<()> {
        if (self.are_in_force)() {
            return Ok(());
        }
        anyhow::bail!("the rules have changed meanwhile; look at `minilab rules plan`, and apply them again")
    }
}

/// Whether a source's job is to be queued, or is and has to be waited for: an earlier run may have queued it.
fn is_waited_for(standing: Standing) -> bool {
    standing.is_due() || standing == Standing::Queued
}

fn job(rule: &Rule, source: &SourceEntry) -> Job {
    Job { event: event_of(source), rule: rule.name.clone(), action: Action::Process }
}
