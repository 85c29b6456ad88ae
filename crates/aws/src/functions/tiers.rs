//! Which tier an image belongs to.

use super::settings::SettingsError;
use crate::config::TierConfig;
use crate::environment;

/// The tiers, the smallest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiers {
    tiers: Vec<Tier>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// The largest estimate that comes here, in bytes.
    pub bound_bytes: u64,
    /// The URL of its queue; empty where there are no queues.
    pub queue: String,
}

impl Tiers {
    /// The configured tiers with their queues. `queues` is empty where functions are called without any.
    ///
    /// # Errors
    /// [`SettingsError`] when there are more or fewer queues than tiers.
    pub fn new(configs: &[TierConfig], queues: &[String]) -> Result<Self, SettingsError> {
        if configs.is_empty() || (!queues.is_empty() && queues.len() != configs.len()) {
            return Err(SettingsError::Value {
                name: environment::TIER_QUEUES,
                value: queues.join(" "),
                advice: format!("the bundle has {} tiers; name the queue of each, the smallest first", configs.len()),
            });
        }
        let queue = |index: usize| queues.get(index).cloned().unwrap_or_default();
        let tier = |(index, config): (usize, &TierConfig)| Tier {
            name: config.name.clone(),
            bound_bytes: config.bound_bytes(),
            queue: queue(index),
        };
        Ok(Self { tiers: configs.iter().enumerate().map(tier).collect() })
    }

    /// The position of the tier that work of this estimated size belongs to: the smallest that it fits into, else the largest.
    #[must_use]
    pub fn position_for(&self, estimated_bytes: u64) -> usize {
        self.tiers.iter().position(|tier| estimated_bytes <= tier.bound_bytes).unwrap_or(self.tiers.len() - 1)
    }

    /// The tier at a position.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&Tier> {
        self.tiers.get(position)
    }

    /// Whether work that is too large for the tier at this position can go to a larger one.
    #[must_use]
    pub fn has_larger(&self, position: usize) -> bool {
        self.get(position + 1).is_some_and(|tier| !tier.queue.is_empty())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::AwsConfig;

    #[test]
    fn work_goes_to_the_smallest_tier_that_it_fits_into() {
        let queues = ["a", "b", "c"].map(str::to_owned);
        let tiers = Tiers::new(&AwsConfig::default().tiers, &queues).unwrap();
        let bound = |position: usize| tiers.get(position).unwrap().bound_bytes;
        assert_eq!([0, bound(0), bound(0) + 1, bound(1) + 1, u64::MAX].map(|bytes| tiers.position_for(bytes)), [0, 0, 1, 2, 2]);
        assert!(tiers.has_larger(1) && !tiers.has_larger(2));
    }

    #[test]
    fn each_tier_has_its_queue_or_none_has() {
        let tiers = AwsConfig::default().tiers;
        assert!(Tiers::new(&tiers, &["a".to_owned()]).is_err());
        assert!(!Tiers::new(&tiers, &[]).unwrap().has_larger(0));
    }
}
