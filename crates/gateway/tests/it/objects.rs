//! PutObject, GetObject, HeadObject: bytes and headers come back as they went in.

use crate::raw;
use crate::sdk::{bytes, client, refusal};
use crate::server::{BUCKET, Server};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use minilab_model::EventKind;
use std::time::Duration;

/// Text that no length is a multiple of a chunk of.
fn content(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index * 31 % 251) as u8).collect()
}

#[tokio::test]
async fn bytes_come_back_as_they_went() {
    let server = Server::start().await;
    let s3 = client(&server);
    // Empty, inline, just over the limit of what is kept inline, and some megabytes.
    for length in [0, 1, 64 << 10, (64 << 10) + 1, 3_000_001] {
        let body = content(length);
        let put = s3.put_object().bucket(BUCKET).key("x").body(body.clone().into()).send().await.unwrap();
        let got = s3.get_object().bucket(BUCKET).key("x").send().await.unwrap();
        assert_eq!(got.content_length(), Some(i64::try_from(length).unwrap()));
        assert_eq!(got.e_tag(), put.e_tag());
        assert_eq!(put.e_tag().unwrap(), format!("\"{}\"", hex::encode(<md5::Md5 as md5::Digest>::digest(&body))));
        assert!(bytes(got).await == body, "{length} bytes");
    }
    assert_eq!(server.events().len(), 5);
    assert!(server.events().iter().all(|event| *event == (EventKind::CreatedPut, "x".to_owned())));
}

#[tokio::test]
async fn headers_and_user_metadata_come_back() {
    let server = Server::start().await;
    let s3 = client(&server);
    let put = s3.put_object().bucket(BUCKET).key("x").body(ByteStream::from_static(b"12345"));
    put.content_type("image/jpeg")
        .content_encoding("gzip")
        .content_language("de")
        .content_disposition("attachment; filename=\"x.jpg\"")
        .cache_control("max-age=60")
        .expires(DateTime::from_secs(1_800_000_000))
        .website_redirect_location("/elsewhere")
        .metadata("author", "Zoë")
        .metadata("minilab-source", "photos/y")
        .send()
        .await
        .unwrap();
    let got = s3.get_object().bucket(BUCKET).key("x").send().await.unwrap();
    assert_eq!(got.content_type(), Some("image/jpeg"));
    assert_eq!(got.content_encoding(), Some("gzip"));
    assert_eq!(got.content_language(), Some("de"));
    assert_eq!(got.content_disposition(), Some("attachment; filename=\"x.jpg\""));
    assert_eq!(got.cache_control(), Some("max-age=60"));
    assert_eq!(got.expires_string(), Some("Fri, 15 Jan 2027 08:00:00 GMT"));
    assert_eq!(got.website_redirect_location(), Some("/elsewhere"));
    assert_eq!(got.accept_ranges(), Some("bytes"));
    assert!(got.last_modified().is_some());
    assert_eq!(got.metadata().unwrap().get("minilab-source").map(String::as_str), Some("photos/y"));
    let head = s3.head_object().bucket(BUCKET).key("x").send().await.unwrap();
    assert_eq!((head.content_type(), head.content_length()), (Some("image/jpeg"), Some(5)));
    assert_eq!(head.metadata(), got.metadata());

    s3.put_object().bucket(BUCKET).key("plain").send().await.unwrap();
    let plain = s3.head_object().bucket(BUCKET).key("plain").send().await.unwrap();
    assert_eq!(plain.content_type(), Some("application/octet-stream"), "the SDK's own default");
    raw::Request::new("PUT", "/photos/typeless").send(&server).await;
    let typeless = s3.head_object().bucket(BUCKET).key("typeless").send().await.unwrap();
    assert_eq!(typeless.content_type(), Some("binary/octet-stream"));
    assert_eq!(typeless.metadata().map(|user| user.len()), Some(0));
}

#[tokio::test]
async fn ranges_are_cut_from_the_object() {
    let server = Server::start().await;
    let s3 = client(&server);
    let body = content(200_000);
    s3.put_object().bucket(BUCKET).key("x").body(body.clone().into()).send().await.unwrap();
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=5-99999", 5, 100_000),
        ("bytes=150000-", 150_000, 200_000),
        ("bytes=-7", 199_993, 200_000),
        ("bytes=-999999", 0, 200_000),
        ("bytes=199999-999999", 199_999, 200_000),
    ] {
        let got = s3.get_object().bucket(BUCKET).key("x").range(range).send().await.unwrap();
        assert_eq!(got.content_range(), Some(format!("bytes {start}-{}/200000", end - 1).as_str()), "{range}");
        assert!(bytes(got).await == body[start..end], "{range}");
        let head = s3.head_object().bucket(BUCKET).key("x").range(range).send().await.unwrap();
        assert_eq!(head.content_length(), Some(i64::try_from(end - start).unwrap()), "{range}");
    }
    for range in ["bytes=200000-", "bytes=-0"] {
        let answer = s3.get_object().bucket(BUCKET).key("x").range(range).send().await;
        assert_eq!(refusal(answer), (416, "InvalidRange".to_owned()), "{range}");
    }
    let beyond = raw::Request::new("GET", "/photos/x").header("range", "bytes=200000-").send(&server).await;
    assert_eq!((beyond.header("content-range"), beyond.header("content-type")), (Some("bytes */200000"), Some("application/xml")));
    s3.put_object().bucket(BUCKET).key("empty").send().await.unwrap();
    for range in ["bytes=0-", "bytes=-1"] {
        let answer = s3.get_object().bucket(BUCKET).key("empty").range(range).send().await;
        assert_eq!(refusal(answer), (416, "InvalidRange".to_owned()), "{range}");
    }
}

#[tokio::test]
async fn a_resumed_download_starts_over_when_the_object_has_changed() {
    let server = Server::start().await;
    let s3 = client(&server);
    let put = s3.put_object().bucket(BUCKET).key("x").body(ByteStream::from_static(b"12345")).send().await.unwrap();
    let resume = |if_range: &str| raw::Request::new("GET", "/photos/x").header("range", "bytes=2-").header("if-range", if_range);
    let same = resume(put.e_tag().unwrap()).send(&server).await;
    assert_eq!((same.status, same.body.as_str()), (206, "345"));
    let date = same.header("last-modified").unwrap().to_owned();
    assert_eq!(resume(&date).send(&server).await.status, 206);
    let changed = resume("\"other\"").send(&server).await;
    assert_eq!((changed.status, changed.body.as_str()), (200, "12345"));
}

#[tokio::test]
async fn the_url_can_override_headers_of_the_answer() {
    let server = Server::start().await;
    let s3 = client(&server);
    s3.put_object().bucket(BUCKET).key("x").content_type("text/plain").send().await.unwrap();
    let got = s3.get_object().bucket(BUCKET).key("x").response_content_type("image/png").response_cache_control("no-store");
    let got = got.response_content_disposition("attachment").send().await.unwrap();
    assert_eq!((got.content_type(), got.cache_control()), (Some("image/png"), Some("no-store")));
    assert_eq!(got.content_disposition(), Some("attachment"));
    let head = s3.head_object().bucket(BUCKET).key("x").response_content_type("image/png").send().await.unwrap();
    assert_eq!(head.content_type(), Some("image/png"));
}

#[tokio::test]
async fn keys_are_text_and_never_a_path() {
    let server = Server::start().await;
    let s3 = client(&server);
    let long = "é".repeat(512);
    let keys = [
        "a",
        "a/b",
        "a/b/",
        "a//b",
        "../../etc/passwd",
        "./a",
        "/lead",
        "a b+c",
        "100%2F",
        "%2e%2e/x",
        "emoji 🌅.jpg",
        "a?b#c&d",
        "\\",
        &long,
    ];
    for (index, key) in keys.iter().enumerate() {
        s3.put_object().bucket(BUCKET).key(*key).body(index.to_string().into_bytes().into()).send().await.unwrap();
    }
    for (index, key) in keys.iter().enumerate() {
        let got = s3.get_object().bucket(BUCKET).key(*key).send().await.unwrap();
        assert_eq!(bytes(got).await, index.to_string().into_bytes(), "{key}");
    }
    let listed = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    let mut sorted: Vec<&str> = keys.to_vec();
    sorted.sort_unstable();
    assert_eq!(listed.contents().iter().filter_map(|object| object.key()).collect::<Vec<_>>(), sorted);
    let too_long = s3.put_object().bucket(BUCKET).key("x".repeat(1025)).send().await;
    assert_eq!(refusal(too_long), (400, "KeyTooLongError".to_owned()));
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let server = Server::start().await;
    let s3 = client(&server);
    assert_eq!(refusal(s3.get_object().bucket(BUCKET).key("x").send().await), (404, "NoSuchKey".to_owned()));
    assert_eq!(refusal(s3.get_object().bucket("missing").key("x").send().await), (404, "NoSuchBucket".to_owned()));
    assert_eq!(refusal(s3.head_object().bucket(BUCKET).key("x").send().await).0, 404);
    assert_eq!(refusal(s3.put_object().bucket("missing").key("x").send().await), (404, "NoSuchBucket".to_owned()));
    s3.put_object().bucket(BUCKET).key("x").send().await.unwrap();
    s3.get_object().bucket(BUCKET).key("x").version_id("null").send().await.unwrap();
    let other = s3.get_object().bucket(BUCKET).key("x").version_id("abc").send().await;
    assert_eq!(refusal(other), (400, "InvalidArgument".to_owned()));
    server.blob_files(0).await;
}

#[tokio::test]
async fn user_metadata_has_a_limit() {
    let server = Server::start().await;
    let s3 = client(&server);
    s3.put_object().bucket(BUCKET).key("x").metadata("a", "v".repeat(2047)).send().await.unwrap();
    let over = s3.put_object().bucket(BUCKET).key("x").metadata("a", "v".repeat(2048)).send().await;
    assert_eq!(refusal(over), (400, "MetadataTooLarge".to_owned()));
}

#[tokio::test]
async fn what_would_not_be_done_is_refused() {
    use aws_sdk_s3::types::{AccessControlPolicy, ObjectCannedAcl, ServerSideEncryption, StorageClass};
    let server = Server::start().await;
    let s3 = client(&server);
    let put = || s3.put_object().bucket(BUCKET).key("x");
    put().acl(ObjectCannedAcl::BucketOwnerFullControl).storage_class(StorageClass::Standard).send().await.unwrap();
    let code = |answer| refusal::<aws_sdk_s3::operation::put_object::PutObjectOutput, _>(answer).1;
    assert_eq!(code(put().acl(ObjectCannedAcl::PublicRead).send().await), "AccessControlListNotSupported");
    assert_eq!(code(put().server_side_encryption(ServerSideEncryption::AwsKms).send().await), "NotImplemented");
    assert_eq!(code(put().storage_class(StorageClass::Glacier).send().await), "InvalidStorageClass");
    assert_eq!(code(put().tagging("a=1&a=2").send().await), "InvalidTag");
    let acl = s3.get_object_acl().bucket(BUCKET).key("x").send().await.unwrap();
    assert_eq!(acl.grants().len(), 1);
    // The ACL that is so anyway may be set, another may not.
    let policy = AccessControlPolicy::builder().set_grants(acl.grants).set_owner(acl.owner).build();
    s3.put_object_acl().bucket(BUCKET).key("x").access_control_policy(policy).send().await.unwrap();
    s3.put_object_acl().bucket(BUCKET).key("x").acl(ObjectCannedAcl::Private).send().await.unwrap();
    let public = s3.put_object_acl().bucket(BUCKET).key("x").acl(ObjectCannedAcl::PublicRead).send().await;
    assert_eq!(refusal(public), (400, "AccessControlListNotSupported".to_owned()));
}

#[tokio::test]
async fn presigned_urls_work_without_credentials() {
    let server = Server::start().await;
    let s3 = client(&server);
    let hour = || PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap();
    let send = |url: String, method: &'static str, body: &'static str| {
        let target = url.split_once("//").unwrap().1.split_once('/').unwrap().1.to_owned();
        let text = format!(
            "{method} /{target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            server.address,
            body.len()
        );
        let server = &server;
        async move { raw::exchange(server, text.as_bytes()).await }
    };
    let put = s3.put_object().bucket(BUCKET).key("a b").presigned(hour()).await.unwrap();
    assert_eq!(send(put.uri().to_owned(), "PUT", "hello").await.status, 200);
    let get = s3.get_object().bucket(BUCKET).key("a b").presigned(hour()).await.unwrap();
    let got = send(get.uri().to_owned(), "GET", "").await;
    assert_eq!((got.status, got.body.as_str()), (200, "hello"));
    // A signature for one thing is none for another.
    assert_eq!(send(get.uri().to_owned(), "DELETE", "").await.refusal(), (403, "SignatureDoesNotMatch"));
    assert_eq!(send(get.uri().replace("a%20b", "other"), "GET", "").await.refusal(), (403, "SignatureDoesNotMatch"));
}

#[tokio::test]
async fn every_answer_carries_a_request_id_and_so_does_the_event() {
    let server = Server::start().await;
    let put = raw::Request::new("PUT", "/photos/x").body("x").send(&server).await;
    let id = put.header("x-amz-request-id").unwrap().to_owned();
    assert_eq!(id.len(), 16);
    assert_eq!(server.request_ids(), [Some(id.clone())]);
    let missing = raw::Request::new("GET", "/photos/missing").send(&server).await;
    assert_eq!(missing.refusal(), (404, "NoSuchKey"));
    assert_eq!(missing.xml("RequestId"), missing.header("x-amz-request-id"));
    assert_ne!(missing.header("x-amz-request-id"), Some(id.as_str()));
    let head = raw::Request::new("HEAD", "/photos/missing").send(&server).await;
    assert_eq!((head.status, head.body.as_str()), (404, ""));
    assert!(head.header("x-amz-request-id").is_some());
}

#[tokio::test]
async fn tags_belong_to_an_object_and_not_to_its_version() {
    use aws_sdk_s3::types::{Tag, Tagging, TaggingDirective};
    let server = Server::start().await;
    let s3 = client(&server);
    let tags = async |key: &str| {
        let answer = s3.get_object_tagging().bucket(BUCKET).key(key).send().await.unwrap();
        answer.tag_set().iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect::<Vec<_>>()
    };
    s3.put_object().bucket(BUCKET).key("x").tagging("a=1&b=two%20words").send().await.unwrap();
    assert_eq!(tags("x").await, ["a=1", "b=two words"]);
    let before = s3.head_object().bucket(BUCKET).key("x").send().await.unwrap();
    assert_eq!(before.tag_count(), Some(2));

    let tag = |name: &str| Tag::builder().key(name).value("v").build().unwrap();
    let tagging =
        |names: &[&str]| Tagging::builder().set_tag_set(Some(names.iter().map(|name| tag(name)).collect())).build().unwrap();
    s3.put_object_tagging().bucket(BUCKET).key("x").tagging(tagging(&["c"])).send().await.unwrap();
    let after = s3.head_object().bucket(BUCKET).key("x").send().await.unwrap();
    assert_eq!((after.e_tag(), after.last_modified()), (before.e_tag(), before.last_modified()));

    let copy = || s3.copy_object().bucket(BUCKET).copy_source(format!("{BUCKET}/x"));
    copy().key("copied").send().await.unwrap();
    copy().key("replaced").tagging_directive(TaggingDirective::Replace).tagging("d=4").send().await.unwrap();
    assert_eq!((tags("copied").await, tags("replaced").await), (vec!["c=v".to_owned()], vec!["d=4".to_owned()]));

    s3.delete_object_tagging().bucket(BUCKET).key("x").send().await.unwrap();
    assert!(tags("x").await.is_empty());
    let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = s3.put_object_tagging().bucket(BUCKET).key("x").tagging(tagging(&many)).send().await;
    assert_eq!(refusal(refused).1, "BadRequest");
    let missing = s3.put_object_tagging().bucket(BUCKET).key("nowhere").tagging(tagging(&["a"])).send().await;
    assert_eq!(refusal(missing).1, "NoSuchKey");
}
