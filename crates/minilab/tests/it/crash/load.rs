//! The clients: puts, overwrites, deletions, copies and multipart uploads, until the server is gone.

use super::oracle::{Content, Oracle};
use super::{Random, rules};
use crate::http::request_with;
use crate::server::{presigner, signed};
use rusty_s3::S3Action;
use rusty_s3::actions::CreateMultipartUpload;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Few keys, so that most are overwritten, some by two clients at once.
const KEYS: usize = 100;
/// Objects that are never overwritten, to copy from.
pub const ORIGINALS: usize = 5;

const SOON: Duration = Duration::from_secs(60);

/// A client of one server.
pub struct Client<'a> {
    pub address: SocketAddr,
    pub oracle: &'a Oracle,
    pub originals: &'a [Content],
    pub random: Random,
}

pub fn original(number: usize) -> String {
    format!("original-{number}")
}

impl Client<'_> {
    /// Writes something somewhere; false when the server is gone.
    pub fn write(&mut self, name: &str) -> bool {
        let key = format!("photo-{}", self.random.below(KEYS));
        match self.random.below(10) {
            0 => self.delete(&key),
            1 => self.copy(&key),
            2 => self.upload_in_parts(&key, name),
            _ => {
                let (body, content) = Content::invent(name, &mut self.random);
                self.put(&key, &body, content)
            }
        }
    }

    pub fn put(&mut self, key: &str, body: &[u8], content: Content) -> bool {
        let begun = self.oracle.begin(key, Some(content));
        let Ok(answer) = signed(self.address, "PUT", "photos", key, body) else { return false };
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.oracle.acknowledge(&begun);
        true
    }

    fn delete(&mut self, key: &str) -> bool {
        let begun = self.oracle.begin(key, None);
        let Ok(answer) = signed(self.address, "DELETE", "photos", key, b"") else { return false };
        assert_eq!(answer.status, 204, "{}", answer.text());
        self.oracle.acknowledge(&begun);
        true
    }

    fn copy(&mut self, key: &str) -> bool {
        let number = self.random.below(ORIGINALS);
        let begun = self.oracle.begin(key, Some(self.originals[number].clone()));
        let (bucket, credentials) = presigner(self.address, "photos");
        let mut put = bucket.put_object(Some(&credentials), key);
        let source = format!("photos/{}", original(number));
        put.headers_mut().insert("x-amz-copy-source", source.clone());
        let url = put.sign(SOON);
        let Ok(answer) = request_with(self.address, "PUT", &target(&url), &[("x-amz-copy-source", &source)], b"") else {
            return false;
        };
        assert!(answer.status == 200 && answer.text().contains("<ETag>"), "{}", answer.text());
        self.oracle.acknowledge(&begun);
        true
    }

    fn upload_in_parts(&mut self, key: &str, name: &str) -> bool {
        let (body, content) = Content::invent(name, &mut self.random);
        let (bucket, credentials) = presigner(self.address, "photos");
        let send = |method: &str, url: &url::Url, body: &[u8]| {
            let answer = request_with(self.address, method, &target(url), &[], body).ok()?;
            assert_eq!(answer.status, 200, "{}", answer.text());
            Some(answer)
        };
        let Some(created) = send("POST", &bucket.create_multipart_upload(Some(&credentials), key).sign(SOON), b"") else {
            return false;
        };
        let created = CreateMultipartUpload::parse_response(&created.text()).expect("an upload");
        let id = created.upload_id();
        let Some(part) = send("PUT", &bucket.upload_part(Some(&credentials), key, 1, id).sign(SOON), &body) else {
            return false;
        };
        let etag = part.header("etag").expect("a part has an ETag");
        let complete = bucket.complete_multipart_upload(Some(&credentials), key, id, [etag].into_iter());
        let url = complete.sign(SOON);
        // Only this makes the object.
        let begun = self.oracle.begin(key, Some(content));
        let Some(completed) = send("POST", &url, complete.body().as_bytes()) else { return false };
        assert!(completed.text().contains("<ETag>"), "{}", completed.text());
        self.oracle.acknowledge(&begun);
        true
    }
}

/// Replaces the rules again and again, now and then by something that is no configuration, until told to stop. What is
/// there at the end can be read.
pub fn change_rules(dir: &Path, mut random: Random, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        rules::write(dir, if random.below(4) == 0 { rules::NONSENSE } else { rules::pick(&mut random) });
        // Not to wait for anything: so that the server comes to see some of them.
        std::thread::sleep(Duration::from_millis(random.below(150) as u64));
    }
    rules::write(dir, rules::pick(&mut random));
}

fn target(url: &url::Url) -> String {
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}
