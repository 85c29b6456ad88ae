use crate::{BucketName, ObjectKey, ObjectRef, SourceVersion, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The place of a write in the order of all writes: a later write of a key has a larger sequencer.
///
/// Written as 18 upper-case hex digits, so that text order is numeric order, as S3 asks of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequencer(pub u64);

impl fmt::Display for Sequencer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:018X}", self.0)
    }
}

impl FromStr for Sequencer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self).map_err(|error| format!("`{text}` is not a sequencer: {error}"))
    }
}

impl Serialize for Sequencer {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sequencer {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What happened to an object. Names as in S3 event notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EventKind {
    /// `s3:ObjectCreated:Put`
    CreatedPut,
    /// `s3:ObjectCreated:Post`
    CreatedPost,
    /// `s3:ObjectCreated:Copy`
    CreatedCopy,
    /// `s3:ObjectCreated:CompleteMultipartUpload`
    CreatedCompleteMultipartUpload,
    /// `s3:ObjectRemoved:Delete`
    RemovedDelete,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::CreatedPut, Self::CreatedPost, Self::CreatedCopy, Self::CreatedCompleteMultipartUpload, Self::RemovedDelete];

    /// The full S3 name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CreatedPut => "s3:ObjectCreated:Put",
            Self::CreatedPost => "s3:ObjectCreated:Post",
            Self::CreatedCopy => "s3:ObjectCreated:Copy",
            Self::CreatedCompleteMultipartUpload => "s3:ObjectCreated:CompleteMultipartUpload",
            Self::RemovedDelete => "s3:ObjectRemoved:Delete",
        }
    }

    /// Whether the object is there after the event.
    #[must_use]
    pub const fn is_created(self) -> bool {
        !matches!(self, Self::RemovedDelete)
    }
}

impl TryFrom<String> for EventKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| format!("`{text}` is not an event name"))
    }
}

impl From<EventKind> for String {
    fn from(kind: EventKind) -> Self {
        kind.as_str().to_owned()
    }
}

/// Which events a rule listens to: one event name, or a family ending in `:*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventPattern(String);

impl EventPattern {
    /// `s3:ObjectCreated:*`, a rule's default.
    #[must_use]
    pub fn any_created() -> Self {
        Self("s3:ObjectCreated:*".to_owned())
    }

    /// Whether an event of this kind is meant.
    #[must_use]
    pub fn matches(&self, kind: EventKind) -> bool {
        match self.0.strip_suffix('*') {
            Some(family) => kind.as_str().starts_with(family),
            None => kind.as_str() == self.0,
        }
    }
}

impl TryFrom<String> for EventPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let known = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"].contains(&text.as_str())
            || EventKind::ALL.iter().any(|kind| kind.as_str() == text);
        if known {
            return Ok(Self(text));
        }
        let names: Vec<&str> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        Err(format!("`{text}` is not an event; use s3:ObjectCreated:*, s3:ObjectRemoved:* or one of {}", names.join(", ")))
    }
}

impl From<EventPattern> for String {
    fn from(pattern: EventPattern) -> Self {
        pattern.0
    }
}

/// One thing that happened to one object. Every source (the gateway, an S3 record, an SQS body) is decoded into this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The bucket it happened in.
    pub bucket: BucketName,
    /// The object's key, decoded.
    pub key: ObjectKey,
    /// Orders events of one key.
    pub sequencer: Sequencer,
    /// The object's ETag without quotes; empty for a removal.
    pub etag: String,
    /// Length of the object in bytes; 0 for a removal.
    pub size_bytes: u64,
    /// When the write was committed.
    pub time: Timestamp,
    /// The request that caused it (`x-amz-request-id`), to follow one upload through the logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The access key that made the request, where one did. Each requester gets a fair share of the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
}

impl Event {
    /// The object that the event speaks of.
    #[must_use]
    pub fn object(&self) -> ObjectRef {
        ObjectRef::new(self.bucket.clone(), self.key.clone())
    }

    /// The version of that object.
    #[must_use]
    pub fn version(&self) -> SourceVersion {
        SourceVersion { object: self.object(), sequencer: self.sequencer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_one_event_or_a_family() {
        let created = EventPattern::any_created();
        assert!(created.matches(EventKind::CreatedPut) && !created.matches(EventKind::RemovedDelete));
        let put = EventPattern::try_from("s3:ObjectCreated:Put".to_owned());
        assert!(put.is_ok_and(|put| put.matches(EventKind::CreatedPut) && !put.matches(EventKind::CreatedCopy)));
        assert!(EventPattern::try_from("s3:ObjectCreated".to_owned()).is_err());
    }

    #[test]
    fn sequencers_sort_as_text() {
        assert!(Sequencer(9).to_string() < Sequencer(10).to_string());
        assert_eq!("00000000000000000A".parse(), Ok(Sequencer(10)));
    }
}
