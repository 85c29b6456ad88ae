//! Recipes: the first bytes choose the steps and their numbers, the rest is the image.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use minilab_fuzz::{checked, variant};
use minilab_model::{OutputFormat, Step};
use serde_json::{Value, json};

const RECIPE_BYTES: usize = 16;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((recipe, image)) = data.split_at_checked(RECIPE_BYTES) else { return Corpus::Reject };
    let formats = [OutputFormat::Png, OutputFormat::Jpeg, OutputFormat::Webp, OutputFormat::Gif, OutputFormat::Keep];
    let format = formats[usize::from(recipe[0]) % formats.len()];
    // What a rules file could not say is not tried.
    let steps: Vec<Step> = recipe[1..].chunks_exact(5).filter_map(|bytes| serde_json::from_value(step(bytes)).ok()).collect();
    let variants = [variant("recipe", format, steps.clone()), variant("again", OutputFormat::Png, steps)];
    match checked(image, &variants, false) {
        Some(_) => Corpus::Keep,
        None => Corpus::Reject,
    }
});

/// A step by a byte, with numbers by four others.
fn step(bytes: &[u8]) -> Value {
    let number = |index: usize| u32::from(bytes[index]);
    let share = |index: usize| f64::from(bytes[index]) / 255.0;
    let colors = ["#ff0000", "#00ff0080", "#ffffff", "#00000000"];
    let color = colors[bytes[4] as usize % 4];
    let opaque = ["#ff0000", "#102030"][bytes[4] as usize % 2];
    let fit = ["inside", "outside", "cover", "contain", "fill"][bytes[3] as usize % 5];
    let gravity = ["center", "north_east", "attention", "entropy", "south"][bytes[4] as usize % 5];
    let kernel = ["lanczos3", "mitchell", "nearest", "catmull_rom"][bytes[4] as usize % 4];
    let enlarge = bytes[3] & 64 != 0;
    match bytes[0] % 20 {
        0 => {
            json!({"resize": {"width": number(1) + 1, "height": number(2) + 1, "fit": fit, "gravity": gravity, "enlarge": enlarge}})
        }
        1 => {
            json!({"resize": {"width": number(1) + 1, "fit": "inside", "kernel": kernel, "linear_light": enlarge, "enlarge": true}})
        }
        2 => {
            json!({"resize": {"width": number(1) + 1, "height": number(2) + 1, "fit": "cover", "focus": {"x": share(3), "y": share(4)}}})
        }
        3 => json!({"crop": {"width": number(1) + 1, "height": number(2) + 1, "x": number(3), "y": number(4)}}),
        4 => json!({"crop": {"width": number(1) + 1, "height": number(2) + 1, "gravity": gravity}}),
        5 => {
            let fill = ["color", "edge", "mirror"][bytes[3] as usize % 3];
            json!({"extend": {"top": number(1), "right": number(2), "bottom": number(3), "left": number(4), "fill": fill, "background": color}})
        }
        6 => json!({"trim": {"threshold": bytes[1]}}),
        7 => json!({"rotate": {"degrees": (f64::from(bytes[1]) - 128.0) * 2.0 + share(2), "background": color}}),
        8 => json!("flip"),
        9 => json!("flop"),
        10 => json!({"blur": {"sigma": share(1) * 30.0 + 0.1}}),
        11 => json!({"sharpen": {"sigma": share(1) * 5.0 + 0.1, "amount": share(2) * 4.0, "threshold": bytes[3]}}),
        12 => json!("grayscale"),
        13 => {
            json!({"adjust": {"brightness": share(1) * 2.0, "contrast": share(2) * 2.0, "saturation": share(3) * 2.0, "hue": number(4)}})
        }
        14 => json!({"gamma": {"value": share(1) * 4.0 + 0.1}}),
        15 => json!({"tint": {"color": opaque, "amount": share(1)}}),
        16 => json!({"round_corners": {"radius": number(1)}}),
        17 => json!("circle"),
        18 => {
            let text: String = bytes[1..].iter().map(|&byte| char::from(byte.max(32))).collect();
            json!({"watermark": {"text": text, "size": number(2) + 1, "tile": enlarge, "color": opaque}})
        }
        _ => json!({"threshold": {"level": bytes[1]}}),
    }
}
