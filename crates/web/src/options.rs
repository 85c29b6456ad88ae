use crate::api::{ApplyProgress, ApplyRequest};
use futures::future::BoxFuture;
use minilab_embedded::Health;
use minilab_model::{BucketName, RuleSet, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Settings of the web listener.
#[derive(Clone)]
pub struct WebOptions {
    /// The bucket that is meant when a request names none.
    pub default_bucket: BucketName,
    /// What stands before the name of a file that is uploaded from the page, so that a rule picks it up: `input/`.
    pub upload_prefix: String,
    /// The largest upload, in bytes. More is answered 413.
    pub max_upload_bytes: u64,
    /// How long an upload may send nothing before it is given up.
    pub upload_idle: Duration,
    /// Who may do what.
    pub access: Access,
    /// Whether the parts beside the store (the workers, say) are ready. The store is asked as well.
    pub readiness: Readiness,
    /// What `GET /metrics` answers; without it, there is nothing at that path.
    pub metrics: Option<Metrics>,
    /// What `GET /api/v1/rules` answers; without it, there is nothing at that path.
    pub rules: Option<Rules>,
    /// What `POST` and `GET /api/v1/rules/apply` do; without it, there is nothing at that path.
    pub apply: Option<Apply>,
    /// Where the S3 gateway listens, as shown on the page: `http://127.0.0.1:4569`.
    pub s3_endpoint: String,
    /// The program's version, as shown on the page.
    pub version: String,
}

/// Asks a part of the program how it is.
pub type Readiness = Arc<dyn Fn() -> Health + Send + Sync>;

/// Makes the program's metrics in Prometheus' text format, version 0.0.4.
pub type Metrics = Arc<dyn Fn() -> BoxFuture<'static, String> + Send + Sync>;

/// Asks for the rules in force.
pub type Rules = Arc<dyn Fn() -> RulesInForce + Send + Sync>;

/// Applies the rules to what is there.
#[derive(Clone)]
pub struct Apply {
    /// Starts it, or joins what is under way; an error says why not.
    pub start: Arc<dyn Fn(ApplyRequest) -> Result<ApplyProgress, String> + Send + Sync>,
    /// How far the last one is; `None` when there has been none.
    pub progress: Arc<dyn Fn() -> Option<ApplyProgress> + Send + Sync>,
}

/// The rules by which the program works now.
#[derive(Debug, Clone)]
pub struct RulesInForce {
    /// The rules.
    pub rules: Arc<RuleSet>,
    /// A hash over them in hex: equal for equal rules.
    pub fingerprint: String,
    /// Since when they are in force.
    pub loaded_at: Timestamp,
    /// Why the configuration as it is now was refused, so that these rules stayed; `None` when it was not.
    pub last_error: Option<String>,
}

impl WebOptions {
    /// Bytes of the largest upload unless set otherwise: 5 GiB, as for one S3 PUT.
    pub const MAX_UPLOAD_BYTES: u64 = 5 << 30;

    /// How long an upload may be silent unless set otherwise.
    pub const UPLOAD_IDLE: Duration = Duration::from_secs(30);

    /// Options for a listener on loopback; everything else at its default.
    #[must_use]
    pub fn loopback(default_bucket: BucketName, s3_endpoint: impl Into<String>) -> Self {
        Self {
            default_bucket,
            upload_prefix: String::new(),
            max_upload_bytes: Self::MAX_UPLOAD_BYTES,
            upload_idle: Self::UPLOAD_IDLE,
            access: Access::Loopback,
            readiness: Arc::new(|| Health::Ready),
            metrics: None,
            rules: None,
            apply: None,
            s3_endpoint: s3_endpoint.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Who may do what, by where the listener is bound.
#[derive(Debug, Clone)]
pub enum Access {
    /// Bound to a socket in the file system that only its owner can open: whoever comes through may do everything. No
    /// browser can.
    Local,
    /// Bound to a loopback address: no login, but the `Host` must be a loopback one, so that no web site can reach in
    /// by pointing its own name at 127.0.0.1.
    Loopback,
    /// Bound to anything else: HTTP Basic with an access key and its secret.
    Remote {
        /// Whether reading needs no login. Uploading always does.
        anonymous_read: bool,
        /// The pairs that may sign in.
        credentials: Vec<Credentials>,
    },
}

/// An access key and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key: the user name.
    pub access_key: String,
    /// The secret key: the password.
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}
