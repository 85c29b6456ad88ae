//! What the fuzz targets share: limits that keep a run quick, recipes, and what must be true of every result.

use libfuzzer_sys::Corpus;
use minilab_imaging::{Header, ImageError, RenderOptions, Rendered, estimate, largest_output, read_header, render, sniff};
use minilab_model::{Format, KeyTemplate, Limits, OutputFormat, PixelField, Resize, Step, VariantSpec};
use peak_alloc::PeakAlloc;
use std::time::{Duration, Instant};

/// Counts what Rust code allocates. C code (libwebp) is not counted.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Small enough that no file takes long, large enough that no decoder's paths are left out.
#[must_use]
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.decode.pixels = 1 << 20;
    limits.decode.side = 4096;
    limits.decode.frames = 12;
    limits.output.pixels = 1 << 20;
    limits
}

/// A variant of a format, with steps.
#[must_use]
pub fn variant(name: &str, format: OutputFormat, steps: Vec<Step>) -> VariantSpec {
    let key = KeyTemplate::new("{stem}").unwrap_or_else(|error| panic!("{error}"));
    VariantSpec { format, steps, ..VariantSpec::new(name, key) }
}

/// A step that fits an image into a square.
#[must_use]
pub fn inside(side: u32) -> Step {
    Step::Resize(Resize { width: Some(side), height: Some(side), ..Resize::default() })
}

/// Decodes a file of one format at full size and shrunk, its animation as well, and checks what comes out. Files of other formats
/// are left to their own targets.
pub fn image(data: &[u8], format: Format) -> Corpus {
    if sniff(data) != Some(format) {
        return Corpus::Reject;
    }
    let variants = [
        variant("whole", OutputFormat::Png, Vec::new()),
        variant("shrunk", OutputFormat::Png, vec![inside(24)]),
        variant("animated", OutputFormat::Webp, vec![inside(16)]),
    ];
    for tolerant in [false, true] {
        checked(data, &variants, tolerant);
    }
    Corpus::Keep
}

/// Renders, and checks that the outputs are what their files say, within the sizes that were foretold; that the time is kept to; and
/// that no more memory was taken than estimated.
pub fn checked(data: &[u8], variants: &[VariantSpec], tolerant: bool) -> Option<(Header, Rendered)> {
    let limits = limits();
    let header = read_header(data, &limits.decode).ok()?;
    let describe = [PixelField::Thumbhash, PixelField::IsOpaque];
    let deadline = Some(Instant::now() + Duration::from_secs(60));
    let options = RenderOptions { tolerant, describe: &describe, deadline, ..RenderOptions::new(&limits) };
    let estimated = estimate(&header, data.len() as u64, variants, &limits);
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let rendered = render(data, variants, &options);
    let taken = ALLOCATOR.peak_usage().saturating_sub(before) as u64 + data.len() as u64;
    assert!(taken <= estimated, "{taken} bytes were taken, {estimated} estimated for {header:?}");
    let rendered = match rendered {
        Ok(rendered) => rendered,
        Err(error) => {
            well_said(&error);
            return None;
        }
    };
    assert_eq!(rendered.outputs.len(), variants.len());
    for (output, variant) in rendered.outputs.iter().zip(variants) {
        let (width, height) = header.upright_size();
        let most = largest_output(variant, width, height);
        let keeps = output.width <= most.0 && output.height <= most.1;
        // What is drawn is drawn as large as is asked for.
        assert!(keeps || header.is_drawn(), "{}×{} of {most:?}", output.width, output.height);
        let found = read_header(&output.bytes, &Limits::default().decode).unwrap_or_else(|error| panic!("{variant:?}: {error}"));
        assert_eq!((found.width, found.height, found.format), (output.width, output.height, output.format));
        if variant.steps.is_empty() {
            assert_eq!((output.width, output.height), (width, height));
        }
    }
    let json = serde_json::to_string(&rendered.metadata).unwrap_or_else(|error| panic!("{error}"));
    let read: minilab_model::ImageMetadata = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error} in {json}"));
    assert_eq!(read.width, rendered.metadata.width);
    rendered.warnings.iter().for_each(|warning| one_line(warning));
    Some((header, rendered))
}

/// What an error says is a short line, and no fault of ours.
pub fn well_said(error: &ImageError) {
    let text = error.to_string();
    one_line(&text);
    assert!(!matches!(error, ImageError::Internal { .. }), "{text}");
    assert!(!text.contains("it broke the decoder"), "{text}");
    assert!(*error != ImageError::Deadline, "the work took a minute");
}

fn one_line(text: &str) {
    assert!(text.len() < 1000 && !text.is_empty(), "{} bytes of {text:?}", text.len());
}
