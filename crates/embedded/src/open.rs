//! Opening a data directory.

use crate::activity::WriteCounters;
use crate::fault::Faults;
use crate::health::{CLOSED, DiskGauge, StopSwitch};
use crate::index::{self, Readers};
use crate::lock::DirectoryLock;
use crate::upkeep::{self, Request, UpkeepSetup};
use crate::writer::{self, Arrivals, Command, Patience, Writer, WriterSetup};
use crate::{BlobDirectory, EmbeddedError, Health, queue, schema};
use minilab_model::{Event, Job};
use rusqlite::Connection;
use std::fs::{self, File};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// Says which jobs follow from an event. Called within the transaction that makes the event true, so it must be pure and
/// quick; a panic in it stops the store.
pub type Planner = Arc<dyn Fn(&Event) -> Vec<Job> + Send + Sync>;

/// What is opened, and how.
#[derive(Clone)]
pub struct OpenOptions {
    /// The data directory; made (mode 0700) when missing.
    pub data_dir: PathBuf,
    /// The rules at work.
    pub planner: Planner,
    /// Every bound of the store.
    pub limits: StoreLimits,
}

impl OpenOptions {
    /// A data directory without rules, with default limits.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), planner: Arc::new(|_| Vec::new()), limits: StoreLimits::default() }
    }
}

/// Every bound of the store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreLimits {
    /// Bodies up to this length in bytes live in the index, longer ones in files. Default 64 KiB.
    pub inline_bytes: usize,
    /// The share of the file system that is kept free. Default 0.05.
    ///
    /// Writes that need room are refused below `max(reserve_fraction, min(reserve_bytes, 10%))` of the file system: on a
    /// disk of less than 5 GiB, [`reserve_bytes`](Self::reserve_bytes) would leave too little to work with.
    pub reserve_fraction: f64,
    /// The bytes that are kept free. Default 512 MiB.
    pub reserve_bytes: u64,
    /// Most writes that wait; further ones are answered [`EmbeddedError::Busy`](crate::EmbeddedError). Default 1,024.
    pub queue_depth: usize,
    /// Most writes in one transaction. Default 128.
    pub batch: usize,
    /// Connections that read at the same time. Default 8.
    pub readers: usize,
    /// How long a replaced blob is kept for those who are about to open it. Default 60 s.
    pub blob_grace: Duration,
    /// Least length in bytes of any part but the last of an upload. Default 5 MiB, as in S3.
    pub part_min_bytes: u64,
    /// Attempts that a job has; one that used them up without an answer is claimed once more, to be given up
    /// ([`LeasedJob::exhausted`](crate::LeasedJob::exhausted)). Default 5.
    pub attempts: u32,
    /// How long dead letters and given-up notifications are kept. Default 14 days.
    pub dead_letter_retention: Duration,
    /// How long notifications that were delivered stay in the delivery log. Default 3 days.
    pub delivered_retention: Duration,
    /// Most notifications that were delivered and stay in the delivery log. Default 100,000.
    pub delivered_rows: usize,
    /// How long the id of a finished upload is remembered, so that completing it again succeeds. Default 7 days.
    pub finished_upload_retention: Duration,
}

impl Default for StoreLimits {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            inline_bytes: 64 << 10,
            reserve_fraction: 0.05,
            reserve_bytes: 512 << 20,
            queue_depth: 1024,
            batch: 128,
            readers: 8,
            blob_grace: Duration::from_secs(60),
            part_min_bytes: 5 << 20,
            attempts: 5,
            dead_letter_retention: 14 * DAY,
            delivered_retention: 3 * DAY,
            delivered_rows: 100_000,
            finished_upload_retention: 7 * DAY,
        }
    }
}

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("the data directory {} is in use by process {pid}", .data_dir.display())]
    Locked {
        /// The directory.
        data_dir: PathBuf,
        /// The other process, or `unknown`.
        pid: String,
    },
    /// A newer version has written it.
    #[error(
        "the data directory was written by a newer minilab (schema {found}, this binary knows {known}); use that version or newer"
    )]
    NewerSchema {
        /// The schema found.
        found: i64,
        /// The newest that is known.
        known: i64,
    },
    /// The SQLite that was linked loses data.
    #[error("SQLite {found} can corrupt the index when its log starts anew; at least 3.51.3 is needed")]
    OldSqlite {
        /// The version linked.
        found: String,
    },
    /// There is no store here.
    #[error("{} holds no minilab data", .data_dir.display())]
    NoStore {
        /// The directory.
        data_dir: PathBuf,
    },
    /// A file or directory could not be used.
    #[error("{what} {} failed", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The index could not be opened.
    #[error("the index {} cannot be opened", .path.display())]
    Sqlite {
        /// The index.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
}

/// The store: a handle, cheap to clone. The store is closed when the last one is dropped, or by [`close`](Self::close).
///
/// Its methods must be called within a tokio runtime.
#[derive(Clone)]
pub struct Embedded {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) data_dir: PathBuf,
    writer: Writer,
    pub(crate) readers: Arc<Readers>,
    pub(crate) blobs: Arc<BlobDirectory>,
    pub(crate) disk: Arc<DiskGauge>,
    pub(crate) limits: StoreLimits,
    pub(crate) arrivals: Arrivals,
    pub(crate) write_counters: Arc<WriteCounters>,
    stop: Arc<StopSwitch>,
    planner: Arc<RwLock<Planner>>,
    upkeep: SyncSender<Request>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Embedded {
    /// Opens a data directory: takes its lock, brings its index up to date, and frees what a process that died had
    /// claimed. Blocks on the disk.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(options: OpenOptions) -> Result<Self, OpenError> {
        Self::open_with_faults(options, Faults::default())
    }

    /// Opens a data directory whose commit protocol can be made to fail.
    ///
    /// # Errors
    /// [`OpenError`].
    #[doc(hidden)]
    pub fn open_with_faults(options: OpenOptions, faults: Faults) -> Result<Self, OpenError> {
        let OpenOptions { data_dir, planner, limits } = options;
        check_sqlite()?;
        make_data_dir(&data_dir)?;
        let lock = Arc::new(DirectoryLock::take(&data_dir)?);
        let path = index::path(&data_dir);
        let connection = open_index(&path, &data_dir, &limits)?;
        let stop = Arc::new(StopSwitch::default());
        let blobs = Arc::new(BlobDirectory::open(&data_dir, Arc::clone(&stop), faults)?);
        let disk = Arc::new(DiskGauge::new(&data_dir, &limits));
        let arrivals = Arrivals::new();
        let write_counters = Arc::new(WriteCounters::default());
        let planner = Arc::new(RwLock::new(planner));
        let (upkeep, requests) = sync_channel(16);
        let (writer, commands) = Writer::new(limits.queue_depth, Arc::clone(&stop));
        let failed = |source| OpenError::Io { what: "starting threads for", path: data_dir.clone(), source };
        let setup = WriterSetup {
            sequencer: read_sequencer(&connection).map_err(|source| OpenError::Sqlite { path: path.clone(), source })?,
            connection,
            planner: Arc::clone(&planner),
            limits: limits.clone(),
            blobs: Arc::clone(&blobs),
            disk: Arc::clone(&disk),
            stop: Arc::clone(&stop),
            arrivals: arrivals.clone(),
            counters: Arc::clone(&write_counters),
            upkeep: upkeep.clone(),
            lock: Arc::clone(&lock),
        };
        let threads = Mutex::new(vec![writer::start(setup, commands).map_err(failed)?]);
        let readers = Arc::new(Readers::new(path.clone(), limits.readers));
        let setup = UpkeepSetup {
            path,
            writer: writer.clone(),
            blobs: Arc::clone(&blobs),
            limits: limits.clone(),
            stop: Arc::clone(&stop),
            lock,
        };
        let inner = Inner {
            data_dir: data_dir.clone(),
            writer,
            readers,
            blobs,
            disk,
            limits,
            arrivals,
            write_counters,
            stop,
            planner,
            upkeep,
            threads,
        };
        // From here on, dropping the store ends its threads.
        let store = Self { inner: Arc::new(inner) };
        let upkeep = upkeep::start(setup, requests).map_err(failed)?;
        store.inner.threads.lock().unwrap_or_else(PoisonError::into_inner).push(upkeep);
        Ok(store)
    }

    /// Puts other rules to work, for events from now on.
    pub fn set_planner(&self, planner: Planner) {
        *self.inner.planner.write().unwrap_or_else(PoisonError::into_inner) = planner;
    }

    /// Closes the store: what has been accepted is written, then the directory is free for others. Later calls on any
    /// handle are answered [`EmbeddedError::Stopped`].
    pub async fn close(&self) {
        let inner = Arc::clone(&self.inner);
        // A panic while closing is logged by the panic hook; there is nothing left to undo.
        let _ = tokio::task::spawn_blocking(move || inner.shut_down()).await;
    }

    /// Whether the store takes writes.
    #[must_use]
    pub fn health(&self) -> Health {
        let check = self.inner.stop.check().and_then(|()| self.inner.disk.check_row());
        match check {
            Ok(()) => Health::Ready,
            Err(error) => Health::NotReady { reason: error.to_string() },
        }
    }

    /// Has a client's command carried out, or refused when too many wait.
    pub(crate) async fn write<C: Command>(&self, command: C) -> Result<C::Output, EmbeddedError> {
        self.inner.writer.run(command, Patience::Refuse).await
    }

    /// Has a command of the store's own work carried out, which waits for its turn.
    pub(crate) async fn write_own<C: Command>(&self, command: C) -> Result<C::Output, EmbeddedError> {
        self.inner.writer.run(command, Patience::Wait).await
    }

    /// Collects garbage and orphans now.
    #[doc(hidden)]
    pub async fn collect_garbage(&self) {
        let upkeep = self.inner.upkeep.clone();
        let collect = move || {
            let (done, wait) = sync_channel(1);
            if upkeep.send(Request::Collect(done)).is_ok() {
                // An error means that the thread has ended: there is nothing to wait for.
                let _ = wait.recv();
            }
        };
        let _ = tokio::task::spawn_blocking(collect).await;
    }
}

impl Inner {
    fn shut_down(&self) {
        // Upkeep first: it has the writer's help to the end.
        let _ = self.upkeep.send(Request::Stop);
        self.writer.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads.into_iter().rev() {
            // A panic has been logged and has stopped the store already.
            let _ = thread.join();
        }
        self.stop.stop(CLOSED);
        self.readers.close();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// SQLite before 3.51.3 can corrupt a database when its log starts anew (<https://sqlite.org/wal.html>).
fn check_sqlite() -> Result<(), OpenError> {
    match rusqlite::version_number() >= 3_051_003 {
        true => Ok(()),
        false => Err(OpenError::OldSqlite { found: rusqlite::version().to_owned() }),
    }
}

fn make_data_dir(data_dir: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Io { what: "making", path: data_dir.to_owned(), source };
    if data_dir.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(failed)?;
    match data_dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed),
        None => Ok(()),
    }
}

fn open_index(path: &Path, data_dir: &Path, limits: &StoreLimits) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::Sqlite { path: path.to_owned(), source };
    if path.exists() {
        // Looked at before anything is set, so that a newer index is left as it is.
        let found = index::open_reading(path).and_then(|connection| schema::version(&connection)).map_err(failed)?;
        if found > schema::NEWEST {
            return Err(OpenError::NewerSchema { found, known: schema::NEWEST });
        }
    }
    // Made here, since SQLite would let everybody read it; its log takes the same mode.
    let made = File::options().write(true).create(true).truncate(false).mode(0o600).open(path);
    made.map_err(|source| OpenError::Io { what: "making", path: path.to_owned(), source })?;
    let mut connection = index::open_writing(path).map_err(failed)?;
    schema::migrate(&mut connection, path)?;
    queue::free_leases(&mut connection, limits, SystemTime::now().into()).map_err(|error| match error {
        EmbeddedError::Sqlite(source) => failed(source),
        other => OpenError::Io { what: "freeing the leases in", path: path.to_owned(), source: std::io::Error::other(other) },
    })?;
    // The index's own name, when it is new.
    let synced = File::open(data_dir).and_then(|directory| directory.sync_all());
    synced.map_err(|source| OpenError::Io { what: "syncing", path: data_dir.to_owned(), source })?;
    Ok(connection)
}

fn read_sequencer(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("SELECT value FROM counter WHERE name = 'sequencer'", (), |row| crate::row::unsigned(row, 0))
}
