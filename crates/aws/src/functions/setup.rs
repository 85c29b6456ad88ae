//! Why a function cannot be set up.

use super::settings::SettingsError;
use minilab_model::RuleError;

/// Why a function cannot be set up. Each message says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// An environment variable.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A rule of the bundle.
    #[error("the bundle's rules cannot be used; package the functions again")]
    Rules(#[from] RuleError),
    /// A bundle without rules or tiers.
    #[error("the bundle has no {what}; package the functions again with a configuration that has")]
    Empty {
        /// What is missing.
        what: &'static str,
    },
}
