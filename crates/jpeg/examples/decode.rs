//! Decodes JPEG files at one scale and prints a hash of the pixels of each, or writes one of them as PNM.
//!
//! `decode EIGHTHS FILE…` prints `width height channels crc name` a line; `decode EIGHTHS --pnm FILE` writes a PGM, PPM or
//! PAM to standard output. Used to compare with `djpeg -scale EIGHTHS/8`.

use minilab_jpeg::{Decoder, Image, Scale};
use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let scale = match arguments.first().map(String::as_str) {
        Some("1") => Scale::Eighth,
        Some("2") => Scale::Quarter,
        Some("4") => Scale::Half,
        Some("8") => Scale::Full,
        _ => return Err("usage: decode 1|2|4|8 [--pnm] FILE…".into()),
    };
    let pnm = arguments.iter().any(|argument| argument == "--pnm");
    for file in arguments[1..].iter().filter(|argument| !argument.starts_with("--")) {
        let decode =
            || -> Result<Image, Box<dyn std::error::Error>> { Ok(Decoder::new(&std::fs::read(file)?)?.decode_to_image(scale)?) };
        match decode() {
            Ok(image) if pnm => write_pnm(&image)?,
            Ok(image) => {
                println!("{} {} {} {:08x} {file}", image.width, image.height, image.channels, crc32fast::hash(&image.pixels))
            }
            Err(error) => println!("error {file}: {error}"),
        }
    }
    Ok(())
}

fn write_pnm(image: &Image) -> std::io::Result<()> {
    let Image { width, height, channels, .. } = image;
    let mut out = std::io::stdout().lock();
    match channels {
        1 => write!(out, "P5\n{width} {height}\n255\n")?,
        3 => write!(out, "P6\n{width} {height}\n255\n")?,
        _ => write!(out, "P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {channels}\nMAXVAL 255\nTUPLTYPE CMYK\nENDHDR\n")?,
    }
    out.write_all(&image.pixels)
}
