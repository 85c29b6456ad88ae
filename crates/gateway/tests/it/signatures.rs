//! Who is let in: every way to sign, rightly and wrongly.

use crate::raw::{Request, UNSIGNED};
use crate::server::Server;
use std::time::{Duration, SystemTime};

const HOUR: Duration = Duration::from_secs(3600);

fn put() -> Request {
    Request::new("PUT", "/photos/x").body("hello")
}

#[tokio::test]
async fn only_the_right_secret_lets_in() {
    let server = Server::start().await;
    assert_eq!(put().send(&server).await.status, 200);
    let mut wrong = put();
    wrong.secret_key = "wrong".to_owned();
    assert_eq!(wrong.send(&server).await.refusal(), (403, "SignatureDoesNotMatch"));
    let mut unknown = put();
    unknown.access_key = "AKIDSOMEBODYELSE".to_owned();
    assert_eq!(unknown.send(&server).await.refusal(), (403, "InvalidAccessKeyId"));
    assert_eq!(server.events().len(), 1);
}

/// Every operation that is answered, as a request that would do something.
fn operations() -> Vec<Request> {
    let object = |method| Request::new(method, "/photos/x");
    let bucket = |method| Request::new(method, "/photos");
    vec![
        Request::new("GET", "/"),
        Request::new("PUT", "/another"),
        bucket("HEAD"),
        bucket("GET"),
        bucket("DELETE"),
        bucket("GET").query("list-type", "2"),
        bucket("GET").query("versions", ""),
        bucket("GET").query("location", ""),
        bucket("GET").query("versioning", ""),
        bucket("GET").query("acl", ""),
        bucket("GET").query("uploads", ""),
        bucket("GET").query("policy", ""),
        bucket("POST").query("delete", "").body("<Delete><Object><Key>x</Key></Object></Delete>"),
        object("PUT").body("hello"),
        object("PUT").header("x-amz-copy-source", "photos/x"),
        object("PUT").query("partNumber", "1").query("uploadId", "a").body("hello"),
        object("GET"),
        object("GET").query("attributes", "").header("x-amz-object-attributes", "ETag"),
        object("GET").query("acl", ""),
        object("GET").query("tagging", ""),
        object("GET").query("uploadId", "a"),
        object("HEAD"),
        object("DELETE"),
        object("DELETE").query("uploadId", "a"),
        object("POST").query("uploads", ""),
        object("POST").query("uploadId", "a").body("<CompleteMultipartUpload/>"),
    ]
}

#[tokio::test]
async fn no_operation_is_open_to_anybody() {
    let server = Server::start().await;
    for request in operations() {
        let name = format!("{} {} {:?}", request.method, request.path, request.query);
        let anonymous = request.clone().send_unsigned(&server).await;
        assert_eq!(anonymous.status, 403, "{name} without a signature");
        let mut wrong = request.clone();
        wrong.secret_key = "wrong".to_owned();
        assert_eq!(wrong.clone().send(&server).await.status, 403, "{name} signed wrongly");
        assert_eq!(wrong.presigned(&server, HOUR).send_unsigned(&server).await.status, 403, "{name} presigned wrongly");
        let mut old = request;
        old.time = SystemTime::now() - 2 * HOUR;
        assert_eq!(old.clone().send(&server).await.status, 403, "{name} signed long ago");
        assert_eq!(old.presigned(&server, HOUR).send_unsigned(&server).await.status, 403, "{name} presigned and expired");
    }
    assert!(server.events().is_empty());
}

#[tokio::test]
async fn old_signature_versions_are_off() {
    let server = Server::start().await;
    let header = Request::new("GET", "/photos/x").header("authorization", "AWS AKIDMINILABTEST:c2lnbmF0dXJlc2lnbmF0dXJlc2k=");
    let header = header.header("date", "Fri, 20 Nov 2026 12:00:00 GMT").send_unsigned(&server).await;
    assert_eq!(header.refusal(), (403, "AccessDenied"));
    let url = Request::new("GET", "/photos/x").query("AWSAccessKeyId", "AKIDMINILABTEST").query("Expires", "4102444800");
    assert_eq!(url.query("Signature", "c2ln").send_unsigned(&server).await.refusal(), (403, "AccessDenied"));
}

#[tokio::test]
async fn clocks_may_differ_by_a_quarter_of_an_hour() {
    let server = Server::start().await;
    for (minutes, status) in [(14, 200), (16, 403)] {
        let difference = Duration::from_secs(minutes * 60);
        for time in [SystemTime::now() - difference, SystemTime::now() + difference] {
            let mut request = put();
            request.time = time;
            assert_eq!(request.send(&server).await.status, status, "{minutes} minutes");
        }
    }
}

#[tokio::test]
async fn any_region_may_sign_and_no_region_is_told_which() {
    let server = Server::start().await;
    let authorization = "AWS4-HMAC-SHA256 Credential=AKIDMINILABTEST/20261120/US/s3/aws4_request, SignedHeaders=host, Signature=00";
    let answer = Request::new("GET", "/photos").header("authorization", authorization).send_unsigned(&server).await;
    assert_eq!((answer.refusal(), answer.xml("Region")), ((400, "AuthorizationHeaderMalformed"), Some("us-east-1")));
    let elsewhere = crate::sdk::config(&server).region(aws_sdk_s3::config::Region::new("eu-west-3")).build();
    aws_sdk_s3::Client::from_conf(elsewhere).head_bucket().bucket("photos").send().await.unwrap();
}

#[tokio::test]
async fn presigned_urls_live_a_week_at_most() {
    let server = Server::start().await;
    put().send(&server).await;
    let get = || Request::new("GET", "/photos/x");
    let week = 7 * 24 * HOUR;
    assert_eq!(get().presigned(&server, week).send_unsigned(&server).await.body, "hello");
    let longer = get().presigned(&server, week + Duration::from_secs(1)).send_unsigned(&server).await;
    assert_eq!(longer.refusal(), (400, "AuthorizationQueryParametersError"));
}

#[tokio::test]
async fn a_signed_put_cannot_be_made_a_copy() {
    let server = Server::start().await;
    put().send(&server).await;
    let stolen = Request::new("PUT", "/photos/y").presigned(&server, HOUR).header("x-amz-copy-source", "photos/x");
    assert_eq!(stolen.send_unsigned(&server).await.refusal(), (403, "AccessDenied"));
    assert_eq!(server.events().len(), 1);
}

#[tokio::test]
async fn a_url_that_signs_no_range_is_read_whole_when_the_range_is_nonsense() {
    let server = Server::start().await;
    put().send(&server).await;
    let get = || Request::new("GET", "/photos/x").presigned(&server, HOUR);
    assert_eq!(get().header("range", "bytes=0-1").send_unsigned(&server).await.body, "he");
    for range in ["bytes=0-1,3-4", "bytes=3-1", "lines=1-2"] {
        let answer = get().header("range", range).send_unsigned(&server).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "hello"), "{range}");
    }
}

#[tokio::test]
async fn the_body_has_to_be_what_was_signed() {
    let server = Server::start().await;
    let (mut bytes, _) = put().signed(&server);
    let at = bytes.len() - 1;
    bytes[at] ^= 1;
    let tampered = crate::raw::exchange(&server, &bytes).await;
    assert_eq!(tampered.refusal(), (400, "XAmzContentSHA256Mismatch"));
    assert_eq!(put().payload(UNSIGNED).send(&server).await.status, 200);
    assert_eq!(server.events().len(), 1);
}

#[tokio::test]
async fn signed_chunks_are_checked_one_by_one() {
    let server = Server::start().await;
    let chunks: [&[u8]; 3] = [&[1; 70_000], &[2; 70_000], b"tail"];
    let good = put().body("").signed_chunks(&server, &chunks);
    assert_eq!(crate::raw::exchange(&server, &good).await.status, 200);
    let head = Request::new("HEAD", "/photos/x").send(&server).await;
    assert_eq!((head.header("content-length"), head.header("content-encoding")), (Some("140004"), None));

    let mut tampered = good.clone();
    let at = tampered.len() - 200;
    let second = tampered.windows(4).rposition(|window| window == b"tail").unwrap_or(at);
    tampered[second] ^= 1;
    assert_eq!(crate::raw::exchange(&server, &tampered).await.refusal(), (403, "SignatureDoesNotMatch"));
    assert_eq!(server.events().len(), 1);
    server.blob_files(1).await;
}
