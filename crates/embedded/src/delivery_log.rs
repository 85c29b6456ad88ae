//! The delivery log: what was told to whom, how it went, and telling it again.

use crate::commands::notification::Redeliver;
use crate::{DeliveryAttempt, Embedded, EmbeddedError, row};
use minilab_model::{Message, NotificationTarget, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row};
use std::collections::BTreeMap;

/// Where a notification stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It is to be delivered, for the first time or again.
    Waiting,
    /// It was delivered.
    Delivered,
    /// It was given up.
    Dead,
}

/// Which deliveries are wanted. What is not said does not narrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only this state.
    pub state: Option<DeliveryState>,
    /// Only this target: its [`id`](NotificationTarget::id).
    pub target_id: Option<String>,
    /// Only this message.
    pub message_id: Option<String>,
    /// Only deliveries with a smaller number, to page on: that of the last one of the page before.
    pub after: Option<i64>,
    /// Most deliveries. Default 100.
    pub max: usize,
}

impl Default for DeliveryFilter {
    fn default() -> Self {
        Self { state: None, target_id: None, message_id: None, after: None, max: 100 }
    }
}

/// What is known of one notification's delivery.
#[derive(Debug, Clone)]
pub struct DeliveryInfo {
    /// The store's number for it.
    pub id: i64,
    /// The same for every attempt and no other notification; 32 hex digits.
    pub message_id: String,
    /// Its target's [`id`](NotificationTarget::id).
    pub target_id: String,
    /// Its target's [`kind`](NotificationTarget::kind).
    pub target_kind: &'static str,
    /// Its target's [`label`](NotificationTarget::label), which holds no secret.
    pub target_label: String,
    /// What is told.
    pub message: Message,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts made, since it was last asked for.
    pub attempt: u32,
    /// How the last attempts went, at most 20, the latest last.
    pub attempts: Vec<DeliveryAttempt>,
    /// When it came to be.
    pub created_at: Timestamp,
    /// Waiting: when it is tried next, if the target is not left alone for longer. Delivered, dead: when that came to be.
    pub due_at: Timestamp,
}

/// Which notifications are to be told again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliverySelection {
    /// These, whatever their state: what was delivered is told once more, what waits is tried at once.
    Ids(Vec<i64>),
    /// All that were given up for one target, by its [`id`](NotificationTarget::id).
    DeadOf(String),
    /// All that were given up.
    AllDead,
}

/// Numbers for metrics. Costs a seek for each target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NotificationReport {
    /// By [`kind`](NotificationTarget::kind) of target; kinds that were never told anything are absent.
    pub kinds: BTreeMap<String, NotificationCounts>,
}

/// Numbers of one kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotificationCounts {
    /// Notifications that are to be delivered.
    pub waiting: u64,
    /// Notifications that were given up and are kept.
    pub dead: u64,
    /// Notifications delivered, ever.
    pub delivered_total: u64,
    /// Attempts that failed, ever, each counted once for every notification it was to tell.
    pub failed_total: u64,
    /// Notifications given up, ever.
    pub dead_total: u64,
    /// Since when the oldest waiting one has waited; those that wait for their digest's time count, too.
    pub oldest_waiting_at: Option<Timestamp>,
}

impl NotificationReport {
    /// Since when the oldest waiting notification of any kind has waited.
    #[must_use]
    pub fn oldest_waiting_at(&self) -> Option<Timestamp> {
        self.kinds.values().filter_map(|counts| counts.oldest_waiting_at).min()
    }
}

impl DeliveryState {
    const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Dead];

    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl Embedded {
    /// Notifications and how their delivery stands, the newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn deliveries(&self, filter: DeliveryFilter) -> Result<Vec<DeliveryInfo>, EmbeddedError> {
        self.inner.readers.read(move |connection| deliveries(connection, &filter)).await
    }

    /// One notification, if it is still kept.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn delivery(&self, id: i64) -> Result<Option<DeliveryInfo>, EmbeddedError> {
        self.inner.readers.read(move |connection| delivery(connection, id)).await
    }

    /// Has notifications told again, now, with all the time to try that a new one has; how many of those named are still
    /// there. Message ids stay as they are.
    ///
    /// # Errors
    /// Those of every write.
    pub async fn redeliver(&self, selection: DeliverySelection) -> Result<u64, EmbeddedError> {
        let mut redelivered = 0;
        match selection {
            DeliverySelection::Ids(ids) => {
                for some in ids.chunks(Redeliver::CHUNK) {
                    redelivered += self.write(Redeliver(some.to_vec())).await? as u64;
                }
            }
            DeliverySelection::DeadOf(target_id) => redelivered += self.redeliver_dead(target_id).await?,
            DeliverySelection::AllDead => {
                for target_id in self.inner.readers.read(target_ids).await? {
                    redelivered += self.redeliver_dead(target_id).await?;
                }
            }
        }
        Ok(redelivered)
    }

    /// What is given up while this runs may be told again, too, but nothing twice.
    async fn redeliver_dead(&self, target_id: String) -> Result<u64, EmbeddedError> {
        let newest = self.inner.readers.read({
            let target_id = target_id.clone();
            move |connection| page(connection, &target_id, DeliveryState::Dead, i64::MAX, 1)
        });
        let (mut before, mut redelivered) = (newest.await?.first().map_or(0, |newest| newest + 1), 0);
        loop {
            let target_id = target_id.clone();
            let read =
                move |connection: &Connection| page(connection, &target_id, DeliveryState::Dead, before, Redeliver::CHUNK as i64);
            let ids = self.inner.readers.read(read).await?;
            let Some(last) = ids.last() else { return Ok(redelivered) };
            before = *last;
            redelivered += self.write(Redeliver(ids)).await? as u64;
        }
    }

    /// Numbers for metrics.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn notification_report(&self) -> Result<NotificationReport, EmbeddedError> {
        self.inner.readers.read(report).await
    }
}

/// Numbers of the rows of one target and state, the newest first.
pub(crate) const PAGE: &str =
    "SELECT id FROM notification WHERE target_id = ?1 AND state = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";

fn page(connection: &Connection, target_id: &str, state: DeliveryState, before: i64, max: i64) -> Result<Vec<i64>, EmbeddedError> {
    row::all(connection, PAGE, (target_id, state.as_str(), before, max), |row| row.get(0))
}

fn target_ids(connection: &Connection) -> Result<Vec<String>, EmbeddedError> {
    row::all(connection, "SELECT id FROM notification_target ORDER BY id", (), |row| row.get(0))
}

fn deliveries(connection: &Connection, filter: &DeliveryFilter) -> Result<Vec<DeliveryInfo>, EmbeddedError> {
    let before = filter.after.unwrap_or(i64::MAX);
    let max = i64::try_from(filter.max).unwrap_or(i64::MAX);
    let mut ids: Vec<i64> = match (&filter.message_id, &filter.target_id, filter.state) {
        (Some(message_id), _, _) => {
            let sql = "SELECT id FROM notification WHERE message_id = ?1 AND id < ?2 ORDER BY id DESC";
            row::all(connection, sql, (message_id, before), |row| row.get(0))?
        }
        (None, None, None) => {
            let sql = "SELECT id FROM notification WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
            row::all(connection, sql, (before, max), |row| row.get(0))?
        }
        // A page of each target and state holds the page that they have together.
        (None, target_id, state) => {
            let targets = target_id.clone().map_or_else(|| target_ids(connection), |id| Ok(vec![id]))?;
            let states = state.map_or(DeliveryState::ALL.to_vec(), |state| vec![state]);
            let mut ids = Vec::new();
            for (target_id, state) in targets.iter().flat_map(|id| states.iter().map(move |state| (id, *state))) {
                ids.extend(page(connection, target_id, state, before, max)?);
            }
            ids
        }
    };
    ids.sort_unstable_by(|one, other| other.cmp(one));
    let mut found = Vec::new();
    for id in ids {
        if found.len() == filter.max {
            break;
        }
        let wanted = |info: &DeliveryInfo| {
            filter.state.is_none_or(|state| state == info.state) && filter.target_id.as_ref().is_none_or(|id| *id == info.target_id)
        };
        found.extend(delivery(connection, id)?.filter(wanted));
    }
    Ok(found)
}

fn delivery(connection: &Connection, id: i64) -> Result<Option<DeliveryInfo>, EmbeddedError> {
    let sql = "SELECT notification.id, message_id, target_id, target, message, state, attempt, attempts, created_ms, due_ms
               FROM notification JOIN notification_target ON notification_target.id = target_id WHERE notification.id = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([id], read_delivery).optional()?)
}

fn read_delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryInfo> {
    let target: NotificationTarget = row::json(row, 3)?;
    Ok(DeliveryInfo {
        id: row.get(0)?,
        message_id: row.get(1)?,
        target_id: row.get(2)?,
        target_kind: target.kind(),
        target_label: target.label(),
        message: row::json(row, 4)?,
        // The table's own check allows no other name.
        state: DeliveryState::parse(row.get_ref(5)?.as_str()?).unwrap_or(DeliveryState::Waiting),
        attempt: row::number(row, 6)?,
        attempts: row::json(row, 7)?,
        created_at: row::timestamp(row, 8)?,
        due_at: row::timestamp(row, 9)?,
    })
}

/// Each target with its counts, and its oldest waiting row by a seek of its own.
pub(crate) const REPORT: &str = "SELECT kind, waiting, dead, delivered_total, failed_total, dead_total,
        (SELECT min(queued_ms) FROM notification WHERE target_id = notification_target.id AND state = 'waiting')
    FROM notification_target";

fn report(connection: &Connection) -> Result<NotificationReport, EmbeddedError> {
    let targets = row::all(connection, REPORT, (), |row| {
        let counts = NotificationCounts {
            waiting: row::unsigned(row, 1)?,
            dead: row::unsigned(row, 2)?,
            delivered_total: row::unsigned(row, 3)?,
            failed_total: row::unsigned(row, 4)?,
            dead_total: row::unsigned(row, 5)?,
            oldest_waiting_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_millis),
        };
        Ok((row.get::<_, String>(0)?, counts))
    })?;
    let mut report = NotificationReport::default();
    for (kind, counts) in targets {
        let sum = report.kinds.entry(kind).or_default();
        sum.waiting += counts.waiting;
        sum.dead += counts.dead;
        sum.delivered_total += counts.delivered_total;
        sum.failed_total += counts.failed_total;
        sum.dead_total += counts.dead_total;
        sum.oldest_waiting_at = [sum.oldest_waiting_at, counts.oldest_waiting_at].into_iter().flatten().min();
    }
    Ok(report)
}
