//! Statistics items, and the largest and smallest image by an index.

use super::Table;
use super::item::{Item, Placeholders, n, number, s, text};
use crate::stores::error::{TableError, Tries, passes};
use crate::table;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use futures::{StreamExt as _, TryStreamExt as _};
use minilab_model::{BucketName, CollectionStatistics, Format, ObjectKey, ObjectRef, SizedKey};
use minilab_pipeline::record::Difference;

const STATISTICS_KIND: &str = "statistics";
const COUNT: &str = "Count";
const BYTES: &str = "Bytes";
const FAILED: &str = "Failed";
/// Begins the names of the attributes that count images of a format.
const TYPE: &str = "Type#";

/// Shards that are asked at once.
const AT_ONCE: usize = 16;

/// Which end of an index is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

fn id(bucket: &BucketName, shard: u16) -> String {
    format!("{}statistics#{bucket}#{shard}", table::INTERNAL)
}

impl Table {
    /// The part of a transaction that changes a bucket's totals.
    pub(super) fn write_statistics(&self, source: &ObjectRef, difference: &Difference) -> Result<TransactWriteItem, TableError> {
        let mut with = Placeholders::default();
        let mut changes = Vec::new();
        let totals = [(COUNT, difference.count), (BYTES, difference.bytes), (FAILED, difference.failed)];
        let totals = totals.map(|(name, change)| (name.to_owned(), change));
        let formats = difference.formats.iter().map(|(format, change)| (format!("{TYPE}{format}"), *change));
        for (name, change) in totals.into_iter().chain(formats) {
            changes.push(format!("{} {}", with.name(name), with.value(n(change))));
        }
        let kind = with.equal(table::KIND, s(STATISTICS_KIND));
        let update = Update::builder()
            .table_name(self.name())
            .set_key(Some(self.key(&id(&source.bucket, self.shard(source)))))
            .update_expression(format!("SET {kind} ADD {}", changes.join(", ")))
            .set_expression_attribute_names(with.names())
            .set_expression_attribute_values(with.values())
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// A bucket's totals. The counts are exact; largest and smallest come from an index, which follows within a second or
    /// so.
    pub(super) async fn totals(&self, bucket: &BucketName) -> Result<CollectionStatistics, TableError> {
        let ids: Vec<_> = (0..self.shards()).map(|shard| id(bucket, shard)).collect();
        let items = self.get_many(&ids);
        let (items, smallest, largest) = tokio::try_join!(items, self.sized(bucket, End::First), self.sized(bucket, End::Last))?;
        let sum = |name: &str| {
            let sum: i64 = items.iter().filter_map(|item| number::<i64>(item, name)).sum();
            u64::try_from(sum).unwrap_or(0)
        };
        let types = Format::ALL.iter().map(|format| (format.as_str().to_owned(), sum(&format!("{TYPE}{format}"))));
        Ok(CollectionStatistics {
            count: sum(COUNT),
            bytes: sum(BYTES),
            largest,
            smallest,
            types: types.filter(|(_, count)| *count > 0).collect(),
            failed: sum(FAILED),
        })
    }

    /// The image at an end of the order of sizes; the first by key among equals.
    async fn sized(&self, bucket: &BucketName, end: End) -> Result<Option<SizedKey>, TableError> {
        let first_by_key = |left: &SizedKey, right: &SizedKey| left.key.cmp(&right.key);
        let ends = self.each_shard(bucket, |collection| self.at_end(bucket, collection, String::new(), end)).await?;
        if end == End::First {
            return Ok(ends
                .into_iter()
                .min_by(|left, right| left.size_bytes.cmp(&right.size_bytes).then(first_by_key(left, right))));
        }
        let Some(most) = ends.iter().map(|sized| sized.size_bytes).max() else { return Ok(None) };
        // The index ends with the last key of that size; the first one is asked for.
        let prefix = format!("{most:020}#");
        let firsts = self.each_shard(bucket, |collection| self.at_end(bucket, collection, prefix.clone(), End::First)).await?;
        Ok(firsts.into_iter().min_by(first_by_key))
    }

    /// What `ask` finds for each shard's collection.
    pub(super) async fn each_shard<T, F: Future<Output = Result<Option<T>, TableError>>>(
        &self,
        bucket: &BucketName,
        ask: impl Fn(String) -> F,
    ) -> Result<Vec<T>, TableError> {
        let shards = futures::stream::iter((0..self.shards()).map(|shard| ask(self.collection(bucket, shard))));
        shards.buffer_unordered(AT_ONCE).try_filter_map(async |found| Ok(found)).try_collect().await
    }

    async fn at_end(
        &self,
        bucket: &BucketName,
        collection: String,
        prefix: String,
        end: End,
    ) -> Result<Option<SizedKey>, TableError> {
        let mut with = Placeholders::default();
        let mut condition = with.equal(table::COLLECTION, s(collection));
        if !prefix.is_empty() {
            condition = format!("{condition} AND begins_with({}, {})", with.name(table::SIZE_KEY), with.value(s(prefix)));
        }
        let items = self.query(table::BY_SIZE, &condition, &with, end == End::First, 1).await?;
        let Some(item) = items.first() else { return Ok(None) };
        let found = || {
            let size_bytes = text(item, table::SIZE_KEY)?.get(..20)?.parse().ok()?;
            Some(SizedKey { key: self.key_of(bucket, item)?, size_bytes })
        };
        found().map(Some).ok_or(TableError::Corrupt { key: id(bucket, 0), attribute: table::SIZE_KEY })
    }

    /// The key of the image that an index entry speaks of.
    pub(super) fn key_of(&self, bucket: &BucketName, item: &Item) -> Option<ObjectKey> {
        let id = text(item, self.key_name())?;
        ObjectKey::new(table::image_key(bucket, &id)).ok()
    }

    /// At most `limit` entries of an index.
    pub(super) async fn query(
        &self,
        index: &str,
        condition: &str,
        placeholders: &Placeholders,
        forward: bool,
        limit: usize,
    ) -> Result<Vec<Item>, TableError> {
        let mut tries = Tries::default();
        loop {
            let query = self
                .client()
                .query()
                .table_name(self.name())
                .index_name(index)
                .key_condition_expression(condition)
                .set_expression_attribute_names(placeholders.names())
                .set_expression_attribute_values(placeholders.values())
                .scan_index_forward(forward)
                .limit(i32::try_from(limit).unwrap_or(i32::MAX));
            match query.send().await {
                Ok(found) => return Ok(found.items.unwrap_or_default()),
                Err(error) if passes(&error) => tries.wait(format!("the index `{index}`")).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}
