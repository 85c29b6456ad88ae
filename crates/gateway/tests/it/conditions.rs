//! Conditional reads and writes.

use crate::raw;
use crate::sdk::{client, refusal};
use crate::server::{BUCKET, Server};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use std::sync::Arc;

/// Status of a GET with these headers.
async fn read(server: &Server, headers: &[(&str, &str)]) -> u16 {
    let request = headers.iter().fold(raw::Request::new("GET", "/photos/x"), |request, (name, value)| request.header(name, *value));
    request.send(server).await.status
}

#[tokio::test]
async fn reads_are_decided_in_the_order_of_the_rfc() {
    let server = Server::start().await;
    let put = client(&server).put_object().bucket(BUCKET).key("x").cache_control("max-age=9");
    let put = put.body(ByteStream::from_static(b"x")).send().await.unwrap();
    let etag = put.e_tag().unwrap();
    let quoted_list = format!("\"other\", W/{etag}");
    let (past, future) = ("Wed, 21 Oct 2015 07:28:00 GMT", "Thu, 21 Oct 2100 07:28:00 GMT");
    let modified = raw::Request::new("HEAD", "/photos/x").send(&server).await.header("last-modified").unwrap().to_owned();

    for (headers, status) in [
        (vec![("if-match", etag)], 200),
        (vec![("if-match", "*")], 200),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("if-none-match", etag)], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", quoted_list.as_str())], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("if-modified-since", past)], 200),
        (vec![("if-modified-since", modified.as_str())], 304),
        (vec![("if-unmodified-since", past)], 412),
        (vec![("if-unmodified-since", modified.as_str())], 200),
        // Those with ETags outrank those with dates.
        (vec![("if-match", etag), ("if-unmodified-since", past)], 200),
        (vec![("if-none-match", "\"other\""), ("if-modified-since", future)], 200),
        (vec![("if-none-match", etag), ("if-modified-since", past)], 304),
        // What fails outranks what is not modified.
        (vec![("if-match", "\"other\""), ("if-none-match", etag)], 412),
        (vec![("if-unmodified-since", past), ("if-none-match", etag)], 412),
    ] {
        assert_eq!(read(&server, &headers).await, status, "{headers:?}");
    }
    let unchanged = raw::Request::new("GET", "/photos/x").header("if-none-match", etag).send(&server).await;
    assert_eq!(unchanged.header("etag"), Some(etag));
    assert_eq!(unchanged.header("last-modified"), Some(modified.as_str()));
    assert_eq!(unchanged.header("cache-control"), Some("max-age=9"));
    assert_eq!(unchanged.body, "");
}

#[tokio::test]
async fn a_head_is_decided_like_a_get() {
    let server = Server::start().await;
    let s3 = client(&server);
    let put = s3.put_object().bucket(BUCKET).key("x").send().await.unwrap();
    let head = || s3.head_object().bucket(BUCKET).key("x");
    assert_eq!(refusal(head().if_none_match(put.e_tag().unwrap()).send().await).0, 304);
    assert_eq!(refusal(head().if_match("\"other\"").send().await).0, 412);
    assert_eq!(refusal(head().if_unmodified_since(DateTime::from_secs(1)).send().await).0, 412);
}

#[tokio::test]
async fn writes_are_decided_too() {
    let server = Server::start().await;
    let s3 = client(&server);
    let put = |body: &'static [u8]| s3.put_object().bucket(BUCKET).key("x").body(ByteStream::from_static(body));
    let first = put(b"1").if_none_match("*").send().await.unwrap();
    assert_eq!(refusal(put(b"2").if_none_match("*").send().await), (412, "PreconditionFailed".to_owned()));
    assert_eq!(refusal(put(b"2").if_match("\"other\"").send().await), (412, "PreconditionFailed".to_owned()));
    put(b"3").if_match(first.e_tag().unwrap()).send().await.unwrap();
    assert_eq!(refusal(put(b"4").if_none_match("\"x\"").send().await), (501, "NotImplemented".to_owned()));
    let delete = |etag: &str| s3.delete_object().bucket(BUCKET).key("x").if_match(etag);
    assert_eq!(refusal(delete(first.e_tag().unwrap()).send().await), (412, "PreconditionFailed".to_owned()));
    delete("*").send().await.unwrap();
    assert_eq!(server.events().len(), 3);
}

#[tokio::test]
async fn of_many_who_would_be_first_one_is() {
    let server = Arc::new(Server::start().await);
    let s3 = client(&server);
    let attempts = (0..16u8).map(|index| {
        let put = s3.put_object().bucket(BUCKET).key("x").if_none_match("*").body(vec![index; 100_000].into());
        tokio::spawn(async move { put.send().await.is_ok() })
    });
    let mut won = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        won += usize::from(attempt.await.unwrap());
    }
    assert_eq!(won, 1);
    server.blob_files(1).await;
}
