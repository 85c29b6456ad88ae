//! DeleteObject and DeleteObjects.

use crate::raw;
use crate::sdk::{client, refusal};
use crate::server::{BUCKET, Server};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minilab_model::EventKind;

fn names(keys: &[&str]) -> aws_sdk_s3::types::builders::DeleteBuilder {
    keys.iter().fold(Delete::builder(), |delete, key| delete.objects(ObjectIdentifier::builder().key(*key).build().unwrap()))
}

#[tokio::test]
async fn deleting_is_idempotent_and_always_an_event() {
    let server = Server::start().await;
    let s3 = client(&server);
    s3.put_object().bucket(BUCKET).key("x").body(vec![0; 100_000].into()).send().await.unwrap();
    s3.delete_object().bucket(BUCKET).key("x").send().await.unwrap();
    s3.delete_object().bucket(BUCKET).key("x").version_id("null").send().await.unwrap();
    assert_eq!(refusal(s3.get_object().bucket(BUCKET).key("x").send().await).0, 404);
    assert_eq!(refusal(s3.delete_object().bucket("missing").key("x").send().await), (404, "NoSuchBucket".to_owned()));
    let kinds: Vec<_> = server.events().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [EventKind::CreatedPut, EventKind::RemovedDelete, EventKind::RemovedDelete]);
}

#[tokio::test]
async fn many_are_deleted_at_once_and_each_has_its_result() {
    let server = Server::start().await;
    let s3 = client(&server);
    for key in ["a", "b & <c>", "d", "e"] {
        s3.put_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    let answer =
        s3.delete_objects().bucket(BUCKET).delete(names(&["a", "b & <c>", "missing"]).build().unwrap()).send().await.unwrap();
    let deleted: Vec<_> = answer.deleted().iter().filter_map(|deleted| deleted.key()).collect();
    assert_eq!((deleted, answer.errors().len()), (vec!["a", "b & <c>", "missing"], 0));

    let wrong = ObjectIdentifier::builder().key("e").version_id("wrong").build().unwrap();
    let long = "x".repeat(1025);
    let quiet = names(&["d", &long]).objects(wrong).quiet(true).build().unwrap();
    let answer = s3.delete_objects().bucket(BUCKET).delete(quiet).send().await.unwrap();
    let codes: Vec<_> = answer.errors().iter().map(|error| (error.key().unwrap().len(), error.code().unwrap())).collect();
    assert_eq!((answer.deleted().len(), codes), (0, vec![(1025, "KeyTooLongError"), (1, "InvalidArgument")]));
    let left = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(left.contents().iter().filter_map(|object| object.key()).collect::<Vec<_>>(), ["e"]);
}

#[tokio::test]
async fn an_etag_guards_a_single_key() {
    let server = Server::start().await;
    let s3 = client(&server);
    let put = s3.put_object().bucket(BUCKET).key("x").send().await.unwrap();
    let guarded = |etag: &str| {
        let identifier = ObjectIdentifier::builder().key("x").e_tag(etag).build().unwrap();
        s3.delete_objects().bucket(BUCKET).delete(Delete::builder().objects(identifier).build().unwrap()).send()
    };
    assert_eq!(guarded("\"other\"").await.unwrap().errors()[0].code(), Some("PreconditionFailed"));
    assert_eq!(guarded(put.e_tag().unwrap()).await.unwrap().deleted().len(), 1);
}

#[tokio::test]
async fn a_thousand_keys_are_the_most() {
    let server = Server::start().await;
    let s3 = client(&server);
    let keys: Vec<String> = (0..1001).map(|index| format!("{index:0>1024}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let delete = |keys: &[&str]| s3.delete_objects().bucket(BUCKET).delete(names(keys).build().unwrap()).send();
    assert_eq!(delete(&keys[..1000]).await.unwrap().deleted().len(), 1000);
    assert_eq!(refusal(delete(&keys).await), (400, "MalformedXML".to_owned()));
    assert_eq!(
        refusal(s3.delete_objects().bucket("missing").delete(names(&["a"]).build().unwrap()).send().await).1,
        "NoSuchBucket"
    );
}

#[tokio::test]
async fn the_list_has_to_match_a_digest() {
    let server = Server::start().await;
    let s3 = client(&server);
    s3.put_object().bucket(BUCKET).key("a").send().await.unwrap();
    let body = "<Delete><Object><Key>a</Key></Object></Delete>";
    let digest = STANDARD.encode(<md5::Md5 as md5::Digest>::digest(body));
    let other = STANDARD.encode(<md5::Md5 as md5::Digest>::digest("other"));
    // Unsigned payload, so that nothing else finds the difference.
    let request = || raw::Request::new("POST", "/photos").query("delete", "").body(body).payload(raw::UNSIGNED);
    assert_eq!(request().send(&server).await.refusal(), (400, "InvalidRequest"));
    assert_eq!(request().header("content-md5", other).send(&server).await.refusal(), (400, "BadDigest"));
    assert_eq!(request().header("content-md5", "nonsense").send(&server).await.refusal(), (400, "InvalidDigest"));
    assert_eq!(request().header("x-amz-checksum-crc32", "AAAAAA==").send(&server).await.refusal(), (400, "BadDigest"));
    s3.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(request().header("content-md5", digest).send(&server).await.status, 200);
    assert_eq!(refusal(s3.head_object().bucket(BUCKET).key("a").send().await).0, 404);
}
