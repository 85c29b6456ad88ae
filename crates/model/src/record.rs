use crate::{BucketName, Color, Format, ObjectKey, Sequencer, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a stored image is to be turned for display: EXIF orientation 1 to 8 (CIPA DC-008, tag 0x0112).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Orientation(u8);

impl Orientation {
    /// Upright: nothing to turn.
    pub const UPRIGHT: Self = Self(1);

    /// The EXIF value, 1 to 8.
    #[must_use]
    pub const fn value(self) -> u8 {
        self.0
    }

    /// Whether width and height change places when shown.
    #[must_use]
    pub const fn swaps_sides(self) -> bool {
        self.0 >= 5
    }
}

impl Default for Orientation {
    fn default() -> Self {
        Self::UPRIGHT
    }
}

impl TryFrom<u8> for Orientation {
    type Error = String;

    fn try_from(value: u8) -> Result<Self, Self::Error> {
        if (1..=8).contains(&value) { Ok(Self(value)) } else { Err(format!("orientation {value} is not 1 to 8")) }
    }
}

impl From<Orientation> for u8 {
    fn from(orientation: Orientation) -> Self {
        orientation.0
    }
}

/// The colour model that the pixels are stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorSpace {
    /// One grey channel.
    Grey,
    /// Red, green, blue (also palettes).
    Rgb,
    /// Luma and two chroma channels.
    Ycbcr,
    /// Four inks.
    Cmyk,
    /// Four inks, stored as luma, chroma and black.
    Ycck,
}

/// What is known of an image from its own bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageMetadata {
    /// The format, by content.
    pub format: Format,
    /// Width in pixels, as stored (before orientation).
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
    /// How to turn it for display.
    pub orientation: Orientation,
    /// The stored colour model.
    pub color_space: ColorSpace,
    /// Bits a channel.
    pub bit_depth: u8,
    /// Whether it can hold transparency.
    pub has_alpha: bool,
    /// Name of the embedded ICC profile, when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icc_profile: Option<String>,
    /// Resolution in dots per inch, across and down, where the file states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dpi: Option<[f64; 2]>,
    /// The animation; absent for a still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub animation: Option<AnimationFacts>,
    /// Whether the file was cut off or damaged, and what was there was taken (`tolerant`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
    /// EXIF fields by name (`camera_make`, `camera_model`, `lens_model`, `taken_at`, `exposure_time_s`, `f_number`,
    /// `iso`, `focal_length_mm`, `software`, …; `gps_latitude` and `gps_longitude` only when the rule asks for them).
    #[serde(default)]
    pub exif: BTreeMap<String, serde_json::Value>,
    /// IPTC IIM fields by name (`headline`, `caption`, `keywords`, `byline`, `credit`, `copyright`, `city`, …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub iptc: BTreeMap<String, serde_json::Value>,
    /// XMP properties by name (`title`, `description`, `creator`, `rights`, `subject`, `rating`, `label`, `create_date`, …).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub xmp: BTreeMap<String, serde_json::Value>,
    /// ThumbHash of the upright image in base64 (<https://evanw.github.io/thumbhash/>).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbhash: Option<String>,
    /// BlurHash of the upright image (<https://blurha.sh>).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blurhash: Option<String>,
    /// Dominant colours, the most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub palette: Vec<PaletteColor>,
    /// 64-bit perceptual hash of the upright image in hex: images that look alike differ in few bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perceptual_hash: Option<String>,
    /// Whether every pixel is opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_opaque: Option<bool>,
    /// Shannon entropy of the brightness in bits, 0 (one shade) to 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f64>,
}

impl ImageMetadata {
    /// An upright RGB image of 8 bits a channel without transparency, of which nothing else is known.
    #[must_use]
    pub fn new(format: Format, width: u32, height: u32) -> Self {
        Self {
            format,
            width,
            height,
            orientation: Orientation::UPRIGHT,
            color_space: ColorSpace::Rgb,
            bit_depth: 8,
            has_alpha: false,
            icc_profile: None,
            dpi: None,
            animation: None,
            incomplete: false,
            exif: BTreeMap::new(),
            iptc: BTreeMap::new(),
            xmp: BTreeMap::new(),
            thumbhash: None,
            blurhash: None,
            palette: Vec::new(),
            perceptual_hash: None,
            is_opaque: None,
            entropy: None,
        }
    }
}

/// A field of the record that takes pixels to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelField {
    /// [`ImageMetadata::thumbhash`].
    Thumbhash,
    /// [`ImageMetadata::blurhash`].
    Blurhash,
    /// [`ImageMetadata::palette`].
    Palette,
    /// [`ImageMetadata::perceptual_hash`].
    PerceptualHash,
    /// [`ImageMetadata::is_opaque`].
    IsOpaque,
    /// [`ImageMetadata::entropy`].
    Entropy,
}

impl PixelField {
    /// Every field.
    pub const ALL: [PixelField; 6] =
        [Self::Thumbhash, Self::Blurhash, Self::Palette, Self::PerceptualHash, Self::IsOpaque, Self::Entropy];
}

/// What a file says of its animation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnimationFacts {
    /// Number of frames.
    pub frames: u32,
    /// How long one round takes, in milliseconds.
    pub duration_ms: u64,
    /// How often it is played; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plays: Option<u32>,
}

/// A dominant colour.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PaletteColor {
    /// The colour.
    pub color: Color,
    /// How much of the image it stands for, 0 to 1.
    pub share: f64,
}

/// Where an image stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageState {
    /// Its job waits or runs.
    Pending,
    /// Every rule that has run on this version succeeded.
    Processed,
    /// A rule's job ended as a dead letter.
    Failed,
}

/// Why a rule failed on an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The rule.
    pub rule: String,
    /// What kind of failure.
    #[serde(default)]
    pub cause: crate::FailureCause,
    /// The error and its chain, one sentence.
    pub error: String,
}

/// One variant that exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantRecord {
    /// The variant's name in its rule.
    pub name: String,
    /// The rule.
    pub rule: String,
    /// Where it is.
    pub bucket: BucketName,
    /// Its key.
    pub key: ObjectKey,
    /// Its format; absent for a copy of something that is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Width in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Height in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Length in bytes.
    pub size_bytes: u64,
}

/// What the catalog holds of one source image. Serialised, this is the answer of `/images/{key}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The bucket of the source.
    pub bucket: BucketName,
    /// The key of the source.
    pub key: ObjectKey,
    /// The write of the source that this speaks of.
    pub sequencer: Sequencer,
    /// Where it stands.
    pub state: ImageState,
    /// The media type by content; for what is not an image, the one stated at upload.
    pub content_type: String,
    /// What the bytes say; absent while pending and for what is not an image.
    #[serde(flatten)]
    pub metadata: Option<ImageMetadata>,
    /// Length of the source in bytes.
    pub size_bytes: u64,
    /// ETag of the source, without quotes.
    pub etag: String,
    /// SHA-256 of the source in hex.
    pub sha256: String,
    /// When the source was written.
    pub created_at: Timestamp,
    /// The variants, by rule in order of processing.
    pub variants: Vec<VariantRecord>,
    /// What failed; empty unless the state is failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// A key and its size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizedKey {
    /// The key.
    pub key: ObjectKey,
    /// Length in bytes.
    pub size_bytes: u64,
}

/// Totals over the source images of one bucket whose state is processed: the answer of `/infoimages`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CollectionStatistics {
    /// Number of images.
    pub count: u64,
    /// Their bytes in all.
    pub bytes: u64,
    /// The one with most bytes; the first by key among equals. `None` when there is no image.
    pub largest: Option<SizedKey>,
    /// The one with fewest bytes.
    pub smallest: Option<SizedKey>,
    /// Images by format name.
    pub types: BTreeMap<String, u64>,
    /// Sources that could not be processed; not in `count`.
    pub failed: u64,
}
