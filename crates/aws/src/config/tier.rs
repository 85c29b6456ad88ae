use serde::{Deserialize, Serialize};

/// A size of worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierConfig {
    /// Unique; in names of resources.
    pub name: String,
    /// Memory of the function in MB. One virtual CPU comes with 1,769 (AWS Lambda, "Configure Lambda function memory").
    pub memory_mb: u32,
    /// Images whose work is estimated to take up to this many bytes come here. Default: three fifths of the memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to_bytes: Option<u64>,
    /// The function's time limit in seconds. Default 60.
    #[serde(default = "TierConfig::default_timeout_s")]
    pub timeout_s: u32,
    /// Messages that one call gets. Default 1: what kills a call takes its whole batch with it.
    #[serde(default = "TierConfig::default_batch")]
    pub batch: u32,
    /// Most calls at once. Default: none set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

impl TierConfig {
    /// A tier with its limits at their defaults.
    pub(crate) fn new(name: &str, memory_mb: u32, batch: u32) -> Self {
        Self { name: name.to_owned(), memory_mb, up_to_bytes: None, timeout_s: Self::default_timeout_s(), batch, concurrency: None }
    }

    const fn default_timeout_s() -> u32 {
        60
    }

    const fn default_batch() -> u32 {
        1
    }

    /// Images whose work is estimated to take up to this many bytes come here.
    #[must_use]
    pub fn bound_bytes(&self) -> u64 {
        self.up_to_bytes.unwrap_or(self.memory_bytes() / 5 * 3)
    }

    /// Memory of the function in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        u64::from(self.memory_mb) * 1_048_576
    }
}
