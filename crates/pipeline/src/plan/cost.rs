use super::ImageFacts;
use minilab_imaging::largest_output;
use minilab_model::{Format, Rule};
use std::ops::AddAssign;

/// Pixels of a source whose size in pixels is not recorded, by byte of its length: a camera's JPEG of 20.4 megapixels has
/// 4.4 MB (`Kleiber_by_Lukas_Baubkus.jpg` of bench/RESULTS.md).
const PIXELS_PER_BYTE: f64 = 4.7;
/// CPU milliseconds of a job beside its image work: of the server's 11 ms an image in bench/RESULTS.md ("End to end"),
/// what decoding and the upload's hashes leave.
const JOB_MS: f64 = 4.0;
/// CPU milliseconds to resize to and encode one megapixel of output: from both JPEG files of bench/RESULTS.md ("Engine",
/// 1024 px), which also give [`rates`] of JPEG.
const OUTPUT_MS: f64 = 20.0;
/// An output at most this fraction of its source's side needs only the lowest frequencies of a JPEG.
const SHRUNK: f64 = 1.0 / 8.0;

/// Memory of the function that works on images, in MB: at 1,769 MB Lambda gives one whole virtual CPU
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>), and one decode gains nothing from more.
pub const LAMBDA_MEMORY_MB: u32 = 1769;
/// Which prices the dollars follow. Lambda: <https://aws.amazon.com/lambda/pricing/>, S3 Standard:
/// <https://aws.amazon.com/s3/pricing/>. First tier, without free allowances.
pub const PRICES_OF: &str = "us-east-1, November 2026";
/// A GB-second of Lambda on arm64, in dollars.
pub const GB_SECOND: f64 = 0.000_013_333_4;
/// A request to Lambda, in dollars.
pub const LAMBDA_REQUEST: f64 = 0.20 / 1e6;
/// A GET from S3, in dollars.
pub const S3_GET: f64 = 0.40 / 1e6;
/// A PUT into S3, in dollars.
pub const S3_PUT: f64 = 5.00 / 1e6;
/// Seconds that a function waits for S3: first for the source, then for its variants, which go up side by side. Amazon
/// names 100 to 200 ms a request as typical
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>).
const S3_WAIT: f64 = 2.0 * 0.1;

/// What work is estimated to cost. An estimate: images of one size differ by a factor of two, and progressive JPEG costs
/// eight times as much as baseline where more than a thumbnail is made of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    /// Time of one core, in seconds.
    pub cpu_seconds: f64,
    /// Time of one function on AWS, in seconds; its CPU is taken to be as fast as the machine of bench/RESULTS.md.
    pub lambda_seconds: f64,
    /// Jobs: one invocation and one read of the source each.
    pub jobs: u64,
    /// Variants written.
    pub variants: u64,
}

/// Dollars on AWS.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Dollars {
    /// Lambda: time and requests.
    pub lambda: f64,
    /// S3: one GET a source, one PUT a variant.
    pub s3: f64,
}

impl Cost {
    /// The cost of one rule's work on one source. `image` is what is recorded of it; without, its length must do.
    #[must_use]
    pub fn of(rule: &Rule, size_bytes: u64, image: Option<ImageFacts>) -> Self {
        let (format, width, height) = match image {
            Some(ImageFacts { format, width, height }) => (format, f64::from(width), f64::from(height)),
            None => {
                let side = (size_bytes as f64 * PIXELS_PER_BYTE).sqrt();
                (Format::Jpeg, side, side)
            }
        };
        let rendered = rule.variants.iter().filter(|variant| !variant.is_copy());
        let outputs: Vec<(f64, f64)> = rendered
            .map(|variant| {
                let (width, height) = largest_output(variant, width as u32, height as u32);
                (f64::from(width), f64::from(height))
            })
            .collect();
        let largest = outputs.iter().map(|(w, h)| (w / width.max(1.0)).max(h / height.max(1.0))).fold(0.0, f64::max);
        let (shrunk, full) = rates(format);
        let decode_ms = if largest <= SHRUNK { shrunk } else { full } * width * height / 1e6;
        let output_ms: f64 = outputs.iter().map(|(w, h)| OUTPUT_MS * w * h / 1e6).sum();
        let cpu_seconds = (JOB_MS + decode_ms + output_ms) / 1000.0;
        Self { cpu_seconds, lambda_seconds: cpu_seconds + S3_WAIT, jobs: 1, variants: rule.variants.len() as u64 }
    }

    /// Time of a function with this much memory, in seconds. Less memory brings less of a processor; more than a whole one
    /// gains nothing, and neither does the wait for S3.
    #[must_use]
    pub fn lambda_seconds_at(&self, memory_mb: u32) -> f64 {
        let share = (f64::from(memory_mb) / f64::from(LAMBDA_MEMORY_MB)).clamp(f64::MIN_POSITIVE, 1.0);
        self.lambda_seconds - self.cpu_seconds + self.cpu_seconds / share
    }

    /// What it would cost on AWS, in dollars; queues and tables, which are charged by the request, too, come on top.
    #[must_use]
    pub fn dollars(&self) -> Dollars {
        let gigabytes = f64::from(LAMBDA_MEMORY_MB) / 1024.0;
        Dollars {
            lambda: self.lambda_seconds * gigabytes * GB_SECOND + self.jobs as f64 * LAMBDA_REQUEST,
            s3: self.jobs as f64 * S3_GET + self.variants as f64 * S3_PUT,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.cpu_seconds += other.cpu_seconds;
        self.lambda_seconds += other.lambda_seconds;
        self.jobs += other.jobs;
        self.variants += other.variants;
    }
}

impl Dollars {
    /// Both together.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.lambda + self.s3
    }
}

/// CPU milliseconds to decode one megapixel for outputs of at most [`SHRUNK`], and for larger ones. From bench/RESULTS.md
/// ("Engine", to 128 and to 1024 px) and the files' sizes: JPEG 6028×3391 and 2725×2225, PNG 3640×2400, WebP 4096×4096.
/// The others are not measured there; they are taken as PNG, those with a video codec or a drawing as WebP.
const fn rates(format: Format) -> (f64, f64) {
    match format {
        Format::Jpeg => (0.9, 3.1),
        Format::Png | Format::Gif | Format::Tiff | Format::Bmp | Format::Ico => (4.9, 9.7),
        Format::Webp | Format::Avif | Format::Heic | Format::Jxl | Format::Svg => (16.3, 18.4),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rule(sides: &[u32]) -> Rule {
        let variants: Vec<_> = sides
            .iter()
            .map(|side| {
                serde_json::json!({"name": format!("v{side}"), "bucket": "prints", "key": format!("{{key}}/{side}"),
                    "steps": [{"resize": {"width": side, "height": side}}], "format": "jpeg"})
            })
            .collect();
        serde_json::from_value(serde_json::json!({"name": "r", "bucket": "photos", "variants": variants})).unwrap()
    }

    /// Milliseconds of image work, to compare with the table of bench/RESULTS.md.
    fn engine_ms(side: u32, format: Format, width: u32, height: u32) -> f64 {
        Cost::of(&rule(&[side]), 0, Some(ImageFacts { format, width, height })).cpu_seconds * 1000.0 - JOB_MS
    }

    #[test]
    fn estimates_are_near_what_was_measured() {
        let check = |side, format, width, height, measured: f64| {
            let estimated = engine_ms(side, format, width, height);
            assert!((0.75..1.25).contains(&(estimated / measured)), "{format} to {side}: {estimated} for {measured} ms");
        };
        check(128, Format::Jpeg, 6028, 3391, 19.8);
        check(128, Format::Jpeg, 2725, 2225, 4.8);
        check(1024, Format::Jpeg, 6028, 3391, 74.1);
        check(1024, Format::Jpeg, 2725, 2225, 35.4);
        check(128, Format::Png, 3640, 2400, 43.0);
        check(1024, Format::Png, 3640, 2400, 99.0);
        check(128, Format::Webp, 4096, 4096, 273.7);
        check(1024, Format::Webp, 4096, 4096, 330.6);
    }

    #[test]
    fn without_dimensions_the_length_must_do() {
        let known = Cost::of(&rule(&[128]), 4_379_037, Some(ImageFacts { format: Format::Jpeg, width: 6028, height: 3391 }));
        let guessed = Cost::of(&rule(&[128]), 4_379_037, None);
        assert!((0.9..1.1).contains(&(guessed.cpu_seconds / known.cpu_seconds)), "{guessed:?} {known:?}");
    }

    #[test]
    fn half_a_processor_takes_twice_as_long_and_two_no_less() {
        let cost = Cost { cpu_seconds: 0.1, lambda_seconds: 0.3, jobs: 1, variants: 1 };
        let check = |memory_mb, seconds: f64| assert!((cost.lambda_seconds_at(memory_mb) - seconds).abs() < 0.001, "{memory_mb}");
        check(LAMBDA_MEMORY_MB, 0.3);
        check(LAMBDA_MEMORY_MB / 2, 0.4);
        check(LAMBDA_MEMORY_MB * 2, 0.3);
    }

    #[test]
    fn a_million_photos_cost_what_amazon_says() {
        let cost = Cost { cpu_seconds: 0.0, lambda_seconds: 200_000.0, jobs: 1_000_000, variants: 3_000_000 };
        let dollars = cost.dollars();
        // 200 ms at 1,769 MB are 4.61 dollars of time for a million, and 0.20 of requests.
        assert!((dollars.lambda - 4.81).abs() < 0.01, "{dollars:?}");
        assert!((dollars.s3 - 15.40).abs() < 0.01, "{dollars:?}");
        assert!((dollars.total() - 20.21).abs() < 0.02);
    }
}
