//! Pixels beside those of libjpeg-turbo's `djpeg`, which must be the same.
//!
//! `tests/djpeg.txt` holds what `djpeg -scale N/8` (2.1.5) gave for each form: a line a form, the CRC-32 of the file and one of its pixels at each scale. To make it
//! anew, with djpeg installed: `MINILAB_UPDATE_DJPEG=1 cargo test -p minilab-jpeg --test exact`. `bench/jpeg/differential.py`
//! compares many more files.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;
use std::process::Command;

use minilab_jpeg::{Decoder, Scale};
use support::{Form, SAMPLINGS};

const SCALES: [Scale; 4] = [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full];
const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/djpeg.txt");

fn forms() -> Vec<Form> {
    let mut forms = Vec::new();
    let sizes = [(1, 1), (2, 3), (7, 9), (8, 8), (16, 16), (17, 33), (65, 40), (200, 131)];
    for (number, (width, height)) in sizes.into_iter().enumerate() {
        for sampling in SAMPLINGS {
            for (progressive, separate) in [(false, false), (true, false), (false, true)] {
                // The encoder cannot do both.
                let restart_interval = if separate { 0 } else { [0, 1, 5][(number + forms.len()) % 3] };
                forms.push(Form { width, height, sampling, progressive, separate, restart_interval, ..Form::default() });
            }
        }
        for progressive in [false, true] {
            forms.push(Form { width, height, grey: true, progressive, ..Form::default() });
        }
    }
    for quality in [10, 30, 75, 95, 100] {
        for progressive in [false, true] {
            for noise in [0, 40] {
                forms.push(Form { width: 150, height: 97, quality, progressive, noise, ..Form::default() });
            }
        }
    }
    forms
}

#[test]
fn pixels_are_those_of_libjpeg() {
    let forms = forms();
    if std::env::var_os("MINILAB_UPDATE_DJPEG").is_some() {
        let line = |file: &[u8]| format!("{:08x} {}\n", crc32fast::hash(file), by_djpeg(file).join(" "));
        let lines = forms.iter().map(|form| line(&form.encode()));
        std::fs::write(TABLE, lines.collect::<String>()).unwrap();
    }
    let table = std::fs::read_to_string(TABLE).unwrap();
    assert_eq!(table.lines().count(), forms.len(), "the table belongs to other forms");
    for (form, line) in forms.iter().zip(table.lines()) {
        let file = form.encode();
        let mut crcs = line.split(' ');
        // The encoder of these files writes others on other processors, of some forms.
        let is_the_same = crcs.next() == Some(&format!("{:08x}", crc32fast::hash(&file)));
        assert!(is_the_same || cfg!(not(target_arch = "x86_64")), "{form:?}: djpeg has decoded another file");
        for (scale, expected) in SCALES.into_iter().zip(crcs).filter(|_| is_the_same) {
            let image = Decoder::new(&file).unwrap().decode_to_image(scale).unwrap();
            assert!(image.complete);
            assert_eq!(format!("{:08x}", crc32fast::hash(&image.pixels)), expected, "{form:?} at {scale:?}");
        }
    }
}

/// The CRC of the pixels at each scale, by `djpeg`.
fn by_djpeg(file: &[u8]) -> Vec<String> {
    let path = std::env::temp_dir().join(format!("minilab-exact-{}.jpg", std::process::id()));
    std::fs::write(&path, file).unwrap();
    let crcs = SCALES.map(|scale| run_djpeg(&path, scale));
    std::fs::remove_file(&path).unwrap();
    crcs.to_vec()
}

fn run_djpeg(path: &Path, scale: Scale) -> String {
    let output = Command::new("djpeg").args(["-scale", &format!("{}/8", scale.eighths()), "-pnm"]).arg(path).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    // Magic, size and maximum: three lines.
    let pixels = output.stdout.splitn(4, |&byte| byte == b'\n').nth(3).unwrap();
    format!("{:08x}", crc32fast::hash(pixels))
}
