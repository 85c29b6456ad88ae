//! Image items: the record, how the rules ended, and what the indexes are made of.

use super::Table;
use super::item::{Item, Placeholders, must, n, s, text};
use crate::stores::error::{TableError, random_name};
use crate::table;
use aws_sdk_dynamodb::types::{Delete, TransactWriteItem, Update};
use minilab_model::{BucketName, ImageRecord, ImageState, ObjectRef};
use minilab_pipeline::record::Stored;
use sha2::{Digest as _, Sha256};

const RECORD: &str = "Record";
const OUTCOMES: &str = "Outcomes";
/// Another one with each write, to know whether somebody has written in between.
const REVISION: &str = "Revision";
/// `processed` or `failed`, for people who look into the table.
const STATE: &str = "State";

/// The longest sort key (DynamoDB, "Quotas").
const SORT_BYTES: usize = 1024;
/// The longest record in JSON. An item ends at 400 KB, with its outcomes and keys.
const RECORD_BYTES: usize = 340_000;

/// An image item as it was read.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub stored: Stored,
    revision: String,
}

impl Table {
    /// The item of a source image. One that is there but not ours, in a table that was used before, is none.
    pub(super) async fn stored(&self, source: &ObjectRef) -> Result<Option<Image>, TableError> {
        let id = self.image_id(source);
        let Some(item) = self.get(&id).await? else { return Ok(None) };
        let Some(revision) = text(&item, REVISION) else { return Ok(None) };
        let corrupt = |attribute| TableError::Corrupt { key: id.clone(), attribute };
        let record = serde_json::from_str(must(&item, &id, RECORD)?).map_err(|_| corrupt(RECORD))?;
        let outcomes = serde_json::from_str(must(&item, &id, OUTCOMES)?).map_err(|_| corrupt(OUTCOMES))?;
        Ok(Some(Image { stored: Stored { record, outcomes }, revision }))
    }

    /// The records of these items that are there, in no order.
    pub(super) async fn records(&self, ids: &[String]) -> Result<Vec<ImageRecord>, TableError> {
        let read = |item: Item| {
            let id = text(&item, self.key_name()).unwrap_or_default();
            let json = must(&item, &id, RECORD)?;
            serde_json::from_str(json).map_err(|_| TableError::Corrupt { key: id.clone(), attribute: RECORD })
        };
        self.get_many(ids).await?.into_iter().map(read).collect()
    }

    /// The part of a transaction that writes an image's item in the place of `former`, or takes it away.
    pub(super) fn write_image(
        &self,
        source: &ObjectRef,
        former: Option<&Image>,
        new: Option<&Stored>,
    ) -> Result<TransactWriteItem, TableError> {
        let mut with = Placeholders::default();
        let condition = with.equal_or_absent(REVISION, former.map(|former| s(&former.revision)));
        let key = Some(self.key(&self.image_id(source)));
        let write = TransactWriteItem::builder();
        let Some(Stored { record, outcomes }) = new else {
            let delete = Delete::builder()
                .table_name(self.name())
                .set_key(key)
                .condition_expression(condition)
                .set_expression_attribute_names(with.names())
                .set_expression_attribute_values(with.values())
                .build()?;
            return Ok(write.delete(delete).build());
        };
        let state = if record.state == ImageState::Failed { "failed" } else { "processed" };
        let created_ms = u64::try_from(record.created_at.as_millis()).unwrap_or(0);
        let json = |value: Result<String, serde_json::Error>, attribute| {
            value.map_err(|_| TableError::Corrupt { key: source.to_string(), attribute })
        };
        let mut set = vec![
            with.equal(table::KIND, s(table::IMAGE_KIND)),
            with.equal(REVISION, s(random_name()?)),
            with.equal(RECORD, s(json(record_json(record), RECORD)?)),
            with.equal(OUTCOMES, s(json(serde_json::to_string(outcomes), OUTCOMES)?)),
            with.equal(STATE, s(state)),
            with.equal("SizeBytes", n(record.size_bytes)),
            with.equal(table::COLLECTION, s(self.collection(&source.bucket, self.shard(source)))),
            with.equal(table::OBJECT_KEY, s(source.key.as_str())),
            with.equal(table::CREATED_KEY, s(sort_key(created_ms, source.key.as_str()))),
        ];
        let size_key = with.name(table::SIZE_KEY);
        let removed = if record.state == ImageState::Processed {
            set.push(format!("{size_key} = {}", with.value(s(sort_key(record.size_bytes, source.key.as_str())))));
            String::new()
        } else {
            format!(" REMOVE {size_key}")
        };
        let update = Update::builder()
            .table_name(self.name())
            .set_key(key)
            .update_expression(format!("SET {}{removed}", set.join(", ")))
            .condition_expression(condition)
            .set_expression_attribute_names(with.names())
            .set_expression_attribute_values(with.values())
            .build()?;
        Ok(write.update(update).build())
    }

    pub(super) fn image_id(&self, source: &ObjectRef) -> String {
        table::image_id(self.default_bucket(), source)
    }

    /// The shard that an image's statistics and index entries are in: by a hash of its key, so that it stays there.
    pub(super) fn shard(&self, source: &ObjectRef) -> u16 {
        let hash = Sha256::digest(source.key.as_str());
        let number = hash.iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        u16::try_from(number % u32::from(self.shards())).unwrap_or(0)
    }

    /// The partition of the indexes that a bucket's images of this shard are in.
    pub(super) fn collection(&self, bucket: &BucketName, shard: u16) -> String {
        format!("{bucket}#{shard}")
    }
}

/// A number and a key as one text, in the order of numbers, then of keys. A key that is too long is cut, and told apart
/// from others that begin like it by 16 hex digits of its hash.
pub(super) fn sort_key(number: u64, key: &str) -> String {
    let whole = format!("{number:020}#{key}");
    if whole.len() <= SORT_BYTES {
        return whole;
    }
    let hash = hex::encode(Sha256::digest(key).get(..8).unwrap_or_default());
    let cut = whole.floor_char_boundary(SORT_BYTES - 1 - hash.len());
    format!("{}#{hash}", &whole[..cut])
}

/// The record as JSON. What files say of themselves is left out, the wordiest part first, where it would not fit into an
/// item: texts are bounded when they are read, so that it takes a file made for the purpose.
fn record_json(record: &ImageRecord) -> Result<String, serde_json::Error> {
    let mut json = serde_json::to_string(record)?;
    let mut record = record.clone();
    for part in 0..3 {
        let Some(metadata) = record.metadata.as_mut().filter(|_| json.len() > RECORD_BYTES) else { break };
        match part {
            0 => metadata.xmp.clear(),
            1 => metadata.iptc.clear(),
            _ => metadata.exif.clear(),
        }
        json = serde_json::to_string(&record)?;
    }
    Ok(json)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sort_keys_fit_and_stay_apart() {
        assert_eq!(sort_key(7, "a"), "00000000000000000007#a");
        assert!(sort_key(9, "z") < sort_key(10, "a"));
        for character in ["x", "ä", "🖼"] {
            let long = |end: &str| format!("{}{end}", character.repeat(1020 / character.len()));
            let (first, second) = (sort_key(1, &long("1")), sort_key(1, &long("2")));
            assert!(first.len() <= SORT_BYTES && second.len() <= SORT_BYTES);
            assert_ne!(first, second);
        }
    }
}
