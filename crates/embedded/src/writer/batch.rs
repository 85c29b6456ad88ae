use super::thread::WriterThread;
use super::transaction::Transaction;
use super::{Durability, Queued};
use crate::EmbeddedError;
use crate::fault::FaultPoint;
use crate::health::StopSwitch;
use minilab_model::Timestamp;
use rusqlite::ffi;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Instant, SystemTime};

/// Whether an error of the index passes by itself: no room, or another process in the way. After any other one nobody
/// knows what is on the disk.
pub(crate) fn is_passing(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error().map(gravity), Some(Gravity::DiskFull | Gravity::Busy))
}

/// What an error of the index means for the store.
enum Gravity {
    /// There is no room; the transaction is undone and the store goes on.
    DiskFull,
    /// Another process holds the index; try again.
    Busy,
    /// Nobody knows what is on the disk any more.
    Fatal,
    /// It concerns one command alone.
    Local,
}

fn gravity(error: &ffi::Error) -> Gravity {
    use rusqlite::ErrorCode as Code;
    match error.code {
        Code::DiskFull => Gravity::DiskFull,
        // The shared-memory file beside the log could not grow.
        Code::SystemIoFailure if error.extended_code == ffi::SQLITE_IOERR_SHMSIZE => Gravity::DiskFull,
        Code::DatabaseBusy | Code::DatabaseLocked => Gravity::Busy,
        Code::SystemIoFailure | Code::DatabaseCorrupt | Code::NotADatabase | Code::ReadOnly | Code::CannotOpen => Gravity::Fatal,
        _ => Gravity::Local,
    }
}

impl WriterThread {
    /// Carries out a batch and answers it. A command whose transaction had to be given up for lack of room is answered
    /// so; those behind it are tried in the next transaction.
    pub(super) fn run_batch(&mut self, batch: Vec<Box<dyn Queued>>) {
        let mut rest = batch;
        while !rest.is_empty() && !self.stop.is_stopped() {
            rest = self.run_transaction(rest);
        }
        for queued in rest {
            queued.fail(self.stop.error());
        }
    }

    /// One transaction. Answers what it took in and gives back what it did not come to.
    fn run_transaction(&mut self, batch: Vec<Box<dyn Queued>>) -> Vec<Box<dyn Queued>> {
        let durability = batch.iter().map(|queued| queued.durability()).max().unwrap_or(Durability::Durable);
        if let Err(error) = self.begin(durability) {
            self.fail_all(batch, &error, "the index cannot be written");
            return Vec::new();
        }
        let planner = self.planner.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let now = Timestamp::from(SystemTime::now());
        let mut transaction = Transaction::new(&self.connection, planner, &self.limits, now, self.sequencer);
        let mut taken = Vec::with_capacity(batch.len());
        let mut waiting = batch.into_iter();
        let mut given_up = None;
        for mut queued in waiting.by_ref() {
            match run_in_savepoint(queued.as_mut(), &mut transaction, &self.stop) {
                Ok(()) => taken.push(queued),
                Err(Undone::Command) => taken.push(queued),
                Err(Undone::Transaction(error)) => {
                    taken.push(queued);
                    given_up = Some(error);
                    break;
                }
            }
        }
        let adopted = std::mem::take(&mut transaction.adopted);
        let arrived = transaction.arrived;
        let sequencer = transaction.sequencer;
        drop(transaction);

        let commit_began = Instant::now();
        let committed = match given_up {
            Some(error) => Err(error),
            None => self.commit(sequencer),
        };
        // Gaps in the order of writes are no harm, numbers given out twice are.
        self.sequencer = sequencer;
        match committed {
            Ok(()) => {
                adopted.into_iter().for_each(crate::BlobGuard::keep);
                if self.durability == Some(Durability::Durable) {
                    self.limbo.drain(..).for_each(|name| self.blobs.landed(name));
                }
                self.counters.committed(taken.len(), commit_began.elapsed());
                taken.into_iter().for_each(Queued::answer);
                self.arrivals.announce(arrived.jobs, arrived.notifications);
            }
            Err(error) => {
                if !self.connection.is_autocommit() {
                    // Nothing more can be done when this fails, too; the transaction ends with the connection then.
                    let _ = self.connection.execute_batch("ROLLBACK");
                }
                self.fail_all(taken, &error, "a commit failed");
                // If a commit failed halfway, only the next one makes sure that the rows of this one are not there.
                self.limbo.extend(adopted.into_iter().map(crate::BlobGuard::leave));
            }
        }
        waiting.collect()
    }

    fn begin(&mut self, durability: Durability) -> Result<(), rusqlite::Error> {
        if self.durability != Some(durability) {
            // Takes effect only outside transactions.
            let synchronous = match durability {
                Durability::Durable => "FULL",
                Durability::Lazy => "NORMAL",
            };
            self.connection.pragma_update(None, "synchronous", synchronous)?;
            self.durability = Some(durability);
        }
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        Ok(())
    }

    fn commit(&self, sequencer: u64) -> Result<(), rusqlite::Error> {
        if sequencer != self.sequencer {
            let mut update = self.connection.prepare_cached("UPDATE counter SET value = ?1 WHERE name = 'sequencer'")?;
            update.execute([sequencer as i64])?;
            self.blobs.faults.pass(FaultPoint::Commit).map_err(as_sqlite)?;
        } else {
            self.blobs.faults.pass(FaultPoint::OtherCommit).map_err(as_sqlite)?;
        }
        self.connection.prepare_cached("COMMIT")?.execute(())?;
        Ok(())
    }

    /// Answers everyone that the transaction failed, and stops the store where it cannot go on.
    fn fail_all(&mut self, batch: Vec<Box<dyn Queued>>, error: &rusqlite::Error, what: &str) {
        self.counters.failed();
        let gravity = error.sqlite_error().map_or(Gravity::Fatal, gravity);
        self.crowded |= matches!(gravity, Gravity::DiskFull);
        if let Gravity::Fatal | Gravity::Local = gravity {
            let code = error.sqlite_error().map_or(0, |error| error.extended_code);
            self.stop.stop(format!("{what}: {error} (SQLite code {code})"));
        }
        for queued in batch {
            queued.fail(match gravity {
                Gravity::DiskFull => self.disk.full(),
                Gravity::Busy => EmbeddedError::Busy,
                Gravity::Fatal | Gravity::Local => self.stop.error(),
            });
        }
    }
}

/// The error by which SQLite would report a failed commit.
fn as_sqlite(error: std::io::Error) -> rusqlite::Error {
    let code = if crate::health::is_disk_full(&error) { ffi::SQLITE_FULL } else { ffi::SQLITE_IOERR_FSYNC };
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(error.to_string()))
}

enum Undone {
    /// This command alone; its answer stands.
    Command,
    /// The whole transaction.
    Transaction(rusqlite::Error),
}

fn run_in_savepoint(queued: &mut dyn Queued, transaction: &mut Transaction<'_>, stop: &StopSwitch) -> Result<(), Undone> {
    let connection = transaction.connection();
    let control = |sql: &str| connection.prepare_cached(sql)?.execute(()).map(drop);
    control("SAVEPOINT command").map_err(Undone::Transaction)?;
    let adopted = transaction.adopted.len();
    let arrived = transaction.arrived;
    let ran = catch_unwind(AssertUnwindSafe(|| queued.run(transaction)));
    let ran = ran.unwrap_or_else(|panic| {
        // Said before anything else unwinds: those who wait shall hear why.
        stop.stop(format!("the writer panicked: {}", panic_message(panic.as_ref())));
        resume_unwind(panic)
    });
    let Err(undo) = ran else {
        return control("RELEASE command").map_err(Undone::Transaction);
    };
    if let Some(error) = undo.sqlite {
        // Some failures take the whole transaction with them, others make it pointless to go on.
        if connection.is_autocommit() || !matches!(gravity(&error), Gravity::Local) {
            return Err(Undone::Transaction(rusqlite::Error::SqliteFailure(error, None)));
        }
    }
    control("ROLLBACK TO command").map_err(Undone::Transaction)?;
    control("RELEASE command").map_err(Undone::Transaction)?;
    transaction.adopted.truncate(adopted);
    transaction.arrived = arrived;
    Err(Undone::Command)
}

pub(super) fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::writer::{Command, Durability, Transaction};
    use crate::{Attributes, BodyOptions, Embedded, EmbeddedError, Health, OpenOptions, Precondition, PutObject, StoreLimits};
    use minilab_model::{EventKind, ObjectRef};

    /// Lets the index grow by this many pages and no more, so that SQLite itself reports a full disk.
    struct Cap {
        pages: i64,
    }

    impl Command for Cap {
        type Output = ();

        fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
            let connection = transaction.connection();
            let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
            let set = format!("PRAGMA max_page_count = {}", pages + self.pages);
            Ok(connection.query_row(&set, (), |_| Ok(()))?)
        }
    }

    /// Makes a bucket and a file, and then fails.
    struct Spoil;

    impl Command for Spoil {
        type Output = ();

        fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
            transaction.execute("INSERT INTO bucket (name, created_ms) VALUES ('spoilt', 0)", ())?;
            transaction.job_arrived();
            Err(EmbeddedError::PreconditionFailed)
        }
    }

    /// How SQLite syncs the transaction that it is in: 1 is NORMAL, 2 is FULL.
    struct Synchronous<const DURABLE: bool>;

    impl<const DURABLE: bool> Command for Synchronous<DURABLE> {
        type Output = i64;
        const DURABILITY: Durability = if DURABLE { Durability::Durable } else { Durability::Lazy };

        fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<i64, EmbeddedError> {
            Ok(transaction.connection().pragma_query_value(None, "synchronous", |row| row.get(0))?)
        }
    }

    #[tokio::test]
    async fn a_command_that_fails_leaves_nothing_and_its_neighbours_alone() {
        let directory = tempfile::tempdir().unwrap();
        let store = Embedded::open(OpenOptions::new(directory.path())).unwrap();
        let made = "made".parse().unwrap();
        let (before, spoilt, after) = tokio::join!(store.create_bucket(&made), store.write(Spoil), store.create_bucket(&made));
        assert!(matches!(spoilt, Err(EmbeddedError::PreconditionFailed)));
        assert_eq!((before.unwrap(), after.unwrap()), (true, false));
        let names: Vec<String> = store.buckets().await.unwrap().into_iter().map(|bucket| bucket.name.into()).collect();
        assert_eq!(names, ["made"]);
        assert_eq!(*store.job_arrivals().borrow(), 0);
    }

    #[tokio::test]
    async fn only_what_is_promised_is_synced() {
        let directory = tempfile::tempdir().unwrap();
        let store = Embedded::open(OpenOptions::new(directory.path())).unwrap();
        for _ in 0..2 {
            assert_eq!(store.write(Synchronous::<true>).await.unwrap(), 2);
            // One of them may share its transaction with the upkeep's look for garbage, which is durable.
            let lazy = [store.write(Synchronous::<false>).await.unwrap(), store.write(Synchronous::<false>).await.unwrap()];
            assert!(lazy.contains(&1), "{lazy:?}");
        }
    }

    async fn put(store: &Embedded, key: &str) -> Result<(), EmbeddedError> {
        let mut writer = store.write_body(BodyOptions { max_bytes: 1 << 20, checksum: None });
        writer.write(vec![7; 60_000].into()).await?;
        let put = PutObject {
            object: format!("photos/{key}").parse::<ObjectRef>().unwrap(),
            body: writer.finish().await?,
            attributes: Attributes::default(),
            precondition: Precondition::default(),
            kind: EventKind::CreatedPut,
            origin: crate::Origin::default(),
        };
        store.put_object(put).await.map(drop)
    }

    #[tokio::test]
    async fn what_finds_no_room_is_answered_and_the_store_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let limits = StoreLimits { reserve_fraction: 0.0, reserve_bytes: 0, ..StoreLimits::default() };
        let store = Embedded::open(OpenOptions { limits, ..OpenOptions::new(directory.path()) }).unwrap();
        store.create_bucket(&"photos".parse().unwrap()).await.unwrap();
        put(&store, "before").await.unwrap();
        store.write(Cap { pages: 20 }).await.unwrap();
        // Several at once, so that they share transactions.
        let keys: Vec<String> = (0..8).map(|number| format!("many-{number}")).collect();
        let puts = futures::future::join_all(keys.iter().map(|key| put(&store, key))).await;
        assert!(puts.iter().any(Result::is_err), "the cap was not reached");
        store.write(Cap { pages: 1000 }).await.unwrap();
        for (key, answer) in keys.iter().zip(puts) {
            let there = store.object(&format!("photos/{key}").parse().unwrap()).await;
            match answer {
                Ok(()) => assert!(there.is_ok(), "{key} was acknowledged"),
                Err(EmbeddedError::DiskFull { .. }) => assert!(there.is_err(), "{key} was refused"),
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(store.health(), Health::Ready);
        put(&store, "after").await.unwrap();
        store.close().await;
        assert_eq!(crate::fsck(directory.path(), |_| ()).unwrap().findings, []);
    }
}
