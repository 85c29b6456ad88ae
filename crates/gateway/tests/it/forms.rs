//! PostObject: uploads by a browser's form.

use crate::raw::{self, Answer, Request, stamp};
use crate::sdk::{bytes, client};
use crate::server::{ACCESS_KEY, BUCKET, Server};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minilab_model::EventKind;
use std::time::SystemTime;

/// A form that uploads `file`: `fields` are sent, `conditions` stand in the signed policy.
struct Form {
    fields: Vec<(String, String)>,
    conditions: Vec<String>,
    file: Vec<u8>,
    expiration: &'static str,
}

impl Form {
    fn new(file: impl Into<Vec<u8>>) -> Self {
        Self { fields: Vec::new(), conditions: Vec::new(), file: file.into(), expiration: "2100-01-01T00:00:00.000Z" }
    }

    /// A field that the policy fixes.
    fn field(mut self, name: &str, value: &str) -> Self {
        self.conditions.push(format!("{{\"{name}\": \"{value}\"}}"));
        self.unlisted(name, value)
    }

    /// A field that the policy does not name.
    fn unlisted(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    fn condition(mut self, condition: &str) -> Self {
        self.conditions.push(condition.to_owned());
        self
    }

    fn signed(self) -> Self {
        let signer = Request::new("POST", "/");
        let date = stamp(SystemTime::now());
        let credential = format!("{ACCESS_KEY}/{}/us-east-1/s3/aws4_request", &date[..8]);
        let form =
            self.field("x-amz-algorithm", "AWS4-HMAC-SHA256").field("x-amz-credential", &credential).field("x-amz-date", &date);
        let policy = format!("{{\"expiration\": \"{}\", \"conditions\": [{}]}}", form.expiration, form.conditions.join(", "));
        let policy = STANDARD.encode(policy);
        let signature = signer.sign(&policy);
        form.unlisted("policy", &policy).unlisted("x-amz-signature", &signature)
    }

    async fn send(self, server: &Server) -> Answer {
        let mut body = Vec::new();
        for (name, value) in &self.fields {
            body.extend(format!("--boundary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes());
        }
        body.extend(
            b"--boundary\r\nContent-Disposition: form-data; name=\"file\"; filename=\"me.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n",
        );
        body.extend(&self.file);
        body.extend(b"\r\n--boundary--\r\n");
        let request = Request::new("POST", format!("/{BUCKET}")).header("content-type", "multipart/form-data; boundary=boundary");
        request.body(body).send_unsigned(server).await
    }
}

#[tokio::test]
async fn a_form_uploads_an_object_and_says_so() {
    let server = Server::start().await;
    let file = vec![7; 200_000];
    let form = Form::new(file.clone()).condition("[\"starts-with\", \"$key\", \"up/\"]").unlisted("key", "up/${filename}");
    let form = form.field("content-type", "image/jpeg").field("x-amz-meta-by", "me").field("success_action_status", "201");
    let answer = form.condition(&format!("{{\"bucket\": \"{BUCKET}\"}}")).signed().send(&server).await;
    assert_eq!((answer.status, answer.xml("Key")), (201, Some("up/me.jpg")), "{answer:?}");
    assert!(answer.header("etag").is_some());
    let got = client(&server).get_object().bucket(BUCKET).key("up/me.jpg").send().await.unwrap();
    assert_eq!((got.content_type(), got.metadata().unwrap()["by"].as_str()), (Some("image/jpeg"), "me"));
    assert!(bytes(got).await == file);
    assert_eq!(server.events(), [(EventKind::CreatedPost, "up/me.jpg".to_owned())]);
}

#[tokio::test]
async fn the_policy_binds() {
    let server = Server::start().await;
    let form = || Form::new("12345").field("key", "x");
    assert_eq!(form().signed().send(&server).await.status, 204);
    assert_eq!(
        form().condition("[\"content-length-range\", 0, 4]").signed().send(&server).await.refusal(),
        (400, "EntityTooLarge")
    );
    assert_eq!(
        form().condition("[\"content-length-range\", 6, 9]").signed().send(&server).await.refusal(),
        (400, "EntityTooSmall")
    );
    assert_eq!(form().unlisted("x-amz-meta-a", "1").signed().send(&server).await.refusal(), (403, "AccessDenied"));
    assert_eq!(form().condition("{\"bucket\": \"other\"}").signed().send(&server).await.status / 100, 4);
    let strayed = Form::new("1").unlisted("key", "y").condition("[\"starts-with\", \"$key\", \"up/\"]").signed();
    assert_eq!(strayed.send(&server).await.status / 100, 4);
    let mut late = form();
    late.expiration = "2020-01-01T00:00:00.000Z";
    assert_eq!(late.signed().send(&server).await.refusal(), (403, "AccessDenied"));
    assert_eq!(server.events().len(), 1);
}

#[tokio::test]
async fn a_form_needs_a_signature() {
    let server = Server::start().await;
    assert_eq!(Form::new("1").unlisted("key", "x").send(&server).await.refusal(), (403, "AccessDenied"));
    let mut forged = Form::new("1").field("key", "x").signed();
    forged.fields.iter_mut().find(|(name, _)| name == "x-amz-signature").unwrap().1 = "0".repeat(64);
    assert_eq!(forged.send(&server).await.refusal(), (403, "SignatureDoesNotMatch"));
    assert!(server.events().is_empty());
}

#[tokio::test]
async fn a_form_of_unknown_length_is_not_gathered() {
    let server = Server::start().await;
    let text = format!(
        "POST /{BUCKET} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\
         content-type: multipart/form-data; boundary=b\r\n\r\n5\r\n--b\r\n\r\n0\r\n\r\n"
    );
    assert_eq!(raw::exchange(&server, text.as_bytes()).await.refusal(), (411, "MissingContentLength"));
}
