//! The metrics that the functions write (CloudWatch embedded metric format, in the log line of an image), by name: the
//! dashboard and the alarms of the template name the same.

/// The namespace of every metric.
pub const NAMESPACE: &str = "Minilab";
/// The dimension that every metric has: a [`FunctionKind`](crate::environment::FunctionKind)'s name.
pub const FUNCTION: &str = "function";
/// The other dimension of what `process` counts: the tier's name.
pub const TIER: &str = "tier";

/// `process`: jobs whose variants and record were written. Count.
pub const PROCESSED: &str = "Processed";
/// `process`: jobs that failed for good, and messages that nobody understands. Count.
pub const FAILED: &str = "Failed";
/// `process`: jobs that failed and will be tried again. Count.
pub const RETRIED: &str = "Retried";
/// `process`: how long a job took, in milliseconds.
pub const DURATION: &str = "Duration";
/// `router`: events that were given to a tier. Count.
pub const ROUTED: &str = "Routed";
/// `notify`: messages that were published, and digests. Count.
pub const PUBLISHED: &str = "Published";
