use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Every bound of the image work, by concern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Limits {
    /// What may be decoded.
    pub decode: DecodeLimits,
    /// What may be produced.
    pub output: OutputLimits,
    /// How often and how long a job is tried.
    pub delivery: DeliveryLimits,
    /// Where small work ends and large work begins.
    pub lanes: LaneLimits,
}

/// Bounds on a source image, checked against its header before any pixel is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecodeLimits {
    /// Most pixels: width × height. Default 100 million.
    pub pixels: u64,
    /// Longest side in pixels. Default 30,000.
    pub side: u32,
    /// Largest source file in bytes. Default 100 MB.
    pub source_bytes: u64,
    /// Largest ICC profile in bytes. Default 4 MiB.
    pub icc_bytes: usize,
    /// Largest EXIF block in bytes. Default 1 MiB.
    pub exif_bytes: usize,
    /// Most frames of an animation that are looked at. Default 100.
    pub frames: u32,
    /// Longest wall time for one job's image work. Default 20 s.
    pub wall_time: Duration,
}

/// Bounds on a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputLimits {
    /// Longest side in pixels. Default 16,383.
    pub side: u32,
    /// Most pixels. Default 50 million.
    pub pixels: u64,
    /// Most pixels of an AVIF. Its encoder takes more than a second a megapixel on one core and cannot be interrupted by the deadline.
    /// Default 12 million.
    pub avif_pixels: u64,
}

/// The border between the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneLimits {
    /// Most bytes that work in the small lane may be estimated to take. Default 64 MiB: about a
    /// PNG of 12 megapixels. A JPEG that can be shrunk while it is decoded may be much larger.
    pub small_bytes: u64,
}

impl Default for LaneLimits {
    fn default() -> Self {
        Self { small_bytes: 64 << 20 }
    }
}

/// Bounds on the delivery of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryLimits {
    /// Attempts before a job is a dead letter. Default 5.
    pub attempts: u32,
    /// How long a claimed job belongs to its worker without a heartbeat. Default 60 s.
    pub lease: Duration,
    /// How often a worker renews its leases. Default 15 s.
    pub heartbeat: Duration,
    /// How long a dead letter is kept. Default 14 days.
    pub dead_letter_retention: Duration,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            pixels: 100_000_000,
            side: 30_000,
            source_bytes: 100_000_000,
            icc_bytes: 4 << 20,
            exif_bytes: 1 << 20,
            frames: 100,
            wall_time: Duration::from_secs(20),
        }
    }
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self { side: 16_383, pixels: 50_000_000, avif_pixels: 12_000_000 }
    }
}

impl Default for DeliveryLimits {
    fn default() -> Self {
        Self {
            attempts: 5,
            lease: Duration::from_secs(60),
            heartbeat: Duration::from_secs(15),
            dead_letter_retention: Duration::from_secs(14 * 24 * 3600),
        }
    }
}

impl DeliveryLimits {
    /// Longest wait before attempt `attempt + 1`, where `attempt` counts from 1: `min(300 s, 2 s · 2^min(attempt, 8))`.
    /// The wait itself is drawn evenly from zero to this ("full jitter", AWS Architecture Blog, 2015). The exponent is
    /// capped because a queue elsewhere overflowed at its 31st attempt.
    #[must_use]
    pub fn backoff_ceiling(&self, attempt: u32) -> Duration {
        Duration::from_secs(2 << attempt.min(8)).min(Duration::from_secs(300))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_and_is_capped() {
        let limits = DeliveryLimits::default();
        let seconds: Vec<u64> =
            [0, 1, 2, 7, 8, 9, 31, 64, u32::MAX].map(|attempt| limits.backoff_ceiling(attempt).as_secs()).into();
        assert_eq!(seconds, [2, 4, 8, 256, 300, 300, 300, 300, 300]);
    }
}
