/// Why a [`Deliverer`](crate::Deliverer) cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// A secret cannot be used for signing.
    #[error("the secret in {name} cannot be used: {reason}")]
    Secret {
        /// The environment variable.
        name: String,
        /// What is wrong with it; no part of the secret itself.
        reason: String,
    },
    /// The mail server's settings cannot work.
    #[error("smtp.{key}: {reason}")]
    Smtp {
        /// The key of the `[smtp]` table.
        key: &'static str,
        /// What is wrong with it and what to do.
        reason: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}
