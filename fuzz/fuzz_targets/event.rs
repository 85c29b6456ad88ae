//! Notifications of S3: what is understood has a bucket and a key within their bounds, and is the same when it is read twice.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use minilab_pipeline::event::from_s3_notification;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(events) = from_s3_notification(data) else { return Corpus::Reject };
    for event in &events {
        assert!((1..=1024).contains(&event.key.as_str().len()));
        assert!((3..=63).contains(&event.bucket.as_str().len()));
    }
    assert_eq!(from_s3_notification(data).map(|again| again == events).ok(), Some(true));
    Corpus::Keep
});
