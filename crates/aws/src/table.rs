//! The one DynamoDB table: its attributes, indexes and the keys of its items. The template makes it, the catalog fills it.
//!
//! The table has a partition key alone, so that a table of that shape which exists already (`ImageMetadata` with key
//! `ImageId`) can be used; the indexes are then added to it. An image's item is found by its key as people know it:
//! objects of the default bucket (the first rule's) by their key, others as `s3://bucket/key`. Every other item's key
//! begins with [`INTERNAL`].

use minilab_model::{BucketName, ObjectRef};

/// The name of the table unless the configuration says another.
pub const DEFAULT_TABLE: &str = "ImageMetadata";
/// The name of the partition key (a string) unless the configuration says another.
pub const DEFAULT_KEY: &str = "ImageId";

/// What begins the key of an item that is no image's.
pub const INTERNAL: &str = "minilab#";

/// What an item is (a string): `image`, `source`, `owner`, `statistics`, `notification`. The stream is filtered by it.
pub const KIND: &str = "Kind";
/// When an item may go (seconds since 1970): the table's time-to-live attribute.
pub const EXPIRES: &str = "ExpiresAt";

/// The index of images by size: partition key [`COLLECTION`], sort key [`SIZE_KEY`].
pub const BY_SIZE: &str = "by-size";
/// The index of images by key, for lists and searches: partition key [`COLLECTION`], sort key [`OBJECT_KEY`].
pub const BY_KEY: &str = "by-key";
/// The index of images by time of upload, newest last: partition key [`COLLECTION`], sort key [`CREATED_KEY`].
pub const BY_TIME: &str = "by-time";

/// An image's bucket and shard, as in `photos#0` (a string). Only images have it.
pub const COLLECTION: &str = "Collection";
/// An image's size in 20 digits, a `#`, and its key (cut to fit into a sort key): equal sizes are in the order of keys.
/// Only processed images have it, since only they count.
pub const SIZE_KEY: &str = "SizeKey";
/// An image's key.
pub const OBJECT_KEY: &str = "ObjectKey";
/// The time of an image's upload in 20 digits of milliseconds since 1970, a `#`, and its key, cut likewise.
pub const CREATED_KEY: &str = "CreatedKey";

/// A notification's content (a string): [`minilab_model::Notification`] as JSON.
pub const NOTIFICATION: &str = "Notification";

/// What [`KIND`] says of an image's item.
pub const IMAGE_KIND: &str = "image";
/// What [`KIND`] says of a notification's item.
pub const NOTIFICATION_KIND: &str = "notification";

/// A global secondary index. It holds keys alone (`KEYS_ONLY`), both of its attributes are strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Its partition key.
    pub partition: &'static str,
    /// Its sort key.
    pub sort: &'static str,
}

/// Every index of the table.
pub const INDEXES: [Index; 3] = [
    Index { name: BY_SIZE, partition: COLLECTION, sort: SIZE_KEY },
    Index { name: BY_KEY, partition: COLLECTION, sort: OBJECT_KEY },
    Index { name: BY_TIME, partition: COLLECTION, sort: CREATED_KEY },
];

/// The key of an image's item.
#[must_use]
pub fn image_id(default_bucket: &BucketName, object: &ObjectRef) -> String {
    let key = object.key.as_str();
    let plain = object.bucket == *default_bucket && !key.starts_with("s3://") && !key.starts_with(INTERNAL);
    if plain { key.to_owned() } else { format!("s3://{object}") }
}

/// The key of the image whose item is `id`, which is in `bucket`: undoes [`image_id`].
#[must_use]
pub fn image_key<'a>(bucket: &BucketName, id: &'a str) -> &'a str {
    let qualified = id.strip_prefix("s3://").and_then(|rest| rest.strip_prefix(bucket.as_str())?.strip_prefix('/'));
    qualified.unwrap_or(id)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_two_objects_share_an_item() {
        let bucket = BucketName::new("photos").unwrap();
        let id = |object: &str| {
            let object: ObjectRef = object.parse().unwrap();
            let id = image_id(&bucket, &object);
            assert_eq!(image_key(&object.bucket, &id), object.key.as_str());
            id
        };
        assert_eq!(id("photos/input/a.jpg"), "input/a.jpg");
        assert_eq!(id("other/input/a.jpg"), "s3://other/input/a.jpg");
        assert_eq!(id("photos/s3://other/input/a.jpg"), "s3://photos/s3://other/input/a.jpg");
        assert_eq!(id("photos/minilab#x"), "s3://photos/minilab#x");
    }
}
