//! Which data a command works on, and the way to them.

use crate::config::Config;
use crate::control::Control;
use std::path::PathBuf;
use url::form_urlencoded::Serializer;

/// Which data are meant.
#[derive(Debug, clap::Args)]
pub struct Place {
    /// The data directory [default: minilab-data]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// The configuration that names the data directory [default: minilab.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl Place {
    /// The way to the data: through the server that has them, or by opening them.
    ///
    /// # Errors
    /// When a configuration is named and cannot be read, and those of [`Control::open`].
    pub async fn open(&self) -> anyhow::Result<Control> {
        let data_dir = match (&self.data, &self.config) {
            (None, Some(config)) => Config::load(Some(config))?.server.data,
            (data, _) => super::data_dir(data.as_ref()),
        };
        Control::open(&data_dir, None).await
    }

    /// A command to type next, for the same data.
    pub fn command(&self, words: &str) -> String {
        let option = |name, path: &Option<PathBuf>| {
            path.as_ref().map(|path| format!(" --{name} {}", shell_word(&path.display().to_string()))).unwrap_or_default()
        };
        format!("minilab {words}{}{}", option("data", &self.data), option("config", &self.config))
    }
}

/// A path with those parameters that are given.
pub fn with_query(path: &str, parameters: &[(&str, Option<String>)]) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// A word as a shell takes it.
fn shell_word(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_@%+=:,./-".contains(character);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_the_same_data() {
        let command = |data: Option<&str>| Place { data: data.map(PathBuf::from), config: None }.command("jobs retry 17");
        assert_eq!(command(None), "minilab jobs retry 17");
        assert_eq!(command(Some("/srv/photos")), "minilab jobs retry 17 --data /srv/photos");
        assert_eq!(command(Some("it's here")), "minilab jobs retry 17 --data 'it'\\''s here'");
    }

    #[test]
    fn queries_hold_what_is_given() {
        let path = with_query("/jobs", &[("state", None), ("prefix", Some("a b&c/é".to_owned()))]);
        assert_eq!(path, "/jobs?prefix=a+b%26c%2F%C3%A9");
        assert_eq!(with_query("/jobs", &[("state", None)]), "/jobs");
    }
}
