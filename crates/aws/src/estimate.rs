//! What a deployment costs in a month, item by item: an estimate before anything is deployed.
//!
//! The time of the image work is that of [`minilab_pipeline::plan::Cost`], which follows measurements of the engine; the
//! requests are counted as the functions make them.

mod header;
mod prices;

use crate::bundle::Bundle;
use crate::config::{Architecture, TierConfig, Vpc};
use minilab_imaging::{ImageError, largest_output};
use minilab_model::{Format, Rule};
use minilab_pipeline::plan::{Cost, GB_SECOND, ImageFacts, LAMBDA_REQUEST, PRICES_OF, S3_GET};
use serde::Serialize;

/// Hours of a month: a twelfth of a year.
const MONTH_HOURS: f64 = 730.0;
/// Bytes of a photo's JPEG by pixel: `Kleiber_by_Lukas_Baubkus.jpg` of bench/RESULTS.md has 4.4 MB of 20.4 megapixels.
const SOURCE_BYTES: f64 = 0.22;
/// Bytes of the longest source that a worker reads in one step.
const WHOLE_BYTES: f64 = (8_u64 << 20) as f64;
/// Bytes of a variant by pixel: small ones have more detail in each.
const VARIANT_BYTES: f64 = 0.3;
/// Pollers that Lambda keeps for a queue that is idle, each asking every 20 seconds ("Using Lambda with Amazon SQS").
const IDLE_POLLS: f64 = 5.0 * MONTH_HOURS * 3600.0 / 20.0;
/// Requests that a message takes: sent, received, deleted.
const MESSAGE_REQUESTS: f64 = 3.0;
/// Bytes of log that a call leaves: our line, and Lambda's own START, END and REPORT.
const LOG_BYTES: f64 = 1_500.0;
/// Bytes of a record with its place in three indexes.
const RECORD_BYTES: f64 = 4_000.0;
/// Kilobytes of a record, each a write.
const RECORD_WRITES: f64 = 3.0;
/// Memory of the functions that work on no pixels, in GB.
const SMALL_GB: f64 = 0.25;
/// Time of a call of those, in seconds: one request to another service.
const SMALL_SECONDS: f64 = 0.1;

/// How much there is to do in a month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Volume {
    /// Uploads.
    pub images: u64,
    /// Size of each, in millions of pixels.
    pub megapixels: f64,
    /// Length of each in bytes; `None`: what a photo of this size has.
    pub bytes: Option<u64>,
    /// Their format: JPEG or PNG.
    pub format: Format,
    /// Calls of the HTTP API.
    pub api_calls: u64,
}

/// What is charged for one thing in a month.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Item {
    /// What it is.
    pub item: String,
    /// How much of it.
    pub quantity: f64,
    /// Of what.
    pub unit: &'static str,
    /// The price of one unit, in dollars.
    pub unit_dollars: f64,
    /// All of it, in dollars.
    pub dollars: f64,
}

/// A month's cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// Which prices these are.
    pub prices_of: &'static str,
    /// The tier that the images go to.
    pub tier: String,
    /// The bytes that the work on one image takes at most.
    pub peak_bytes: u64,
    /// The time of the function that works on one image, in milliseconds.
    pub milliseconds: f64,
    /// Item by item.
    pub items: Vec<Item>,
    /// All items, in dollars.
    pub total_dollars: f64,
    /// All items for one image, a million times.
    pub dollars_per_million: f64,
}

impl Estimate {
    /// Adds up a month.
    ///
    /// # Errors
    /// [`ImageError`] when the limits refuse images of this size.
    pub fn new(bundle: &Bundle, volume: &Volume) -> Result<Self, ImageError> {
        let work = Work::new(bundle, volume)?;
        let mut bill = Bill(Vec::new());
        bill.lambda(bundle, volume, &work);
        bill.storage(bundle, volume, &work);
        bill.messages(bundle, volume);
        bill.records(bundle, volume, &work);
        bill.watching(bundle, volume);
        let total_dollars = bill.0.iter().map(|item| item.dollars).sum();
        Ok(Self {
            prices_of: PRICES_OF,
            tier: work.tier.name.clone(),
            peak_bytes: work.peak_bytes,
            milliseconds: work.seconds * 1000.0,
            items: bill.0,
            total_dollars,
            dollars_per_million: total_dollars / (volume.images.max(1) as f64) * 1e6,
        })
    }
}

/// The work on one image.
struct Work<'a> {
    tier: &'a TierConfig,
    peak_bytes: u64,
    /// Of the function that does it.
    seconds: f64,
    source_bytes: f64,
    variants: f64,
    variant_bytes: f64,
}

impl<'a> Work<'a> {
    fn new(bundle: &'a Bundle, volume: &Volume) -> Result<Self, ImageError> {
        // Photos are 4:3.
        let pixels = (volume.megapixels.max(0.0) * 1e6).max(1.0);
        let (width, height) = (((pixels * 4.0 / 3.0).sqrt() as u32).max(1), ((pixels * 3.0 / 4.0).sqrt() as u32).max(1));
        let header = header::of(volume.format, width, height, &bundle.limits.decode)?;
        let per_pixel = if volume.format == Format::Png { 1.5 } else { SOURCE_BYTES };
        let source_bytes = volume.bytes.unwrap_or((pixels * per_pixel) as u64);
        let facts = ImageFacts { format: volume.format, width, height };
        let mut work = Self {
            tier: smallest(bundle, 0),
            peak_bytes: 0,
            seconds: 0.0,
            source_bytes: source_bytes as f64,
            variants: 0.0,
            variant_bytes: 0.0,
        };
        // One upload is taken to concern the first rule of its bucket alone.
        if let Some(rule) = bundle.rules.first() {
            work.peak_bytes = minilab_imaging::estimate(&header, source_bytes, &rule.variants, &bundle.limits);
            work.tier = smallest(bundle, work.peak_bytes);
            let cost = Cost::of(rule, source_bytes, Some(facts));
            work.seconds = cost.lambda_seconds_at(work.tier.memory_mb);
            work.variants = rule.variants.len() as f64;
            work.variant_bytes = variant_bytes(rule, width, height, work.source_bytes);
        }
        Ok(work)
    }
}

/// The first tier that takes work of this size, else the largest.
fn smallest(bundle: &Bundle, bytes: u64) -> &TierConfig {
    // A bundle whose `[aws]` table was checked has a tier; what was not checked gets the default one's prices.
    static NONE: std::sync::LazyLock<TierConfig> = std::sync::LazyLock::new(|| TierConfig::new("none", 1769, 1));
    let tiers = &bundle.aws.tiers;
    tiers.iter().find(|tier| bytes <= tier.bound_bytes()).or(tiers.last()).unwrap_or(&NONE)
}

fn variant_bytes(rule: &Rule, width: u32, height: u32, source_bytes: f64) -> f64 {
    let one = |variant: &minilab_model::VariantSpec| {
        if variant.is_copy() {
            return source_bytes;
        }
        let (width, height) = largest_output(variant, width, height);
        f64::from(width) * f64::from(height) * VARIANT_BYTES
    };
    rule.variants.iter().map(one).sum()
}

/// Items, as they are added.
struct Bill(Vec<Item>);

impl Bill {
    fn add(&mut self, item: impl Into<String>, quantity: f64, unit: &'static str, unit_dollars: f64) {
        if quantity > 0.0 {
            self.0.push(Item { item: item.into(), quantity, unit, unit_dollars, dollars: quantity * unit_dollars });
        }
    }

    fn lambda(&mut self, bundle: &Bundle, volume: &Volume, work: &Work<'_>) {
        let images = volume.images as f64;
        let gb_second = match bundle.aws.architecture {
            Architecture::Arm64 => GB_SECOND,
            Architecture::X86_64 => prices::X86_GB_SECOND,
        };
        let gigabytes = f64::from(work.tier.memory_mb) / 1024.0;
        let what = format!("Lambda, process-{}: {:.0} ms an image", work.tier.name, work.seconds * 1000.0);
        self.add(what, images * work.seconds * gigabytes, "GB-s", gb_second);
        let routed = if bundle.aws.has_router() { images } else { 0.0 };
        let answered = if bundle.aws.api { volume.api_calls as f64 } else { 0.0 };
        let small = [("router", routed), ("notify", images), ("api", answered)];
        for (name, calls) in small {
            self.add(format!("Lambda, {name}"), calls * SMALL_SECONDS * SMALL_GB, "GB-s", gb_second);
        }
        self.add("Lambda, requests", images + routed + images + answered, "requests", LAMBDA_REQUEST);
    }

    fn storage(&mut self, bundle: &Bundle, volume: &Volume, work: &Work<'_>) {
        let images = volume.images as f64;
        let (source, variant) = (prices::storage_class("STANDARD"), prices::storage_class(&bundle.aws.storage_class));
        self.add("S3, uploads", images, "PUT", source.put);
        self.add("S3, variants", images * work.variants, "PUT", variant.put);
        // The router reads the header; the worker reads the source, a long one in two steps, and looks at each destination.
        let routed = if bundle.aws.has_router() { 1.0 } else { 0.0 };
        let read = if work.source_bytes <= WHOLE_BYTES { 1.0 } else { 2.0 };
        self.add("S3, reading", images * (routed + read + work.variants), "GET", S3_GET);
        self.add("S3, a month's uploads kept for a month", images * work.source_bytes / 1e9, "GB", source.gb);
        self.add("S3, their variants likewise", images * work.variant_bytes / 1e9, "GB", variant.gb);
    }

    fn messages(&mut self, bundle: &Bundle, volume: &Volume) {
        let images = volume.images as f64;
        let (hops, queues) = if bundle.aws.has_router() { (2.0, bundle.aws.tiers.len() as f64 + 1.0) } else { (1.0, 1.0) };
        self.add("SQS, messages", images * hops * MESSAGE_REQUESTS, "requests", prices::SQS_REQUEST);
        self.add("SQS, asking whether there are any", queues * IDLE_POLLS, "requests", prices::SQS_REQUEST);
        let topics = 1.0 + bundle.named_topics().len() as f64;
        self.add("SNS, outcomes", images * topics, "messages", prices::PUBLISH);
    }

    fn records(&mut self, bundle: &Bundle, volume: &Volume, work: &Work<'_>) {
        let images = volume.images as f64;
        let digest = if bundle.digest_readers().is_empty() { 0.0 } else { 1.0 };
        let told = 1.0 + bundle.named_topics().len() as f64 + digest;
        // The event is observed; the variants' keys are noted; each variant is claimed.
        let plain = 2.0 + work.variants;
        // What is in a transaction counts twice: the record, the totals, the check of the source, a row for each who is told.
        let together = 2.0 * (RECORD_WRITES + 1.0 + 1.0 + told);
        let indexes = 3.0;
        self.add("DynamoDB, writes", images * (plain + together + indexes), "units", prices::WRITE_UNIT);
        // The worker reads the record and what owns each variant.
        let calls = if bundle.aws.api { volume.api_calls as f64 } else { 0.0 };
        self.add("DynamoDB, reads", images * (1.0 + work.variants) + calls, "units", prices::READ_UNIT);
        self.add("DynamoDB, a month's records kept for a month", images * RECORD_BYTES / 1e9, "GB", prices::TABLE_GB);
    }

    fn watching(&mut self, bundle: &Bundle, volume: &Volume) {
        let (images, calls) = (volume.images as f64, if bundle.aws.api { volume.api_calls as f64 } else { 0.0 });
        let hops = if bundle.aws.has_router() { 3.0 } else { 2.0 };
        self.add("Logs", (images * hops + calls) * LOG_BYTES / 1e9, "GB", prices::LOG_GB);
        self.add("HTTP API", calls, "calls", prices::API_CALL);
        let queues = if bundle.aws.has_router() { bundle.aws.tiers.len() as f64 + 1.0 } else { 1.0 };
        self.add("Alarms", queues * 2.0 + 2.0, "alarms", prices::ALARM);
        // Processed, failed, retried and the duration of each tier; what the router routed and what was told.
        let metrics = bundle.aws.tiers.len() as f64 * 4.0 + if bundle.aws.has_router() { 2.0 } else { 1.0 };
        self.add("Metrics of our own", metrics, "metrics", prices::METRIC);
        self.add("Dashboard", 1.0, "dashboards", prices::DASHBOARD);
        if bundle.aws.vpc == Vpc::Interface && bundle.aws.subnets.is_empty() {
            // SQS and SNS, in two zones.
            self.add("Interface endpoints", 4.0 * MONTH_HOURS, "hours", prices::ENDPOINT_HOUR);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::AwsConfig;
    use minilab_model::Limits;

    fn bundle(aws: AwsConfig) -> Bundle {
        let rules: Vec<Rule> = serde_json::from_value(serde_json::json!([{"name": "r", "bucket": "photos", "variants": [
            {"name": "a", "bucket": "prints", "key": "a/{key}", "steps": [{"resize": {"width": 128, "height": 128}}], "format": "jpeg"},
            {"name": "b", "bucket": "prints", "key": "b/{key}", "steps": [{"resize": {"width": 512, "height": 512}}], "format": "jpeg"}]}]))
        .unwrap();
        Bundle::new(rules, Vec::new(), Limits::default(), aws).unwrap()
    }

    fn photos(images: u64, megapixels: f64) -> Volume {
        Volume { images, megapixels, bytes: None, format: Format::Jpeg, api_calls: images }
    }

    fn dollars(estimate: &Estimate, item: &str) -> f64 {
        estimate.items.iter().find(|other| other.item.starts_with(item)).map_or(0.0, |item| item.dollars)
    }

    #[test]
    fn a_million_photos_cost_what_the_price_lists_say() {
        let estimate = Estimate::new(&bundle(AwsConfig::default()), &photos(1_000_000, 12.0)).unwrap();
        let check = |item: &str, expected: f64| {
            let dollars = dollars(&estimate, item);
            assert!((dollars - expected).abs() < 0.01, "{item}: {dollars}");
        };
        check("S3, uploads", 5.0);
        check("S3, variants", 10.0);
        check("SQS, messages", 2.4);
        check("SNS", 0.5);
        check("HTTP API", 1.0);
        check("Dashboard", 3.0);
        let sum: f64 = estimate.items.iter().map(|item| item.dollars).sum();
        assert!((sum - estimate.total_dollars).abs() < 1e-9 && (sum - estimate.dollars_per_million).abs() < 1e-9);
    }

    #[test]
    fn larger_images_go_to_larger_tiers_and_cost_more() {
        let of = |format, megapixels| {
            Estimate::new(&bundle(AwsConfig::default()), &Volume { format, ..photos(1000, megapixels) }).unwrap()
        };
        assert_eq!(of(Format::Jpeg, 12.0).tier, "small");
        let (small, large) = (of(Format::Png, 2.0), of(Format::Png, 90.0));
        assert!(small.peak_bytes < large.peak_bytes && small.milliseconds < large.milliseconds, "{small:?} {large:?}");
        assert!(dollars(&small, "Lambda, process") < dollars(&large, "Lambda, process"));
        assert!(Estimate::new(&bundle(AwsConfig::default()), &photos(1, 5_000.0)).is_err());
    }

    #[test]
    fn what_is_not_deployed_costs_nothing() {
        let tiers = AwsConfig::default().tiers.into_iter().take(1).collect();
        let aws = AwsConfig { tiers, api: false, architecture: Architecture::X86_64, ..AwsConfig::default() };
        let (one, three) = (bundle(aws), bundle(AwsConfig::default()));
        let (one, three) = (Estimate::new(&one, &photos(9, 1.0)).unwrap(), Estimate::new(&three, &photos(9, 1.0)).unwrap());
        assert!(dollars(&one, "Lambda, router") == 0.0 && dollars(&one, "HTTP API") == 0.0);
        assert!(dollars(&three, "Lambda, router") > 0.0 && dollars(&three, "HTTP API") > 0.0);
        let ratio = dollars(&one, "Lambda, process") / dollars(&three, "Lambda, process");
        assert!((1.24..1.26).contains(&ratio), "x86_64 costs a quarter more: {ratio}");
    }
}
