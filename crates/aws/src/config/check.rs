//! Whether the values of the `[aws]` table are ones that AWS takes.

use super::{ApiAuth, AwsConfig, TierConfig, Vpc};
use minilab_model::BucketName;
use std::collections::BTreeSet;

/// The storage classes that can be read at once. Those that have to be restored first are none for variants.
pub const STORAGE_CLASSES: [&str; 6] =
    ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY"];
/// The days that CloudWatch Logs takes for `retentionInDays` ("PutRetentionPolicy", Amazon CloudWatch Logs API Reference).
const LOG_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// Names that other queues and functions of the stack have.
const TAKEN_NAMES: [&str; 5] = ["api", "digest", "ingest", "notify", "router"];

/// A value that cannot be deployed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("aws.{}{key}: {reason}", .tier.map(|_| "tiers.").unwrap_or_default())]
pub struct AwsConfigError {
    /// Which of the tiers, from 0, when the key is one's.
    pub tier: Option<usize>,
    /// The key in the configuration.
    pub key: &'static str,
    /// What is wrong and what to do.
    pub reason: String,
}

type Checked = Result<(), AwsConfigError>;

impl AwsConfig {
    /// Checks every value by itself, and those that depend on each other.
    ///
    /// # Errors
    /// The first [`AwsConfigError`].
    pub fn validate(&self) -> Checked {
        self.check_names()?;
        self.check_buckets()?;
        self.check_tiers()?;
        self.check_api()?;
        self.check_people()?;
        self.check_network()?;
        let storage_class = self.storage_class.as_str();
        if !STORAGE_CLASSES.contains(&storage_class) {
            let known = STORAGE_CLASSES.join(", ");
            let archived = ["GLACIER", "DEEP_ARCHIVE"].contains(&storage_class);
            let why = if archived { "has to be restored before it can be read" } else { "is no storage class" };
            return refuse("storage_class", format!("`{}` {why}; use one of {known}", storage_class.escape_debug()));
        }
        if !LOG_DAYS.contains(&self.log_days) {
            let known: Vec<String> = LOG_DAYS.iter().map(u32::to_string).collect();
            return refuse(
                "log_days",
                format!("CloudWatch does not keep logs for {} days; use one of {}", self.log_days, known.join(", ")),
            );
        }
        // A presigned link ends with the credentials that signed it: those of a function live for some hours.
        range("download_seconds", self.download_seconds, 1, 3600)?;
        range("intelligent_tiering_days", self.intelligent_tiering_days, 0, 3650)?;
        range("abort_uploads_days", self.abort_uploads_days, 1, 3650)
    }

    /// What can be deployed, but is likely not meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(largest) = self.tiers.last().filter(|tier| tier.batch > 1) {
            warnings.push(format!(
                "aws.tiers: `{}`, the largest, takes {} messages at a time; what runs out of memory there takes them all with it, so 1 is safer",
                largest.name, largest.batch
            ));
        }
        if let Some(tier) = self.tiers.iter().find(|tier| tier.memory_mb > 3008) {
            warnings.push(format!(
                "aws.tiers: `{}` has {} MB; new accounts may use 3008 until they ask for more",
                tier.name, tier.memory_mb
            ));
        }
        if self.api && self.api_auth == ApiAuth::None {
            warnings.push("aws.api_auth is `none`: everybody can read every record and download every image".to_owned());
        }
        if self.alarm_emails.is_empty() {
            warnings.push("aws.alarm_emails is empty: nobody is told when messages end as dead letters".to_owned());
        }
        warnings
    }

    fn check_names(&self) -> Checked {
        // Functions are called `name-process-tier` in 64 letters.
        if !is_name(&self.name, 24, true) {
            return refuse(
                "name",
                format!(
                    "`{}` must be 1 to 24 of a-z, 0-9 and `-`, beginning with a letter and ending with none of the `-`",
                    shown(&self.name)
                ),
            );
        }
        let is_table = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if !(3..=255).contains(&self.table.len()) || !is_table(&self.table) {
            return refuse("table", format!("`{}` must be 3 to 255 of a-z, A-Z, 0-9, `_`, `-` and `.`", shown(&self.table)));
        }
        if self.table_key.is_empty() || self.table_key.len() > 255 || self.table_key.chars().any(char::is_control) {
            return refuse("table_key", "must have 1 to 255 bytes and no control characters".to_owned());
        }
        let taken = [
            crate::table::KIND,
            crate::table::EXPIRES,
            crate::table::COLLECTION,
            crate::table::SIZE_KEY,
            crate::table::OBJECT_KEY,
            crate::table::CREATED_KEY,
        ];
        if taken.contains(&self.table_key.as_str()) {
            return refuse("table_key", format!("`{}` is the name of another attribute", self.table_key));
        }
        if self.statistics_shards == 0 || self.statistics_shards > 100 {
            return refuse("statistics_shards", format!("{} is not from 1 to 100", self.statistics_shards));
        }
        Ok(())
    }

    fn check_buckets(&self) -> Checked {
        for bucket in &self.existing_buckets {
            if let Err(error) = BucketName::new(bucket.as_str()) {
                return refuse("existing_buckets", error.to_string());
            }
        }
        for former in &self.former_destinations {
            let bucket = former.split_once('/').map(|(bucket, _)| BucketName::new(bucket));
            if !matches!(bucket, Some(Ok(_))) {
                return refuse(
                    "former_destinations",
                    format!("`{}` is no bucket with a prefix, as in acme-prints/thumbs/", shown(former)),
                );
            }
        }
        let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let prefix = &self.bucket_prefix;
        if prefix.len() > 40 || !letters(prefix) || prefix.starts_with('-') {
            return refuse("bucket_prefix", format!("`{}` must be up to 40 of a-z, 0-9 and `-`, as in `acme-`", shown(prefix)));
        }
        // "Bucket naming rules", Amazon S3 User Guide.
        if let Some(taken) = ["xn--", "sthree-", "amzn-s3-demo-"].iter().find(|taken| prefix.starts_with(**taken)) {
            return refuse("bucket_prefix", format!("S3 keeps names that begin with `{taken}` for itself"));
        }
        Ok(())
    }

    fn check_tiers(&self) -> Checked {
        if self.tiers.is_empty() || self.tiers.len() > 8 {
            return refuse("tiers", format!("{} tiers; there must be 1 to 8", self.tiers.len()));
        }
        let mut names = BTreeSet::new();
        for (index, tier) in self.tiers.iter().enumerate() {
            let wrong = |key, reason| Err(AwsConfigError { tier: Some(index), key, reason });
            if let Err((key, reason)) = check_tier(tier) {
                return wrong(key, reason);
            }
            if !names.insert(&tier.name) {
                return wrong("name", format!("two tiers are called `{}`; give each its own name", tier.name));
            }
            if let Some(before) = index.checked_sub(1).and_then(|before| self.tiers.get(before)) {
                if tier.memory_mb <= before.memory_mb {
                    let (name, memory) = (&before.name, before.memory_mb);
                    return wrong(
                        "memory_mb",
                        format!("{} is not more than the {memory} of `{name}` before it; sort tiers by memory", tier.memory_mb),
                    );
                }
                if tier.bound_bytes() <= before.bound_bytes() {
                    let reason = format!(
                        "`{}` takes images up to {} bytes, no more than `{}` before it",
                        tier.name,
                        tier.bound_bytes(),
                        before.name
                    );
                    return wrong("up_to_bytes", reason);
                }
            }
        }
        Ok(())
    }

    fn check_api(&self) -> Checked {
        range("api_rate", self.api_rate, 1, 10_000)?;
        range("api_burst", self.api_burst, 1, 5_000)?;
        let origin = |text: &str| text == "*" || is_origin(text);
        if let Some(wrong) = self.cors_origins.iter().find(|text| !origin(text)) {
            return refuse("cors_origins", format!("`{}` is no origin, as in https://photos.example.com, or `*`", shown(wrong)));
        }
        if self.api_auth == ApiAuth::Jwt {
            if !self.jwt_issuer.starts_with("https://") {
                return refuse("jwt_issuer", "api_auth = \"jwt\" needs the https:// address of the tokens' issuer".to_owned());
            }
            if self.jwt_audience.is_empty() || self.jwt_audience.iter().any(String::is_empty) {
                return refuse("jwt_audience", "api_auth = \"jwt\" needs one audience or more".to_owned());
            }
        } else if !self.jwt_issuer.is_empty() || !self.jwt_audience.is_empty() {
            return refuse("api_auth", "must be \"jwt\" where jwt_issuer or jwt_audience is set".to_owned());
        }
        Ok(())
    }

    fn check_people(&self) -> Checked {
        for (key, addresses) in [("emails", &self.emails), ("alarm_emails", &self.alarm_emails)] {
            if let Some(wrong) = addresses.iter().find(|address| !is_email(address)) {
                return refuse(key, format!("`{}` is no e-mail address that SNS takes, as in photos@example.com", shown(wrong)));
            }
        }
        range("digest_minutes", self.digest_minutes, 1, 24 * 60)?;
        range("alarm_age_seconds", self.alarm_age_seconds, 60, 14 * 24 * 3600)
    }

    fn check_network(&self) -> Checked {
        let is_id = |text: &str, kind: &str| {
            text.strip_prefix(kind)
                .is_some_and(|rest| (8..=17).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        if let Some(wrong) = self.subnets.iter().find(|id| !is_id(id, "subnet-")) {
            return refuse("subnets", format!("`{}` is no subnet, as in subnet-0123456789abcdef0", shown(wrong)));
        }
        if let Some(wrong) = self.security_groups.iter().find(|id| !is_id(id, "sg-")) {
            return refuse("security_groups", format!("`{}` is no security group, as in sg-0123456789abcdef0", shown(wrong)));
        }
        if self.subnets.is_empty() != self.security_groups.is_empty() {
            return refuse("subnets", "subnets and security_groups go together; name both or neither".to_owned());
        }
        if self.vpc == Vpc::Off && !self.subnets.is_empty() {
            return refuse("vpc", "is `off`, so that subnets would not be used; set \"gateway\" or \"interface\"".to_owned());
        }
        Ok(())
    }
}

fn check_tier(tier: &TierConfig) -> Result<(), (&'static str, String)> {
    if !is_name(&tier.name, 16, false) {
        return Err(("name", format!("`{}` must be 1 to 16 of a-z and 0-9, beginning with a letter", shown(&tier.name))));
    }
    if TAKEN_NAMES.contains(&tier.name.as_str()) {
        return Err(("name", format!("`{}` is the name of another part of the stack", tier.name)));
    }
    let bounds = [
        ("memory_mb", u64::from(tier.memory_mb), 128, 10_240),
        ("timeout_s", u64::from(tier.timeout_s), 3, 900),
        ("batch", u64::from(tier.batch), 1, 10),
        // "Configuring maximum concurrency", AWS Lambda Developer Guide.
        ("concurrency", tier.concurrency.map_or(2, u64::from), 2, 1_000),
        ("up_to_bytes", tier.up_to_bytes.unwrap_or(1), 1, tier.memory_bytes()),
    ];
    match bounds.into_iter().find(|(_, value, least, most)| value < least || value > most) {
        Some((key, value, least, most)) => Err((key, format!("{value} is not from {least} to {most} (tier `{}`)", tier.name))),
        None => Ok(()),
    }
}

fn refuse(key: &'static str, reason: String) -> Checked {
    Err(AwsConfigError { tier: None, key, reason })
}

fn range(key: &'static str, value: u32, least: u32, most: u32) -> Checked {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => refuse(key, format!("{value} is not from {least} to {most}")),
    }
}

/// Lower-case letters and digits that begin with a letter, with single hyphens between them where they may stand.
fn is_name(text: &str, most: usize, hyphens: bool) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || (hyphens && byte == b'-');
    (1..=most).contains(&text.len())
        && text.bytes().all(letter)
        && text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
}

/// `https://host` or `http://host:port`, nothing behind it.
fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    host.is_some_and(|host| !host.is_empty() && host.bytes().all(allowed))
}

/// The shape that every address has: SNS takes a bare address, without a name before it.
pub(crate) fn is_email(text: &str) -> bool {
    let plain =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[],;:\\\"@".contains(&byte));
    text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            plain(local) && plain(domain) && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
        })
}

/// A value as it can be shown in a message.
fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_deployable() {
        assert_eq!(AwsConfig::default().validate(), Ok(()));
    }

    #[test]
    fn what_aws_refuses_is_named_by_its_key() {
        let check = |change: &dyn Fn(&mut AwsConfig), expected: &str| {
            let mut config = AwsConfig::default();
            change(&mut config);
            let message = config.validate().map_or_else(|error| error.to_string(), |()| "nothing".to_owned());
            assert!(message.contains(expected), "{expected:?} is not in {message:?}");
        };
        check(&|aws| aws.name = "Mini Lab".to_owned(), "aws.name: `Mini Lab`");
        check(&|aws| aws.name = "lab-".to_owned(), "aws.name");
        check(&|aws| aws.table = "x".to_owned(), "aws.table: ");
        check(&|aws| aws.table_key = "Kind".to_owned(), "aws.table_key: `Kind`");
        check(&|aws| aws.statistics_shards = 0, "aws.statistics_shards");
        check(&|aws| aws.bucket_prefix = "Acme-".to_owned(), "aws.bucket_prefix");
        check(&|aws| aws.existing_buckets = vec!["UPPER".to_owned()], "aws.existing_buckets");
        check(&|aws| aws.former_destinations = vec!["prints".to_owned()], "aws.former_destinations");
        check(&|aws| aws.tiers.clear(), "aws.tiers: 0 tiers");
        check(&|aws| aws.tiers.reverse(), "aws.tiers.memory_mb: 1769 is not more than the 3008 of `large`");
        check(&|aws| aws.tiers[1].name = "small".to_owned(), "aws.tiers.name: two tiers are called `small`");
        check(&|aws| aws.tiers[0].name = "router".to_owned(), "another part of the stack");
        check(&|aws| aws.tiers[0].memory_mb = 64, "aws.tiers.memory_mb: 64 is not from 128 to 10240");
        check(&|aws| aws.tiers[2].timeout_s = 901, "aws.tiers.timeout_s: 901");
        check(&|aws| aws.tiers[0].batch = 11, "aws.tiers.batch: 11");
        check(&|aws| aws.tiers[0].concurrency = Some(1), "aws.tiers.concurrency: 1");
        check(&|aws| aws.tiers[0].up_to_bytes = Some(1 << 40), "aws.tiers.up_to_bytes");
        check(&|aws| aws.emails = vec!["Photos <p@example.com>".to_owned()], "aws.emails");
        check(&|aws| aws.alarm_emails = vec!["p@localhost".to_owned()], "aws.alarm_emails");
        check(&|aws| aws.digest_minutes = 0, "aws.digest_minutes");
        check(&|aws| aws.storage_class = "GLACIER".to_owned(), "has to be restored");
        check(&|aws| aws.storage_class = "standard".to_owned(), "is no storage class");
        check(&|aws| aws.log_days = 15, "aws.log_days");
        check(&|aws| aws.log_days = 0, "aws.log_days");
        check(&|aws| aws.download_seconds = 90_000, "aws.download_seconds");
        check(&|aws| aws.cors_origins = vec!["https://a.example/x".to_owned()], "aws.cors_origins");
        check(&|aws| aws.api_auth = ApiAuth::Jwt, "aws.jwt_issuer");
        check(&|aws| aws.jwt_issuer = "https://a.example".to_owned(), "aws.api_auth");
        check(&|aws| aws.subnets = vec!["subnet-1".to_owned()], "aws.subnets");
        check(&|aws| aws.subnets = vec!["subnet-0123456789abcdef0".to_owned()], "go together");
    }

    #[test]
    fn what_is_likely_not_meant_is_told() {
        let mut config = AwsConfig { alarm_emails: vec!["ops@example.com".to_owned()], ..AwsConfig::default() };
        assert_eq!(config.warnings(), Vec::<String>::new());
        config.tiers[2].batch = 5;
        assert!(config.warnings()[0].contains("1 is safer"));
    }
}
