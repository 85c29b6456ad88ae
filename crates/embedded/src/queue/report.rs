//! What a monitor wants to know of the queue, at the same cost for a million jobs as for one.

use super::{JobState, QueueCounts};
use crate::{Embedded, EmbeddedError, row};
use minilab_model::{Lane, Timestamp};
use rusqlite::Connection;
use std::time::{Duration, SystemTime};

/// The state of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueReport {
    /// Number of jobs by state, of each lane.
    pub lanes: [(Lane, QueueCounts); 2],
    /// How long the job has been ready that has been ready longest; `None` when none is.
    pub oldest_ready: Option<Duration>,
    /// How long ago the oldest of the jobs that wait to be tried again entered the queue; `None` when none waits.
    pub oldest_waiting: Option<Duration>,
}

pub(super) const COUNTS: &str = "SELECT lane, state, count FROM queue_count";
pub(super) const READY_SINCE: &str =
    "SELECT min(due_ms) FROM (SELECT min(due_ms) AS due_ms FROM job WHERE state = 'ready' AND lane = 'small'
    UNION ALL SELECT min(due_ms) FROM job WHERE state = 'ready' AND lane = 'large')";
pub(super) const OLDEST_WAITING: &str = "SELECT created_ms FROM job WHERE state = 'waiting' ORDER BY id LIMIT 1";

impl Embedded {
    /// Number of jobs by state.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn queue_counts(&self) -> Result<QueueCounts, EmbeddedError> {
        let [(_, small), (_, large)] = self.inner.readers.read(counts).await?;
        Ok(small + large)
    }

    /// What a monitor wants to know: a few rows, each found by an index, however many jobs there are.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn queue_report(&self) -> Result<QueueReport, EmbeddedError> {
        let now = Timestamp::from(SystemTime::now());
        self.inner.readers.read(move |connection| report(connection, now)).await
    }
}

pub(super) fn report(connection: &Connection, now: Timestamp) -> Result<QueueReport, EmbeddedError> {
    let age = |since: i64| Duration::from_millis(u64::try_from(now.as_millis() - since).unwrap_or(0));
    let ready: Option<i64> = row::first(connection, READY_SINCE, (), |row| row.get(0))?.flatten();
    let waiting: Option<i64> = row::first(connection, OLDEST_WAITING, (), |row| row.get(0))?;
    Ok(QueueReport { lanes: counts(connection)?, oldest_ready: ready.map(age), oldest_waiting: waiting.map(age) })
}

fn counts(connection: &Connection) -> Result<[(Lane, QueueCounts); 2], EmbeddedError> {
    let mut lanes = Lane::ALL.map(|lane| (lane, QueueCounts::default()));
    let rows = row::all(connection, COUNTS, (), |row| {
        let state = JobState::parse(row.get_ref(1)?.as_str()?);
        Ok((crate::commands::queue::lane(row, 0)?, state, row::unsigned(row, 2)?))
    })?;
    for (lane, state, count) in rows {
        for (_, counts) in lanes.iter_mut().filter(|(known, _)| *known == lane) {
            *counts.of(state) += count;
        }
    }
    Ok(lanes)
}

/// Number of jobs by state, counted one by one: for an index that may be older than its kept totals.
pub(crate) fn recount(connection: &Connection) -> Result<QueueCounts, EmbeddedError> {
    let mut counts = QueueCounts::default();
    let sql = "SELECT state, count(*) FROM job GROUP BY state";
    for (state, count) in
        row::all(connection, sql, (), |row| Ok((JobState::parse(row.get_ref(0)?.as_str()?), row::unsigned(row, 1)?)))?
    {
        *counts.of(state) = count;
    }
    Ok(counts)
}

impl QueueCounts {
    fn of(&mut self, state: JobState) -> &mut u64 {
        match state {
            JobState::Ready => &mut self.ready,
            JobState::Leased => &mut self.leased,
            JobState::Waiting => &mut self.waiting,
            JobState::Dead => &mut self.dead,
        }
    }
}

impl std::ops::Add for QueueCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            ready: self.ready + other.ready,
            leased: self.leased + other.leased,
            waiting: self.waiting + other.waiting,
            dead: self.dead + other.dead,
        }
    }
}
