//! What is wrong with a target can be told when the configuration is read, long before anything is to be sent.

use crate::email::receivers;
use crate::endpoint::Endpoint;
use minilab_model::{EmailTarget, SnsTarget, WebhookTarget};

/// Said of SNS targets by a build without the feature `aws`.
#[cfg(not(feature = "aws"))]
pub(crate) const SNS_IS_NOT_BUILT_IN: &str =
    "this build knows no SNS; build it with `cargo build --release --ignore-rust-version --package minilab --features aws`";

/// What is wrong with a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct TargetError {
    /// The key of the target's table.
    pub key: &'static str,
    /// What is wrong with its value and what to do; no secret in it.
    pub reason: String,
}

/// Checks that a webhook's address could be called. Names are not resolved: that is done for each delivery.
///
/// # Errors
/// [`TargetError`] names the key.
pub fn check_webhook(target: &WebhookTarget) -> Result<(), TargetError> {
    let wrong = |key, reason| TargetError { key, reason };
    Endpoint::parse(target).map_err(|reason| wrong("url", reason))?;
    match &target.secret_env {
        Some(name) if name.is_empty() || name.contains(['=', '\0']) => {
            Err(wrong("secret_env", format!("`{}` cannot be the name of an environment variable", name.escape_debug())))
        }
        _ => Ok(()),
    }
}

/// Why nothing will be sent to a webhook whose URL is written with an address that is not allowed. A configuration with one
/// is loaded all the same: its messages are refused and kept, and can be sent when the address is allowed.
#[must_use]
pub fn unreachable_webhook(target: &WebhookTarget) -> Option<String> {
    Endpoint::parse(target).ok()?.check_literal().err()
}

/// Checks the receivers' addresses.
///
/// # Errors
/// [`TargetError`] names the key.
pub fn check_email(target: &EmailTarget) -> Result<(), TargetError> {
    receivers(target).map_err(|reason| TargetError { key: "to", reason })?;
    match target.max_per_hour {
        0 => Err(TargetError { key: "max_per_hour", reason: "it is 0, so that nothing would ever be sent".to_owned() }),
        _ => Ok(()),
    }
}

/// Checks that this build can publish to the topic.
///
/// # Errors
/// [`TargetError`] names the key, and says how to build when SNS is not built in.
pub fn check_sns(target: &SnsTarget) -> Result<(), TargetError> {
    let wrong = |key, reason| Err(TargetError { key, reason });
    #[cfg(not(feature = "aws"))]
    {
        let _ = target;
        wrong("sns", SNS_IS_NOT_BUILT_IN.to_owned())
    }
    #[cfg(feature = "aws")]
    {
        if crate::sns::region(&target.topic_arn).is_none() {
            let arn = target.topic_arn.escape_debug();
            return wrong("topic_arn", format!("`{arn}` is not a topic's ARN, as arn:aws:sns:eu-central-1:123456789012:images"));
        }
        match &target.endpoint {
            Some(endpoint) if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") => {
                wrong("endpoint", format!("`{}` must start with http:// or https://", endpoint.escape_debug()))
            }
            _ => Ok(()),
        }
    }
}
