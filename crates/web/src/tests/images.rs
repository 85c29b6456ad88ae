use super::{Shop, in_photos, photos, request};
use http::{Method, StatusCode, header};
use minilab_embedded::{Attributes, Origin};
use minilab_model::{Failure, FailureCause};
use minilab_pipeline::RecordChange;
use std::collections::BTreeMap;

#[tokio::test]
async fn an_image_is_pending_then_processed() {
    let shop = Shop::open().await;
    let info = shop.put(&in_photos("input/a.jpg"), b"one").await;
    let pending = shop.get("/images/input/a.jpg").await;
    assert_eq!(pending.status, StatusCode::OK);
    let record = pending.json();
    assert_eq!((record["state"].as_str(), record["size_bytes"].as_u64()), (Some("pending"), Some(3)));
    assert_eq!(record["etag"].as_str(), Some(info.etag.as_str()));
    assert_eq!(record["variants"].as_array().map(Vec::len), Some(0));

    shop.develop().await;
    let record = shop.get("/images/input/a.jpg").await.json();
    let expected = serde_json::json!({
        "bucket": "photos", "key": "input/a.jpg", "state": "processed", "format": "jpeg", "width": 600, "height": 400,
        "size_bytes": 3, "etag": info.etag, "exif": { "camera_model": "X-T3" }, "thumbhash": "1QcSHQRnh493V4dIh4eXh1h4kJUI",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&record[name], value, "{name}");
    }
    let variant = &record["variants"][0];
    assert_eq!((variant["name"].as_str(), variant["key"].as_str()), (Some("thumb"), Some("output/a.jpg")));

    // A newer version waits: the older record must not pass for it.
    shop.put(&in_photos("input/a.jpg"), b"two").await;
    let record = shop.get("/images/input/a.jpg").await.json();
    assert_eq!((record["state"].as_str(), record["format"].as_str()), (Some("pending"), None));
}

#[tokio::test]
async fn a_failure_says_why() {
    let shop = Shop::open().await;
    shop.put(&in_photos("input/a.jpg"), b"no image").await;
    let failure = Failure { rule: "prints".to_owned(), cause: FailureCause::NotAnImage, error: "this is not an image".to_owned() };
    shop.work(|info| RecordChange::Failed { info: Some(info), variants: Vec::new(), failure, facts: None }).await;
    let record = shop.get("/images/input/a.jpg").await.json();
    assert_eq!(record["state"].as_str(), Some("failed"));
    assert_eq!(record["failures"][0]["error"].as_str(), Some("this is not an image"));
    let listed = shop.get("/api/v1/images").await.json();
    assert_eq!(listed["images"][0]["state"].as_str(), Some("failed"));
    assert_eq!(shop.get("/infoimages").await.json()["failed"].as_u64(), Some(1));
}

#[tokio::test]
async fn what_is_not_an_image_is_404() {
    let shop = Shop::open().await;
    let answer = shop.get("/images/input/absent.jpg?bucket=photos").await;
    assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::NOT_FOUND, "not_found"));
    assert_eq!(answer.json()["error"]["message"], "no image `input/absent.jpg` in bucket `photos`");
    // An object that no rule matches is no image.
    shop.put(&in_photos("elsewhere/a.jpg"), b"x").await;
    assert_eq!(shop.get("/images/elsewhere/a.jpg").await.status, StatusCode::NOT_FOUND);
    // Nor is one that was deleted while it waited.
    shop.put(&in_photos("input/a.jpg"), b"x").await;
    shop.store.delete_object(&in_photos("input/a.jpg"), Default::default(), Origin::default()).await.unwrap();
    assert_eq!(shop.get("/images/input/a.jpg").await.status, StatusCode::NOT_FOUND);
    // Nor one that a variant has taken the place of while it waited.
    shop.put(&in_photos("input/b.jpg"), b"x").await;
    let provenance = BTreeMap::from([("minilab-source".to_owned(), "photos/input/c.jpg".to_owned())]);
    shop.put_with(&in_photos("input/b.jpg"), b"y", Attributes { user: provenance, ..Attributes::default() }).await;
    assert_eq!(shop.get("/images/input/b.jpg").await.status, StatusCode::NOT_FOUND);
    assert_eq!(shop.get("/images/a.jpg?bucket=other-bucket").await.status, StatusCode::NOT_FOUND);
    assert_eq!(shop.get("/no/such/path").await.error_code(), "no_route");
}

#[tokio::test]
async fn keys_are_taken_as_they_are() {
    let shop = Shop::open().await;
    for (key, path) in [
        ("input/a b+c%2F.jpg", "input/a%20b+c%252F.jpg"),
        ("input/../../etc/passwd", "input/../../etc/passwd"),
        ("input/📷.jpg", "input%2F%F0%9F%93%B7.jpg"),
        ("input//a/", "input//a/"),
    ] {
        shop.put(&in_photos(key), b"x").await;
        let answer = shop.get(&format!("/images/{path}")).await;
        assert_eq!((answer.status, answer.json()["key"].as_str()), (StatusCode::OK, Some(key)));
        assert_eq!(shop.get(&format!("/downloadimages/{path}")).await.body, "x", "{key}");
    }
}

#[tokio::test]
async fn nonsense_is_400_in_json() {
    let shop = Shop::open().await;
    let long = format!("/images/{}", "k".repeat(1025));
    for path in
        ["/images/%ff", "/images/%zz", "/images/a?bucket=NO", "/images/a?bucket=a&bucket=b", "/api/v1/images?limit=x", &long]
    {
        let answer = shop.get(path).await;
        assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::BAD_REQUEST, "bad_request"), "{path}");
    }
}

#[tokio::test]
async fn reading_routes_only_read() {
    let shop = Shop::open().await;
    for path in ["/images/a", "/downloadimages/a", "/infoimages", "/api/v1/images", "/"] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let answer = shop.send(request(method, path)).await;
            assert_eq!((answer.status, answer.error_code().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
            assert_eq!(answer.header(header::ALLOW), "GET,HEAD");
        }
    }
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let shop = Shop::open().await;
    shop.put(&in_photos("input/a.jpg"), b"\xFF\xD8\xFFrest").await;
    for path in ["/images/input/a.jpg", "/downloadimages/input/a.jpg", "/infoimages", "/healthz", "/"] {
        let (get, head) = (shop.get(path).await, shop.send(request(Method::HEAD, path)).await);
        assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0), "{path}");
        assert_eq!(head.header(header::CONTENT_LENGTH), get.body.len().to_string(), "{path}");
        assert_eq!(head.header(header::CONTENT_TYPE), get.header(header::CONTENT_TYPE), "{path}");
        assert_eq!(head.header(header::ETAG), get.header(header::ETAG), "{path}");
    }
}

#[tokio::test]
async fn the_collection_is_counted() {
    let shop = Shop::open().await;
    let empty = shop.get("/infoimages").await.json();
    assert_eq!((empty["count"].as_u64(), &empty["largest"]), (Some(0), &serde_json::Value::Null));
    for (key, content) in [("input/a.jpg", "four"), ("input/b.jpg", "longest")] {
        shop.put(&in_photos(key), content.as_bytes()).await;
        shop.develop().await;
    }
    let full = shop.get("/infoimages").await.json();
    let expected = serde_json::json!({
        "count": 2, "bytes": 11, "types": { "jpeg": 2 }, "failed": 0,
        "largest": { "key": "input/b.jpg", "size_bytes": 7 }, "smallest": { "key": "input/a.jpg", "size_bytes": 4 },
    });
    assert_eq!(full, expected);
    assert_eq!(shop.get("/infoimages?bucket=absent-bucket").await.error_code(), "no_such_bucket");
}

#[tokio::test]
async fn the_newest_come_first_and_what_waits_is_among_them() {
    let shop = Shop::open().await;
    for key in ["input/1.jpg", "input/2.jpg"] {
        shop.put(&in_photos(key), b"x").await;
        shop.develop().await;
    }
    shop.put(&in_photos("input/3.jpg"), b"x").await;
    shop.put(&in_photos("input/1.jpg"), b"again").await;
    let list = async |path: &str| {
        let answer = shop.get(path).await.json();
        let images = answer["images"].as_array().unwrap().clone();
        images
            .iter()
            .map(|image| format!("{} {}", image["key"].as_str().unwrap(), image["state"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(list("/api/v1/images").await, ["input/1.jpg pending", "input/3.jpg pending", "input/2.jpg processed"]);
    assert_eq!(list("/api/v1/images?limit=2").await, ["input/1.jpg pending", "input/3.jpg pending"]);
    assert_eq!(list("/api/v1/images?limit=0").await.len(), 1);
    assert_eq!(shop.get("/api/v1/queue").await.json(), serde_json::json!({ "ready": 2, "leased": 0, "waiting": 0, "dead": 0 }));
    assert_eq!(shop.get("/api/v1/images?bucket=absent-bucket").await.error_code(), "no_such_bucket");
    assert_eq!(shop.get("/api/v1/images").await.json()["bucket"], photos().as_str());
}

#[tokio::test]
async fn an_unchanged_answer_is_304() {
    let shop = Shop::open().await;
    for path in ["/api/v1/images", "/infoimages", "/api/v1/queue", "/api/v1/server", "/"] {
        let first = shop.get(path).await;
        let again = shop.get_with(path, header::IF_NONE_MATCH, first.header(header::ETAG)).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
    }
    let before = shop.get("/api/v1/images").await;
    shop.put(&in_photos("input/a.jpg"), b"x").await;
    let after = shop.get_with("/api/v1/images", header::IF_NONE_MATCH, before.header(header::ETAG)).await;
    assert_eq!(after.status, StatusCode::OK);
}
