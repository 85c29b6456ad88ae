//! `minilab rules check`

use super::words;
use crate::config::Config;
use crate::progress::count;
use crate::table::printable;
use minilab_embedded::{Inventory, OpenError};
use minilab_model::{BucketName, NotificationSpec};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

pub fn run(config: &Config, data_dir: &Path) -> anyhow::Result<ExitCode> {
    let existing = existing_buckets(data_dir)?;
    config.check_buckets(&existing)?;
    let mut out = std::io::stdout().lock();
    let file = config.file().map_or_else(|| "the built-in configuration".to_owned(), |file| file.display().to_string());
    let (rules, told) = (config.rules.iter().count() as u64, config.notifications.len() as u64);
    writeln!(out, "{file} is sound: {}, {}", count(rules, "rule"), count(told, "notification"))?;
    for rule in config.rules.iter() {
        writeln!(out, "\nrule {}", printable(&rule.name))?;
        for (label, text) in words::rule(rule) {
            writeln!(out, "  {label:<9} {}", printable(&text))?;
        }
        if !config.server.buckets.contains(&rule.bucket) && !existing.contains(&rule.bucket) {
            writeln!(
                out,
                "  note      bucket {} is not there yet, and not in server.buckets: nothing can be uploaded",
                rule.bucket
            )?;
        }
    }
    for spec in &config.notifications {
        writeln!(out, "\nnotification")?;
        writeln!(out, "  {}", printable(&notification(spec)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The buckets that are there already, if there are data.
fn existing_buckets(data_dir: &Path) -> anyhow::Result<Vec<BucketName>> {
    match Inventory::open(data_dir) {
        Ok(mut inventory) => Ok(inventory.buckets()?),
        Err(OpenError::NoStore { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

fn notification(spec: &NotificationSpec) -> String {
    let outcomes: Vec<&str> = spec.on.iter().map(|outcome| outcome.as_str()).collect();
    let rules = match spec.rules.is_empty() {
        true => "every rule".to_owned(),
        false => format!("rule {}", spec.rules.join(", ")),
    };
    let targets = [
        spec.webhook.as_ref().map(|webhook| format!("webhook {}", without_secrets(&webhook.url))),
        spec.email.as_ref().map(|email| format!("e-mail to {}", email.to.join(", "))),
        spec.sns.as_ref().map(|sns| format!("SNS topic {}", sns.topic_arn)),
        spec.log.then(|| "the log".to_owned()),
    ];
    let targets: Vec<String> = targets.into_iter().flatten().collect();
    format!("{} of {rules} to {}", outcomes.join(", "), targets.join(" and "))
}

/// An address without what often is a secret: user, password and query.
fn without_secrets(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut url) => {
            // They fail for addresses that can hold neither, which are left as they are.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.into()
        }
        Err(_) => "(an address that cannot be read)".to_owned(),
    }
}
