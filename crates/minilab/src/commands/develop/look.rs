//! The options that describe one variant, as a rule.

use super::options::{ChromaName, FitName, FormatName, MetadataName, Size, StepText};
use minilab_model::{Rule, RuleSet};
use serde_json::json;

/// What results look like.
#[derive(Debug, clap::Args)]
#[group(id = "look", multiple = true)]
pub struct Look {
    /// Size in pixels: 800x600, 800x (any height), x600 (any width) or 800 (both)
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,
    /// How an image meets the size [default: inside]
    #[arg(long, value_name = "FIT", requires = "size")]
    fit: Option<FitName>,
    /// Which part a cover keeps: center, north, south_east, …, attention, entropy
    #[arg(long, value_name = "WHERE", requires = "size")]
    gravity: Option<String>,
    /// Enlarge images that are smaller than the size
    #[arg(long, requires = "size")]
    enlarge: bool,
    /// A step after the resize, as in a rules file: grayscale, or '{ sharpen = { sigma = 0.8 } }'; can be given again
    #[arg(long, value_name = "STEP")]
    step: Vec<StepText>,
    /// Output format [default: keep]
    #[arg(long, value_name = "FORMAT")]
    format: Option<FormatName>,
    /// The formats that `auto` chooses from, such as avif,webp,jpeg
    #[arg(long, value_name = "FORMATS", value_delimiter = ',')]
    accept: Vec<String>,
    /// Quality of lossy formats, 1 to 100 [default: 80]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: Option<u8>,
    /// Most bytes of a result: quality is lowered until it fits
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
    /// WebP without loss
    #[arg(long)]
    lossless: bool,
    /// Most colours of a PNG or GIF, 2 to 256
    #[arg(long, value_name = "COLORS")]
    palette: Option<u16>,
    /// Progressive JPEG
    #[arg(long)]
    progressive: bool,
    /// Chroma of JPEG [default: auto]
    #[arg(long, value_name = "CHROMA")]
    chroma: Option<ChromaName>,
    /// Keep the source's colours and its profile, such as Display P3, instead of turning them into sRGB
    #[arg(long)]
    keep_color: bool,
    /// What becomes of EXIF and XMP [default: strip]
    #[arg(long, value_name = "POLICY")]
    metadata: Option<MetadataName>,
    /// What shows through where the output has no transparency, such as '#ffffff' (the default)
    #[arg(long, value_name = "COLOR")]
    background: Option<String>,
    /// Take the first frame of animations
    #[arg(long)]
    still: bool,
    /// Take what is there of damaged files
    #[arg(long)]
    tolerant: bool,
}

impl Look {
    /// The options as a rule with one variant. The same checks as for a rules file, so that the messages are the same.
    pub fn rule(&self) -> anyhow::Result<Rule> {
        let mut steps: Vec<_> = Vec::new();
        if let Some(size) = self.size {
            let fit = self.fit.map_or("inside", FitName::as_str);
            let mut resize = size.resize(fit, self.enlarge);
            if let Some(gravity) = &self.gravity {
                resize["gravity"] = gravity.as_str().into();
            }
            steps.push(json!({ "resize": resize }));
        }
        steps.extend(self.step.iter().map(|step| step.0.clone()));
        let mut variant = json!({
            "name": "out", "bucket": "out", "key": "{dir}/{stem}.{ext}", "steps": steps,
            "format": self.format.map_or("keep", FormatName::as_str),
            "accept": self.accept, "lossless": self.lossless, "progressive": self.progressive,
            "color": if self.keep_color { "keep" } else { "srgb" }, "animated": !self.still,
            "quality": self.quality, "max_bytes": self.max_bytes, "palette": self.palette,
        });
        let names = [
            ("chroma", self.chroma.map(ChromaName::as_str)),
            ("metadata", self.metadata.map(MetadataName::as_str)),
            ("background", self.background.as_deref()),
        ];
        for (name, value) in names {
            if let Some(value) = value {
                variant[name] = value.into();
            }
        }
        let rule: Rule = serde_json::from_value(json!({
            "name": "develop", "bucket": "develop", "describe": [], "tolerant": self.tolerant, "variants": [variant],
        }))?;
        RuleSet::new(vec![rule.clone()])?.check_formats(minilab_imaging::is_written)?;
        Ok(rule)
    }
}
