//! The stores on S3 and DynamoDB keep the contracts of the flow. They run against an emulator, so they are left out unless
//! asked for:
//!
//! ```sh
//! python tests/aws/moto_app.py 5000 &
//! MINILAB_TEST_AWS_ENDPOINT=http://127.0.0.1:5000 cargo test -p minilab-aws --features functions --test conformance -- --ignored
//! ```
//!
//! That is moto with one request at a time: `moto_server` carries out transactions side by side without isolation. What moto does
//! not check is right on S3 alone: it overlooks all conditions of `CopyObject` (`If-Match`, `If-None-Match` and those on the
//! source).
#![allow(clippy::unwrap_used)]

mod stores;

use minilab_model::{ObjectRef, SourceVersion};
use minilab_pipeline::conformance::{self, Stored};
use std::collections::BTreeMap;
use stores::Backend;

impl conformance::Fixture for Backend {
    type Store = minilab_aws::stores::S3Store;
    type Catalog = minilab_aws::stores::DynamoCatalog;

    fn store(&self) -> &Self::Store {
        &self.store
    }

    fn catalog(&self) -> &Self::Catalog {
        &self.catalog
    }

    async fn put(&self, object: &ObjectRef, bytes: &[u8]) -> SourceVersion {
        self.upload(object, bytes).await
    }

    async fn delete(&self, object: &ObjectRef) -> SourceVersion {
        self.remove(object).await
    }

    async fn tags(&self, object: &ObjectRef) -> BTreeMap<String, String> {
        let got = self.s3.get_object_tagging().bucket(object.bucket.as_str()).key(object.key.as_str()).send().await;
        got.unwrap().tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()
    }

    async fn get(&self, object: &ObjectRef) -> Option<Stored> {
        self.download(object).await
    }
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn the_stores_keep_the_contracts() {
    conformance::all(|| Backend::new(["photos", "prints"], 1)).await;
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn the_stores_keep_the_contracts_with_shards() {
    conformance::all(|| Backend::new(["photos", "prints"], 3)).await;
}
