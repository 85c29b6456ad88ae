//! How many jobs there are, kept up to date by every change of one.

use crate::writer::Transaction;
use crate::{EmbeddedError, JobState};
use minilab_model::Lane;

/// Where a job is counted.
pub(super) type Counted = (Lane, JobState);

pub(super) const COUNT: &str = "UPDATE queue_count SET count = count + ?3 WHERE lane = ?1 AND state = ?2";

/// Takes a job out of where it was counted and into where it is now.
pub(super) fn exchange(transaction: &Transaction<'_>, old: Option<Counted>, new: Option<Counted>) -> Result<(), EmbeddedError> {
    for (change, counted) in [(-1, old), (1, new)] {
        if let Some((lane, state)) = counted {
            transaction.execute(COUNT, (lane.as_str(), state.as_str(), change))?;
        }
    }
    Ok(())
}
