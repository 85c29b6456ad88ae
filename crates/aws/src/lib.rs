//! The same rules on AWS: S3 → SQS → Lambda → S3, DynamoDB and SNS.
//!
//! Two halves. What describes a deployment (the configuration, the [bundle](bundle) that goes into the zip, the
//! CloudFormation template, the estimate of its cost) needs no AWS SDK and is in every build. What runs in Lambda (the stores on
//! S3 and DynamoDB, the functions, the `bootstrap` binary) is behind the feature `functions`.

pub mod bundle;
pub mod config;
pub mod environment;
#[cfg(feature = "functions")]
pub mod functions;
pub mod metrics;
#[cfg(feature = "functions")]
pub mod stores;
pub mod table;

pub use bundle::Bundle;
pub use config::AwsConfig;
