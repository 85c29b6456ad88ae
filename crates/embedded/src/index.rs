//! The index: how connections to it are set up, and the pool of those that read.

use crate::EmbeddedError;
use crate::health::CLOSED;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Page size: rows hold keys of up to 1 KiB and their metadata, which pages of 4 KiB would mostly push into overflow.
pub(crate) const PAGE_BYTES: i64 = 8192;

/// The index within a data directory.
pub(crate) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("index.db")
}

/// Opens the connection that writes; makes the index when it is missing.
///
/// The caller holds the directory's lock and sets `synchronous` before each transaction.
pub(crate) fn open_writing(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags() | OpenFlags::SQLITE_OPEN_CREATE)?;
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    set_up(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Checkpoints are the upkeep thread's, so that no commit waits for one.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -(64 << 10))?;
    Ok(connection)
}

/// Opens a connection that reads. It is opened for writing nevertheless, as the log's shared memory needs that.
pub(crate) fn open_reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags())?;
    set_up(&connection)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "cache_size", -(8 << 10))?;
    Ok(connection)
}

/// Opens a connection for checkpoints.
pub(crate) fn open_checkpointing(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags())?;
    set_up(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(connection)
}

fn flags() -> OpenFlags {
    // Each connection stays on one thread at a time, so its own mutex would be idle.
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::from_secs(5))?;
    // What a failed fsync left in the log must not be copied into the index on the way out.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    // References are kept by the commands and checked by fsck; SQLite's own checks would need more indexes.
    connection.pragma_update(None, "foreign_keys", false)?;
    // A read error of a mapped file would be a signal instead of an error.
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// Connections that read, each on a blocking thread while it is used.
pub(crate) struct Readers {
    path: PathBuf,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    closed: AtomicBool,
}

impl Readers {
    pub(crate) fn new(path: PathBuf, count: usize) -> Self {
        let permits = Arc::new(Semaphore::new(count.max(1)));
        Self { path, permits, idle: Mutex::default(), closed: AtomicBool::new(false) }
    }

    /// Runs `read` on one snapshot of the index, on a blocking thread.
    pub(crate) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> Result<T, EmbeddedError> + Send + 'static,
    ) -> Result<T, EmbeddedError> {
        let closed = || EmbeddedError::Stopped { reason: CLOSED.to_owned() };
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| closed())?;
        let readers = Arc::clone(self);
        let work = move || {
            let _permit = permit;
            if readers.closed.load(Ordering::Acquire) {
                return Err(closed());
            }
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut connection = match idle {
                Some(connection) => connection,
                None => open_reading(&readers.path)?,
            };
            let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
            let answer = read(&snapshot);
            drop(snapshot);
            // A connection that met an error of its own is not used again. That a key is not there is none: opening anew
            // costs more than many look-ups, and clients ask for missing keys all day.
            let is_sound = !matches!(answer, Err(EmbeddedError::Sqlite { .. }));
            if is_sound && !readers.closed.load(Ordering::Acquire) {
                readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            answer
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| EmbeddedError::Io { what: "reading the index".to_owned(), source: std::io::Error::other(error) })?
    }

    /// Lets go of the index; reads under way end first.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
