//! Where notifications go: the targets of `[[notifications]]`, `[[webhooks]]` and `[smtp]`, checked, with their secrets from
//! the environment.

use super::{Config, ConfigError, Purpose, position};
use minilab_delivery::{
    DeliveryError, DeliveryOptions, NamedWebhook, Secret, SmtpServer, SmtpTls, check_email, check_sns, check_webhook,
};
use minilab_model::{NotificationSpec, RuleSet, WebhookTarget};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::env::VarError;
use std::path::Path;
use toml::Spanned;

/// Most letters of a webhook's name: it becomes part of an ARN.
const NAME_LETTERS: usize = 64;

/// A key and what is wrong with it.
type Wrong = (&'static str, String);

/// The `[smtp]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SmtpConfig {
    server: String,
    #[serde(default)]
    tls: SmtpTls,
    from: String,
    username: Option<String>,
    password_env: Option<String>,
}

/// A `[[webhooks]]` table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookConfig {
    name: String,
    url: String,
    secret_env: Option<String>,
    #[serde(default)]
    allow_private: bool,
}

impl SmtpConfig {
    fn server(&self, password: Option<Secret>) -> SmtpServer {
        SmtpServer {
            server: self.server.clone(),
            tls: self.tls,
            from: self.from.clone(),
            username: self.username.clone(),
            password,
        }
    }

    fn check(&self) -> Result<(), Wrong> {
        // Whether there is a password can be told without knowing it.
        let password = self.password_env.as_ref().map(|_| Secret::new("?"));
        self.server(password).check().map_err(|error| match error {
            DeliveryError::Smtp { key, reason } => (key, format!("smtp.{key}: {reason}")),
            other => ("server", other.to_string()),
        })
    }
}

impl WebhookConfig {
    fn check(&self) -> Result<(), Wrong> {
        let is_name = |name: &str| name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_');
        if self.name.is_empty() || self.name.len() > NAME_LETTERS || !is_name(&self.name) {
            let name = self.name.escape_debug();
            return Err(("name", format!("webhooks.name `{name}` must be 1 to {NAME_LETTERS} of a-z, A-Z, 0-9, `-` and `_`")));
        }
        check_webhook(&self.target()).map_err(|error| (error.key, format!("webhooks.{error}")))
    }

    fn target(&self) -> WebhookTarget {
        WebhookTarget { url: self.url.clone(), secret_env: self.secret_env.clone(), allow_private: self.allow_private }
    }
}

/// Checks the tables that say where notifications go.
pub(super) fn check(
    file: &Path,
    text: &str,
    notifications: &[Spanned<NotificationSpec>],
    webhooks: &[Spanned<WebhookConfig>],
    smtp: Option<&Spanned<SmtpConfig>>,
    rules: &RuleSet,
    purpose: Purpose,
) -> Result<(), ConfigError> {
    let place = |table: usize| {
        move |(key, reason): Wrong| ConfigError::value(file, text, position::of_key_in_table(text, table, key), reason)
    };
    for spec in notifications {
        check_notification(spec.get_ref(), rules, smtp.is_some(), purpose).map_err(place(spec.span().start))?;
    }
    let mut names = BTreeSet::new();
    for webhook in webhooks {
        let start = webhook.span().start;
        webhook.get_ref().check().map_err(place(start))?;
        let name = &webhook.get_ref().name;
        if !names.insert(name) {
            return Err(place(start)(("name", format!("two of the webhooks have the name `{name}`; each needs one of its own"))));
        }
    }
    match smtp {
        Some(smtp) => smtp.get_ref().check().map_err(place(smtp.span().start)),
        None => Ok(()),
    }
}

fn check_notification(spec: &NotificationSpec, rules: &RuleSet, has_smtp: bool, purpose: Purpose) -> Result<(), Wrong> {
    if spec.on.is_empty() {
        let reason = "notifications.on is empty; name at least one of image.processed, image.failed, image.removed";
        return Err(("on", reason.to_owned()));
    }
    if spec.webhook.is_none() && spec.email.is_none() && spec.sns.is_none() && !spec.log {
        let reason = "the notification has no target; add `webhook = { url = \"…\" }`, `email = { to = [\"…\"] }` or `log = true`";
        return Err(("notifications", reason.to_owned()));
    }
    if let Some(unknown) = spec.rules.iter().find(|name| rules.get(name).is_none()) {
        return Err(("rules", format!("notifications.rules names `{unknown}`, which is no rule")));
    }
    if let Some(webhook) = &spec.webhook {
        check_webhook(webhook).map_err(|error| (error.key, format!("webhook.{error}")))?;
    }
    if let Some(email) = &spec.email {
        check_email(email).map_err(|error| (error.key, format!("email.{error}")))?;
        if !has_smtp && purpose == Purpose::Server {
            return Err(("email", "an e-mail needs a mail server; add an [smtp] table with `server` and `from`".to_owned()));
        }
    }
    match &spec.sns {
        // Where the functions run, topics are called whatever this build can do.
        Some(sns) if purpose == Purpose::Server => check_sns(sns).map_err(|error| (error.key, format!("sns.{}", error.reason))),
        _ => Ok(()),
    }
}

impl Config {
    /// What deliveries need, with the secrets that the configuration names read from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the line and the variable that is not set.
    pub fn delivery_options(&self) -> Result<DeliveryOptions, ConfigError> {
        self.delivery_options_from(|name| std::env::var(name))
    }

    fn delivery_options_from(&self, read: impl Fn(&str) -> Result<String, VarError>) -> Result<DeliveryOptions, ConfigError> {
        let secret = |key: &'static str, name: &str| {
            read(name).map(Secret::new).map_err(|error| {
                let reason = match error {
                    VarError::NotPresent => "is not set; set it before the start, or take the key away",
                    VarError::NotUnicode(_) => "is not valid UTF-8",
                };
                let offset = position::of_value(&self.origin.text, key, name);
                ConfigError::value(
                    &self.origin.file,
                    &self.origin.text,
                    offset,
                    format!("{key}: the environment variable {name} {reason}"),
                )
            })
        };
        let webhooks: Vec<NamedWebhook> =
            self.webhooks.iter().map(|webhook| NamedWebhook { name: webhook.name.clone(), target: webhook.target() }).collect();
        let targets = self.notifications.iter().filter_map(|spec| spec.webhook.as_ref());
        let mut secrets = HashMap::new();
        for name in targets.chain(webhooks.iter().map(|webhook| &webhook.target)).filter_map(|target| target.secret_env.as_ref()) {
            secrets.insert(name.clone(), secret("secret_env", name)?);
        }
        let smtp = match &self.smtp {
            Some(smtp) => {
                let password = smtp.password_env.as_ref().map(|name| secret("password_env", name)).transpose()?;
                Some(smtp.server(password))
            }
            None => None,
        };
        Ok(DeliveryOptions { webhooks, smtp, secrets, region: self.server.region.clone(), ..DeliveryOptions::default() })
    }

    /// The names of the webhooks that buckets may tell of their events.
    pub fn webhook_names(&self) -> Vec<String> {
        self.webhooks.iter().map(|webhook| webhook.name.clone()).collect()
    }

    /// Every webhook of the configuration.
    pub fn webhook_targets(&self) -> impl Iterator<Item = WebhookTarget> {
        let told = self.notifications.iter().filter_map(|spec| spec.webhook.clone());
        told.chain(self.webhooks.iter().map(WebhookConfig::target))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOTIFICATION: &str = "[[notifications]]\non = [\"image.failed\"]\n";
    const SMTP: &str = "[smtp]\nserver = \"mail.example.com:587\"\nfrom = \"minilab@example.com\"\n";

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("shop.toml"), text)
    }

    #[test]
    fn mistakes_are_named_by_line_and_key() {
        let check = |text: String, expected: &[&str]| {
            let message = parse(&text).unwrap_err().to_string();
            for part in expected {
                assert!(message.contains(part), "{part:?} is not in {message:?}");
            }
        };
        check(format!("{NOTIFICATION}webhook = {{ url = \"hook\" }}\n"), &["shop.toml:3", "webhook.url", "http://"]);
        check(format!("{NOTIFICATION}webhook = {{ url = \"http://a/\", secret = \"x\" }}\n"), &["shop.toml:3", "`secret_env`"]);
        check(format!("{NOTIFICATION}email = {{ to = [\"me\"] }}\n{SMTP}"), &["shop.toml:3", "email.to", "`me`"]);
        check(format!("{NOTIFICATION}email = {{ to = [\"me@example.com\"] }}\n"), &["shop.toml:3", "[smtp]"]);
        check(format!("{NOTIFICATION}email = {{ to = [\"a@b.c\"], max_per_hour = 0 }}\n{SMTP}"), &["email.max_per_hour"]);
        check("[smtp]\nserver = \"mail.example.com\"\nfrom = \"a@b.c\"\n".to_owned(), &["shop.toml:2", "smtp.server", "host:port"]);
        check("[smtp]\nserver = \"m:25\"\nfrom = \"a\"\n".to_owned(), &["shop.toml:3", "smtp.from"]);
        check(format!("{SMTP}tls = \"ssl\"\n"), &["shop.toml:4", "`ssl`", "`tls`"]);
        check(format!("{SMTP}username = \"me\"\n"), &["smtp.password_env"]);
        let login = "username = \"me\"\npassword_env = \"PW\"\n";
        check(format!("{SMTP}tls = \"none\"\n{login}"), &["shop.toml:4", "smtp.tls", "everybody"]);
        let webhook = "[[webhooks]]\nname = \"lambda\"\nurl = \"http://127.0.0.1:9/\"\n";
        check(format!("{webhook}{webhook}"), &["shop.toml:5", "`lambda`"]);
        check(webhook.replace("lambda", "a:b"), &["shop.toml:2", "webhooks.name"]);
        check(webhook.replace("http://", "ftp://"), &["shop.toml:3", "webhooks.url"]);
        check(format!("{webhook}event = \"x\"\n"), &["shop.toml:4", "`event`"]);
    }

    #[cfg(not(feature = "aws"))]
    #[test]
    fn sns_needs_another_build() {
        let text = format!("{NOTIFICATION}sns = {{ topic_arn = \"arn:aws:sns:eu-central-1:123456789012:images\" }}\n");
        let message = parse(&text).unwrap_err().to_string();
        assert!(message.contains("shop.toml:3") && message.contains("--features aws"), "{message}");
    }

    #[test]
    fn secrets_come_from_the_environment() {
        let text = format!(
            "{NOTIFICATION}webhook = {{ url = \"http://127.0.0.1:9000/hook\", secret_env = \"HOOK\" }}\n{SMTP}username = \"me\"\n\
             password_env = \"PW\"\n[[webhooks]]\nname = \"lambda\"\nurl = \"https://example.com/\"\nsecret_env = \"LAMBDA\"\n"
        );
        let config = parse(&text).unwrap();
        let options = config.delivery_options_from(|name| Ok(format!("value of {name}"))).unwrap();
        assert_eq!(options.secrets["HOOK"].expose(), "value of HOOK");
        assert_eq!(options.secrets["LAMBDA"].expose(), "value of LAMBDA");
        assert_eq!(options.smtp.unwrap().password.unwrap().expose(), "value of PW");
        assert_eq!(options.webhooks[0].name, "lambda");
        for (missing, line) in [("HOOK", 3), ("PW", 8), ("LAMBDA", 12)] {
            let read = |name: &str| if name == missing { Err(VarError::NotPresent) } else { Ok("x".to_owned()) };
            let message = config.delivery_options_from(read).unwrap_err().to_string();
            assert!(message.contains(&format!("shop.toml:{line}: ")) && message.contains(missing), "{message}");
        }
    }
}
