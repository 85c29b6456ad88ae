//! Prices in dollars, without free allowances and discounts, of us-east-1 ([`minilab_pipeline::plan::PRICES_OF`]). Those of Lambda
//! on arm64 and of S3 requests stand in `minilab_pipeline::plan`.
//!
//! Compared on 2026-11-21. AWS's pages fetch most of their figures by script, so that what was compared are guides of 2026 which repeat
//! them: Lambda, SQS, SNS, DynamoDB's units, CloudWatch's logs, metrics and dashboards. The HTTP API's price stands in AWS's own
//! "Best Practices for Designing Amazon API Gateway Private APIs". Not compared again: DynamoDB's storage, alarms, endpoints, S3's
//! storage classes.

/// A GB-second of Lambda on `x86_64` (<https://aws.amazon.com/lambda/pricing/>).
pub(super) const X86_GB_SECOND: f64 = 0.000_016_666_7;
/// A request to SQS of up to 64 KB (<https://aws.amazon.com/sqs/pricing/>, standard queues).
pub(super) const SQS_REQUEST: f64 = 0.40 / 1e6;
/// Writing up to 1 KB to DynamoDB (<https://aws.amazon.com/dynamodb/pricing/on-demand/>).
pub(super) const WRITE_UNIT: f64 = 0.625 / 1e6;
/// Reading up to 4 KB from DynamoDB.
pub(super) const READ_UNIT: f64 = 0.125 / 1e6;
/// A gigabyte in DynamoDB for a month.
pub(super) const TABLE_GB: f64 = 0.25;
/// A message to a topic of SNS (<https://aws.amazon.com/sns/pricing/>).
pub(super) const PUBLISH: f64 = 0.50 / 1e6;
/// A gigabyte written to CloudWatch Logs (<https://aws.amazon.com/cloudwatch/pricing/>).
pub(super) const LOG_GB: f64 = 0.50;
/// An alarm for a month.
pub(super) const ALARM: f64 = 0.10;
/// A metric of one's own for a month.
pub(super) const METRIC: f64 = 0.30;
/// A dashboard for a month.
pub(super) const DASHBOARD: f64 = 3.00;
/// A call of an HTTP API (<https://aws.amazon.com/api-gateway/pricing/>).
pub(super) const API_CALL: f64 = 1.00 / 1e6;
/// An interface endpoint in one zone for an hour (<https://aws.amazon.com/privatelink/pricing/>).
pub(super) const ENDPOINT_HOUR: f64 = 0.01;

/// A storage class of S3 (<https://aws.amazon.com/s3/pricing/>).
#[derive(Debug, Clone, Copy)]
pub(super) struct StorageClass {
    /// A gigabyte for a month.
    pub(super) gb: f64,
    /// A PUT.
    pub(super) put: f64,
}

/// The prices of a storage class; of S3 Standard for one that is not known.
pub(super) fn storage_class(name: &str) -> StorageClass {
    let (gb, put) = match name {
        "STANDARD_IA" => (0.0125, 10.0 / 1e6),
        "ONEZONE_IA" => (0.01, 10.0 / 1e6),
        "GLACIER_IR" => (0.004, 20.0 / 1e6),
        "REDUCED_REDUNDANCY" => (0.024, minilab_pipeline::plan::S3_PUT),
        // Intelligent-Tiering begins at the price of Standard.
        _ => (0.023, minilab_pipeline::plan::S3_PUT),
    };
    StorageClass { gb, put }
}
