//! EXIF, IPTC, XMP and ICC, as the block of an image of one pixel: read, recorded, and written into variants.
#![no_main]

use flate2::{Compression, write::ZlibEncoder};
use libfuzzer_sys::{Corpus, fuzz_target};
use minilab_fuzz::checked;
use minilab_model::{MetadataPolicy, OutputColor, OutputFormat, VariantSpec};
use std::io::Write;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Some((kind, block)) = data.split_first() else { return Corpus::Reject };
    let file = match kind % 8 {
        0 => png(b"eXIf", block),
        1 => png(b"iCCP", &[b"profile\0\0", deflated(block).as_slice()].concat()),
        2 => png(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", block].concat()),
        3 => png(b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", deflated(block).as_slice()].concat()),
        4 => jpeg(0xed, &[b"Photoshop 3.0\08BIM\x04\x04\0\0", &(block.len() as u32).to_be_bytes()[..], block].concat()),
        5 => jpeg(0xed, &[b"Photoshop 3.0\0", block].concat()),
        6 => jpeg(0xe1, &[b"Exif\0\0", block].concat()),
        _ => jpeg(0xe1, &[b"http://ns.adobe.com/xap/1.0/\0", block].concat()),
    };
    let kept =
        |format, metadata| VariantSpec { metadata, color: OutputColor::Keep, ..minilab_fuzz::variant("kept", format, Vec::new()) };
    let variants = [
        kept(OutputFormat::Png, MetadataPolicy::Keep),
        kept(OutputFormat::Jpeg, MetadataPolicy::Keep),
        kept(OutputFormat::Webp, MetadataPolicy::Copyright),
        minilab_fuzz::variant("srgb", OutputFormat::Png, Vec::new()),
    ];
    if let Some((_, rendered)) = checked(&file, &variants, false) {
        // What was written is read again, and nothing of a place is in it.
        for output in &rendered.outputs {
            if let Some((_, again)) = checked(&output.bytes, &[], false) {
                assert!(!again.metadata.exif.contains_key("gps"), "coordinates were kept");
            }
        }
    }
    Corpus::Keep
});

/// A PNG of one pixel with a chunk.
fn png(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let pixel = deflated(&[0, 200, 100, 50]);
    for (kind, body) in [(b"IHDR", &b"\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0"[..]), (kind, body), (b"IDAT", &pixel), (b"IEND", b"")] {
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(kind);
        file.extend(body);
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(kind);
        checksum.update(body);
        file.extend(checksum.finalize().to_be_bytes());
    }
    file
}

/// A grey JPEG of 8×8 pixels with a segment.
fn jpeg(marker: u8, body: &[u8]) -> Vec<u8> {
    let body = &body[..body.len().min(65_533)];
    let mut file = vec![0xff, 0xd8, 0xff, marker];
    file.extend((body.len() as u16 + 2).to_be_bytes());
    file.extend(body);
    file.extend(b"\xff\xdb\0\x43\0");
    file.extend([1; 64]);
    file.extend(b"\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0");
    // One code in either table: no difference, and the end of the block.
    for table in [0x00, 0x10] {
        file.extend([0xff, 0xc4, 0, 20, table, 1]);
        file.extend([0; 16]);
    }
    file.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\x3f\xff\xd9");
    file
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}
