use super::directory::{BlobDirectory, BlobName};
use crate::index;
use crate::writer::{Command, Durability, Transaction, Writer};
use crate::{EmbeddedError, StoreLimits};
use rusqlite::{Connection, OptionalExtension as _};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Unlinks blob files that no row names: those that commands have queued, after a grace period, and those that a crash
/// or a failed upload left behind.
pub(crate) struct Collector {
    path: PathBuf,
    connection: Option<Connection>,
    writer: Writer,
    blobs: Arc<BlobDirectory>,
    limits: StoreLimits,
    /// The directory that the sweep comes to next.
    sweep: Option<u8>,
}

impl Collector {
    /// Most files that are unlinked between two looks at the requests.
    const BATCH: usize = 1000;

    pub(crate) fn new(path: PathBuf, writer: Writer, blobs: Arc<BlobDirectory>, limits: StoreLimits) -> Self {
        Self { path, connection: None, writer, blobs, limits, sweep: None }
    }

    /// Unlinks what has been garbage for longer than the grace period.
    pub(crate) fn collect(&mut self) -> Result<(), EmbeddedError> {
        loop {
            // First made durable, then done: if the deletion that made a file garbage were undone by a power failure,
            // its object would be back.
            let condemned = self.writer.run_blocking(Condemn { grace: self.limits.blob_grace, max: Self::BATCH })?;
            let count = condemned.len();
            let gone: Vec<BlobName> = condemned.into_iter().filter(|name| self.unlink(*name)).collect();
            let done = gone.len();
            if done > 0 {
                self.writer.run_blocking(Forget { names: gone })?;
            }
            // Pinned files stay condemned; asking for them again at once would not end.
            if count < Self::BATCH || done == 0 {
                return Ok(());
            }
        }
    }

    /// Forgets rows that are past their time.
    pub(crate) fn prune(&mut self) -> Result<(), EmbeddedError> {
        while self.writer.run_blocking(Prune { max: Self::BATCH })? {}
        Ok(())
    }

    pub(crate) fn begin_sweep(&mut self) {
        self.sweep = Some(0);
    }

    pub(crate) fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// Removes the files of one directory that no row names and that are not in flight.
    pub(crate) fn sweep_step(&mut self) -> Result<(), EmbeddedError> {
        let Some(first) = self.sweep else { return Ok(()) };
        self.sweep = first.checked_add(1);
        let directory = self.blobs.directory(first);
        let failed = || EmbeddedError::io(format!("sweeping {}", directory.display()));
        for entry in fs::read_dir(&directory).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let Some(name) = entry.file_name().to_str().and_then(BlobName::parse) else { continue };
            // In this order: a file that is not in flight any more has its row by now, or never will.
            if self.blobs.is_in_flight(name) || self.is_named(name)? {
                continue;
            }
            tracing::info!(blob = %name, "removing a blob that nothing refers to");
            self.unlink(name);
        }
        if self.sweep.is_none() {
            self.connection = None;
        }
        Ok(())
    }

    fn is_named(&mut self, name: BlobName) -> Result<bool, EmbeddedError> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(index::open_reading(&self.path)?),
        };
        is_named(connection, name)
    }

    /// Whether the file is gone.
    fn unlink(&self, name: BlobName) -> bool {
        self.blobs.unless_pinned(name, || match fs::remove_file(self.blobs.path(name)) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => {
                tracing::warn!(blob = %name, %error, "a blob could not be removed");
                false
            }
        })
    }
}

/// Whether a row names this blob.
pub(crate) fn is_named(connection: &Connection, name: BlobName) -> Result<bool, EmbeddedError> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM body WHERE blob = ?1 UNION ALL SELECT 1 FROM segment WHERE blob = ?1
         UNION ALL SELECT 1 FROM part WHERE blob = ?1 UNION ALL SELECT 1 FROM garbage WHERE blob = ?1",
    )?;
    Ok(statement.query_row([&name.0[..]], |_| Ok(())).optional()?.is_some())
}

/// Marks garbage that is old enough, and names it.
struct Condemn {
    grace: Duration,
    max: usize,
}

impl Command for Condemn {
    type Output = Vec<BlobName>;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Vec<BlobName>, EmbeddedError> {
        let grace_ms = i64::try_from(self.grace.as_millis()).unwrap_or(i64::MAX);
        let before = transaction.now.as_millis().saturating_sub(grace_ms);
        let sql = "UPDATE garbage SET condemned = 1 WHERE blob IN
                   (SELECT blob FROM garbage WHERE queued_ms <= ?1 ORDER BY queued_ms LIMIT ?2) RETURNING blob";
        transaction.all(sql, (before, self.max as i64), |row| row.get(0).map(BlobName))
    }
}

/// Forgets garbage that is gone.
struct Forget {
    names: Vec<BlobName>,
}

impl Command for Forget {
    type Output = ();
    // A file that is unlinked again is no harm.
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
        for name in &self.names {
            transaction.execute("DELETE FROM garbage WHERE blob = ?1", [&name.0[..]])?;
        }
        Ok(())
    }
}

/// Forgets what is past its time; says whether there may be more.
struct Prune {
    max: usize,
}

impl Command for Prune {
    type Output = bool;
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<bool, EmbeddedError> {
        let before = |age: Duration| transaction.now.as_millis().saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        let letters = before(transaction.limits.dead_letter_retention);
        let delivered = before(transaction.limits.delivered_retention);
        let uploads = before(transaction.limits.finished_upload_retention);
        let mut more = false;
        let dead: Vec<i64> = transaction.all(
            "SELECT id FROM job WHERE state = 'dead' AND lane IN ('small', 'large') AND due_ms < ?1 LIMIT ?2",
            (letters, self.max.min(100) as i64),
            |row| row.get(0),
        )?;
        more |= dead.len() == self.max.min(100);
        for id in dead {
            crate::commands::queue::end_job(transaction, id)?;
        }
        for (sql, before) in [
            (
                "DELETE FROM notification WHERE id IN (SELECT id FROM notification WHERE state = 'dead' AND due_ms < ?1 LIMIT ?2)",
                letters,
            ),
            (
                "DELETE FROM notification WHERE id IN
                 (SELECT id FROM notification WHERE state = 'delivered' AND due_ms < ?1 LIMIT ?2)",
                delivered,
            ),
            ("DELETE FROM finished_upload WHERE id IN (SELECT id FROM finished_upload WHERE finished_ms < ?1 LIMIT ?2)", uploads),
            (
                "DELETE FROM removal WHERE (bucket, key) IN (SELECT bucket, key FROM removal WHERE removed_ms < ?1 LIMIT ?2)",
                letters,
            ),
            (
                "DELETE FROM removed_image WHERE (bucket, key, rule) IN
                 (SELECT bucket, key, rule FROM removed_image WHERE removed_ms < ?1 LIMIT ?2)",
                letters,
            ),
        ] {
            more |= transaction.execute(sql, (before, self.max as i64))? == self.max;
        }
        Ok(more)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use minilab_model::Timestamp;
    use std::sync::Arc;

    #[test]
    fn old_rows_are_forgotten_bit_by_bit() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
        for id in 1..=5 {
            // The fifth is young.
            let age = if id == 5 { 999_999 } else { 0 };
            for sql in [
                "INSERT INTO job (id, idempotency_key, sequencer, rule, action, state, due_ms, created_ms)
                 VALUES (?1, 'k' || ?1, ?1, 'r', 'process', 'dead', ?2, 0)",
                "INSERT INTO event VALUES (?1, 'b', CAST(?1 AS BLOB), '' || ?2)",
                "INSERT INTO notification (id, message_id, target_id, message, state, due_ms, created_ms, queued_ms)
                 VALUES (?1, 'm', 't', '{}', iif(?1 % 2, 'dead', 'delivered'), ?2, 0, 0)",
                "INSERT INTO finished_upload VALUES ('u' || ?1, '{}', ?2)",
                "INSERT INTO removal VALUES ('b', CAST(?1 AS BLOB), 1, ?2)",
                "INSERT INTO removed_image VALUES ('b', CAST(?1 AS BLOB), 1, 'r', ?2)",
            ] {
                connection.execute(sql, (id, age)).unwrap();
            }
        }
        let limits = StoreLimits {
            dead_letter_retention: Duration::from_secs(10),
            delivered_retention: Duration::from_secs(10),
            finished_upload_retention: Duration::from_secs(10),
            ..StoreLimits::default()
        };
        let now = Timestamp::from_millis(1_000_000);
        let mut transaction = Transaction::new(&connection, Arc::new(|_| Vec::new()), &limits, now, 0);
        let mut rounds = 1;
        while (Prune { max: 2 }).run(&mut transaction).unwrap() {
            rounds += 1;
        }
        assert_eq!(rounds, 3);
        for table in ["job", "event", "notification", "finished_upload", "removal", "removed_image"] {
            let left: i64 = connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap();
            assert_eq!(left, 1, "{table}");
        }
    }
}
