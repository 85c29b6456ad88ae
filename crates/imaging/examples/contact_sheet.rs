//! Shows what every operation does to one photograph: writes an HTML page that needs nothing beside it.
//!
//! ```text
//! cargo run -p minilab-imaging --example contact_sheet -- sheet.html [PHOTO]
//! ```
//!
//! The photo is first made 360 pixels wide; each recipe beneath a picture is what was done to that.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minilab_imaging::{RenderOptions, render};
use minilab_model::{KeyTemplate, Limits, ObjectRef, OutputFormat, Step, VariantSpec};
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

/// Headings, and under each of them recipes as JSON.
const SHEET: &[(&str, &[&str])] = &[
    ("As it is", &["[]"]),
    (
        "Size",
        &[
            r#"[{"resize": {"width": 160}}]"#,
            r#"[{"resize": {"width": 160, "height": 160, "fit": "cover"}}]"#,
            r#"[{"resize": {"width": 160, "height": 160, "fit": "cover", "gravity": "attention"}}]"#,
            r#"[{"resize": {"width": 160, "height": 160, "fit": "cover", "gravity": "entropy"}}]"#,
            r#"[{"resize": {"width": 160, "height": 160, "fit": "cover", "focus": {"x": 0.8, "y": 0.5}}}]"#,
            r#"[{"resize": {"width": 160, "height": 160, "fit": "contain"}}]"#,
            r#"[{"resize": {"width": 160, "height": 160, "fit": "fill"}}]"#,
            r#"[{"resize": {"width": 160, "height": 160, "fit": "outside"}}]"#,
            r#"[{"resize": {"width": 40}}, {"resize": {"width": 160, "enlarge": true, "kernel": "nearest"}}]"#,
            r#"[{"resize": {"width": 40}}, {"resize": {"width": 160, "enlarge": true, "kernel": "mitchell"}}]"#,
            r#"[{"resize": {"width": 160, "linear_light": true}}]"#,
        ],
    ),
    (
        "Frame",
        &[
            r#"[{"crop": {"width": 160, "height": 160}}]"#,
            r#"[{"crop": {"width": 160, "height": 120, "x": 20, "y": 10}}]"#,
            r##"[{"extend": {"top": 12, "right": 12, "bottom": 40, "left": 12, "background": "#f4efe6"}}]"##,
            r#"[{"extend": {"top": 30, "right": 30, "bottom": 30, "left": 30, "fill": "mirror"}}]"#,
            r#"[{"extend": {"top": 30, "right": 30, "bottom": 30, "left": 30, "fill": "edge"}}]"#,
            r##"[{"extend": {"left": 60, "right": 20, "background": "#808080"}}, {"trim": {}}]"##,
            r#"[{"rotate": {"degrees": 90}}]"#,
            r#"[{"rotate": {"degrees": -12}}]"#,
            r#"["flip"]"#,
            r#"["flop"]"#,
            r#"[{"round_corners": {"radius": 40}}]"#,
            r#"["circle"]"#,
            r##"["circle", {"background": {"color": "#204060"}}]"##,
        ],
    ),
    (
        "Colour",
        &[
            r#"["grayscale"]"#,
            r#"[{"sepia": {}}]"#,
            r#"[{"sepia": {"amount": 0.5}}]"#,
            r#"[{"adjust": {"brightness": 1.3}}]"#,
            r#"[{"adjust": {"contrast": 1.5}}]"#,
            r#"[{"adjust": {"saturation": 2}}]"#,
            r#"[{"adjust": {"saturation": 0.3}}]"#,
            r#"[{"adjust": {"hue": 120}}]"#,
            r#"[{"gamma": {"value": 2.2}}]"#,
            r#"[{"gamma": {"value": 0.5}}]"#,
            r##"[{"tint": {"color": "#3070c0"}}]"##,
            r##"[{"tint": {"color": "#c04080", "amount": 0.5}}]"##,
            r#"["negate"]"#,
            r#"[{"threshold": {}}]"#,
        ],
    ),
    (
        "Sharpness",
        &[
            r#"[{"blur": {"sigma": 2}}]"#,
            r#"[{"blur": {"sigma": 8}}]"#,
            r#"[{"sharpen": {}}]"#,
            r#"[{"sharpen": {"sigma": 2, "amount": 3, "threshold": 8}}]"#,
        ],
    ),
    (
        "Marks",
        &[
            r#"[{"watermark": {"text": "© Zoë Ångström"}}]"#,
            r#"[{"watermark": {"text": "Προσχέδιο\nЧерновик\nDraft", "size": 40, "gravity": "center", "opacity": 0.6}}]"#,
            r##"[{"watermark": {"text": "preview", "size": 22, "margin": 40, "tile": true, "color": "#102030", "opacity": 0.4}}]"##,
            r#"[{"watermark": {"text": "as wide as it is", "scale": 1, "gravity": "south", "margin": 12}}]"#,
            r#"[{"watermark": {"image": {"bucket": "assets", "key": "disc.png"}}}]"#,
            r#"[{"watermark": {"image": {"bucket": "assets", "key": "disc.png"}, "scale": 0.15, "gravity": "north_west", "opacity": 0.5}}]"#,
        ],
    ),
];

/// The width that the photo is brought to first, in pixels.
const WIDTH: u32 = 360;

fn main() -> ExitCode {
    match run() {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let output = arguments.next().ok_or("usage: contact_sheet SHEET.html [PHOTO]")?;
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    let photo = match arguments.next() {
        Some(photo) => std::fs::read(photo)?,
        None => std::fs::read(testdata.join("demo/coffee.png"))?,
    };
    let disc: ObjectRef = serde_json::from_str(r#"{"bucket": "assets", "key": "disc.png"}"#)?;
    let overlays = BTreeMap::from([(disc, std::fs::read(testdata.join("formats/png-hidden-colour.png"))?)]);
    let limits = Limits::default();
    let options = RenderOptions { overlays: &overlays, ..RenderOptions::new(&limits) };

    let first = variant(&format!(r#"[{{"resize": {{"width": {WIDTH}}}}}]"#), OutputFormat::Png)?;
    let small = render(&photo, &[first], &options)?.outputs.swap_remove(0).bytes;
    let mut body = String::new();
    let mut count = 0;
    for (heading, recipes) in SHEET {
        let variants = recipes.iter().map(|recipe| variant(recipe, OutputFormat::Webp)).collect::<Result<Vec<_>, _>>()?;
        let rendered = render(&small, &variants, &options)?;
        write!(body, "<h2>{heading}</h2>\n<div class=\"sheet\">\n")?;
        for (recipe, made) in recipes.iter().zip(&rendered.outputs) {
            let (width, height, uri) = (made.width, made.height, STANDARD.encode(&made.bytes));
            let kind = made.format.content_type();
            let recipe = escaped(recipe);
            write!(body, "<figure><img width=\"{width}\" height=\"{height}\" alt=\"\" src=\"data:{kind};base64,{uri}\">")?;
            writeln!(body, "<figcaption><code>{recipe}</code> <small>{width}×{height}</small></figcaption></figure>")?;
            count += 1;
        }
        body.push_str("</div>\n");
    }
    std::fs::write(&output, PAGE.replace("{body}", &body))?;
    Ok(format!("{count} pictures in {output}"))
}

fn variant(recipe: &str, format: OutputFormat) -> Result<VariantSpec, Box<dyn Error>> {
    let steps: Vec<Step> = serde_json::from_str(recipe)?;
    steps.iter().try_for_each(Step::validate)?;
    Ok(VariantSpec { steps, format, ..VariantSpec::new("sheet", KeyTemplate::try_from("sheet".to_owned())?) })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Contact sheet</title>
<style>
  body { margin: 0 auto; padding: 1rem 1.25rem 3rem; max-width: 1500px; font: 16px/1.45 system-ui, sans-serif; color: #222; background: #fff; }
  h1 { margin: .5rem 0; font-size: 1.5rem; }
  h2 { margin: 2rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid #ccc; font-size: 1.15rem; }
  .sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)); gap: 1.5rem 1.25rem; align-items: start; }
  figure { margin: 0; }
  img { display: block; max-width: 100%; height: auto;
        background: repeating-conic-gradient(#ddd 0 25%, #fff 0 50%) 0 0 / 16px 16px; }
  figcaption { margin-top: .4rem; font-size: .875rem; }
  code { font: .8125rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
  small { color: #666; white-space: nowrap; }
</style>
<h1>Contact sheet</h1>
<p>Every operation on one photograph; the recipe of each picture stands beneath it. Chequers show through where it is transparent.</p>
{body}</html>
"#;
