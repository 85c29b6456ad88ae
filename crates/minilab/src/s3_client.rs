//! The few requests that the demo makes, as any S3 client and browser would make them.

use crate::serve::Credentials;
use anyhow::{Context, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use minilab_model::BucketName;
use rusty_s3::{Bucket, S3Action, UrlStyle};
use serde::de::DeserializeOwned;
use std::net::SocketAddr;
use std::time::Duration;

/// A client for one server.
pub struct S3Client {
    http: Client<HttpConnector, Full<Bytes>>,
    endpoint: url::Url,
    credentials: rusty_s3::Credentials,
}

impl S3Client {
    /// A client for the S3 listener at this address.
    pub fn new(s3_addr: SocketAddr, credentials: &Credentials) -> anyhow::Result<Self> {
        Ok(Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
            endpoint: format!("http://{s3_addr}").parse()?,
            credentials: rusty_s3::Credentials::new(credentials.access_key.clone(), credentials.secret_key.clone()),
        })
    }

    /// Uploads by a presigned PUT.
    pub async fn put(&self, bucket: &BucketName, key: &str, bytes: &'static [u8]) -> anyhow::Result<()> {
        let bucket = Bucket::new(self.endpoint.clone(), UrlStyle::Path, bucket.as_str().to_owned(), "us-east-1")?;
        let url = bucket.put_object(Some(&self.credentials), key).sign(Duration::from_secs(60));
        let (status, body) = self.request(Method::PUT, url.as_str(), Bytes::from_static(bytes)).await?;
        if !status.is_success() {
            bail!("the server answered {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(())
    }

    /// The JSON behind a path of the web listener.
    pub async fn get_json<T: DeserializeOwned>(&self, web: SocketAddr, path: &str) -> anyhow::Result<T> {
        self.find_json(web, path).await?.with_context(|| format!("{path} is not there"))
    }

    /// The JSON behind a path of the web listener; `None` when the answer is 404.
    pub async fn find_json<T: DeserializeOwned>(&self, web: SocketAddr, path: &str) -> anyhow::Result<Option<T>> {
        let (status, body) = self.request(Method::GET, &format!("http://{web}{path}"), Bytes::new()).await?;
        match status {
            StatusCode::OK => Ok(Some(serde_json::from_slice(&body).with_context(|| format!("{path} did not answer with JSON"))?)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => bail!("{path} answered {status}: {}", String::from_utf8_lossy(&body)),
        }
    }

    async fn request(&self, method: Method, url: &str, body: Bytes) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder().method(method).uri(url).body(Full::new(body))?;
        let response = self.http.request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}
