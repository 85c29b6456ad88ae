//! What the conformance suite does not ask, and what the tests stand on.

mod catalog;
mod crashes;
mod flow;
mod lists;
mod sources;
mod wire;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, retry::RetryConfig};
use minilab_aws::stores::{DynamoCatalog, Observed, S3Store, S3StoreOptions, Table, TableOptions};
use minilab_aws::table;
use minilab_model::*;
use minilab_pipeline::conformance::Stored;
use minilab_pipeline::{CatalogWrite, NewVariant, RecordChange, SourceInfo, VariantBody};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, MutexGuard};
use wire::Wire;

/// Where the emulator is.
pub const ENDPOINT: &str = "MINILAB_TEST_AWS_ENDPOINT";

/// Parts whose buckets have fixed names take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// Two buckets and a table of their own, with the stores over them.
pub struct Backend {
    pub s3: aws_sdk_s3::Client,
    pub dynamo: aws_sdk_dynamodb::Client,
    pub wire: Wire,
    pub table: Table,
    pub table_name: String,
    pub store: S3Store,
    pub catalog: DynamoCatalog,
    /// For sources.
    pub photos: BucketName,
    /// For variants.
    pub prints: BucketName,
    _turn: Option<MutexGuard<'static, ()>>,
}

/// A number that is larger each time, also from one run to the next.
fn draw() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_micros() as u64;
    let last = LAST.fetch_max(now, Ordering::SeqCst);
    if last < now { now } else { LAST.fetch_add(1, Ordering::SeqCst) + 1 }
}

pub fn bucket(name: &str) -> BucketName {
    BucketName::new(name).unwrap()
}

impl Backend {
    /// Buckets of names that nobody else has.
    pub async fn fresh(shards: u16) -> Self {
        let name = |kind: &str| format!("{kind}-{}", draw());
        Self::make([&name("photos"), &name("prints")], shards, None).await
    }

    /// These buckets, emptied.
    pub async fn new(buckets: [&str; 2], shards: u16) -> Self {
        let turn = TURN.lock().await;
        Self::make(buckets, shards, Some(turn)).await
    }

    async fn make([photos, prints]: [&str; 2], shards: u16, turn: Option<MutexGuard<'static, ()>>) -> Self {
        let endpoint = std::env::var(ENDPOINT).unwrap_or_else(|_| {
            panic!("start `tests/aws/moto_app.py 5000` and set {ENDPOINT}=http://127.0.0.1:5000");
        });
        let wire = Wire::default();
        let region = Region::new("us-east-1");
        let credentials = Credentials::new("test", "test", None, None, "tests");
        let s3 = aws_sdk_s3::Client::from_conf(
            aws_sdk_s3::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .endpoint_url(&endpoint)
                .region(region.clone())
                .credentials_provider(credentials.clone())
                .force_path_style(true)
                .retry_config(RetryConfig::disabled())
                .http_client(wire.clone())
                .build(),
        );
        let dynamo = aws_sdk_dynamodb::Client::from_conf(
            aws_sdk_dynamodb::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .endpoint_url(&endpoint)
                .region(region)
                .credentials_provider(credentials)
                .retry_config(RetryConfig::disabled())
                .http_client(wire.clone())
                .build(),
        );
        for name in [photos, prints] {
            empty(&s3, name).await;
        }
        // Tests of crashes wait for marks to pass.
        let deletion = Duration::from_secs(3);
        let options = TableOptions { name: format!("images-{}", draw()), shards, deletion, ..TableOptions::new(bucket(photos)) };
        create_table(&dynamo, &options).await;
        let table_name = options.name.clone();
        let table = Table::new(dynamo.clone(), options);
        let store = S3Store::new(s3.clone(), table.clone(), S3StoreOptions::default());
        let catalog = DynamoCatalog::new(table.clone());
        let (photos, prints) = (bucket(photos), bucket(prints));
        Self { s3, dynamo, wire, table, table_name, store, catalog, photos, prints, _turn: turn }
    }

    /// A source in the bucket of photos.
    pub fn photo(&self, key: &str) -> ObjectRef {
        ObjectRef::new(self.photos.clone(), ObjectKey::new(key).unwrap())
    }

    /// A destination in the bucket of prints.
    pub fn print(&self, key: &str) -> ObjectRef {
        ObjectRef::new(self.prints.clone(), ObjectKey::new(key).unwrap())
    }

    /// Uploads as a client would; the event arrives.
    pub async fn upload(&self, object: &ObjectRef, bytes: &[u8]) -> SourceVersion {
        let put = self.s3.put_object().bucket(object.bucket.as_str()).key(object.key.as_str());
        let put = put.content_type("text/plain").body(bytes.to_vec().into()).send().await.unwrap();
        let event = event(object, EventKind::CreatedPut, put.e_tag().unwrap(), bytes.len());
        assert_eq!(self.table.observe(&event).await.unwrap(), Observed::Current);
        event.version()
    }

    /// Deletes as a client would; the event arrives.
    pub async fn remove(&self, object: &ObjectRef) -> SourceVersion {
        self.s3.delete_object().bucket(object.bucket.as_str()).key(object.key.as_str()).send().await.unwrap();
        let event = event(object, EventKind::RemovedDelete, "", 0);
        assert_eq!(self.table.observe(&event).await.unwrap(), Observed::Current);
        event.version()
    }

    pub async fn download(&self, object: &ObjectRef) -> Option<Stored> {
        let got = self.s3.get_object().bucket(object.bucket.as_str()).key(object.key.as_str()).send().await.ok()?;
        let (content_type, user_metadata) = (got.content_type, got.metadata.unwrap_or_default());
        let bytes = got.body.collect().await.unwrap().to_vec();
        Some(Stored { bytes, content_type, user_metadata: user_metadata.into_iter().collect() })
    }

    /// The keys in the bucket of prints, in order.
    pub async fn prints(&self) -> Vec<String> {
        keys(&self.s3, self.prints.as_str()).await
    }

    /// The table's items of a kind. Only tests scan.
    pub async fn items(&self, kind: &str) -> Vec<HashMap<String, AttributeValue>> {
        let mut pages = self.dynamo.scan().table_name(&self.table_name).into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.unwrap());
        }
        items.retain(|item| item.get(table::KIND) == Some(&AttributeValue::S(kind.to_owned())));
        items
    }
}

pub fn event(object: &ObjectRef, kind: EventKind, etag: &str, length: usize) -> Event {
    let sequencer = Sequencer(draw());
    Event {
        kind,
        bucket: object.bucket.clone(),
        key: object.key.clone(),
        sequencer,
        etag: etag.trim_matches('"').to_owned(),
        size_bytes: length as u64,
        time: Timestamp::from_millis((sequencer.0 / 1000) as i64),
        request_id: None,
        requester: None,
    }
}

pub fn variant(source: &ObjectRef, destination: ObjectRef, body: VariantBody) -> NewVariant {
    let provenance = Provenance { source: source.clone(), rule: "rule".to_owned(), recipe: "00ff".to_owned() };
    NewVariant { destination, body, content_type: "image/jpeg".to_owned(), provenance }
}

pub fn body(text: &str) -> VariantBody {
    VariantBody::Bytes(text.as_bytes().to_vec().into())
}

pub fn write(version: &SourceVersion, rule: &str, change: RecordChange) -> CatalogWrite {
    CatalogWrite { source: version.clone(), rule: rule.to_owned(), change, notifications: Vec::new(), lease: None }
}

/// That a rule has made of this version what it is to make.
pub fn processed(version: &SourceVersion, rule: &str, format: Format, size_bytes: u64) -> CatalogWrite {
    let info = SourceInfo {
        size_bytes,
        etag: "e".to_owned(),
        sha256: "00".to_owned(),
        content_type: None,
        user_metadata: std::collections::BTreeMap::new(),
        created_at: Timestamp::from_millis((version.sequencer.0 / 1000) as i64),
    };
    let metadata = Box::new(ImageMetadata::new(format, 4, 3));
    write(version, rule, RecordChange::Processed { info, metadata, variants: Vec::new(), recipe: "00ff".to_owned() })
}

/// A note to the log of this outcome.
pub fn note(version: &SourceVersion, rule: &str, outcome: Outcome) -> Notification {
    let message = OutcomeMessage {
        outcome,
        source: version.object.clone(),
        rule: rule.to_owned(),
        time: Timestamp::from_millis(0),
        request_id: None,
        variants: Vec::new(),
        failure: None,
    };
    Notification { target: NotificationTarget::Log, message: Message::Outcome(message) }
}

async fn keys(s3: &aws_sdk_s3::Client, bucket: &str) -> Vec<String> {
    let mut pages = s3.list_objects_v2().bucket(bucket).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(Ok(page)) = pages.next().await {
        keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
    }
    keys
}

async fn empty(s3: &aws_sdk_s3::Client, bucket: &str) {
    for key in keys(s3, bucket).await {
        s3.delete_object().bucket(bucket).key(key).send().await.unwrap();
    }
    // It may be there from another part.
    let _ = s3.create_bucket().bucket(bucket).send().await;
    s3.head_bucket().bucket(bucket).send().await.unwrap();
}

/// The table as the template makes it.
async fn create_table(dynamo: &aws_sdk_dynamodb::Client, options: &TableOptions) {
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let text =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap();
    let mut create = dynamo
        .create_table()
        .table_name(&options.name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(element(&options.key, KeyType::Hash))
        .attribute_definitions(text(&options.key))
        .attribute_definitions(text(table::COLLECTION));
    for index in table::INDEXES {
        let projection = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index_of = GlobalSecondaryIndex::builder()
            .index_name(index.name)
            .key_schema(element(index.partition, KeyType::Hash))
            .key_schema(element(index.sort, KeyType::Range))
            .projection(projection);
        create = create.attribute_definitions(text(index.sort)).global_secondary_indexes(index_of.build().unwrap());
    }
    create.send().await.unwrap();
}
