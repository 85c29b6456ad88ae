use crate::{BlobGuard, EmbeddedError, Planner, StoreLimits};
use minilab_model::{Event, Job, Sequencer, Timestamp};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Params, Row};

/// What a command works with: the transaction of its batch.
pub(crate) struct Transaction<'a> {
    connection: &'a Connection,
    /// Says which jobs follow from an event.
    pub(super) planner: Planner,
    /// The bounds of the store.
    pub(crate) limits: &'a StoreLimits,
    /// The moment of this batch.
    pub(crate) now: Timestamp,
    pub(super) sequencer: u64,
    /// Files that rows of this transaction name.
    pub(super) adopted: Vec<BlobGuard>,
    /// What becomes ready with this transaction.
    pub(super) arrived: Arrived,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Arrived {
    pub(super) jobs: u64,
    pub(super) notifications: u64,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(
        connection: &'a Connection,
        planner: Planner,
        limits: &'a StoreLimits,
        now: Timestamp,
        sequencer: u64,
    ) -> Self {
        Self { connection, planner, limits, now, sequencer, adopted: Vec::new(), arrived: Arrived::default() }
    }

    /// The next place in the order of writes.
    pub(crate) fn next_sequencer(&mut self) -> Sequencer {
        self.sequencer += 1;
        Sequencer(self.sequencer)
    }

    /// Leaves the file to this transaction: it stays when the transaction is written, and goes when it is undone.
    pub(crate) fn adopt(&mut self, blob: BlobGuard) {
        self.adopted.push(blob);
    }

    /// The jobs that follow from an event.
    pub(crate) fn plan(&self, event: &Event) -> Vec<Job> {
        (self.planner)(event)
    }

    /// A job can be claimed once this transaction is written.
    pub(crate) fn job_arrived(&mut self) {
        self.arrived.jobs += 1;
    }

    /// A notification can be delivered once this transaction is written.
    pub(crate) fn notification_arrived(&mut self) {
        self.arrived.notifications += 1;
    }

    pub(crate) fn connection(&self) -> &'a Connection {
        self.connection
    }

    pub(crate) fn prepare(&self, sql: &str) -> Result<CachedStatement<'a>, EmbeddedError> {
        Ok(self.connection.prepare_cached(sql)?)
    }

    /// Runs a statement; the number of rows changed.
    pub(crate) fn execute(&self, sql: &str, parameters: impl Params) -> Result<usize, EmbeddedError> {
        Ok(self.prepare(sql)?.execute(parameters)?)
    }

    /// Runs an `INSERT`; the new row's id.
    pub(crate) fn insert(&self, sql: &str, parameters: impl Params) -> Result<i64, EmbeddedError> {
        Ok(self.prepare(sql)?.insert(parameters)?)
    }

    /// The first row of a query, if any.
    pub(crate) fn first<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, EmbeddedError> {
        Ok(self.prepare(sql)?.query_row(parameters, read).optional()?)
    }

    /// All rows of a query.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        parameters: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, EmbeddedError> {
        Ok(self.prepare(sql)?.query_map(parameters, read)?.collect::<Result<_, _>>()?)
    }
}
