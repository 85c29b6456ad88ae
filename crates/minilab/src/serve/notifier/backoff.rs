use minilab_model::DeliveryLimits;
use std::time::Duration;

/// How long a notification is tried, and the waits in between.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    limits: DeliveryLimits,
    /// How long a notification is tried, from its creation or from when it was last asked for. Default 24 h.
    pub give_up_after: Duration,
}

/// The waits after one failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Until the target is tried again.
    pub target: Duration,
    /// Until the notification that failed is tried again; no shorter.
    pub notification: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { limits: DeliveryLimits::default(), give_up_after: Duration::from_secs(24 * 3600) }
    }
}

impl Backoff {
    /// The waits after a target failed `failures` times in a row, last with a notification that was tried `attempt` times.
    ///
    /// Each is drawn evenly from zero to `min(300 s, 2 s · 2^min(n, 8))` ("full jitter"), both by the same dice, so that
    /// the notification waits no shorter than its target. `after` is the least that the target asked for (Retry-After).
    pub fn waits(&self, failures: u32, attempt: u32, after: Option<Duration>) -> Waits {
        // Without random bytes all wait the longest, which is correct if less even.
        let fraction = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
        let wait = |count: u32| {
            let drawn = self.limits.backoff_ceiling(count).mul_f64(fraction);
            drawn.max(after.unwrap_or_default()).min(self.give_up_after)
        };
        Waits { target: wait(failures), notification: wait(failures.max(attempt)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_under_their_ceilings_and_heed_retry_after() {
        let backoff = Backoff::default();
        let mut longest = Duration::ZERO;
        for _ in 0..200 {
            let waits = backoff.waits(2, 5, None);
            assert!(waits.target <= Duration::from_secs(8) && waits.notification <= Duration::from_secs(64), "{waits:?}");
            assert!(waits.target <= waits.notification, "{waits:?}");
            longest = longest.max(backoff.waits(40, 1, None).target);
        }
        assert!(longest > Duration::from_secs(100) && longest <= Duration::from_secs(300), "{longest:?}");
        let asked = Some(Duration::from_secs(3600));
        assert_eq!(backoff.waits(1, 1, asked).target, Duration::from_secs(3600));
        assert_eq!(backoff.waits(1, 1, Some(Duration::MAX)).notification, backoff.give_up_after);
    }
}
