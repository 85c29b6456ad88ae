use super::{Answer, Shop, claim, in_photos};
use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{HeaderName, Request, StatusCode, header};
use minilab_embedded::EmbeddedError;
use std::time::Duration;

/// Sends an upload as the page does.
async fn upload(shop: &Shop, path: &str, body: Body, headers: &[(HeaderName, &str)]) -> Answer {
    let mut request = Request::put(format!("/api/v1/objects/{path}"))
        .header(header::HOST, super::HOST)
        .header(header::ORIGIN, format!("http://{}", super::HOST))
        .header("sec-fetch-site", "same-origin")
        .header("x-minilab-upload", "1")
        .body(body)
        .unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    shop.send(request).await
}

#[tokio::test]
async fn an_upload_is_stored_and_starts_its_job() {
    let shop = Shop::open().await;
    let content: Vec<u8> = (0..200_000_u32).map(|index| (index % 253) as u8).collect();
    let chunks: Vec<Result<Bytes, std::io::Error>> = content.chunks(1000).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let body = Body::from_stream(stream::iter(chunks));
    let answer = upload(&shop, "input/my%20photo.jpg", body, &[(header::CONTENT_TYPE, "image/jpeg")]).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let request_id = answer.headers["x-amz-request-id"].to_str().unwrap().to_owned();
    let told = answer.json();
    assert_eq!((told["key"].as_str(), told["size_bytes"].as_u64()), (Some("input/my photo.jpg"), Some(200_000)));
    assert_eq!(told["state"].as_str(), Some("pending"));
    let info = shop.store.object(&in_photos("input/my photo.jpg")).await.unwrap();
    assert_eq!((told["etag"].as_str(), info.attributes.content_type.as_deref()), (Some(info.etag.as_str()), Some("image/jpeg")));
    assert_eq!(told["sequencer"].as_str(), Some(info.sequencer.to_string().as_str()));
    assert_eq!(shop.get("/downloadimages/input/my%20photo.jpg").await.body, content);
    let leased = shop.store.claim(claim(10)).await.unwrap();
    assert_eq!(leased.len(), 1);
    assert_eq!(leased[0].job.event.request_id, Some(request_id));
    assert_eq!(leased[0].job.event.kind, minilab_model::EventKind::CreatedPut);
}

#[tokio::test]
async fn an_upload_that_no_rule_matches_says_so() {
    let shop = Shop::open().await;
    let answer = upload(&shop, "elsewhere/a.jpg", Body::from("x"), &[]).await;
    assert_eq!((answer.status, &answer.json()["state"]), (StatusCode::CREATED, &serde_json::Value::Null));
}

#[tokio::test]
async fn an_upload_replaces_only_when_it_may() {
    let shop = Shop::open().await;
    let only_if_free = [(header::IF_NONE_MATCH, "*")];
    assert_eq!(shop.get("/api/v1/objects/input/a.jpg").await.json()["exists"], false);
    assert_eq!(upload(&shop, "input/a.jpg", Body::from("first"), &only_if_free).await.status, StatusCode::CREATED);
    let second = upload(&shop, "input/a.jpg", Body::from("second"), &only_if_free).await;
    assert_eq!((second.status, second.error_code().as_str()), (StatusCode::PRECONDITION_FAILED, "exists"));
    assert_eq!(shop.get("/downloadimages/input/a.jpg").await.body, "first");
    assert_eq!(shop.get("/api/v1/objects/input/a.jpg").await.json()["exists"], true);
    assert_eq!(upload(&shop, "input/a.jpg", Body::from("second"), &[]).await.status, StatusCode::CREATED);
    assert_eq!(shop.get("/downloadimages/input/a.jpg").await.body, "second");
    let tag = upload(&shop, "input/a.jpg", Body::from("third"), &[(header::IF_NONE_MATCH, "\"abc\"")]).await;
    assert_eq!(tag.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_nothing_is_stored() {
    let shop = Shop::with(|options| options.max_upload_bytes = 10).await;
    let announced = upload(&shop, "input/a.jpg", Body::empty(), &[(header::CONTENT_LENGTH, "11")]).await;
    assert_eq!((announced.status, announced.error_code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let chunks = (0..3).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(b"12345")));
    let streamed = upload(&shop, "input/a.jpg", Body::from_stream(stream::iter(chunks)), &[]).await;
    assert_eq!((streamed.status, streamed.error_code().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    assert!(matches!(shop.store.object(&in_photos("input/a.jpg")).await, Err(EmbeddedError::NoSuchKey(_))));
    assert_eq!(upload(&shop, "input/a.jpg", Body::from("1234567890"), &[]).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let shop = Shop::open().await;
    let chunks = [Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("gone"))];
    let answer = upload(&shop, "input/a.jpg", Body::from_stream(stream::iter(chunks)), &[]).await;
    assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::BAD_REQUEST, "upload_broken_off"));
    assert!(matches!(shop.store.object(&in_photos("input/a.jpg")).await, Err(EmbeddedError::NoSuchKey(_))));
    assert_eq!(shop.store.queue_counts().await.unwrap(), Default::default());
}

#[tokio::test]
async fn a_silent_upload_is_given_up() {
    let shop = Shop::with(|options| options.upload_idle = Duration::from_millis(1)).await;
    let answer = upload(&shop, "input/a.jpg", Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>()), &[]).await;
    assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::REQUEST_TIMEOUT, "upload_idle"));
}

#[tokio::test]
async fn an_upload_needs_its_bucket() {
    let shop = Shop::open().await;
    let answer = upload(&shop, "a.jpg?bucket=absent-bucket", Body::from("x"), &[]).await;
    assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::NOT_FOUND, "no_such_bucket"));
}
