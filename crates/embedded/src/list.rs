//! Listing: pages in order of keys, cost by what is shown and not by what is stored.

use crate::ObjectInfo;
use minilab_model::BucketName;

/// Which page of a bucket's objects is wanted.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// The bucket.
    pub bucket: BucketName,
    /// Only keys that start with this.
    pub prefix: String,
    /// Keys that hold this after the prefix are shown as one common prefix, which ends with it.
    pub delimiter: Option<String>,
    /// Where the page starts.
    pub after: Option<ListCursor>,
    /// Most entries and common prefixes together.
    pub max: usize,
}

/// The place in a listing that a page starts strictly after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListCursor {
    /// After this key.
    Key(String),
    /// After all keys that start with this.
    Prefix(String),
}

/// A page of objects, in order of the keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    /// The objects.
    pub entries: Vec<ObjectInfo>,
    /// The common prefixes.
    pub common_prefixes: Vec<String>,
    /// Where the next page starts; `None` when this is the last.
    pub next: Option<ListCursor>,
}

impl ListCursor {
    /// The place that a client means by a marker: a marker that lies within a common prefix stands for all of it, so
    /// that the prefix is not shown a second time.
    #[must_use]
    pub fn after_marker(marker: &str, prefix: &str, delimiter: Option<&str>) -> Self {
        if let (Some(delimiter), Some(rest)) = (delimiter.filter(|text| !text.is_empty()), marker.strip_prefix(prefix))
            && let Some(at) = rest.find(delimiter)
        {
            return Self::Prefix(marker[..prefix.len() + at + delimiter.len()].to_owned());
        }
        Self::Key(marker.to_owned())
    }

    /// The key or prefix, as a marker for clients.
    #[must_use]
    pub fn as_marker(&self) -> &str {
        match self {
            Self::Key(text) | Self::Prefix(text) => text,
        }
    }
}
