//! The environment variables that the template gives to the functions, and that `bootstrap` reads. Secrets are never among
//! them.

/// Which function this is: a [`FunctionKind`]'s name.
pub const FUNCTION: &str = "MINILAB_FUNCTION";
/// The DynamoDB table.
pub const TABLE: &str = "MINILAB_TABLE";
/// The SNS topic of every outcome.
pub const TOPIC: &str = "MINILAB_TOPIC_ARN";
/// The SNS topic of e-mail digests; absent where nobody reads them.
pub const DIGEST_TOPIC: &str = "MINILAB_DIGEST_TOPIC_ARN";
/// The SQS queue in which outcomes wait for the next digest.
pub const DIGEST_QUEUE: &str = "MINILAB_DIGEST_QUEUE_URL";
/// `process`: the name of the tier that this worker is of.
pub const TIER: &str = "MINILAB_TIER";
/// `process`: the queue of messages that failed for good.
pub const DEAD_LETTER_QUEUE: &str = "MINILAB_DEAD_LETTER_QUEUE_URL";
/// `router`, `process`: the URLs of the tiers' queues in the order of the tiers, separated by spaces.
pub const TIER_QUEUES: &str = "MINILAB_TIER_QUEUE_URLS";
/// Where the bundle is, when it does not lie beside the binary: for tests.
pub const BUNDLE: &str = "MINILAB_BUNDLE";

/// What one zip can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FunctionKind {
    /// Events in, variants and records out.
    Process,
    /// Events in, each into the queue of the tier that its image needs.
    Router,
    /// The HTTP API.
    Api,
    /// The table's stream in, messages to SNS out; and digests when its clock rings.
    Notify,
}

impl FunctionKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Process, Self::Router, Self::Api, Self::Notify];

    /// The name in [`FUNCTION`] and in names of resources.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Router => "router",
            Self::Api => "api",
            Self::Notify => "notify",
        }
    }
}
