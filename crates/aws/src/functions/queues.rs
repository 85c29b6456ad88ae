//! Messages to queues and from them.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
    SendMessageBatchRequestEntry,
};
use std::future::Future;
use std::sync::OnceLock;

/// Most messages of one call (Amazon SQS, `SendMessageBatch`).
pub const BATCH: usize = 10;
/// Most bytes of the messages of one call: what SQS has taken in every region and emulator.
const BATCH_BYTES: usize = 256 << 10;
/// Longest value of an attribute that is made here, in bytes.
const ATTRIBUTE_BYTES: usize = 1024;

/// A message that goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// What it says.
    pub body: String,
    /// Attributes of type String, by name. Values are made fit to be sent: no control characters, not too long.
    pub attributes: Vec<(&'static str, String)>,
    /// The trace that it belongs to.
    pub trace: Option<String>,
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// What it says.
    pub body: String,
    /// What it is deleted by.
    pub receipt: String,
}

/// Why a queue did not do it. Always worth another try.
#[derive(Debug, thiserror::Error)]
#[error("the queue {queue} is unavailable: {reason}")]
pub struct QueueError {
    /// Its URL.
    pub queue: String,
    /// What it said.
    pub reason: String,
}

/// Queues, by their URLs.
///
/// # Contract
/// A message that was sent is in the queue once the call has answered. [`send`](Self::send) says of each message whether it is.
pub trait Queues: Send + Sync + 'static {
    /// Sends messages; the answer has a result for each of them, in their order.
    fn send(&self, queue: &str, messages: Vec<Outgoing>) -> impl Future<Output = Vec<Result<(), QueueError>>> + Send;

    /// Takes at most [`BATCH`] messages; those that are not deleted come back.
    ///
    /// # Errors
    /// [`QueueError`].
    fn receive(&self, queue: &str) -> impl Future<Output = Result<Vec<Received>, QueueError>> + Send;

    /// Deletes messages that were received. What could not be deleted comes back.
    ///
    /// # Errors
    /// [`QueueError`] when that is so of any.
    fn delete(&self, queue: &str, messages: &[Received]) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// Queues on SQS. The client is made when it is first used.
pub struct SqsQueues {
    client: OnceLock<Client>,
    connect: Box<dyn Fn() -> Client + Send + Sync>,
}

impl SqsQueues {
    /// Queues that are reached by the client which `connect` makes.
    #[must_use]
    pub fn new(connect: impl Fn() -> Client + Send + Sync + 'static) -> Self {
        Self { client: OnceLock::new(), connect: Box::new(connect) }
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(&self.connect)
    }

    /// Sends what fits into one call; the answers are in the order of the entries.
    async fn send_some(&self, queue: &str, messages: &[Outgoing]) -> Vec<Result<(), QueueError>> {
        let failed = |reason: String| QueueError { queue: queue.to_owned(), reason };
        let entries: Result<Vec<_>, String> =
            messages.iter().enumerate().map(|(index, message)| entry(index, message).map_err(|error| error.to_string())).collect();
        let sent = match entries {
            Ok(entries) => self.client().send_message_batch().queue_url(queue).set_entries(Some(entries)).send().await,
            Err(reason) => return messages.iter().map(|_| Err(failed(reason.clone()))).collect(),
        };
        match sent {
            Ok(answer) => (0..messages.len())
                .map(|index| {
                    let id = index.to_string();
                    if answer.successful().iter().any(|sent| sent.id() == id) {
                        return Ok(());
                    }
                    let reason = answer.failed().iter().find(|failed| failed.id() == id);
                    Err(failed(reason.map_or_else(
                        || "it said nothing of a message".to_owned(),
                        |reason| format!("{} {}", reason.code(), reason.message().unwrap_or_default()),
                    )))
                })
                .collect(),
            Err(error) => {
                let reason = DisplayErrorContext(error).to_string();
                messages.iter().map(|_| Err(failed(reason.clone()))).collect()
            }
        }
    }
}

impl Queues for SqsQueues {
    async fn send(&self, queue: &str, messages: Vec<Outgoing>) -> Vec<Result<(), QueueError>> {
        let mut results = Vec::with_capacity(messages.len());
        let mut rest = messages.as_slice();
        while !rest.is_empty() {
            let (some, after) = rest.split_at(first_batch(rest));
            results.extend(self.send_some(queue, some).await);
            rest = after;
        }
        results
    }

    async fn receive(&self, queue: &str) -> Result<Vec<Received>, QueueError> {
        let request = self.client().receive_message().queue_url(queue).max_number_of_messages(BATCH as i32).wait_time_seconds(1);
        let answer = request
            .send()
            .await
            .map_err(|error| QueueError { queue: queue.to_owned(), reason: DisplayErrorContext(error).to_string() })?;
        let messages = answer.messages.unwrap_or_default().into_iter();
        Ok(messages
            .filter_map(|message| Some(Received { body: message.body.unwrap_or_default(), receipt: message.receipt_handle? }))
            .collect())
    }

    async fn delete(&self, queue: &str, messages: &[Received]) -> Result<(), QueueError> {
        let failed = |reason: String| QueueError { queue: queue.to_owned(), reason };
        for some in messages.chunks(BATCH) {
            let entries: Result<Vec<_>, _> = some
                .iter()
                .enumerate()
                .map(|(index, message)| {
                    DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(&message.receipt).build()
                })
                .collect();
            let entries = entries.map_err(|error| failed(error.to_string()))?;
            let request = self.client().delete_message_batch().queue_url(queue).set_entries(Some(entries));
            let answer = request.send().await.map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
            if let Some(first) = answer.failed().first() {
                return Err(failed(format!("{} messages could not be deleted: {}", answer.failed().len(), first.code())));
            }
        }
        Ok(())
    }
}

/// How many of the messages go into one call: at least one, however long it is.
fn first_batch(messages: &[Outgoing]) -> usize {
    let mut bytes = 0;
    let fits = messages.iter().take(BATCH).take_while(|message| {
        let attributes: usize = message.attributes.iter().map(|(name, value)| name.len() + value.len().min(ATTRIBUTE_BYTES)).sum();
        bytes += message.body.len() + attributes + message.trace.as_ref().map_or(0, String::len) + 64;
        bytes <= BATCH_BYTES
    });
    fits.count().max(1)
}

fn entry(index: usize, message: &Outgoing) -> Result<SendMessageBatchRequestEntry, aws_smithy_types::error::operation::BuildError> {
    let mut entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(&message.body);
    for (name, value) in &message.attributes {
        let value = attribute_value(value);
        entry = entry.message_attributes(*name, MessageAttributeValue::builder().data_type("String").string_value(value).build()?);
    }
    if let Some(trace) = &message.trace {
        let value = MessageSystemAttributeValue::builder().data_type("String").string_value(attribute_value(trace)).build()?;
        entry = entry.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
    }
    entry.build()
}

/// Text as the value of an attribute: SQS and SNS take neither control characters nor empty values.
pub(crate) fn attribute_value(text: &str) -> String {
    let mut value = String::with_capacity(text.len().min(ATTRIBUTE_BYTES));
    for letter in text.chars() {
        let letter = if letter.is_control() || matches!(letter, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { letter };
        if value.len() + letter.len_utf8() > ATTRIBUTE_BYTES {
            break;
        }
        value.push(letter);
    }
    if value.is_empty() { "-".to_owned() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(bytes: usize) -> Outgoing {
        Outgoing { body: "x".repeat(bytes), attributes: Vec::new(), trace: None }
    }

    #[test]
    fn calls_keep_to_what_the_queue_takes() {
        let check = |sizes: &[usize], expected| {
            let messages: Vec<_> = sizes.iter().map(|size| message(*size)).collect();
            assert_eq!(first_batch(&messages), expected, "{sizes:?}");
        };
        check(&[100; 25], 10);
        check(&[200 << 10, 50 << 10, 10 << 10], 2);
        check(&[300 << 10, 1], 1);
    }

    #[test]
    fn values_can_be_sent() {
        assert_eq!(attribute_value("a\nb\0c"), "a b c");
        assert_eq!(attribute_value(""), "-");
        assert_eq!(attribute_value(&"é".repeat(2000)).len(), 1024);
    }
}
