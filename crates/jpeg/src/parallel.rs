//! Several threads on one image: each decodes bands of rows in its turn ([`turns`](crate::scan::turns)), and the strips are handed out in their
//! order.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use crate::Error;
use crate::plan::Plan;
use crate::scan::turns::Turns;
use crate::strip::Planes;

/// Bytes of entropy-coded data in a band, about: few enough to keep little in memory, enough to pass over it at speed.
const BAND_BYTES: usize = 1 << 18;
/// Threads at the most.
const MOST_THREADS: usize = 16;

/// How a thread ended.
type End = Result<bool, Error>;

enum Message {
    /// A row of MCUs.
    Row(Planes),
    End(End),
}

/// How an image is shared out among `threads`; `None` where that would not pay. `scan_bytes`: of its entropy-coded data.
pub(crate) fn turns(plan: &Plan, threads: usize, scan_bytes: usize) -> Option<Turns> {
    let readers = threads.min(MOST_THREADS);
    let reads_values = plan.components.iter().any(|component| component.side > 1);
    let rows = (BAND_BYTES * plan.mcus_down).div_ceil(scan_bytes.max(1));
    let pays = readers > 1 && reads_values && !plan.plain && rows * readers <= plan.mcus_down;
    pays.then_some(Turns { rows, readers, reader: 0 })
}

/// What [`decode`] has in memory for planes.
pub(crate) fn bytes(plan: &Plan, turns: &Turns) -> u64 {
    // A band waits, a row is being made, one is handed out.
    Planes::bytes(plan, false) * (turns.readers * (turns.rows + 2)) as u64
}

/// Has `read` decode the bands of each reader in a thread of its own, row by row of MCUs, and hands them out in their order. Tells whether all
/// were complete; `None`, and nothing has been handed out, if the threads could not be started.
///
/// # Errors
/// The first of a reader of whom a row was due.
pub(crate) fn decode<R>(
    plan: &Plan,
    turns: Turns,
    read: R,
    hand_out: &mut impl FnMut(&Planes, usize) -> ControlFlow<()>,
) -> Result<Option<bool>, Error>
where
    R: Fn(Turns, &mut dyn FnMut(&mut Planes) -> ControlFlow<()>) -> End + Sync,
{
    thread::scope(|scope| {
        let start = |reader| {
            let (sender, rows) = sync_channel(turns.rows);
            let (used, free) = channel();
            let read = &read;
            let work = move || run(plan, Turns { reader, ..turns }, read, &sender, &free);
            thread::Builder::new().spawn_scoped(scope, work).ok().map(|_| Link { rows, used })
        };
        let Some(links) = (0..turns.readers).map(start).collect::<Option<Vec<Link>>>() else {
            return Ok(None);
        };
        let mut complete = true;
        for row in 0..plan.mcus_down {
            let link = &links[turns.reader_of(row)];
            match link.rows.recv() {
                Ok(Message::Row(planes)) => {
                    if hand_out(&planes, row).is_break() {
                        return Ok(Some(complete));
                    }
                    // It may have ended, and need no more.
                    let _ = link.used.send(planes);
                }
                Ok(Message::End(end)) => complete &= end?,
                // It has panicked, and so will this thread as soon as all have ended.
                Err(_) => break,
            }
        }
        for link in links {
            if let Ok(Message::End(end)) = link.rows.recv() {
                complete &= end?;
            }
        }
        Ok(Some(complete))
    })
}

/// A reader's thread, as the one that hands out strips sees it.
struct Link {
    rows: Receiver<Message>,
    /// Takes back what has been handed out.
    used: Sender<Planes>,
}

fn run<R>(plan: &Plan, turns: Turns, read: &R, rows: &SyncSender<Message>, free: &Receiver<Planes>)
where
    R: Fn(Turns, &mut dyn FnMut(&mut Planes) -> ControlFlow<()>) -> End,
{
    let end = read(turns, &mut |planes| {
        let next = free.try_recv().unwrap_or_else(|_| Planes::new(plan, false));
        match rows.send(Message::Row(std::mem::replace(planes, next))) {
            Ok(()) => ControlFlow::Continue(()),
            // Nobody waits for it any more.
            Err(_) => ControlFlow::Break(()),
        }
    });
    // As above.
    let _ = rows.send(Message::End(end));
}
