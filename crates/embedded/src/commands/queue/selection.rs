//! Changes that people ask for, a bounded number of jobs at a time.

use super::claim::make_ready;
use super::end_job;
use super::fair::Entry;
use crate::writer::{Command, Transaction};
use crate::{EmbeddedError, JobState};

/// Makes those that are dead letters or wait ready at once, with all attempts before them: how many were.
pub(crate) struct RetryJobs(pub(crate) Vec<i64>);

impl Command for RetryJobs {
    type Output = u64;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<u64, EmbeddedError> {
        let mut changed = 0;
        let sql = "UPDATE job SET attempt = 0, ended = 0 WHERE id = ?1 AND state IN ('dead', 'waiting')";
        for id in &self.0 {
            if transaction.execute(sql, [*id])? == 1 {
                make_ready(transaction, *id, Entry::Again)?;
                transaction.job_arrived();
                changed += 1;
            }
        }
        Ok(changed)
    }
}

/// Forgets those that are there: how many were.
pub(crate) struct DiscardJobs {
    pub(crate) ids: Vec<i64>,
    /// Only those that are still in this state.
    pub(crate) state: Option<JobState>,
}

impl Command for DiscardJobs {
    type Output = u64;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<u64, EmbeddedError> {
        let mut changed = 0;
        let state = self.state.map(JobState::as_str);
        let sql = "SELECT 1 FROM job WHERE id = ?1 AND state = coalesce(?2, state)";
        for id in &self.ids {
            if transaction.first(sql, (*id, state), |_| Ok(()))?.is_some() && end_job(transaction, *id)? {
                changed += 1;
            }
        }
        Ok(changed)
    }
}
