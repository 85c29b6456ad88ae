//! Pages of records, in the order of an index.

use super::DynamoCatalog;
use super::item::{Placeholders, s, text};
use crate::stores::error::TableError;
use crate::table;
use minilab_model::{BucketName, ImageRecord, ObjectKey};
use minilab_pipeline::CatalogError;
use std::collections::HashMap;

/// Which page of a bucket's images is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// The bucket.
    pub bucket: BucketName,
    /// In which order, and which of them.
    pub order: ListOrder,
    /// Most records: 1 to 200; what lies outside is taken for the nearest of both.
    pub limit: usize,
    /// Where the page starts: [`Page::next`] of the one before. What no page has given is taken for a place in the order.
    pub cursor: Option<String>,
}

/// The order of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListOrder {
    /// By time of upload, the newest first; by falling key among equals.
    Newest,
    /// By rising key.
    Key {
        /// Only keys that start with this; all when empty.
        prefix: String,
    },
}

/// A page of records, failed ones included.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// The records. Fewer than asked for where some went while the page was read.
    pub records: Vec<ImageRecord>,
    /// Where the next page starts; `None` when this is the last.
    pub next: Option<String>,
}

/// Most records of a page.
const LIMIT: usize = 200;

/// An entry of an index: its place in the order, and the item that it speaks of.
struct Entry {
    place: String,
    id: String,
}

impl DynamoCatalog {
    /// A page of a bucket's records. It costs by what is shown, not by what is stored. Indexes follow the records within
    /// a second or so.
    ///
    /// # Errors
    /// [`CatalogError`] when the table cannot be read.
    pub async fn list(&self, request: &ListRequest) -> Result<Page, CatalogError> {
        Ok(self.page(request).await?)
    }

    async fn page(&self, request: &ListRequest) -> Result<Page, TableError> {
        let limit = request.limit.clamp(1, LIMIT);
        // No image can be there, and DynamoDB refuses texts that cannot be keys.
        let bound = |text: &String| text.len() > ObjectKey::MAX_BYTES;
        let prefix = match &request.order {
            ListOrder::Key { prefix } => prefix.as_str(),
            ListOrder::Newest => "",
        };
        if request.cursor.as_ref().is_some_and(bound) || bound(&prefix.to_owned()) {
            return Ok(Page::default());
        }
        // One more than is shown tells whether there is a next page.
        let ask = |collection| async move { self.entries(request, collection, limit + 1).await.map(Some) };
        let mut entries: Vec<Entry> = self.table().each_shard(&request.bucket, ask).await?.into_iter().flatten().collect();
        entries.sort_by(|left, right| match request.order {
            ListOrder::Newest => right.place.cmp(&left.place),
            ListOrder::Key { .. } => left.place.cmp(&right.place),
        });
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = if more { entries.last().map(|entry| entry.place.clone()) } else { None };
        let ids: Vec<_> = entries.into_iter().map(|entry| entry.id).collect();
        let found = self.table().records(&ids).await?;
        let mut by_id: HashMap<String, ImageRecord> =
            found.into_iter().map(|record| (self.table().image_id(&object(&record)), record)).collect();
        Ok(Page { records: ids.iter().filter_map(|id| by_id.remove(id)).collect(), next })
    }

    async fn entries(&self, request: &ListRequest, collection: String, limit: usize) -> Result<Vec<Entry>, TableError> {
        let mut with = Placeholders::default();
        let mut condition = with.equal(table::COLLECTION, s(collection));
        let (index, sort, forward) = match request.order {
            ListOrder::Newest => (table::BY_TIME, table::CREATED_KEY, false),
            ListOrder::Key { .. } => (table::BY_KEY, table::OBJECT_KEY, true),
        };
        let prefix = match &request.order {
            ListOrder::Key { prefix } if !prefix.is_empty() => Some(prefix),
            _ => None,
        };
        // A condition has one bound for the sort key. Where a page goes on within a prefix, the bound is where it goes on,
        // and what lies behind the prefix is left out here: no more than a page of it is read.
        let cursor = request.cursor.as_ref().filter(|cursor| !cursor.is_empty());
        let cursor = cursor.filter(|cursor| prefix.is_none_or(|prefix| *cursor > prefix));
        if let Some(cursor) = cursor {
            let comparison = if forward { ">" } else { "<" };
            condition = format!("{condition} AND {} {comparison} {}", with.name(sort), with.value(s(cursor)));
        } else if let Some(prefix) = prefix {
            condition = format!("{condition} AND begins_with({}, {})", with.name(sort), with.value(s(prefix)));
        }
        let items = self.table().query(index, &condition, &with, forward, limit).await?;
        let entry = |item| Some(Entry { place: text(item, sort)?, id: text(item, self.table().key_name())? });
        let within = |entry: &Entry| prefix.is_none_or(|prefix| entry.place.starts_with(prefix.as_str()));
        Ok(items.iter().filter_map(entry).filter(within).collect())
    }
}

fn object(record: &ImageRecord) -> minilab_model::ObjectRef {
    minilab_model::ObjectRef::new(record.bucket.clone(), record.key.clone())
}
