//! Compares everything that a client can see with what is known.

use super::oracle::{Content, Oracle};
use super::rules;
use crate::http::request;
use crate::photo;
use crate::server::{Server, presigner};
use rusty_s3::S3Action;
use rusty_s3::actions::ListObjectsV2;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;

/// Waits until all work is done, looks at every key, and learns which of the possible contents it has.
pub fn check(server: &Server, oracle: &Oracle) {
    server.settle();
    let (mut images, mut bytes, mut expected_prints) = (0, 0, BTreeSet::new());
    oracle.each(|key, known| {
        let answer = server.s3("GET", "photos", key, b"").expect("the server answers");
        assert!(matches!(answer.status, 200 | 404), "{key}: {}", answer.text());
        let hash = (answer.status == 200).then(|| hex::encode(Sha256::digest(&answer.body)));
        let found = hash.as_ref().map_or("nothing".to_owned(), |hash| format!("{} bytes, {hash}", answer.body.len()));
        assert!(known.allows(hash.as_deref()), "{key} holds {found}, which was overwritten or never sent: {known:?}");
        let record = server.web(&format!("/images/{key}"));
        let Some(content) = known.settle(hash.as_deref()) else {
            assert_eq!(record.status, 404, "{key} does not exist, but its record does: {}", record.text());
            return;
        };
        assert_eq!(record.status, 200, "{key} has no record");
        let record = record.json();
        assert_eq!(record["sha256"], content.hash.as_str(), "the record of {key} is of another version: {record}");
        expected_prints.extend(check_record(server, key, &content, &record));
        // What is no image is not in the totals.
        if content.colour.is_some() {
            images += 1;
            bytes += content.size_bytes;
        }
    });
    assert_eq!(prints(server), expected_prints, "variants without a record, or records without their variants");
    let totals = server.web("/infoimages").json();
    assert_eq!((&totals["count"], &totals["bytes"]), (&images.into(), &bytes.into()), "{totals}");
}

/// The record says how it ended, and each of its variants shows this very version. Gives the variants' keys.
fn check_record(server: &Server, key: &str, content: &Content, record: &Value) -> Vec<String> {
    let variants = record["variants"].as_array().map_or(&[][..], Vec::as_slice);
    let Some(colour) = content.colour else {
        assert_eq!((&record["state"], variants.len()), (&"failed".into(), 0), "{key}: {record}");
        return Vec::new();
    };
    assert_eq!(record["state"], "processed", "{key}: {record}");
    let mut names: Vec<&str> = variants.iter().filter_map(|variant| variant["name"].as_str()).collect();
    names.sort_unstable();
    assert!(rules::VARIANTS.contains(&names.as_slice()), "{key} has the variants {names:?}, which no rule makes");
    let keys = variants.iter().map(|variant| variant["key"].as_str().expect("a variant has a key").to_owned());
    keys.inspect(|print| {
        let answer = server.s3("GET", "prints", print, b"").expect("the server answers");
        assert_eq!(answer.status, 200, "{print} of {key} is missing");
        assert_eq!(photo::colour(&answer.body), colour, "{print} was made of another version of {key}");
    })
    .collect()
}

/// Every key in `prints`.
fn prints(server: &Server) -> BTreeSet<String> {
    let (bucket, credentials) = presigner(server.s3, "prints");
    let mut keys = BTreeSet::new();
    let mut next = None;
    loop {
        let mut list = bucket.list_objects_v2(Some(&credentials));
        if let Some(token) = next {
            list.with_continuation_token(token);
        }
        let url = list.sign(Duration::from_secs(60));
        let target = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        let answer = request(server.s3, "GET", &target, b"").expect("the server answers");
        let page = ListObjectsV2::parse_response(&answer.text()).expect("a listing");
        keys.extend(page.contents.into_iter().map(|object| object.key));
        next = page.next_continuation_token;
        if next.is_none() {
            return keys;
        }
    }
}
