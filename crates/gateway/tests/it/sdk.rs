//! The AWS SDK for Rust over plain HTTP. The SDK's own HTTP client brings a TLS stack that is not wanted here, so the
//! connection is hyper's.

use crate::server::{ACCESS_KEY, SECRET_KEY, Server};
use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::SdkBody;
use aws_sdk_s3::{Client, Config};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::ConnectorError;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::TokioExecutor;

#[derive(Debug, Clone)]
struct PlainHttp(legacy::Client<TcpConnector, SdkBody>);

impl HttpConnector for PlainHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.request(request).await.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x)).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

fn plain_http() -> SharedHttpClient {
    let connector = SharedHttpConnector::new(PlainHttp(legacy::Client::builder(TokioExecutor::new()).build_http()));
    http_client_fn(move |_, _| connector.clone())
}

/// A configuration for `server`, to be changed before it becomes a client.
pub fn config(server: &Server) -> aws_sdk_s3::config::Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", server.address))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .force_path_style(true)
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .http_client(plain_http())
}

pub fn client(server: &Server) -> Client {
    Client::from_conf(config(server).build())
}

/// Status and S3 code of a call that has to fail.
pub fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> (u16, String) {
    let error = answer.unwrap_err();
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    (status, code.to_owned())
}

/// The body of an answer.
pub async fn bytes(answer: GetObjectOutput) -> Vec<u8> {
    answer.body.collect().await.unwrap().into_bytes().to_vec()
}
