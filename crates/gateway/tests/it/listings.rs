//! Listings: pages, prefixes, delimiters, encodings.

use crate::raw;
use crate::sdk::{client, refusal};
use crate::server::{BUCKET, Server};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::EncodingType;

async fn fill(s3: &Client, keys: &[&str]) {
    for key in keys {
        s3.put_object().bucket(BUCKET).key(*key).send().await.unwrap();
    }
}

const KEYS: [&str; 9] = ["a", "dir/1", "dir/2", "dir/sub/3", "dis", "other/x", "photo+1", "photo 2", "z"];

/// Keys and common prefixes of all pages of ListObjectsV2.
async fn all_v2(s3: &Client, prefix: &str, delimiter: &str, max: i32) -> Vec<String> {
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let page = s3.list_objects_v2().bucket(BUCKET).prefix(prefix).delimiter(delimiter).max_keys(max);
        let page = page.set_continuation_token(token).send().await.unwrap();
        let entries = page.contents().len() + page.common_prefixes().len();
        assert!(entries <= usize::try_from(max).unwrap());
        assert_eq!(page.key_count(), Some(i32::try_from(entries).unwrap()));
        found.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        found.extend(page.common_prefixes().iter().map(|common| common.prefix().unwrap().to_owned()));
        assert_eq!(page.is_truncated(), Some(page.next_continuation_token().is_some()));
        match page.next_continuation_token {
            Some(next) => token = Some(next),
            None => return found,
        }
    }
}

/// Keys and common prefixes of all pages of ListObjects.
async fn all_v1(s3: &Client, prefix: &str, delimiter: &str, max: i32) -> Vec<String> {
    let (mut found, mut marker) = (Vec::<String>::new(), None);
    loop {
        let page = s3.list_objects().bucket(BUCKET).prefix(prefix).delimiter(delimiter).max_keys(max);
        let page = page.set_marker(marker).send().await.unwrap();
        found.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        found.extend(page.common_prefixes().iter().map(|common| common.prefix().unwrap().to_owned()));
        if !page.is_truncated().unwrap() {
            return found;
        }
        let last = page.contents().last().and_then(|object| object.key()).map(str::to_owned);
        marker = page.next_marker.or(last);
    }
}

#[tokio::test]
async fn pages_together_are_the_listing_whatever_their_size() {
    let server = Server::start().await;
    let s3 = client(&server);
    fill(&s3, &KEYS).await;
    for (prefix, delimiter, expected) in [
        ("", "", KEYS.to_vec()),
        ("", "/", vec!["a", "dir/", "dis", "other/", "photo 2", "photo+1", "z"]),
        ("di", "/", vec!["dir/", "dis"]),
        ("dir/", "/", vec!["dir/1", "dir/2", "dir/sub/"]),
        ("dir", "", vec!["dir/1", "dir/2", "dir/sub/3"]),
        ("nothing", "/", vec![]),
        ("", "o", vec!["a", "dir/1", "dir/2", "dir/sub/3", "dis", "o", "pho", "z"]),
    ] {
        let mut expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        expected.sort();
        for max in [1, 2, 3, 1000] {
            let mut v2 = all_v2(&s3, prefix, delimiter, max).await;
            v2.sort();
            assert_eq!(v2, expected, "v2 {prefix:?} {delimiter:?} {max}");
            let mut v1 = all_v1(&s3, prefix, delimiter, max).await;
            v1.sort();
            assert_eq!(v1, expected, "v1 {prefix:?} {delimiter:?} {max}");
        }
    }
}

#[tokio::test]
async fn entries_say_what_they_are() {
    let server = Server::start().await;
    let s3 = client(&server);
    let put = s3.put_object().bucket(BUCKET).key("x").body(b"12345".to_vec().into()).send().await.unwrap();
    let listed = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let object = &listed.contents()[0];
    assert_eq!((object.size(), object.e_tag()), (Some(5), put.e_tag()));
    assert_eq!(object.storage_class().map(|class| class.as_str()), Some("STANDARD"));
    assert!(object.last_modified().is_some() && object.owner().is_none());
    let owned = s3.list_objects_v2().bucket(BUCKET).fetch_owner(true).send().await.unwrap();
    assert!(owned.contents()[0].owner().is_some());
    assert!(s3.list_objects().bucket(BUCKET).send().await.unwrap().contents()[0].owner().is_some());
}

#[tokio::test]
async fn a_listing_starts_where_it_is_told() {
    let server = Server::start().await;
    let s3 = client(&server);
    fill(&s3, &KEYS).await;
    let after = s3.list_objects_v2().bucket(BUCKET).start_after("dis").send().await.unwrap();
    assert_eq!(after.contents()[0].key(), Some("other/x"));
    let marker = s3.list_objects().bucket(BUCKET).marker("other").send().await.unwrap();
    assert_eq!(marker.contents()[0].key(), Some("other/x"));
    let none = s3.list_objects_v2().bucket(BUCKET).max_keys(0).send().await.unwrap();
    assert_eq!((none.contents().len(), none.is_truncated()), (0, Some(false)));
    let many = s3.list_objects_v2().bucket(BUCKET).max_keys(5000).send().await.unwrap();
    assert_eq!(many.max_keys(), Some(1000));
}

#[tokio::test]
async fn names_can_be_url_encoded() {
    let server = Server::start().await;
    let s3 = client(&server);
    fill(&s3, &["photo+1", "photo 2", "ü/x"]).await;
    let listed = s3.list_objects_v2().bucket(BUCKET).delimiter("/").encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(listed.encoding_type(), Some(&EncodingType::Url));
    assert_eq!(listed.contents().iter().filter_map(|object| object.key()).collect::<Vec<_>>(), ["photo%202", "photo%2B1"]);
    assert_eq!(listed.common_prefixes()[0].prefix(), Some("%C3%BC/"));
}

#[tokio::test]
async fn a_key_that_xml_cannot_hold_does_not_spoil_the_listing() {
    let server = Server::start().await;
    let s3 = client(&server);
    fill(&s3, &["a\u{1}b", "c"]).await;
    let answer = raw::Request::new("GET", "/photos").query("list-type", "2").send(&server).await;
    assert_eq!((answer.status, answer.xml("EncodingType"), answer.xml("Key")), (200, Some("url"), Some("a%01b")));
}

#[tokio::test]
async fn versions_are_listed_where_there_are_none() {
    let server = Server::start().await;
    let s3 = client(&server);
    fill(&s3, &["a", "b", "c/d"]).await;
    let page = s3.list_object_versions().bucket(BUCKET).max_keys(1).send().await.unwrap();
    assert_eq!((page.versions()[0].key(), page.versions()[0].version_id()), (Some("a"), Some("null")));
    assert_eq!((page.is_truncated(), page.next_key_marker(), page.next_version_id_marker()), (Some(true), Some("a"), Some("null")));
    let rest = s3.list_object_versions().bucket(BUCKET).key_marker("a").version_id_marker("null").delimiter("/");
    let rest = rest.send().await.unwrap();
    assert_eq!((rest.versions().len(), rest.common_prefixes().len(), rest.is_truncated()), (1, 1, Some(false)));
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused() {
    let server = Server::start().await;
    let s3 = client(&server);
    let list = || s3.list_objects_v2().bucket(BUCKET);
    assert_eq!(refusal(s3.list_objects_v2().bucket("missing").send().await), (404, "NoSuchBucket".to_owned()));
    assert_eq!(refusal(s3.list_objects_v2().bucket("missing").max_keys(0).send().await).1, "NoSuchBucket");
    assert_eq!(refusal(list().max_keys(-1).send().await), (400, "InvalidArgument".to_owned()));
    assert_eq!(refusal(list().continuation_token("nonsense").send().await), (400, "InvalidArgument".to_owned()));
    assert_eq!(refusal(list().encoding_type("base64".into()).send().await), (400, "InvalidArgument".to_owned()));
}
