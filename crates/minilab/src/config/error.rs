use super::position;
use minilab_model::RuleError;
use std::path::{Path, PathBuf};

/// Why a configuration was refused. Messages begin with `file:line`, so that editors can jump there.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is wrong.
    #[error("{}:{line}: {reason}", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it and what to do.
        reason: String,
    },
}

impl ConfigError {
    pub(super) fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let start = error.span().map_or(0, |span| span.start);
        let mut reason = with_nearest(error.message());
        // Of a wrong value serde tells what it is, not which key it was given to.
        if let Some(key) = position::key_at(text, start)
            && !reason.contains(key)
        {
            reason = format!("{key}: {reason}");
        }
        Self::Line { file: file.to_owned(), line: position::line(text, start), reason }
    }

    pub(super) fn value(file: &Path, text: &str, offset: usize, reason: String) -> Self {
        Self::Line { file: file.to_owned(), line: position::line(text, offset), reason }
    }

    /// Places a rule's error at its key where it has one, else at the rule.
    pub(super) fn rule(file: &Path, text: &str, starts: &[(String, usize)], error: RuleError) -> Self {
        let start = starts.iter().find(|(name, _)| name == error.rule()).map_or(0, |(_, start)| *start);
        let offset = match &error {
            RuleError::Field { variant, key, .. } => position::of_field(text, start, variant.as_deref(), key),
            _ => start,
        };
        Self::value(file, text, offset, error.to_string())
    }
}

/// Adds the nearest known key to serde's "unknown field" message, and shortens its list.
fn with_nearest(message: &str) -> String {
    let message = message.trim_end();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let (Some(wrong), true) = (quoted.next(), unknown) else {
        return message.to_owned();
    };
    let known: Vec<&str> = quoted.collect();
    let list = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    let nearest = known.iter().map(|key| (strsim::damerau_levenshtein(wrong, key), key)).min();
    match nearest {
        Some((distance, key)) if distance <= 3.min(wrong.len()) => {
            format!("unknown key `{wrong}`; did you mean `{key}`? Known here: {list}")
        }
        _ => format!("unknown key `{wrong}`; known here: {list}"),
    }
}
