//! What a function works by. It lies in the zip beside the binary, so that a change of the rules is a change of the code
//! that is deployed, and can be rolled back with it.

use crate::config::{AwsConfig, AwsConfigError};
use minilab_model::{BucketName, Limits, NameError, NotificationSpec, Rule, RuleError, RuleSet, Step, Watermark};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the bundle's file in the zip.
pub const FILE: &str = "minilab.json";

/// The checked configuration, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Who is told of what.
    pub notifications: Vec<NotificationSpec>,
    /// Bounds of the work.
    pub limits: Limits,
    /// The `[aws]` table.
    pub aws: AwsConfig,
}

/// Why a configuration that a server could run by cannot be deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// A value of the `[aws]` table.
    #[error(transparent)]
    Aws(#[from] AwsConfigError),
    /// The rules, with the names that buckets have on AWS.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// There is nothing to do.
    #[error("there are no rules, so that nothing would ever be made; add a [[rules]] table")]
    NoRules,
    /// A bucket's name with the prefix before it.
    #[error("rule `{rule}`: with aws.bucket_prefix, {source}")]
    Bucket {
        /// The rule that names the bucket.
        rule: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// A bucket that has one name on AWS with another.
    #[error("buckets `{first}` and `{second}` would both be `{name}` on AWS; change aws.bucket_prefix or aws.existing_buckets")]
    SameBucket {
        /// One bucket.
        first: BucketName,
        /// The other.
        second: BucketName,
        /// Their name on AWS.
        name: String,
    },
    /// A bucket that no rule knows.
    #[error("aws.existing_buckets names `{bucket}`, which no rule reads or writes")]
    UnknownBucket {
        /// The bucket.
        bucket: String,
    },
    /// A target that the functions do not deliver to.
    #[error(
        "the notification to the webhook {url} cannot be sent from AWS: subscribe the address to the stack's topic instead \
         (`aws sns subscribe --protocol https`), and take the webhook out of this file"
    )]
    Webhook {
        /// The address, without what could be secret.
        url: String,
    },
    /// An address that SNS does not take.
    #[error(
        "the notification by e-mail to `{address}` cannot be sent from AWS: SNS takes a bare address, as in photos@example.com"
    )]
    Email {
        /// The address.
        address: String,
    },
    /// Not an ARN, or another endpoint than AWS.
    #[error("the notification to the topic `{topic_arn}` cannot be sent from AWS: {reason}")]
    Topic {
        /// The topic as it is configured.
        topic_arn: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl Bundle {
    /// The configuration as it is deployed: every check passed, the buckets with the names that they have on AWS.
    ///
    /// # Errors
    /// [`DeployError`].
    pub fn new(
        rules: impl IntoIterator<Item = Rule>,
        notifications: Vec<NotificationSpec>,
        limits: Limits,
        aws: AwsConfig,
    ) -> Result<Self, DeployError> {
        aws.validate()?;
        let mut names = BucketNames { aws: &aws, known: BTreeMap::new() };
        let rules = rules.into_iter().map(|rule| names.renamed(rule)).collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() {
            return Err(DeployError::NoRules);
        }
        let unknown = |bucket: &&String| !names.known.keys().any(|known| known.as_str() == **bucket);
        if let Some(bucket) = aws.existing_buckets.iter().find(unknown) {
            return Err(DeployError::UnknownBucket { bucket: bucket.clone() });
        }
        notifications.iter().try_for_each(check_notification)?;
        let bundle = Self { rules, notifications, limits, aws };
        bundle.rule_set()?;
        Ok(bundle)
    }

    /// The rules, checked once more: a bundle may have been changed by hand.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn rule_set(&self) -> Result<RuleSet, RuleError> {
        RuleSet::new(self.rules.clone())
    }

    /// The bucket that is meant when none is named: the first rule's.
    #[must_use]
    pub fn default_bucket(&self) -> Option<&BucketName> {
        self.rules.first().map(|rule| &rule.bucket)
    }

    /// Everybody who reads digests by e-mail: those of the `[aws]` table and of every notification, each once.
    #[must_use]
    pub fn digest_readers(&self) -> Vec<String> {
        let told = self.notifications.iter().filter_map(|spec| spec.email.as_ref()).flat_map(|email| &email.to);
        let mut readers: Vec<String> = Vec::new();
        for address in self.aws.emails.iter().chain(told) {
            if !readers.contains(address) {
                readers.push(address.clone());
            }
        }
        readers
    }

    /// The topics that notifications name, each once.
    #[must_use]
    pub fn named_topics(&self) -> Vec<String> {
        let mut topics: Vec<String> =
            self.notifications.iter().filter_map(|spec| spec.sns.as_ref()).map(|sns| sns.topic_arn.clone()).collect();
        topics.sort();
        topics.dedup();
        topics
    }

    /// What can be deployed, but is likely not meant, or differs from the server.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = self.aws.warnings();
        if self.aws.bucket_prefix.is_empty() && self.rules.iter().any(|rule| !self.aws.is_existing(rule.bucket.as_str())) {
            warnings.push(format!(
                "aws.bucket_prefix is empty: all of AWS shares one set of bucket names, and `{}` may be taken",
                self.rules.first().map_or("", |rule| rule.bucket.as_str())
            ));
        }
        if self.notifications.iter().filter(|spec| spec.email.is_some()).count() > 1 {
            warnings
                .push("on AWS there is one digest: every receiver of an e-mail reads what any of them is to be told".to_owned());
        }
        let longest = self.limits.decode.wall_time.as_secs();
        if let Some(tier) = self.aws.tiers.iter().find(|tier| u64::from(tier.timeout_s) < longest + 5) {
            warnings.push(format!(
                "aws.tiers: `{}` ends after {} s, though limits.wall_time_s lets the work on one image take {longest} s",
                tier.name, tier.timeout_s
            ));
        }
        warnings
    }
}

/// The buckets that were met, and what each is called on AWS.
struct BucketNames<'a> {
    aws: &'a AwsConfig,
    known: BTreeMap<BucketName, BucketName>,
}

impl BucketNames<'_> {
    fn renamed(&mut self, mut rule: Rule) -> Result<Rule, DeployError> {
        for variant in &mut rule.variants {
            if let Some(bucket) = &variant.bucket {
                variant.bucket = Some(self.on_aws(&rule.name, bucket)?);
            }
            for step in &mut variant.steps {
                if let Step::Watermark(Watermark { image: Some(image), .. }) = step {
                    image.bucket = self.on_aws(&rule.name, &image.bucket)?;
                }
            }
        }
        rule.bucket = self.on_aws(&rule.name, &rule.bucket)?;
        Ok(rule)
    }

    fn on_aws(&mut self, rule: &str, bucket: &BucketName) -> Result<BucketName, DeployError> {
        let name = BucketName::new(self.aws.bucket_name(bucket))
            .map_err(|source| DeployError::Bucket { rule: rule.to_owned(), source })?;
        if let Some((other, _)) = self.known.iter().find(|(other, known)| **known == name && *other != bucket) {
            return Err(DeployError::SameBucket { first: other.clone(), second: bucket.clone(), name: name.to_string() });
        }
        self.known.insert(bucket.clone(), name.clone());
        Ok(name)
    }
}

fn check_notification(spec: &NotificationSpec) -> Result<(), DeployError> {
    if let Some(webhook) = &spec.webhook {
        return Err(DeployError::Webhook { url: webhook.label() });
    }
    if let Some(address) = spec.email.iter().flat_map(|email| &email.to).find(|address| !crate::config::is_email(address)) {
        return Err(DeployError::Email { address: address.escape_debug().to_string() });
    }
    if let Some(sns) = &spec.sns {
        let refuse = |reason| Err(DeployError::Topic { topic_arn: sns.topic_arn.escape_debug().to_string(), reason });
        if sns.endpoint.is_some() {
            return refuse("it names an endpoint, which only a server calls; leave `endpoint` out");
        }
        if !is_topic_arn(&sns.topic_arn) {
            return refuse("it is no topic's ARN, as arn:aws:sns:eu-central-1:123456789012:images");
        }
    }
    Ok(())
}

/// `arn:PARTITION:sns:REGION:ACCOUNT:NAME`. What passes can stand in a policy: nothing in it has a meaning there.
fn is_topic_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    match parts.as_slice() {
        ["arn", partition, "sns", region, account, name] => {
            plain(partition)
                && plain(region)
                && plain(name)
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rules(json: serde_json::Value) -> Vec<Rule> {
        serde_json::from_value(json).unwrap()
    }

    fn sizes() -> Vec<Rule> {
        rules(serde_json::json!([{"name": "r", "bucket": "photos", "variants": [
            {"name": "small", "bucket": "prints", "key": "{key}", "format": "jpeg",
             "steps": [{"watermark": {"image": {"bucket": "assets", "key": "logo.png"}}}]}]}]))
    }

    fn refused(rules: Vec<Rule>, notifications: serde_json::Value, aws: AwsConfig) -> String {
        let notifications = serde_json::from_value(notifications).unwrap();
        Bundle::new(rules, notifications, Limits::default(), aws).map_or_else(|error| error.to_string(), |_| "nothing".to_owned())
    }

    #[test]
    fn buckets_that_the_stack_makes_get_the_prefix() {
        let aws =
            AwsConfig { bucket_prefix: "acme-".to_owned(), existing_buckets: vec!["photos".to_owned()], ..AwsConfig::default() };
        let bundle = Bundle::new(sizes(), Vec::new(), Limits::default(), aws).unwrap();
        assert_eq!(bundle.rules[0].bucket.as_str(), "photos");
        assert_eq!(bundle.rules[0].variants[0].bucket.as_ref().unwrap().as_str(), "acme-prints");
        let overlays: Vec<String> = bundle.rules[0].variants[0].overlays().map(ToString::to_string).collect();
        assert_eq!(overlays, ["acme-assets/logo.png"]);
        let json = serde_json::to_string(&bundle).unwrap();
        assert_eq!(serde_json::from_str::<Bundle>(&json).unwrap(), bundle);
    }

    #[test]
    fn what_cannot_work_on_aws_is_refused() {
        let check = |notifications: serde_json::Value, aws: AwsConfig, expected: &str| {
            let message = refused(sizes(), notifications, aws);
            assert!(message.contains(expected), "{expected:?} is not in {message:?}");
        };
        let none = || serde_json::json!([]);
        let spec = |target: &str, value: serde_json::Value| serde_json::json!([{"on": ["image.failed"], target: value}]);
        let webhook = serde_json::json!({"url": "https://u:p@example.com/hook?token=secret"});
        check(spec("webhook", webhook), AwsConfig::default(), "https://example.com/hook cannot");
        check(spec("email", serde_json::json!({"to": ["Me <me@example.com>"]})), AwsConfig::default(), "bare address");
        check(spec("sns", serde_json::json!({"topic_arn": "arn:aws:sns:x:1:*"})), AwsConfig::default(), "no topic's ARN");
        let local = serde_json::json!({"topic_arn": "arn:aws:sns:eu-west-1:123456789012:x", "endpoint": "http://127.0.0.1"});
        check(spec("sns", local), AwsConfig::default(), "leave `endpoint` out");
        check(none(), AwsConfig { bucket_prefix: "a".repeat(40), ..AwsConfig::default() }, "nothing");
        check(none(), AwsConfig { existing_buckets: vec!["other".to_owned()], ..AwsConfig::default() }, "no rule reads");
        check(none(), AwsConfig { log_days: 2, ..AwsConfig::default() }, "aws.log_days");
        assert!(refused(Vec::new(), none(), AwsConfig::default()).contains("no rules"));
    }

    #[test]
    fn a_loop_that_the_prefix_makes_is_refused() {
        let aws = || AwsConfig {
            bucket_prefix: "acme-".to_owned(),
            existing_buckets: vec!["acme-photos".to_owned()],
            ..AwsConfig::default()
        };
        // Two buckets in the file, one on AWS.
        let two = rules(serde_json::json!([{"name": "r", "bucket": "photos", "variants": [
            {"name": "small", "bucket": "acme-photos", "key": "{key}", "format": "jpeg"}]}]));
        let message = refused(two, serde_json::json!([]), aws());
        assert!(message.contains("would both be `acme-photos`"), "{message}");
        let itself = rules(serde_json::json!([{"name": "r", "bucket": "acme-photos", "variants": [
            {"name": "small", "key": "{key}", "format": "jpeg"}]}]));
        let message = refused(itself, serde_json::json!([]), aws());
        assert!(message.contains("rules loop: r → r"), "{message}");
    }
}
