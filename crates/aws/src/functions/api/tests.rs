#![allow(clippy::unwrap_used)]

use super::*;
use crate::functions::fakes::{Fake, bundle};
use minilab_model::{Format, ImageMetadata, ImageState, Sequencer, Timestamp, VariantRecord};
use serde_json::json;

impl Lists for Fake {
    async fn page(&self, request: &ListRequest) -> Result<Page, CatalogError> {
        if request.cursor.as_deref() == Some("broken") {
            return Err(CatalogError("the table said: secret".into()));
        }
        let prefix = match &request.order {
            ListOrder::Newest => "",
            ListOrder::Key { prefix } => prefix,
        };
        let records = self.records.lock().unwrap();
        let mut records = records.iter().filter(|record| record.key.as_str().starts_with(prefix)).cloned();
        let page = records.by_ref().take(request.limit).collect();
        Ok(Page { records: page, next: records.next().map(|record| record.key.as_str().to_owned()) })
    }
}

/// Links that say what they are.
struct Shelf;

impl Links for Shelf {
    async fn stated_type(&self, object: &ObjectRef) -> Result<Option<Option<String>>, String> {
        Ok((object.key.extension() == Some("jpg")).then(|| Some("image/jpeg".to_owned())))
    }

    async fn link(&self, object: &ObjectRef, options: &LinkOptions) -> Result<String, String> {
        let method = if options.is_head { "HEAD" } else { "GET" };
        Ok(format!("https://s3/{object}?{method}&{}&{}", options.lifetime.as_secs(), options.disposition))
    }
}

fn record(key: &str) -> ImageRecord {
    let bucket = BucketName::new("photos").unwrap();
    let thumb = VariantRecord {
        name: "thumb".to_owned(),
        rule: "sizes".to_owned(),
        bucket: BucketName::new("prints").unwrap(),
        key: format!("{key}.thumb.jpg").parse().unwrap(),
        format: Some(Format::Jpeg),
        width: Some(8),
        height: Some(8),
        size_bytes: 300,
    };
    ImageRecord {
        bucket,
        key: key.parse().unwrap(),
        sequencer: Sequencer(1),
        state: ImageState::Processed,
        content_type: "image/jpeg".to_owned(),
        metadata: Some(ImageMetadata::new(Format::Jpeg, 16, 16)),
        size_bytes: 500,
        etag: "e".to_owned(),
        sha256: String::new(),
        created_at: Timestamp::from_millis(0),
        variants: vec![thumb],
        failures: Vec::new(),
    }
}

async fn ask_with(method: &str, path: &str, headers: Value) -> Answer {
    let fake = Fake::default();
    fake.records.lock().unwrap().extend(["in/a b.jpg", "in/c.jpg", "other/d.jpg"].map(record));
    let api = Api::new(&bundle(), fake, Shelf).unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let payload = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": {"domainName": "x.lambda-url.eu-central-1.on.aws", "stage": "$default",
            "http": {"method": method, "path": path}}
    });
    api.call(payload).await.unwrap()
}

async fn ask(method: &str, path: &str) -> Answer {
    ask_with(method, path, json!({})).await
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn routes_answer_as_the_server_does() {
    let check = async |method: &str, path: &str, status: u16, code: &str| {
        let answer = ask(method, path).await;
        assert_eq!(answer.status_code, status, "{method} {path}: {}", answer.body);
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        if !code.is_empty() {
            assert_eq!(json_of(&answer)["error"]["code"], code, "{method} {path}");
        }
    };
    check("GET", "/images/in/a%20b.jpg", 200, "").await;
    check("GET", "/images/nothing.jpg", 404, "not_found").await;
    check("GET", "/images/in/c.jpg?bucket=NO", 400, "bad_request").await;
    check("GET", "/images/%zz", 400, "bad_request").await;
    check("POST", "/images/in/c.jpg", 405, "method_not_allowed").await;
    check("GET", "/", 404, "no_route").await;
    check("DELETE", "/nowhere", 404, "no_route").await;
    check("GET", "/infoimages", 200, "").await;
    check("GET", "/infoimages?bucket=others", 404, "no_such_bucket").await;
    check("GET", "/api/v1/images?limit=x", 400, "bad_request").await;
    check("GET", "/api/v1/images?cursor=broken", 503, "unavailable").await;
    check("GET", "/downloadimages/in/c.jpg", 302, "").await;
    check("GET", "/downloadimages/in/c.txt", 404, "not_found").await;
    check("GET", "/downloadimages/in/c.jpg?bucket=others", 404, "no_such_bucket").await;
    check("GET", "/downloadimages/in/c.jpg?variant=none", 404, "not_found").await;
    assert!(!ask("GET", "/api/v1/images?cursor=broken").await.body.contains("secret"));
    assert_eq!(ask("PUT", "/infoimages").await.headers["allow"], "GET, HEAD");
}

#[tokio::test]
async fn a_record_is_the_one_of_the_catalog_and_need_not_be_sent_twice() {
    let answer = ask("GET", "/images/in/c.jpg").await;
    assert_eq!(json_of(&answer), serde_json::to_value(record("in/c.jpg")).unwrap());
    let again = ask_with("GET", "/images/in/c.jpg", json!({"if-none-match": answer.headers["etag"]})).await;
    assert_eq!((again.status_code, again.body.as_str()), (304, ""));
    let head = ask("HEAD", "/images/in/c.jpg").await;
    assert_eq!((head.status_code, head.body.as_str(), &head.headers), (200, "", &answer.headers));
}

#[tokio::test]
async fn lists_go_on_where_they_ended() {
    let keys = async |path: &str| {
        let page = json_of(&ask("GET", path).await);
        let images = page["images"].as_array().unwrap();
        let keys: Vec<String> = images.iter().map(|image| image["key"].as_str().unwrap().to_owned()).collect();
        (keys.join(" "), page["next"].as_str().map(str::to_owned))
    };
    assert_eq!(keys("/api/v1/images").await, ("in/a b.jpg in/c.jpg other/d.jpg".to_owned(), None));
    assert_eq!(keys("/api/v1/images?prefix=in%2F&limit=1").await, ("in/a b.jpg".to_owned(), Some("in/c.jpg".to_owned())));
}

#[tokio::test]
async fn downloads_are_links() {
    let link = async |method: &str, path: &str| ask(method, path).await.headers["location"].clone();
    let check = async |method: &str, path: &str, expected: &str| assert_eq!(link(method, path).await, expected, "{path}");
    check("GET", "/downloadimages/in/c.jpg", "https://s3/photos/in/c.jpg?GET&300&inline; filename*=UTF-8''c.jpg").await;
    check("HEAD", "/downloadimages/in/c.jpg?download=1", "https://s3/photos/in/c.jpg?HEAD&300&attachment; filename*=UTF-8''c.jpg")
        .await;
    let thumb = "https://s3/prints/in/c.jpg.thumb.jpg?GET&300&inline; filename*=UTF-8''c.jpg.thumb.jpg";
    check("GET", "/downloadimages/in/c.jpg?variant=thumb", thumb).await;
    check("GET", "/downloadimages/in/c.jpg?variant=sizes/thumb", thumb).await;
    assert_eq!(ask("GET", "/downloadimages/in/c.jpg").await.headers["cache-control"], "private, no-store");
}
