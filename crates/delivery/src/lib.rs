//! One message to one target: webhook, e-mail, SNS, log.
//!
//! This crate knows no store. It is handed what is to be told and says what came of it ([`Report`]); who keeps the rows,
//! waits and tries again is the caller. Secrets are handed in as well: nothing here reads the environment (but the AWS SDK
//! does, behind the feature `aws`, for its credentials, and rustls-native-certs for `SSL_CERT_FILE`).

mod address;
mod check;
mod deliverer;
mod detail;
mod email;
mod endpoint;
mod error;
mod log;
mod network;
mod options;
mod s3_record;
mod secret;
mod signature;
#[cfg(feature = "aws")]
mod sns;
mod tls;
mod webhook;

pub use address::AddressClass;
pub use check::{TargetError, check_email, check_sns, check_webhook, unreachable_webhook};
pub use deliverer::Deliverer;
pub use error::DeliveryError;
pub use network::Network;
pub use options::{DeliveryOptions, DeliveryOutcome, NamedWebhook, Outgoing, Plan, Report, SmtpServer, SmtpTls, Timeouts};
pub use secret::Secret;
