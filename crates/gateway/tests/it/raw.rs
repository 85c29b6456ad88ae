//! Requests made by hand, signed with Signature Version 4 or wrongly.

use crate::server::{ACCESS_KEY, SECRET_KEY, Server};
use sha2::{Digest as _, Sha256};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::macros::format_description;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// An answer, read until the server closed the connection.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The text of the first element of this name in the body.
    pub fn xml(&self, element: &str) -> Option<&str> {
        self.body.split_once(&format!("<{element}>"))?.1.split_once(&format!("</{element}>")).map(|(text, _)| text)
    }

    /// Status and S3 code.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.xml("Code").unwrap_or_default())
    }
}

/// Sends `bytes` as they are, then reads all that comes back.
pub async fn exchange(server: &Server, bytes: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    read(stream).await
}

/// Reads an answer to the end of the connection.
pub async fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let all = stream.read_to_end(&mut bytes);
    // A server that never answers fails the test instead of hanging it.
    let _ = tokio::time::timeout(Duration::from_secs(60), all).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A request under construction.
#[derive(Clone)]
pub struct Request {
    pub method: &'static str,
    /// The path as sent: percent-encoded.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub access_key: String,
    pub secret_key: String,
    pub time: SystemTime,
    /// `x-amz-content-sha256`; the body's hash when `None`.
    pub payload: Option<&'static str>,
}

impl Request {
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            time: SystemTime::now(),
            payload: None,
        }
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn payload(mut self, payload: &'static str) -> Self {
        self.payload = Some(payload);
        self
    }

    /// Signs in the header and sends.
    pub async fn send(self, server: &Server) -> Answer {
        let bytes = self.signed(server).0;
        exchange(server, &bytes).await
    }

    /// Sends without any signature.
    pub async fn send_unsigned(self, server: &Server) -> Answer {
        let head = self.head(server, &[]);
        exchange(server, &[head.as_bytes(), &self.body].concat()).await
    }

    /// The signed request and the signature in it, from which signed chunks go on.
    pub fn signed(&self, server: &Server) -> (Vec<u8>, String) {
        let payload = self.payload.map_or_else(|| hex::encode(Sha256::digest(&self.body)), str::to_owned);
        let mut headers = self.headers.clone();
        headers.push(("host".to_owned(), server.address.to_string()));
        headers.push(("x-amz-date".to_owned(), stamp(self.time)));
        headers.push(("x-amz-content-sha256".to_owned(), payload.clone()));
        headers.sort();
        let signed = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let canonical: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let request = format!("{}\n{}\n{}\n{canonical}\n{signed}\n{payload}", self.method, self.path, canonical_query(&self.query));
        let signature =
            self.sign(&format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", stamp(self.time), self.scope(), sha256(request.as_bytes())));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={signed}, Signature={signature}",
            self.access_key,
            self.scope()
        );
        let extra = [("x-amz-date", stamp(self.time)), ("x-amz-content-sha256", payload), ("authorization", authorization)];
        let head = self.head(server, &extra);
        ([head.as_bytes(), &self.body].concat(), signature)
    }

    /// The path and query of a presigned URL that lives for `expires`.
    pub fn presigned(mut self, server: &Server, expires: Duration) -> Self {
        let signed = std::iter::once("host").chain(self.headers.iter().map(|(name, _)| name.as_str())).collect::<Vec<_>>();
        let mut signed: Vec<String> = signed.into_iter().map(str::to_owned).collect();
        signed.sort();
        let signed = signed.join(";");
        let credential = format!("{}/{}", self.access_key, self.scope());
        let (expires, date) = (expires.as_secs().to_string(), stamp(self.time));
        self = self
            .query("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
            .query("X-Amz-Credential", &credential)
            .query("X-Amz-Date", &date)
            .query("X-Amz-Expires", &expires)
            .query("X-Amz-SignedHeaders", &signed);
        let mut headers = self.headers.clone();
        headers.push(("host".to_owned(), server.address.to_string()));
        headers.sort();
        let canonical: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let request =
            format!("{}\n{}\n{}\n{canonical}\n{signed}\n{UNSIGNED}", self.method, self.path, canonical_query(&self.query));
        let signature =
            self.sign(&format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", stamp(self.time), self.scope(), sha256(request.as_bytes())));
        self.query("X-Amz-Signature", &signature)
    }

    /// `aws-chunked` with a signature for each chunk, which follows from the one before.
    pub fn signed_chunks(mut self, server: &Server, chunks: &[&[u8]]) -> Vec<u8> {
        let length: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let framed: usize =
            chunks.iter().chain([&&b""[..]]).map(|chunk| format!("{:x}", chunk.len()).len() + 85 + chunk.len()).sum();
        self = self
            .payload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", length.to_string())
            .header("content-length", framed.to_string());
        let (mut bytes, mut previous) = self.signed(server);
        for chunk in chunks.iter().chain([&&b""[..]]) {
            let empty = sha256(b"");
            let text =
                format!("AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{previous}\n{empty}\n{}", stamp(self.time), self.scope(), sha256(chunk));
            previous = self.sign(&text);
            bytes.extend(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).into_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    fn head(&self, server: &Server, extra: &[(&str, String)]) -> String {
        let query = canonical_query(&self.query);
        let target = if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) };
        let mut head = format!("{} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.method, server.address);
        let mut headers = self.headers.clone();
        headers.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let measured = headers.iter().any(|(name, _)| name == "content-length" || name == "transfer-encoding");
        if !measured && (!self.body.is_empty() || self.method == "PUT") {
            headers.push(("content-length".to_owned(), self.body.len().to_string()));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + "\r\n"
    }

    fn scope(&self) -> String {
        format!("{}/us-east-1/s3/aws4_request", &stamp(self.time)[..8])
    }

    pub fn sign(&self, text: &str) -> String {
        let date = stamp(self.time)[..8].to_owned();
        let mut key = format!("AWS4{}", self.secret_key).into_bytes();
        for part in [date.as_str(), "us-east-1", "s3", "aws4_request"] {
            key = hmac(&key, part.as_bytes());
        }
        hex::encode(hmac(&key, text.as_bytes()))
    }
}

/// HMAC-SHA-256 (RFC 2104).
pub fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut block = [0; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36)[..], message].concat());
    Sha256::digest([&block.map(|byte| byte ^ 0x5c)[..], &inner[..]].concat()).to_vec()
}

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Everything but unreserved characters, and `/` where it is wanted.
pub fn percent(text: &str, keep: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || keep.as_bytes().contains(&byte);
    text.bytes().map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", percent(name, ""), percent(value, ""))).collect();
    pairs.sort();
    pairs.join("&")
}

/// `20261120T120000Z`
pub fn stamp(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let moment = OffsetDateTime::from_unix_timestamp(seconds.try_into().unwrap()).unwrap();
    moment.format(format_description!("[year][month][day]T[hour][minute][second]Z")).unwrap()
}
