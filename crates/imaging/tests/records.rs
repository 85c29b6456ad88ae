//! What is recorded of a file beside its size: blocks of EXIF, IPTC and XMP, resolution, animation, and what its pixels say.
#![allow(clippy::unwrap_used)]

mod support;

use minilab_imaging::{RenderOptions, inspect, render};
use minilab_model::{Fit, ImageMetadata, Limits, OutputFormat, PixelField, VariantSpec};
use serde_json::{Value as Json, json};
use support::{into_box, png, read_png, source, testdata};

const XMP: &str = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
    <rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>"#;

fn record(file: &[u8], describe: &[PixelField]) -> ImageMetadata {
    inspect(file, &RenderOptions { describe, ..RenderOptions::new(&Limits::default()) }).unwrap()
}

/// A JPEG with further segments in front of its own.
fn with_segments(jpeg: &[u8], segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let segment = |(marker, body): &(u8, Vec<u8>)| [&[0xff, *marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat();
    [&jpeg[..2], &segments.iter().flat_map(segment).collect::<Vec<u8>>(), &jpeg[2..]].concat()
}

/// A PNG with further chunks behind its header; checksums of ancillary chunks are not looked at.
fn with_chunks(png: &[u8], chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let chunk = |(kind, body): &(&[u8; 4], Vec<u8>)| [&(body.len() as u32).to_be_bytes()[..], *kind, body, &[0; 4]].concat();
    [&png[..33], &chunks.iter().flat_map(chunk).collect::<Vec<u8>>(), &png[33..]].concat()
}

fn photoshop(resources: &[(u16, &[u8])]) -> Vec<u8> {
    let resource = |(number, data): &(u16, &[u8])| {
        let padding = vec![0; data.len() % 2];
        [b"8BIM", &number.to_be_bytes()[..], b"\0\0", &(data.len() as u32).to_be_bytes(), data, &padding].concat()
    };
    [b"Photoshop 3.0\0".to_vec(), resources.iter().flat_map(resource).collect()].concat()
}

#[test]
fn the_camera_says_much_and_serial_numbers_are_left_out() {
    let expected = json!({
        "image_description": "A test picture with much metadata", "camera_make": "Minilab", "camera_model": "Test Camera Mk II",
        "software": "testdata/make.py", "artist": "Minilab maintainers", "copyright": "CC0", "lens_make": "Minilab",
        "lens_model": "24-70mm F2.8 Test Lens", "exposure_time_s": 0.004, "f_number": 2.8, "iso": 400,
        "exposure_program": "aperture_priority", "exposure_bias_ev": -0.333_333_333, "flash": "not_fired",
        "focal_length_mm": 35.0, "focal_length_35mm_mm": 52, "taken_at": "2024-06-01T18:30:15.123+02:00",
        "digitized_at": "2024-06-01T18:30:15", "modified_at": "2024-06-02T10:20:30",
    });
    assert_eq!(json!(record(&source("exif-rich.jpg"), &[]).exif), expected);
    let limits = Limits::default();
    let options = RenderOptions { record_gps: true, describe: &[], ..RenderOptions::new(&limits) };
    let exif = inspect(&source("exif-rich.jpg"), &options).unwrap().exif;
    assert_eq!((&exif["gps_altitude_m"], &exif["gps_taken_at"]), (&json!(47.0), &json!("2024-06-01T16:30:15Z")));
}

#[test]
fn blocks_are_found_in_each_container() {
    let check = |file: &[u8], expected: Json| {
        let found = record(file, &[]);
        assert_eq!(json!({"xmp": found.xmp, "iptc": found.iptc, "dpi": found.dpi}), expected);
    };
    let rating = json!({"rating": 5});
    let jpeg = source("jpeg-1x1.jpg");
    let packet = [b"http://ns.adobe.com/xap/1.0/\0", XMP.as_bytes()].concat();
    let headline = [b"\x1c\x02\x69\0\x05".as_slice(), b"Hello"].concat();
    let resources = photoshop(&[(0x03ed, b"odd"), (0x0404, &headline), (0x0425, &[0; 16])]);
    let jfif = b"JFIF\0\x01\x02\x02\0\x76\0\x3b\0\0".to_vec();
    let own_jfif_removed = [&jpeg[..2], &jpeg[20..]].concat();
    check(
        &with_segments(&own_jfif_removed, &[(0xe0, jfif), (0xe1, packet), (0xed, resources)]),
        json!({"xmp": rating, "iptc": {"headline": "Hello"}, "dpi": [299.72, 149.86]}),
    );
    let still = source("png-rgb.png");
    let text = [b"XML:com.adobe.xmp\0\0\0en\0title\0", XMP.as_bytes()].concat();
    let resolution = [&11_811_u32.to_be_bytes()[..], &2835_u32.to_be_bytes(), &[1]].concat();
    let expected = json!({"xmp": rating, "iptc": {}, "dpi": [300.0, 72.01]});
    check(&with_chunks(&still, &[(b"iTXt", text), (b"pHYs", resolution)]), expected);
    let deflated = {
        use std::io::Write;
        let mut encoder = flate2::write::ZlibEncoder::new(b"XML:com.adobe.xmp\0\x01\0\0\0".to_vec(), flate2::Compression::fast());
        encoder.write_all(XMP.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let unit_unknown = [&[0, 0, 0, 2, 0, 0, 0, 1][..], &[0]].concat();
    let expected = json!({"xmp": rating, "iptc": {}, "dpi": null});
    check(&with_chunks(&still, &[(b"iTXt", deflated), (b"pHYs", unit_unknown)]), expected.clone());
    let lossy = source("webp-lossy-alpha.webp");
    let chunk = [b"XMP ", &(XMP.len() as u32).to_le_bytes()[..], XMP.as_bytes(), &vec![0; XMP.len() % 2]].concat();
    let mut webp = [lossy, chunk].concat();
    let length = (webp.len() as u32 - 8).to_le_bytes();
    webp[4..8].copy_from_slice(&length);
    check(&webp, expected);
}

#[test]
fn resolution_falls_back_on_exif() {
    // X 300, Y 150 dots, in a unit of 2 (inches).
    let rational = |value: u32| [value.to_be_bytes(), 1_u32.to_be_bytes()].concat();
    let entry = |tag: u16, kind: u16, value: [u8; 4]| [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &[0, 0, 0, 1], &value].concat();
    let directory = [entry(0x011a, 5, [0, 0, 0, 50]), entry(0x011b, 5, [0, 0, 0, 58]), entry(0x0128, 3, [0, 2, 0, 0])].concat();
    let block = [b"MM\0*\0\0\0\x08\0\x03", &directory[..], &[0; 4], &rational(300), &rational(150)].concat();
    let jpeg = source("jpeg-1x1.jpg");
    assert_eq!(record(&jpeg, &[]).dpi, None);
    let file = with_segments(&jpeg, &[(0xe1, [b"Exif\0\0", &block[..]].concat())]);
    assert_eq!(record(&file, &[]).dpi, Some([300.0, 150.0]));
}

#[test]
fn animations_are_recorded_and_stills_have_none() {
    let animation = record(&source("gif-animated-transparent.gif"), &[]).animation.unwrap();
    assert_eq!((animation.frames, animation.duration_ms, animation.plays), (4, 700, None));
    for name in ["gif-still.gif", "png-rgb.png", "webp-lossy.webp", "jpeg-420.jpg"] {
        assert_eq!(record(&source(name), &[]).animation, None, "{name}");
    }
}

#[test]
fn pixels_are_not_looked_at_unless_asked() {
    let scan = |jpeg: &[u8]| jpeg.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap() + 14;
    let data = |png: &[u8]| png.windows(4).position(|kind| kind == b"IDAT").unwrap() + 4;
    let frame = |webp: &[u8]| webp.windows(4).position(|kind| kind == b"VP8 ").unwrap() + 18;
    for (name, pixels) in
        [("exif-rich.jpg", &scan as &dyn Fn(&[u8]) -> usize), ("profile-display-p3.png", &data), ("webp-lossy.webp", &frame)]
    {
        let whole = source(name);
        let mut damaged = whole.clone();
        let start = pixels(&whole);
        damaged.truncate(start);
        damaged.extend([0xff; 3]);
        assert_eq!(record(&damaged, &[]), record(&whole, &[]), "{name}");
        let limits = Limits::default();
        assert!(inspect(&damaged, &RenderOptions::new(&limits)).is_err(), "{name}");
    }
}

#[test]
fn a_large_photo_is_recorded_in_no_time() {
    let mut file = source("exif-rich.jpg");
    file.extend(vec![0x55; 30_000_000]);
    let took = (0..20).map(|_| {
        let begun = std::time::Instant::now();
        assert_eq!(record(&file, &[]).width, 120);
        begun.elapsed()
    });
    let took = took.min().unwrap();
    eprintln!("30 MB recorded in {took:?}");
    assert!(took.as_millis() < 20);
}

#[test]
fn damaged_blocks_are_warned_of_and_do_no_harm() {
    let jpeg = source("jpeg-1x1.jpg");
    let segments = [
        (0xe1, b"Exif\0\0II*\0\xff\xff\xff\xff".to_vec()),
        (0xe1, b"http://ns.adobe.com/xap/1.0/\0<a".to_vec()),
        (0xed, photoshop(&[(0x0404, b"\x1c\x02\x69\xff\xff")])),
    ];
    let rendered = render(&with_segments(&jpeg, &segments), &[], &RenderOptions::new(&Limits::default())).unwrap();
    let warnings = rendered.warnings.join("\n");
    for block in ["EXIF block", "XMP packet", "IPTC block"] {
        assert!(warnings.contains(block), "{block}: {warnings}");
    }
    for resources in [
        &b"Photoshop 3.0\0"[..],
        b"Photoshop 3.0\x008BIM",
        b"Photoshop 3.0\x008BIM\x04\x04\xff\0\0\0\0",
        b"Photoshop 3.0\x008BIM\0\0\0\0\xff\xff\xff\xff",
    ] {
        assert!(record(&with_segments(&jpeg, &[(0xed, resources.to_vec())]), &[]).iptc.is_empty());
    }
}

#[test]
fn pixel_fields_are_filled_in_when_asked() {
    let found = record(&testdata("demo/coffee.png"), &PixelField::ALL);
    assert_eq!(found.blurhash.as_ref().map(String::len), Some(28));
    assert_eq!(found.perceptual_hash.as_ref().map(String::len), Some(16));
    assert!(found.palette.len() >= 3 && found.palette.iter().all(|color| color.share > 0.0), "{:?}", found.palette);
    assert!(found.entropy.is_some_and(|bits| (5.0..8.0).contains(&bits)), "{:?}", found.entropy);
    assert_eq!(found, record(&testdata("demo/coffee.png"), &PixelField::ALL));
    let nothing = record(&testdata("demo/coffee.png"), &[]);
    assert!(nothing.blurhash.is_none() && nothing.palette.is_empty() && nothing.thumbhash.is_none());
    // Grey, 16 bits, palettes and transparency are described as well.
    for name in
        ["jpeg-grey.jpg", "png-grey-alpha.png", "png-rgba-16bit.png", "png-palette-trns.png", "jpeg-1x1.jpg", "jpeg-cmyk.jpg"]
    {
        let found = record(&source(name), &PixelField::ALL);
        assert!(found.blurhash.is_some() && found.perceptual_hash.is_some() && !found.palette.is_empty(), "{name}");
    }
}

#[test]
fn photos_that_look_alike_have_hashes_alike() {
    let hash =
        |file: &[u8]| u64::from_str_radix(&record(file, &[PixelField::PerceptualHash]).perceptual_hash.unwrap(), 16).unwrap();
    let demo = ["astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "rocket.jpg"];
    let photos: Vec<(Vec<u8>, u64)> =
        demo.iter().map(|name| testdata(&format!("demo/{name}"))).map(|file| (file.clone(), hash(&file))).collect();
    let jpeg = VariantSpec { format: OutputFormat::Jpeg, quality: Some(30), ..png(&[into_box(300, 300, Fit::Inside)]) };
    let variants = [jpeg, png(&[into_box(160, 160, Fit::Inside)]), png(&[into_box(200, 120, Fit::Fill)])];
    for (name, (file, whole)) in demo.iter().zip(&photos) {
        let rendered = render(file, &variants, &RenderOptions::new(&Limits::default())).unwrap();
        let mut copies: Vec<Vec<u8>> = rendered.outputs.into_iter().map(|output| output.bytes).collect();
        let pixels = read_png(&copies[1]);
        for percent in [70, 130] {
            let changed: Vec<u8> = pixels.samples.iter().map(|&value| (u32::from(value) * percent / 100).min(255) as u8).collect();
            let mut file = Vec::new();
            let mut encoder = ::png::Encoder::new(&mut file, pixels.width, pixels.height);
            encoder.set_color(::png::ColorType::Rgb);
            encoder.write_header().unwrap().write_image_data(&changed).unwrap();
            copies.push(file);
        }
        for (copy, file) in copies.iter().enumerate() {
            let bits = (hash(file) ^ whole).count_ones();
            assert!(bits <= 6, "{name} copy {copy}: {bits} bits");
        }
    }
    for (index, (_, a)) in photos.iter().enumerate() {
        for (_, b) in &photos[..index] {
            assert!((a ^ b).count_ones() > 20);
        }
    }
}
