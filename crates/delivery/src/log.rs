//! The target that is always there: a line in the log.

use crate::Outgoing;
use minilab_model::Message;

pub(crate) fn write(outgoing: &Outgoing) {
    match &outgoing.notification.message {
        Message::Outcome(told) => {
            let (outcome, rule, variants) = (told.outcome.as_str(), &told.rule, told.variants.len());
            let error = told.failure.as_ref().map(|failure| failure.error.as_str());
            let trace = told.request_id.as_deref();
            tracing::info!(outcome, source = %told.source, rule, variants, error, trace, "notification");
        }
        Message::S3Event { event, .. } => {
            let trace = event.request_id.as_deref();
            tracing::info!(event = event.kind.as_str(), object = %event.object(), trace, "notification");
        }
    }
}
