//! The contracts of the flow's traits, as every backend must keep them.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_embedded::Embedded;
use minilab_model::*;
use minilab_pipeline::conformance::{self, Stored};
use std::sync::Arc;
use support::*;

impl conformance::Fixture for Fixture {
    type Store = Embedded;
    type Catalog = Embedded;

    fn store(&self) -> &Embedded {
        &self.store
    }

    fn catalog(&self) -> &Embedded {
        &self.store
    }

    async fn put(&self, object: &ObjectRef, bytes: &[u8]) -> SourceVersion {
        let info = put(&self.store, &object.to_string(), bytes).await.unwrap();
        SourceVersion { object: info.object, sequencer: info.sequencer }
    }

    async fn delete(&self, object: &ObjectRef) -> SourceVersion {
        // The removal's sequencer is told by its event.
        let (sender, receiver) = std::sync::mpsc::channel();
        self.store.set_planner(Arc::new(move |event: &Event| {
            // Later events have nobody to hear of them.
            let _ = sender.send(event.version());
            Vec::new()
        }));
        delete(&self.store, &object.to_string()).await.unwrap();
        receiver.recv().unwrap()
    }

    async fn tags(&self, object: &ObjectRef) -> std::collections::BTreeMap<String, String> {
        self.store.object(object).await.unwrap().attributes.tags
    }

    async fn get(&self, object: &ObjectRef) -> Option<Stored> {
        let (info, reader) = self.store.open_object(object).await.ok()?;
        let bytes = reader.read(0..u64::MAX).await.unwrap().to_vec();
        Some(Stored { bytes, content_type: info.attributes.content_type, user_metadata: info.attributes.user })
    }
}

#[tokio::test]
async fn the_store_keeps_the_contracts() {
    conformance::all(Fixture::new).await;
}
