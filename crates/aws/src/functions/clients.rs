//! The SDK's clients. They are made without looking anything up: Lambda gives region and credentials in the environment, so
//! that no file is read and no metadata service is asked before the first event.

use super::https::OnFirstUse;
use super::settings::SettingsError;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, SharedHttpClient};
use aws_smithy_http_client::Builder;
use std::time::Duration;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// How long one try of a call may take; the bytes of an object come afterwards.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long a call may take with its repetitions.
const OPERATION: Duration = Duration::from_secs(25);

/// Where AWS is, and as whom it is called.
#[derive(Debug, Clone)]
pub struct Connection {
    region: Region,
    credentials: Credentials,
    endpoint: Option<String>,
    http: SharedHttpClient,
}

/// A client of a service. Their configurations are different types of the same shape.
macro_rules! client {
    ($sdk:ident, $connection:expr $(, $method:ident($value:expr))*) => {{
        let connection = $connection;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        let mut config = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(connection.region.clone())
            .credentials_provider(connection.credentials.clone())
            .http_client(connection.http.clone())
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts)
            $(.$method($value))*;
        if let Some(endpoint) = &connection.endpoint {
            config = config.endpoint_url(endpoint);
        }
        $sdk::Client::from_conf(config.build())
    }};
}

impl Connection {
    /// Reads the variables that Lambda sets (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
    /// `AWS_SESSION_TOKEN`), and `AWS_ENDPOINT_URL` for emulators; `variable` gives the value of one.
    ///
    /// # Errors
    /// [`SettingsError`] names the variable that is missing.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let optional = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let required = |name, advice| optional(name).ok_or(SettingsError::Missing { name, advice });
        let region = optional("AWS_REGION").map_or_else(|| required("AWS_DEFAULT_REGION", "set it to the region"), Ok)?;
        let advice = "Lambda sets it from the function's role; elsewhere set it yourself";
        let access_key = required("AWS_ACCESS_KEY_ID", advice)?;
        let secret_key = required("AWS_SECRET_ACCESS_KEY", advice)?;
        let endpoint = optional("AWS_ENDPOINT_URL");
        let http = match &endpoint {
            Some(endpoint) if endpoint.starts_with("http://") => Builder::new().build_http(),
            _ => SharedHttpClient::new(OnFirstUse::default()),
        };
        Ok(Self {
            region: Region::new(region),
            credentials: Credentials::new(access_key, secret_key, optional("AWS_SESSION_TOKEN"), None, "environment"),
            endpoint,
            http,
        })
    }

    /// A client of S3. Emulators are addressed with the bucket in the path, since their host has no subdomains.
    #[must_use]
    pub fn s3(&self) -> aws_sdk_s3::Client {
        client!(aws_sdk_s3, self, force_path_style(self.endpoint.is_some()))
    }

    /// A client of DynamoDB.
    #[must_use]
    pub fn dynamo(&self) -> aws_sdk_dynamodb::Client {
        client!(aws_sdk_dynamodb, self)
    }

    /// A client of SQS.
    #[must_use]
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        client!(aws_sdk_sqs, self)
    }

    /// A client of SNS.
    #[must_use]
    pub fn sns(&self) -> aws_sdk_sns::Client {
        client!(aws_sdk_sns, self)
    }
}
