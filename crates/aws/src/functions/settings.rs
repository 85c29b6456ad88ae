//! What a function is told by its environment: checked at start, so that a mistake is found there and named.

use crate::environment::{self, FunctionKind};

/// Why a function cannot start.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A variable that this function needs is missing or empty.
    #[error("the environment variable {name} is not set; {advice}")]
    Missing {
        /// The variable.
        name: &'static str,
        /// What it is to hold.
        advice: &'static str,
    },
    /// A variable has a value that cannot be.
    #[error("the environment variable {name} is `{value}`; {advice}")]
    Value {
        /// The variable.
        name: &'static str,
        /// What it holds.
        value: String,
        /// What it is to hold.
        advice: String,
    },
}

/// Which function this is, and what only that function is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settings {
    /// [`FunctionKind::Process`].
    Process(ProcessSettings),
    /// [`FunctionKind::Router`].
    Router(RouterSettings),
    /// [`FunctionKind::Api`].
    Api(ApiSettings),
    /// [`FunctionKind::Notify`].
    Notify(NotifySettings),
}

/// What `process` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessSettings {
    /// The DynamoDB table.
    pub table: String,
    /// The name of the tier that this worker is of. `None`: the first one.
    pub tier: Option<String>,
    /// The queue of messages that failed for good. `None` where failures are recorded in the catalog alone.
    pub dead_letter_queue: Option<String>,
    /// The tiers' queues, the smallest first; empty where there is one tier alone.
    pub tier_queues: Vec<String>,
    /// The stack's topic, which every outcome is told to.
    pub topic: Option<String>,
    /// Whether outcomes are told in digests, too.
    pub digests: bool,
}

/// What `router` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterSettings {
    /// The tiers' queues, the smallest first.
    pub tier_queues: Vec<String>,
    /// The queue of messages that nobody understands.
    pub dead_letter_queue: Option<String>,
}

/// What `api` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSettings {
    /// The DynamoDB table.
    pub table: String,
}

/// What `notify` is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifySettings {
    /// The stack's topic, which every outcome is told to.
    pub topic: Option<String>,
    /// Where digests are published, and the queue in which outcomes wait for the next one.
    pub digest: Option<DigestSettings>,
}

/// Where digests come from and go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestSettings {
    /// The SNS topic.
    pub topic: String,
    /// The SQS queue's URL.
    pub queue: String,
}

impl Settings {
    /// Reads the settings; `variable` gives the value of an environment variable.
    ///
    /// # Errors
    /// [`SettingsError`] names the variable and says what it is to hold.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        // The template leaves empty what is not there, so empty means absent.
        let optional = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let required = |name, advice| optional(name).ok_or(SettingsError::Missing { name, advice });
        let table = || required(environment::TABLE, "set it to the name of the DynamoDB table");
        let queues = |text: Option<String>| text.unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let kind = required(environment::FUNCTION, "set it to process, router, api or notify")?;
        let kind = FunctionKind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(|| SettingsError::Value {
            name: environment::FUNCTION,
            value: kind.clone(),
            advice: "set it to process, router, api or notify".to_owned(),
        })?;
        let digest_topic = optional(environment::DIGEST_TOPIC);
        let digest_queue = optional(environment::DIGEST_QUEUE);
        Ok(match kind {
            FunctionKind::Process => Self::Process(ProcessSettings {
                table: table()?,
                tier: optional(environment::TIER),
                dead_letter_queue: optional(environment::DEAD_LETTER_QUEUE),
                tier_queues: queues(optional(environment::TIER_QUEUES)),
                topic: optional(environment::TOPIC),
                digests: digest_topic.is_some() || digest_queue.is_some(),
            }),
            FunctionKind::Router => Self::Router(RouterSettings {
                tier_queues: queues(Some(required(
                    environment::TIER_QUEUES,
                    "set it to the URLs of the tiers' queues, the smallest tier first, separated by spaces",
                )?)),
                dead_letter_queue: optional(environment::DEAD_LETTER_QUEUE),
            }),
            FunctionKind::Api => Self::Api(ApiSettings { table: table()? }),
            FunctionKind::Notify => Self::Notify(NotifySettings {
                topic: optional(environment::TOPIC),
                digest: match (digest_topic, digest_queue) {
                    (Some(topic), Some(queue)) => Some(DigestSettings { topic, queue }),
                    (None, None) => None,
                    (Some(_), None) => {
                        let advice = "set it to the URL of the queue in which outcomes wait for the next digest";
                        return Err(SettingsError::Missing { name: environment::DIGEST_QUEUE, advice });
                    }
                    (None, Some(_)) => {
                        let advice = "set it to the ARN of the topic that digests are published to";
                        return Err(SettingsError::Missing { name: environment::DIGEST_TOPIC, advice });
                    }
                },
            }),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = |variables: &[(&str, &str)]| read(variables).unwrap_err().to_string();
        assert!(missing(&[]).contains("MINILAB_FUNCTION is not set"));
        assert!(missing(&[("MINILAB_FUNCTION", "proces")]).contains("`proces`; set it to process"));
        assert!(missing(&[("MINILAB_FUNCTION", "api")]).contains("MINILAB_TABLE"));
        assert!(missing(&[("MINILAB_FUNCTION", "router"), ("MINILAB_TIER_QUEUE_URLS", " ")]).contains("MINILAB_TIER_QUEUE_URLS"));
        let half = [("MINILAB_FUNCTION", "notify"), ("MINILAB_DIGEST_TOPIC_ARN", "arn:aws:sns:eu-central-1:1:d")];
        assert!(missing(&half).contains("MINILAB_DIGEST_QUEUE_URL"));
    }

    #[test]
    fn what_is_empty_is_absent() {
        let variables = [("MINILAB_FUNCTION", "process"), ("MINILAB_TABLE", "T"), ("MINILAB_DEAD_LETTER_QUEUE_URL", "")];
        let Settings::Process(settings) = read(&variables).unwrap() else { panic!("another function") };
        assert_eq!((settings.dead_letter_queue, settings.tier_queues), (None, Vec::new()));
        let router = read(&[("MINILAB_FUNCTION", "router"), ("MINILAB_TIER_QUEUE_URLS", "a  b\nc")]).unwrap();
        let Settings::Router(router) = router else { panic!("another function") };
        assert_eq!(router.tier_queues, ["a", "b", "c"]);
    }
}
