//! Fair queueing: whose job is next.
//!
//! One client's 10,000 uploads, or one directory's, must not hold up another's single one. So jobs are not claimed in the
//! order in which they came, but by virtual times, on two levels:
//!
//! - A *flow* is a requester with ready jobs in a lane. The lane serves flows in turn: each has the virtual time of its
//!   next turn, the smallest is served, and its next turn is then one later. The background as a whole is one more flow,
//!   whose turns lie [`BACKGROUND_COST`] apart: it gets everything while nobody else wants anything, and otherwise one
//!   job for every sixteen of each other flow.
//! - A *share* is a bucket with the first two directories of a key ([`share_of`]). A job gets its rank when it becomes
//!   ready, `max(V, rank of its share's last job) + 1`, where `V` is the highest rank that its flow has claimed. A flow's jobs
//!   are claimed by rank, and by number among equals. Jobs that have been tried before are a share of their own, so that
//!   neither a flood of retries nor one of uploads starves the other.
//!
//! These are the tags of start-time fair queueing (P. Goyal, H. Vin, H. Cheng: Start-Time Fair Queuing, SIGCOMM 1996),
//! nested as in its section on hierarchical sharing. A tag here is where service ends rather than where it begins, and time
//! stands at the tag served last, which is the older self-clocked form (S. Golestani, INFOCOM 1994): within a flow all
//! costs are equal, so that the order is the same, and a flow or share whose last job is claimed has no tag beyond the
//! present. Nothing of it has to be remembered: rows of `flow` and `share` live exactly as long as they have ready jobs.
//!
//! Every step is a seek in an index, whatever the number of jobs, flows and shares.

use crate::EmbeddedError;
use crate::writer::Transaction;
use minilab_model::{BucketName, Job, Lane, ObjectKey, Priority};

/// How far apart the turns of the background are; those of a requester are 1 apart.
pub(crate) const BACKGROUND_COST: i64 = 16;

/// The share of all jobs that have been tried before. No other is empty: they begin with a bucket.
const RETRIES: &str = "";

/// Where a job stands among the ready ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) flow: i64,
    pub(crate) share: i64,
    pub(crate) rank: i64,
}

/// Why a job becomes ready, which decides its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// It is new in its lane: behind those of its share.
    New,
    /// It is to be tried again: behind all others that are.
    Again,
    /// It was claimed and not worked on: before all others.
    Returned,
}

// Looked for first and written then: what one statement could do with RETURNING would need a journal of its own, whose upkeep
// costs by all that the command has changed before, and some commands are a thousand jobs.
pub(super) const FIND_FLOW: &str = "SELECT id, rank FROM flow WHERE lane = ?1 AND priority = ?2 AND requester = ?3";
const NEW_FLOW: &str = "INSERT INTO flow (lane, priority, requester, ready, turn, rank)
    VALUES (?1, ?2, ?3, 1, (SELECT turn FROM lane_clock WHERE lane = ?1) + ?4, 0)";
pub(super) const JOIN_FLOW: &str = "UPDATE flow SET ready = ready + 1 WHERE id = ?1";
pub(super) const FIND_SHARE: &str = "SELECT id, rank FROM share WHERE flow = ?1 AND name = ?2";
const NEW_SHARE: &str = "INSERT INTO share (flow, name, ready, rank) VALUES (?1, ?2, 1, ?3)";
pub(super) const JOIN_SHARE: &str = "UPDATE share SET ready = ready + 1, rank = ?2 WHERE id = ?1";

/// Makes room for one more ready job. The caller writes its row, with this place and as ready, in the same transaction.
pub(super) fn enter(
    transaction: &Transaction<'_>,
    job: &Job,
    (lane, priority): (Lane, Priority),
    entry: Entry,
) -> Result<Place, EmbeddedError> {
    let requester = match priority {
        Priority::Foreground => job.event.requester.as_deref().unwrap_or_default(),
        Priority::Background => "",
    };
    let found = transaction.first(FIND_FLOW, (lane.as_str(), priority.as_str(), requester), found)?;
    let (flow, time) = match found {
        Some((flow, time)) => {
            transaction.execute(JOIN_FLOW, [flow])?;
            (flow, time)
        }
        None => (transaction.insert(NEW_FLOW, (lane.as_str(), priority.as_str(), requester, cost(priority)))?, 0),
    };
    let name = match entry {
        Entry::Again => RETRIES.to_owned(),
        Entry::New | Entry::Returned => share_of(&job.event.bucket, &job.event.key),
    };
    let step = i64::from(entry != Entry::Returned);
    let (share, rank) = match transaction.first(FIND_SHARE, (flow, &name), self::found)? {
        Some((share, last)) => {
            let rank = last.max(time) + step;
            transaction.execute(JOIN_SHARE, (share, rank))?;
            (share, rank)
        }
        None => (transaction.insert(NEW_SHARE, (flow, &name, time + step))?, time + step),
    };
    Ok(Place { flow, share, rank: if entry == Entry::Returned { time } else { rank } })
}

fn found(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, i64)> {
    Ok((row.get(0)?, row.get(1)?))
}

const LEAVE: [&str; 4] = [
    "UPDATE share SET ready = ready - 1 WHERE id = ?1",
    "DELETE FROM share WHERE id = ?1 AND ready = 0",
    "UPDATE flow SET ready = ready - 1 WHERE id = ?1",
    "DELETE FROM flow WHERE id = ?1 AND ready = 0",
];

/// Takes a job out of the ready ones, however it ceases to be one.
pub(super) fn leave(transaction: &Transaction<'_>, flow: i64, share: i64) -> Result<(), EmbeddedError> {
    for (sql, id) in LEAVE.into_iter().zip([share, share, flow, flow]) {
        transaction.execute(sql, [id])?;
    }
    Ok(())
}

pub(super) const NEXT_FLOW: &str = "SELECT id, turn, priority FROM flow WHERE lane = ?1 ORDER BY turn, id LIMIT 1";
pub(super) const NEXT_JOB: &str = "SELECT id, rank, share FROM job WHERE flow = ?1 AND state = 'ready' ORDER BY rank, id LIMIT 1";
const SERVED_LANE: &str = "UPDATE lane_clock SET turn = ?2 WHERE lane = ?1";
const SERVED_FLOW: &str = "UPDATE flow SET turn = turn + ?2, rank = max(rank, ?3) WHERE id = ?1";

/// Takes the job that is next in a lane out of the ready ones, and charges its flow for it. The caller writes the job's row.
pub(super) fn take_next(transaction: &Transaction<'_>, lane: Lane) -> Result<Option<i64>, EmbeddedError> {
    loop {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, priority(row, 2)?));
        let Some((flow, turn, priority)) = transaction.first(NEXT_FLOW, [lane.as_str()], read)? else { return Ok(None) };
        let (flow, turn): (i64, i64) = (flow, turn);
        let job = transaction.first(NEXT_JOB, [flow], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get(2)?)))?;
        let Some((id, rank, share)) = job else {
            // A lane that stood still for ever would be worse than one that forgets a count.
            tracing::error!(flow, lane = lane.as_str(), "a flow was counted ready that has no ready job; it is forgotten");
            transaction.execute("DELETE FROM share WHERE flow = ?1", [flow])?;
            transaction.execute("DELETE FROM flow WHERE id = ?1", [flow])?;
            continue;
        };
        transaction.execute(SERVED_LANE, (lane.as_str(), turn))?;
        transaction.execute(SERVED_FLOW, (flow, cost(priority), rank))?;
        leave(transaction, flow, share)?;
        return Ok(Some(id));
    }
}

/// A priority's column.
pub(crate) fn priority(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Priority> {
    Ok(match row.get_ref(column)?.as_str()? {
        "background" => Priority::Background,
        _ => Priority::Foreground,
    })
}

/// A lane's column.
pub(crate) fn lane(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Lane> {
    Ok(match row.get_ref(column)?.as_str()? {
        "large" => Lane::Large,
        _ => Lane::Small,
    })
}

fn cost(priority: Priority) -> i64 {
    match priority {
        Priority::Foreground => 1,
        Priority::Background => BACKGROUND_COST,
    }
}

/// `bucket/` with up to two directories of the key: `photos/2026/11/` for `2026/11/21/a.jpg`, `photos/` for `a.jpg`.
fn share_of(bucket: &BucketName, key: &ObjectKey) -> String {
    let key = key.as_str();
    let end = key.match_indices('/').nth(1).or_else(|| key.match_indices('/').next()).map_or(0, |(at, _)| at + 1);
    format!("{bucket}/{}", &key[..end])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_two_directories_of_a_bucket() {
        let check = |key: &str, expected: &str| {
            assert_eq!(share_of(&"photos".parse().unwrap(), &ObjectKey::new(key).unwrap()), expected, "{key}");
        };
        check("a.jpg", "photos/");
        check("2026/a.jpg", "photos/2026/");
        check("2026/11/a.jpg", "photos/2026/11/");
        check("2026/11/21/a.jpg", "photos/2026/11/");
        check("//a", "photos///");
    }
}
