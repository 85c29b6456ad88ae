//! The configuration file: TOML, read once, every mistake named by file, line and key.

mod aws;
mod delivery;
mod error;
mod position;

pub use error::ConfigError;

use delivery::{SmtpConfig, WebhookConfig};
use minilab_aws::AwsConfig;
use minilab_model::{BucketName, DecodeLimits, DeliveryLimits, LaneLimits, Limits, NotificationSpec, Rule, RuleSet};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

/// Where the file is looked for when none is named.
pub const DEFAULT_FILE: &str = "minilab.toml";

/// What a server runs by when there is no file at all: the example that explains every key.
const BUILT_IN: &str = include_str!("../../../../minilab.toml");

/// What stands for the name of a file in messages about what is built in.
const NO_FILE: &str = "(built in)";

/// A configuration that passed every check.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server's own settings.
    pub server: ServerConfig,
    /// Bounds of the work.
    pub limits: Limits,
    /// Address space of a worker process, in bytes.
    pub worker_memory_bytes: u64,
    /// The rules.
    pub rules: RuleSet,
    /// Who is told of what.
    pub notifications: Vec<NotificationSpec>,
    /// What a deployment on AWS needs beyond the rules.
    pub aws: AwsConfig,
    /// The webhooks that bucket notifications can name.
    webhooks: Vec<WebhookConfig>,
    /// The mail server.
    smtp: Option<SmtpConfig>,
    /// Where it was read, for messages about what is only known later.
    origin: Origin,
}

/// The text that a configuration was read from.
#[derive(Debug, Clone)]
struct Origin {
    file: PathBuf,
    text: String,
    /// The rules' names, and where in the text each begins.
    rules: Vec<(String, usize)>,
}

/// The `[server]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Buckets created at start.
    pub buckets: Vec<BucketName>,
    /// Data directory. Default `minilab-data` in the working directory.
    pub data: PathBuf,
    /// Address of the S3 listener. Default 127.0.0.1:4569.
    pub s3_addr: SocketAddr,
    /// Address of the web listener. Default 127.0.0.1:8080.
    pub web_addr: SocketAddr,
    /// The region that the S3 listener answers for. Default `us-east-1`.
    pub region: String,
    /// Whether images may be read without login on a web listener that is not bound to loopback. Default no.
    pub anonymous_read: bool,
    /// Images worked on at once. Default 0: the number of cores.
    pub jobs: usize,
    /// Bytes that all image work may take together. Default 0: half of the machine's memory.
    pub memory_bytes: u64,
    /// Whether image work runs on threads of the server instead of in worker processes. Default no.
    pub in_process: bool,
    /// Writes are refused when less than this is free on the disk, in bytes. Default: the larger of 512 MiB and 5%.
    pub reserve_bytes: Option<u64>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            buckets: Vec::new(),
            data: PathBuf::from("minilab-data"),
            s3_addr: SocketAddr::from(([127, 0, 0, 1], 4569)),
            web_addr: SocketAddr::from(([127, 0, 0, 1], 8080)),
            region: "us-east-1".to_owned(),
            anonymous_read: false,
            jobs: 0,
            memory_bytes: 0,
            in_process: false,
            reserve_bytes: None,
        }
    }
}

/// The `[limits]` table: what may differ from the defaults of [`Limits`].
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsConfig {
    /// Most pixels of a source.
    pixels: u64,
    /// Longest side of a source in pixels.
    side: u32,
    /// Largest source in bytes.
    source_bytes: u64,
    /// Longest image work on one job in seconds.
    wall_time_s: u64,
    /// Attempts before a job is a dead letter.
    attempts: u32,
    /// Most memory that a worker process may have, in bytes.
    worker_memory_bytes: u64,
    /// Most memory that work in the small lane may be estimated to take, in bytes.
    small_bytes: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let (decode, delivery) = (DecodeLimits::default(), DeliveryLimits::default());
        Self {
            pixels: decode.pixels,
            side: decode.side,
            source_bytes: decode.source_bytes,
            wall_time_s: decode.wall_time.as_secs(),
            attempts: delivery.attempts,
            worker_memory_bytes: 1 << 30,
            small_bytes: LaneLimits::default().small_bytes,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    server: ServerConfig,
    #[serde(default)]
    limits: LimitsConfig,
    #[serde(default)]
    rules: Vec<Spanned<Rule>>,
    #[serde(default)]
    notifications: Vec<Spanned<NotificationSpec>>,
    #[serde(default)]
    webhooks: Vec<Spanned<WebhookConfig>>,
    smtp: Option<Spanned<SmtpConfig>>,
    #[serde(default)]
    aws: AwsConfig,
}

/// What a configuration is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A server here, or what looks at its data.
    Server,
    /// A deployment, which delivers by other means.
    Aws,
}

impl Config {
    /// Reads the named file; without a name, `minilab.toml` in the working directory if there is one, else what is
    /// built in: bucket `photos` in, `prints` out, three sizes.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the line and the key.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_for(path, Purpose::Server)
    }

    /// As [`Config::load`], for a deployment on AWS: a topic of SNS needs nothing of this build there, and an e-mail no mail
    /// server.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the line and the key.
    pub fn load_for_aws(path: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_for(path, Purpose::Aws)
    }

    fn load_for(path: Option<&Path>, purpose: Purpose) -> Result<Self, ConfigError> {
        match path {
            Some(path) => Self::read(path, purpose),
            None if Path::new(DEFAULT_FILE).exists() => Self::read(Path::new(DEFAULT_FILE), purpose),
            None => Self::built_in(),
        }
    }

    /// The configuration that needs no file.
    ///
    /// # Errors
    /// None that a test would not find: the text is compiled in.
    pub fn built_in() -> Result<Self, ConfigError> {
        Self::parse(Path::new(NO_FILE), BUILT_IN)
    }

    fn read(path: &Path, purpose: Purpose) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { file: path.to_owned(), source })?;
        Self::parse_for(path, &text, purpose)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        Self::parse_for(path, text, Purpose::Server)
    }

    fn parse_for(path: &Path, text: &str, purpose: Purpose) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| ConfigError::syntax(path, text, &error))?;
        let starts = file.rules.iter().map(|rule| (rule.get_ref().name.clone(), rule.span().start)).collect();
        let origin = Origin { file: path.to_owned(), text: text.to_owned(), rules: starts };
        let rules = file.rules.into_iter().map(Spanned::into_inner).collect();
        let rules = RuleSet::new(rules).map_err(|error| origin.rule_error(error))?;
        rules.check_formats(minilab_imaging::is_written).map_err(|error| origin.rule_error(error))?;
        delivery::check(path, text, &file.notifications, &file.webhooks, file.smtp.as_ref(), &rules, purpose)?;
        aws::check(path, text, &file.aws)?;
        let worker_memory_bytes = file.limits.worker_memory_bytes;
        let limits = file
            .limits
            .checked()
            .map_err(|(key, reason)| ConfigError::value(path, text, position::of_key(text, 0, key), reason))?;
        let config = Self {
            server: file.server,
            limits,
            worker_memory_bytes,
            rules,
            notifications: file.notifications.into_iter().map(Spanned::into_inner).collect(),
            aws: file.aws,
            webhooks: file.webhooks.into_iter().map(Spanned::into_inner).collect(),
            smtp: file.smtp.map(Spanned::into_inner),
            origin,
        };
        Ok(config)
    }

    /// Checks that what the rules write into will exist once the server runs: buckets that are listed, and those that
    /// are there already.
    ///
    /// # Errors
    /// [`ConfigError`] names the rule and the bucket.
    pub fn check_buckets(&self, existing: &[BucketName]) -> Result<(), ConfigError> {
        let known: BTreeSet<BucketName> = self.server.buckets.iter().chain(existing).cloned().collect();
        self.rules.check_destinations(&known).map_err(|error| self.origin.rule_error(error))
    }

    /// The file that it was read from; `None` for what is built in.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        Some(self.origin.file.as_path()).filter(|file| *file != Path::new(NO_FILE))
    }

    /// The settings that differ in `newer` and that a server takes up only when it starts.
    #[must_use]
    pub fn needs_restart(&self, newer: &Self) -> Vec<&'static str> {
        let (old, new) = (&self.server, &newer.server);
        let differs = [
            ("server.data", old.data != new.data),
            ("server.s3_addr", old.s3_addr != new.s3_addr),
            ("server.web_addr", old.web_addr != new.web_addr),
            ("server.region", old.region != new.region),
            ("server.anonymous_read", old.anonymous_read != new.anonymous_read),
            ("server.jobs", old.jobs != new.jobs),
            ("server.memory_bytes", old.memory_bytes != new.memory_bytes),
            ("server.in_process", old.in_process != new.in_process),
            ("server.reserve_bytes", old.reserve_bytes != new.reserve_bytes),
            ("limits.attempts", self.limits.delivery != newer.limits.delivery),
            ("limits.worker_memory_bytes", self.worker_memory_bytes != newer.worker_memory_bytes),
            ("the names of `[[webhooks]]`", self.webhook_names() != newer.webhook_names()),
            ("the default bucket of the web page", self.default_bucket() != newer.default_bucket()),
        ];
        differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// The bucket that the web listener speaks of when none is named: the first rule's, else the first listed one.
    #[must_use]
    pub fn default_bucket(&self) -> Option<BucketName> {
        self.rules.iter().map(|rule| &rule.bucket).chain(&self.server.buckets).next().cloned()
    }
}

impl Origin {
    /// Where in the text a rule begins.
    fn rule_start(&self, rule: &str) -> usize {
        self.rules.iter().find(|(name, _)| name == rule).map_or(0, |(_, start)| *start)
    }

    fn rule_error(&self, error: minilab_model::RuleError) -> ConfigError {
        ConfigError::rule(&self.file, &self.text, &self.rules, error)
    }
}

impl LimitsConfig {
    fn checked(self) -> Result<Limits, (&'static str, String)> {
        let at_least_one = [
            ("pixels", self.pixels),
            ("side", u64::from(self.side)),
            ("source_bytes", self.source_bytes),
            ("wall_time_s", self.wall_time_s),
            ("attempts", u64::from(self.attempts)),
            ("small_bytes", self.small_bytes),
        ];
        if let Some((key, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Err((key, format!("limits.{key} is 0, so that nothing could ever be processed; it must be 1 or more")));
        }
        // Less than this does not even start.
        const LEAST_WORKER_BYTES: u64 = 128 << 20;
        if self.worker_memory_bytes < LEAST_WORKER_BYTES {
            let bytes = self.worker_memory_bytes;
            return Err((
                "worker_memory_bytes",
                format!("limits.worker_memory_bytes is {bytes}; a worker process needs {LEAST_WORKER_BYTES} or more"),
            ));
        }
        let mut limits = Limits::default();
        limits.decode.pixels = self.pixels;
        limits.decode.side = self.side;
        limits.decode.source_bytes = self.source_bytes;
        limits.decode.wall_time = Duration::from_secs(self.wall_time_s);
        limits.delivery.attempts = self.attempts;
        limits.lanes.small_bytes = self.small_bytes;
        Ok(limits)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        Config::parse(Path::new("shop.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn the_built_in_configuration_makes_three_sizes() {
        let config = Config::built_in().unwrap();
        assert_eq!(config.default_bucket().unwrap().as_str(), "photos");
        assert_eq!(config.rules.iter().next().unwrap().variants.len(), 3);
        config.check_buckets(&[]).unwrap();
    }

    #[test]
    fn mistakes_are_named_by_file_line_and_key() {
        let check = |text: &str, expected: &[&str]| {
            let message = message(text);
            for part in expected {
                assert!(message.contains(part), "{part:?} is not in {message:?}");
            }
        };
        check("[server]\nbukets = []\n", &["shop.toml:2", "`bukets`", "`buckets`"]);
        check("[limits]\nside = 0\n", &["shop.toml:2", "limits.side"]);
        check("[limits]\npixels = -1\n", &["shop.toml:2"]);
        check("\n[[rules]]\nname = \"r\"\nbucket = \"photos\"\nevents = []\n", &["shop.toml:5", "rule `r`", "events"]);
        check("[[rules]]\nname = \"r\"\nbucket = \"UPPER\"\n", &["shop.toml:3", "UPPER"]);
        let variant = "[[rules]]\nname = \"r\"\nbucket = \"photos\"\n[[rules.variants]]\nname = \"v\"\nkey = \"x\"\n";
        check(&format!("{variant}quality = 0\n"), &["shop.toml:7", "variant `v`", "quality is 0"]);
        check(&format!("{variant}steps = [{{ resise = {{ width = 1 }} }}]\n"), &["shop.toml:7", "`resise`", "`resize`"]);
        check(variant, &["shop.toml:1", "loop", "r → r"]);
        check("[[notifications]]\non = [\"image.processed\"]\n", &["shop.toml:1", "no target"]);
        check(&format!("{variant}quality = \"high\"\n"), &["shop.toml:7", "quality: ", "string"]);
        check(&format!("{variant}steps = [{{ resize = {{ width = -5 }} }}]\n"), &["shop.toml:7", "width: "]);
        check("x = [", &["shop.toml:1"]);
        check("[aws]\nlogdays = 3\n", &["shop.toml:2", "`logdays`", "`log_days`"]);
        check("[limits]\nside = 9\n[aws]\nname = \"lab\"\nlog_days = 2\n", &["shop.toml:5", "aws.log_days"]);
        let tier = "[[aws.tiers]]\nname = \"a\"\nmemory_mb = 512\n";
        check(&format!("{tier}{tier}"), &["shop.toml:5", "two tiers are called `a`"]);
        check(&format!("{tier}batch = 12\n"), &["shop.toml:4", "aws.tiers.batch: 12"]);
        check("[aws]\ntiers = [{ name = \"a\", memory_mb = 1 }]\n", &["shop.toml:2", "aws.tiers.memory_mb"]);
    }

    #[test]
    fn what_only_a_server_needs_is_not_asked_of_a_deployment() {
        let text = "[[rules]]\nname = \"r\"\nbucket = \"photos\"\n[[notifications]]\non = [\"image.failed\"]\n\
                    email = { to = [\"me@example.com\"] }\n";
        assert!(message(text).contains("mail server"));
        let sns = "[[notifications]]\non = [\"image.failed\"]\nsns = { topic_arn = \"arn:aws:sns:eu-west-1:123456789012:x\" }\n";
        let config = Config::parse_for(Path::new("shop.toml"), &format!("{text}{sns}"), Purpose::Aws).unwrap();
        assert_eq!(config.notifications.len(), 2);
    }

    #[test]
    fn a_destination_must_exist() {
        let text = "[[rules]]\nname = \"r\"\nbucket = \"photos\"\n[[rules.variants]]\nname = \"v\"\nbucket = \"prints\"\nkey = \"{key}\"\n";
        let config = Config::parse(Path::new("shop.toml"), text).unwrap();
        let message = config.check_buckets(&[]).unwrap_err().to_string();
        assert!(message.contains("`prints`") && message.contains("shop.toml:1"), "{message}");
        config.check_buckets(&[BucketName::new("prints").unwrap()]).unwrap();
    }
}
