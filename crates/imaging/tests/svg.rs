//! Text and pictures in SVG documents, and documents that mean harm by them.
#![cfg(feature = "svg")]
#![allow(clippy::unwrap_used)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minilab_imaging::{ImageError, RenderOptions, render};
use minilab_model::{Limits, VariantSpec};
use support::{Pixels, full, pixels, png, run, source};

fn document(width: u32, height: u32, inside: &str) -> Vec<u8> {
    format!("<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'>{inside}</svg>").into_bytes()
}

fn embedded(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", STANDARD.encode(bytes))
}

/// Red, green and blue alone.
fn opaque(found: &Pixels) -> Pixels {
    let samples = found.samples.chunks_exact(found.channels).flat_map(|pixel| pixel[..3].iter().copied()).collect();
    Pixels { channels: 3, samples, ..*found }
}

fn drawn(inside: &str) -> Pixels {
    pixels(&document(64, 48, inside), &png(&[]))
}

fn refusal(document: &[u8]) -> ImageError {
    run(document, &[png(&[])]).unwrap_err()
}

/// A grey PNG of one shade.
fn flat(width: u32, height: u32, shade: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&vec![shade; (width * height) as usize]).unwrap();
    bytes
}

#[test]
fn text_is_drawn_in_the_one_font() {
    let text = |style: &str, words: &str| {
        drawn(&format!("<rect width='64' height='48' fill='#fff'/><text x='4' y='36' {style}>{words}</text>"))
    };
    let dark = |found: &Pixels| found.samples.chunks_exact(found.channels).filter(|pixel| pixel[0] < 64).count();
    let black = text("font-size='40'", "Hg");
    assert!((200..1000).contains(&dark(&black)), "{}", dark(&black));
    // Whatever font is asked for; what the font does not have is no reason to look for another.
    assert_eq!(text("font-size='40' font-family='Comic Sans MS, serif'", "Hg"), black);
    assert_eq!(dark(&text("font-size='40'", "")), 0);
    assert!(dark(&text("font-size='20'", "Жω")) > 20);
    assert!(dark(&text("font-size='20'", "漢字")) < 1000);
    let path = "<path id='p' d='M2 40 L60 8' fill='none'/><rect width='64' height='48' fill='#fff'/>\
        <text font-size='16'><textPath href='#p'>along</textPath></text>";
    assert!(dark(&drawn(path)) > 20);
}

#[test]
fn embedded_pictures_are_drawn() {
    let check = |kind: &str, name: &str, tolerance: f64| {
        let address = embedded(kind, &source(name));
        let found = drawn(&format!("<image width='64' height='48' href='{address}'/>"));
        let difference = opaque(&found).difference(&full("png-rgb.png"));
        assert!(difference <= tolerance, "{name}: {difference}");
    };
    check("image/png", "png-rgb.png", 0.0);
    check("image/gif", "gif-still.gif", 1.0);
    // Upright, in sRGB, and whatever the address calls it.
    check("image/jpeg", "orientation-6.jpg", 6.0);
    check("image/png", "orientation-1.jpg", 6.0);
    check("text/plain", "jpeg-cmyk.jpg", 6.0);
    let p3 = drawn(&format!("<image width='64' height='48' href='{}'/>", embedded("image/png", &source("profile-display-p3.png"))));
    assert!(opaque(&p3).difference(&full("profile-display-p3.png")) < 1.0);
    let disc = full("webp-lossless-alpha.webp");
    let address = embedded("image/webp", &source("webp-lossless-alpha.webp"));
    let found = pixels(&document(disc.width, disc.height, &format!("<image href='{address}'/>")), &png(&[]));
    assert_eq!((found.width, found.at(0, 0)[3]), (disc.width, 0));
    let middle = found.at(disc.width / 2, disc.height / 2);
    assert!(middle[2] > 220 && middle[3] == 255, "{middle:?}");
}

#[test]
fn other_kinds_are_left_out() {
    let ground = drawn("<rect width='64' height='48' fill='#00f'/>");
    let check = |address: &str| {
        let found = drawn(&format!("<rect width='64' height='48' fill='#00f'/><image width='64' height='48' href='{address}'/>"));
        assert_eq!(found, ground, "{}", &address[..20]);
    };
    let inner = document(9, 9, "<rect width='9' height='9' fill='#f00'/>");
    check(&embedded("image/svg+xml", &inner));
    check(&embedded("text/plain", &inner));
    check(&embedded("image/bmp", &source("bmp-rgb.bmp")));
    check(&embedded("image/png", b"no picture"));
    check("data:image/png,");
    check("data:;base64,====");
    check("file:///etc/hostname");
    check("https://example.org/a.png");
    // Level in level, as a bomb would have it: the first is left out already.
    let levels = (0..4)
        .fold(inner, |inside, _| document(9, 9, &format!("<image href='{}'/>", embedded("image/svg+xml", &inside)).repeat(5)));
    check(&embedded("image/svg+xml", &levels));
}

#[test]
fn pictures_are_bounded() {
    let exceeds = |document: &[u8], expected: &str| {
        let error = refusal(document);
        assert!(matches!(error, ImageError::LimitExceeded { what, .. } if what == expected), "{expected}: {error}");
    };
    let image = |bytes: &[u8]| format!("<image width='64' height='48' href='{}'/>", embedded("image/png", bytes));
    // A claim of 50,000 pixels a side.
    exceeds(&document(64, 48, &image(&source("png-claims-50000x50000.png"))), "pixels");
    // Few bytes each, many pixels together.
    let large: String = (0..4).map(|shade| image(&flat(1700, 1700, shade))).collect();
    exceeds(&document(64, 48, &large), "pixels to draw of embedded pictures");
    let larger: String = (0..2).map(|shade| image(&flat(8000, 7000, shade))).collect();
    exceeds(&document(64, 48, &larger), "pixels in embedded pictures");
    // One picture, shown often, is decoded once; unpacked for each place it would take too long.
    let megapixel = flat(1000, 1000, 9);
    let shown = |count: usize| {
        let uses = "<use href='#i'/>".repeat(count);
        document(64, 48, &format!("<image id='i' width='8' height='8' href='{}'/>{uses}", embedded("image/png", &megapixel)))
    };
    assert!(run(&shown(20), &[png(&[])]).is_ok());
    assert!(refusal(&shown(1000)).to_string().contains("takes so much work"));
    // In a pattern and in a filter, too.
    let address = embedded("image/png", &source("png-claims-50000x50000.png"));
    let pattern = format!(
        "<pattern id='p' width='9' height='9'><image href='{address}'/></pattern><rect width='9' height='9' fill='url(#p)'/>"
    );
    exceeds(&document(64, 48, &pattern), "pixels");
    let filter = format!("<filter id='f'><feImage href='{address}'/></filter><rect width='9' height='9' filter='url(#f)'/>");
    exceeds(&document(64, 48, &filter), "pixels");
}

#[test]
fn text_is_bounded() {
    let long = document(64, 48, &format!("<text>{}</text>", "word".repeat(1 << 20)));
    assert!(refusal(&long).to_string().contains("elements to draw"));
    let preserved = document(64, 48, &format!("<text xml:space='preserve'>{}</text>", " ".repeat(1 << 20)));
    assert!(refusal(&preserved).to_string().contains("elements to draw"));
    let repeated = document(64, 48, &format!("<text id='t'>{}</text>{}", "word".repeat(1000), "<use href='#t'/>".repeat(1000)));
    assert!(refusal(&repeated).to_string().contains("elements to draw"));
    // A large size is cut by the canvas.
    assert!(run(&document(64, 48, "<text y='40' font-size='1e9'>x</text>"), &[png(&[])]).is_ok());
}

#[test]
fn a_damaged_picture_is_left_out_where_damage_is_tolerated() {
    let whole = source("png-rgb.png");
    let image =
        format!("<rect width='9' height='9' fill='#f00'/><image href='{}'/>", embedded("image/png", &whole[..whole.len() / 2]));
    let document = document(64, 48, &image);
    let error = refusal(&document).to_string();
    assert!(error.contains("a picture in it cannot be decoded"), "{error}");
    let limits = Limits::default();
    let options = RenderOptions { tolerant: true, ..RenderOptions::new(&limits) };
    let rendered = render(&document, &[VariantSpec { ..png(&[]) }], &options).unwrap();
    assert!(rendered.metadata.incomplete);
    assert!(rendered.warnings[0].contains("a picture in it cannot be decoded"), "{:?}", rendered.warnings);
    // The rows that are there lie on the red ground.
    assert_eq!(support::read_png(&rendered.outputs[0].bytes).at(1, 1)[..3], [220, 30, 30]);
}
