//! Buckets: create, head, list, delete, location.

use crate::raw;
use crate::sdk::{client, refusal};
use crate::server::{BUCKET, Server};
use aws_sdk_s3::primitives::ByteStream;
use minilab_gateway::GatewayOptions;

#[tokio::test]
async fn a_bucket_lives_from_create_to_delete() {
    let server = Server::start().await;
    let s3 = client(&server);
    assert_eq!(refusal(s3.head_bucket().bucket("new-one").send().await).0, 404);
    s3.create_bucket().bucket("new-one").send().await.unwrap();
    // As in us-east-1, what is there already is no error for its owner.
    s3.create_bucket().bucket("new-one").send().await.unwrap();
    let head = s3.head_bucket().bucket("new-one").send().await.unwrap();
    assert_eq!(head.bucket_region(), Some("us-east-1"));

    let listed = s3.list_buckets().send().await.unwrap();
    let names: Vec<_> = listed.buckets().iter().filter_map(|bucket| bucket.name()).collect();
    assert_eq!(names, ["new-one", BUCKET]);
    assert!(listed.buckets().iter().all(|bucket| bucket.creation_date().is_some()));
    let some = s3.list_buckets().prefix("n").send().await.unwrap();
    assert_eq!(some.buckets().len(), 1);
    let first = s3.list_buckets().max_buckets(1).send().await.unwrap();
    let second = s3.list_buckets().max_buckets(1).set_continuation_token(first.continuation_token).send().await.unwrap();
    assert_eq!((second.buckets()[0].name(), second.continuation_token()), (Some(BUCKET), None));

    s3.put_object().bucket("new-one").key("a").body(ByteStream::from_static(b"x")).send().await.unwrap();
    assert_eq!(refusal(s3.delete_bucket().bucket("new-one").send().await), (409, "BucketNotEmpty".to_owned()));
    s3.delete_object().bucket("new-one").key("a").send().await.unwrap();
    s3.delete_bucket().bucket("new-one").send().await.unwrap();
    assert_eq!(refusal(s3.delete_bucket().bucket("new-one").send().await), (404, "NoSuchBucket".to_owned()));
}

#[tokio::test]
async fn the_region_is_what_the_options_say() {
    let server = Server::with_options(GatewayOptions { region: "eu-central-1".to_owned(), ..GatewayOptions::default() }).await;
    let s3 = client(&server);
    // Any region may sign, this one is shown.
    let location = s3.get_bucket_location().bucket(BUCKET).send().await.unwrap();
    assert_eq!(location.location_constraint().map(|constraint| constraint.as_str()), Some("eu-central-1"));
    assert_eq!(refusal(s3.create_bucket().bucket(BUCKET).send().await), (409, "BucketAlreadyOwnedByYou".to_owned()));
}

#[tokio::test]
async fn what_is_asked_about_buckets_is_answered_or_not_implemented() {
    let server = Server::start().await;
    let s3 = client(&server);
    let location = s3.get_bucket_location().bucket(BUCKET).send().await.unwrap();
    assert_eq!(location.location_constraint().map_or("", |constraint| constraint.as_str()), "");
    assert_eq!(s3.get_bucket_versioning().bucket(BUCKET).send().await.unwrap().status(), None);
    let acl = s3.get_bucket_acl().bucket(BUCKET).send().await.unwrap();
    assert_eq!(acl.grants()[0].permission().map(|permission| permission.as_str()), Some("FULL_CONTROL"));
    assert_eq!(refusal(s3.get_bucket_acl().bucket("missing").send().await), (404, "NoSuchBucket".to_owned()));
    assert_eq!(refusal(s3.get_bucket_policy().bucket(BUCKET).send().await), (501, "NotImplemented".to_owned()));
    let public = s3.create_bucket().bucket("open").acl(aws_sdk_s3::types::BucketCannedAcl::PublicRead).send().await;
    assert_eq!(refusal(public), (400, "AccessControlListNotSupported".to_owned()));
}

#[tokio::test]
async fn bad_bucket_names_are_refused() {
    let server = Server::start().await;
    for name in ["ab", "Upper", "under_score", "a..b", "192.168.0.1", "-ab"] {
        let answer = raw::Request::new("PUT", format!("/{name}")).send(&server).await;
        assert_eq!(answer.refusal(), (400, "InvalidBucketName"), "{name}");
    }
}

#[tokio::test]
async fn buckets_are_reached_as_hosts_where_that_is_wanted() {
    let server = Server::with_options(GatewayOptions { host: Some("s3.test".to_owned()), ..GatewayOptions::default() }).await;
    client(&server).put_object().bucket(BUCKET).key("a/b").body(ByteStream::from_static(b"x")).send().await.unwrap();
    // The signature is over the host, so the request is not to be had by hand here: an unsigned one tells enough.
    let ask = |host: &'static str, path: &'static str| {
        let text = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let server = &server;
        async move { raw::exchange(server, text.as_bytes()).await.refusal().1.to_owned() }
    };
    assert_eq!(ask("photos.s3.test", "/a/b").await, "AccessDenied");
    assert_eq!(ask("Bad_Name.s3.test", "/a/b").await, "InvalidBucketName");
    // Any other name of the machine means path style, and so `a` is a bucket name: too short a one.
    assert_eq!(ask("localhost", "/a/b").await, "InvalidBucketName");
}
