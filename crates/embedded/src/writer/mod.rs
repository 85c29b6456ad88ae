//! The one writer: commands come in by a bounded channel, what waits goes into one transaction, and each is answered
//! once that transaction is on the disk.

mod batch;
mod thread;
mod transaction;

pub(crate) use batch::is_passing;
pub(crate) use thread::{Arrivals, WriterSetup, start};
pub(crate) use transaction::Transaction;

use crate::EmbeddedError;
use crate::health::{CLOSED, StopSwitch};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};

/// A change of the index. Runs in a savepoint of its own: an error leaves nothing behind.
pub(crate) trait Command: Send + 'static {
    /// What the caller is told.
    type Output: Send + 'static;

    /// Whether the answer promises that the change outlives a power failure. A transaction of lazy commands alone is
    /// not synced; the next durable one carries it along.
    const DURABILITY: Durability = Durability::Durable;

    /// Makes the change.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Self::Output, EmbeddedError>;
}

/// What an answer promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Durability {
    /// The change is seen by all; a power failure may undo it.
    Lazy,
    /// The change is on the disk.
    Durable,
}

/// Who gets a place in a full channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Clients: they are told that the store is busy, and come again.
    Refuse,
    /// The store's own work, which is bounded elsewhere: it waits for a place.
    Wait,
}

type Sender = mpsc::Sender<Box<dyn Queued>>;

/// Sends commands to the writer.
#[derive(Clone)]
pub(crate) struct Writer {
    /// Gone once the store is closed: the channel then ends when its last command is done.
    sender: Arc<RwLock<Option<Sender>>>,
    stop: Arc<StopSwitch>,
}

impl Writer {
    pub(crate) fn new(queue_depth: usize, stop: Arc<StopSwitch>) -> (Self, mpsc::Receiver<Box<dyn Queued>>) {
        let (sender, receiver) = mpsc::channel(queue_depth.max(1));
        (Self { sender: Arc::new(RwLock::new(Some(sender))), stop }, receiver)
    }

    /// Has a command carried out. Once it is in the channel it runs to its end, whether or not the answer is waited for.
    pub(crate) async fn run<C: Command>(&self, command: C, patience: Patience) -> Result<C::Output, EmbeddedError> {
        let sender = self.sender()?;
        let (queued, answer) = Waiting::queue(command);
        match patience {
            Patience::Refuse => sender.try_send(queued).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => EmbeddedError::Busy,
                mpsc::error::TrySendError::Closed(_) => self.stop.error(),
            })?,
            Patience::Wait => sender.send(queued).await.map_err(|_| self.stop.error())?,
        }
        drop(sender);
        answer.await.unwrap_or_else(|_| Err(self.stop.error()))
    }

    /// Has a command carried out, from a thread that is no runtime's.
    pub(crate) fn run_blocking<C: Command>(&self, command: C) -> Result<C::Output, EmbeddedError> {
        let sender = self.sender()?;
        let (queued, answer) = Waiting::queue(command);
        sender.blocking_send(queued).map_err(|_| self.stop.error())?;
        drop(sender);
        answer.blocking_recv().unwrap_or_else(|_| Err(self.stop.error()))
    }

    /// Takes no more commands; those in the channel are still carried out.
    pub(crate) fn close(&self) {
        *self.sender.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn sender(&self) -> Result<Sender, EmbeddedError> {
        self.stop.check()?;
        let sender = self.sender.read().unwrap_or_else(PoisonError::into_inner).clone();
        sender.ok_or_else(|| EmbeddedError::Stopped { reason: CLOSED.to_owned() })
    }
}

/// A command of any kind with the one who waits for its answer.
pub(crate) trait Queued: Send {
    fn durability(&self) -> Durability;

    /// Runs the command and keeps its answer; `Err` when its changes must be undone.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), Undo>;

    /// Gives the kept answer.
    fn answer(self: Box<Self>);

    /// Answers that the transaction failed.
    fn fail(self: Box<Self>, error: EmbeddedError);
}

/// A command failed. `sqlite` is the index's own error, where it was one.
pub(crate) struct Undo {
    pub(crate) sqlite: Option<rusqlite::ffi::Error>,
}

struct Waiting<C: Command> {
    command: C,
    outcome: Option<Result<C::Output, EmbeddedError>>,
    answer: oneshot::Sender<Result<C::Output, EmbeddedError>>,
}

type Answer<C> = oneshot::Receiver<Result<<C as Command>::Output, EmbeddedError>>;

impl<C: Command> Waiting<C> {
    /// The command as it is sent, and where its answer comes.
    fn queue(command: C) -> (Box<dyn Queued>, Answer<C>) {
        let (answer, receiver) = oneshot::channel();
        (Box::new(Self { command, outcome: None, answer }), receiver)
    }
}

impl<C: Command> Queued for Waiting<C> {
    fn durability(&self) -> Durability {
        C::DURABILITY
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), Undo> {
        let outcome = self.command.run(transaction);
        let undo = match &outcome {
            Ok(_) => Ok(()),
            Err(EmbeddedError::Sqlite(rusqlite::Error::SqliteFailure(error, _))) => Err(Undo { sqlite: Some(*error) }),
            Err(_) => Err(Undo { sqlite: None }),
        };
        self.outcome = Some(outcome);
        undo
    }

    fn answer(self: Box<Self>) {
        // Nobody waits any more when the client has gone: the change stands all the same.
        if let Some(outcome) = self.outcome {
            let _ = self.answer.send(outcome);
        }
    }

    fn fail(self: Box<Self>, error: EmbeddedError) {
        let _ = self.answer.send(Err(error));
    }
}
