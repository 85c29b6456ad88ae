use crate::{BucketName, Color, Format, KeyTemplate, ObjectRef, OutputFormat, Step};
use serde::{Deserialize, Serialize};

/// One output of a rule: a `[[rules.variants]]` table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// Names the variant within its rule.
    pub name: String,
    /// The destination; the source bucket when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<BucketName>,
    /// The destination key.
    pub key: KeyTemplate,
    /// What is done, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The output format.
    #[serde(default)]
    pub format: OutputFormat,
    /// What the variant's readers understand: the formats that `format = "auto"` chooses from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accept: Vec<OutputFormat>,
    /// Quality 1 to 100 of lossy formats, on JPEG's scale; other formats are set to look alike. Default 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// Most bytes that the file should have: the highest quality, up to `quality`, that keeps to it is searched for. Where even
    /// the lowest does not, that one is taken, and a warning says so. Lossy formats only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// Whether WebP is written without loss. Off by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub lossless: bool,
    /// Most colours, 2 to 256, of a PNG or GIF with a palette. Default: PNG keeps all colours, GIF takes 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub palette: Option<u16>,
    /// How much chroma is kept in JPEG.
    #[serde(default, skip_serializing_if = "is_default")]
    pub chroma: ChromaSubsampling,
    /// Whether JPEG is written progressively: shown coarse to fine, about as large, slower to make. Off by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub progressive: bool,
    /// The colours that the file is in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub color: OutputColor,
    /// What becomes of the source's metadata.
    #[serde(default, skip_serializing_if = "is_default")]
    pub metadata: MetadataPolicy,
    /// Whether a photo that says how to turn it is turned upright. On by default.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub auto_orient: bool,
    /// Whether an animation stays one where the output format can hold it. On by default; without, its first frame is taken.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub animated: bool,
    /// What shows through where the output has no alpha. Default white.
    #[serde(default)]
    pub background: Color,
}

/// How much of the colour resolution JPEG keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ChromaSubsampling {
    /// 4:2:0 below quality 90, 4:4:4 from there on, as sharp and mozjpeg do.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// Half in both directions.
    #[serde(rename = "4:2:0")]
    Half,
    /// All of it.
    #[serde(rename = "4:4:4")]
    Full,
}

/// The colours that a variant is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputColor {
    /// sRGB, by the source's profile; no profile is written, since sRGB is what readers assume.
    #[default]
    Srgb,
    /// The source's own, its profile written along: wide gamut stays wide. CMYK becomes sRGB all the same.
    Keep,
}

/// What becomes of a source's metadata in a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MetadataPolicy {
    /// Nothing is written.
    #[default]
    Strip,
    /// Who made it and whose it is: EXIF's artist and copyright.
    Copyright,
    /// EXIF and XMP, without GPS and the embedded preview, and with the orientation that the variant has.
    Keep,
}

impl VariantSpec {
    /// Quality of lossy formats when none is given.
    pub const DEFAULT_QUALITY: u8 = 80;

    /// A variant without steps, in the source's format, everything at its default.
    #[must_use]
    pub fn new(name: impl Into<String>, key: KeyTemplate) -> Self {
        Self {
            name: name.into(),
            bucket: None,
            key,
            steps: Vec::new(),
            format: OutputFormat::Keep,
            accept: Vec::new(),
            quality: None,
            max_bytes: None,
            lossless: false,
            palette: None,
            chroma: ChromaSubsampling::Auto,
            progressive: false,
            color: OutputColor::Srgb,
            metadata: MetadataPolicy::Strip,
            auto_orient: true,
            animated: true,
            background: Color::WHITE,
        }
    }

    /// The quality to encode with.
    #[must_use]
    pub fn quality(&self) -> u8 {
        self.quality.unwrap_or(Self::DEFAULT_QUALITY)
    }

    /// Whether the bytes are copied untouched: the source's own format, and nothing to change.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        let same = Self {
            name: self.name.clone(),
            bucket: self.bucket.clone(),
            background: self.background,
            ..Self::new("", self.key.clone())
        };
        *self == Self { quality: self.quality, ..same }
    }

    /// The objects that are laid over the image.
    pub fn overlays(&self) -> impl Iterator<Item = &ObjectRef> {
        self.steps.iter().filter_map(|step| match step {
            Step::Watermark(watermark) => watermark.image.as_ref(),
            _ => None,
        })
    }

    /// Says which field cannot work, and why.
    ///
    /// # Errors
    /// The field's name, and a sentence.
    pub(crate) fn validate(&self) -> Result<(), (&'static str, String)> {
        let refuse = |key, reason: String| Err((key, reason));
        if self.name.is_empty() {
            return refuse("name", "name is empty".to_owned());
        }
        for (key, value) in [("quality", self.quality)] {
            if let Some(value) = value
                && !(1..=100).contains(&value)
            {
                return refuse(key, format!("{key} is {value}; it must be 1 to 100"));
            }
        }
        if let Some(bytes) = self.max_bytes
            && bytes < 100
        {
            return refuse("max_bytes", format!("max_bytes is {bytes}; no image is that small, so it must be 100 or more"));
        }
        if let Some(colors) = self.palette
            && !(2..=256).contains(&colors)
        {
            return refuse("palette", format!("palette is {colors}; it must be 2 to 256 colours"));
        }
        self.validate_format()?;
        for step in &self.steps {
            step.validate().map_err(|reason| (step.name(), reason))?;
        }
        Ok(())
    }

    /// Options that say nothing in the format that is written are a mistake.
    fn validate_format(&self) -> Result<(), (&'static str, String)> {
        let format = self.format.fixed();
        let only = |key, set: bool, formats: &[Format]| match format {
            Some(format) if set && !formats.contains(&format) => {
                let names: Vec<&str> = formats.iter().map(|format| format.as_str()).collect();
                Err((key, format!("{key} says nothing in {format}; it is for {}", names.join(", "))))
            }
            _ => Ok(()),
        };
        only("lossless", self.lossless, &[Format::Webp])?;
        only("palette", self.palette.is_some(), &[Format::Png, Format::Gif])?;
        only("chroma", self.chroma != ChromaSubsampling::Auto, &[Format::Jpeg])?;
        only("progressive", self.progressive, &[Format::Jpeg])?;
        only("max_bytes", self.max_bytes.is_some(), &[Format::Jpeg, Format::Webp, Format::Avif])?;
        if self.lossless && self.max_bytes.is_some() {
            return Err(("max_bytes", "max_bytes cannot be kept with lossless = true; leave one out".to_owned()));
        }
        match (self.format, self.accept.as_slice()) {
            (OutputFormat::Auto, []) => Err((
                "accept",
                "format = \"auto\" needs accept, such as accept = [\"avif\", \"webp\", \"jpeg\", \"png\"]".to_owned(),
            )),
            (OutputFormat::Auto, accept) if accept.iter().any(|format| format.fixed().is_none()) => {
                Err(("accept", "accept names formats: jpeg, png, webp, avif, gif".to_owned()))
            }
            (OutputFormat::Auto, _) | (_, []) => Ok(()),
            _ => Err(("accept", "accept says nothing without format = \"auto\"".to_owned())),
        }
    }
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

/// Keeps what was not there in earlier versions out of the recipe's text where it says nothing.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(json: &str, wrong: Option<(&str, &str)>) {
        let mut spec: serde_json::Value = serde_json::from_str(json).unwrap();
        spec["name"] = "v".into();
        spec["key"] = "{stem}.{ext}".into();
        let spec: VariantSpec = serde_json::from_value(spec).unwrap();
        match (spec.validate(), wrong) {
            (Ok(()), None) => {}
            (Err((key, reason)), Some((wrong_key, part))) => {
                assert!(key == wrong_key && reason.contains(part), "{json}: {key}: {reason}");
            }
            (found, _) => panic!("{json}: {found:?}"),
        }
    }

    #[test]
    fn options_must_mean_something() {
        check(r#"{"format": "webp", "lossless": true}"#, None);
        check(r#"{"format": "auto", "accept": ["webp", "jpeg"], "max_bytes": 50000}"#, None);
        check(r#"{"format": "jpeg", "chroma": "4:4:4", "progressive": true}"#, None);
        check(r#"{"format": "jpeg", "lossless": true}"#, Some(("lossless", "webp")));
        check(r#"{"format": "png", "max_bytes": 5000}"#, Some(("max_bytes", "jpeg, webp, avif")));
        check(r#"{"format": "webp", "lossless": true, "max_bytes": 5000}"#, Some(("max_bytes", "leave one out")));
        check(r#"{"format": "auto"}"#, Some(("accept", "needs accept")));
        check(r#"{"format": "auto", "accept": ["auto"]}"#, Some(("accept", "names formats")));
        check(r#"{"format": "png", "accept": ["webp"]}"#, Some(("accept", "without format")));
        check(r#"{"format": "gif", "palette": 1}"#, Some(("palette", "2 to 256")));
        check(r#"{"quality": 101}"#, Some(("quality", "1 to 100")));
        check(r#"{"steps": [{"blur": {"sigma": 0}}]}"#, Some(("blur", "blur.sigma")));
    }

    #[test]
    fn a_copy_changes_nothing() {
        let copy = VariantSpec::new("copy", "{key}".to_owned().try_into().unwrap());
        assert!(copy.is_copy());
        let quality = VariantSpec { quality: Some(50), ..copy.clone() };
        assert!(quality.is_copy(), "a quality alone never made a copy anything else");
        for changed in [
            VariantSpec { format: OutputFormat::Png, ..copy.clone() },
            VariantSpec { steps: vec![Step::Flip], ..copy.clone() },
            VariantSpec { max_bytes: Some(1000), ..copy.clone() },
        ] {
            assert!(!changed.is_copy());
        }
    }
}
