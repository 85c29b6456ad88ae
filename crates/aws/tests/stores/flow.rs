//! A worker over both stores: its records are those of the embedded server.

use super::*;
use minilab_pipeline::{Catalog as _, CpuPool, CpuPoolOptions, Finished, InProcess, JobError, Worker, WorkerOptions};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// A grey picture of so many pixels a side, uncompressed.
fn bmp(side: u32) -> Vec<u8> {
    let row = (side * 3).next_multiple_of(4);
    let length = 54 + row * side;
    let mut bytes = b"BM".to_vec();
    for field in [length, 0, 54, 40, side, side, 1 | 24 << 16, 0, row * side, 2835, 2835, 0, 0] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.resize(length as usize, 127);
    bytes
}

#[tokio::test]
#[ignore = "needs a moto server"]
async fn records_hold_the_hash_of_what_was_read_and_of_what_was_not() {
    let backend = Backend::fresh(1).await;
    let rules = serde_json::json!([{
        "name": "rule", "bucket": backend.photos,
        "variants": [{"name": "thumb", "bucket": backend.prints, "key": "{stem}.{ext}", "format": "jpeg"}]
    }]);
    let rules = Arc::new(RuleSet::new(serde_json::from_value(rules).unwrap()).unwrap());
    let pool = CpuPool::new(CpuPoolOptions::default());
    let options = WorkerOptions { rules: Arc::clone(&rules), notifications: Vec::new(), limits: Limits::default(), pool };
    let worker = Worker::new(backend.store.clone(), backend.catalog.clone(), InProcess, options);
    // Within what is read for the header, beyond it, and what is no picture.
    for (key, bytes) in [("a.bmp", bmp(8)), ("b.bmp", bmp(700)), ("c.bmp", b"no picture".to_vec())] {
        let source = backend.photo(key);
        let put = backend.s3.put_object().bucket(source.bucket.as_str()).key(key).body(bytes.clone().into());
        let etag = put.send().await.unwrap().e_tag.unwrap();
        let event = event(&source, EventKind::CreatedPut, &etag, bytes.len());
        let job = minilab_pipeline::job::plan(&event, &rules).pop().unwrap();
        let work = async {
            backend.table.observe(&event).await.unwrap();
            worker.run(&job, Lane::Large, None).await
        };
        let (end, requests) = backend.wire.count(work).await;
        if key == "b.bmp" {
            // Its event; HEAD and GET twice of the source, which a function does in one; HEAD and owner of the destination; note,
            // claim and PUT; its record, and the transaction.
            assert_eq!(requests, 11, "{key}");
        }
        let finished = match &end {
            Err(error @ JobError::Image { .. }) => worker.give_up(&job, error, None).await.unwrap(),
            other => *other.as_ref().unwrap(),
        };
        let expected = if key == "c.bmp" { Finished::Failed } else { Finished::Processed { variants: 1 } };
        assert_eq!(finished, expected, "{key}");
        let record = backend.catalog.image(&source).await.unwrap().unwrap();
        assert_eq!(record.sha256, hex::encode(Sha256::digest(&bytes)), "{key}");
        assert_eq!((record.size_bytes, record.created_at), (bytes.len() as u64, event.time));
        assert_eq!(record.etag, etag.trim_matches('"'));
    }
    assert_eq!(backend.prints().await, ["a.jpg", "b.jpg"]);
    let totals = backend.catalog.statistics(&backend.photos).await.unwrap();
    assert_eq!((totals.count, totals.failed), (2, 1));
}
