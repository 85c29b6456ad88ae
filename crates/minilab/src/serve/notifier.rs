//! Drains the notification rows to their targets.

use minilab_embedded::{Embedded, EmbeddedError, PendingNotification};
use minilab_model::{NotificationTarget, Timestamp};
use std::time::{Duration, SystemTime};
use tokio::sync::watch;

/// Rows taken at once.
const BATCH: usize = 100;
/// When a row is looked at again whose target this version cannot reach, or after the store failed.
const LATER: Duration = Duration::from_secs(3600);
const PAUSE: Duration = Duration::from_secs(1);

/// Delivers until `shutdown` says true.
pub async fn run(store: Embedded, mut shutdown: watch::Receiver<bool>) {
    let mut arrivals = store.notification_arrivals();
    loop {
        arrivals.mark_unchanged();
        let wait = match drain(&store).await {
            Ok(wait) => wait,
            Err(error) => {
                tracing::error!(%error, "notifications cannot be read");
                Some(PAUSE)
            }
        };
        let due = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return,
            _ = arrivals.changed() => {}
            () = due => {}
        }
    }
}

/// Delivers what is due; says how long nothing more will be.
async fn drain(store: &Embedded) -> Result<Option<Duration>, EmbeddedError> {
    loop {
        let rows = store.notifications(BATCH).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            deliver(store, row).await?;
        }
    }
    let now = Timestamp::from(SystemTime::now());
    let wait = |due: Timestamp| Duration::from_millis(u64::try_from(due.as_millis() - now.as_millis()).unwrap_or(0).max(10));
    Ok(store.next_notification_due().await?.map(wait))
}

async fn deliver(store: &Embedded, row: PendingNotification) -> Result<(), EmbeddedError> {
    let notification = &row.notification;
    match &notification.target {
        NotificationTarget::Log => {
            let (outcome, rule, variants) = (notification.outcome.as_str(), &notification.rule, notification.variants.len());
            let error = notification.failure.as_ref().map(|failure| failure.error.as_str());
            tracing::info!(outcome, source = %notification.source, rule, variants, error, "notification");
            store.finish_notification(row.id).await
        }
        // The row is kept, so that a version that can send it will.
        NotificationTarget::Webhook(_) => {
            let later = Timestamp::from(SystemTime::now()).after(LATER);
            store.fail_notification(row.id, "webhooks are not sent by this version".to_owned(), Some(later)).await
        }
    }
}
