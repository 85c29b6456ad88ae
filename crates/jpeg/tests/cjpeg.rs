//! Files beside those of libjpeg-turbo's `cjpeg`, which must be the same, byte for byte.
//!
//! `tests/cjpeg.txt` holds a CRC-32 of what `cjpeg -baseline -dct int` (2.1.5) made of each form, with `-optimize` in the second half: a
//! line a form. To make it
//! anew, with cjpeg installed: `MINILAB_UPDATE_CJPEG=1 cargo test -p minilab-jpeg --test cjpeg`.

#![allow(clippy::unwrap_used)]

mod support;

use minilab_jpeg::{EncodeOptions, Encoder, HuffmanTables, Subsampling};
use std::io::Write;
use std::process::{Command, Stdio};
use support::Random;

const TABLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cjpeg.txt");

/// The example tables of the specification (T.81, K.1), row by row.
const LUMA: [u16; 64] = [
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112,
    100, 103, 99,
];
const CHROMA: [u16; 64] = [
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
];

/// As libjpeg's `jpeg_set_quality`.
fn scaled(table: [u16; 64], quality: u16) -> [u16; 64] {
    let scale = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    table.map(|step| ((u32::from(step) * u32::from(scale) + 50) / 100).clamp(1, 255) as u16)
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Grey,
    Full,
    Half,
}

/// What is in the pixels.
#[derive(Debug, Clone, Copy)]
enum Content {
    /// Slopes and waves with some noise.
    Smooth,
    /// Bytes by chance: 0 and 255 alone, or all.
    Noise { extreme: bool },
    /// Few colours in large areas.
    Flat,
}

#[derive(Debug)]
struct Form {
    width: usize,
    height: usize,
    kind: Kind,
    quality: u16,
    content: Content,
    huffman: HuffmanTables,
}

impl Form {
    fn pixels(&self) -> Vec<u8> {
        let channels = if self.kind == Kind::Grey { 1 } else { 3 };
        let mut random = Random(0x0123_4567_89AB_CDEF ^ (self.width as u64) << 32 ^ self.height as u64);
        let count = self.width * self.height * channels;
        match self.content {
            Content::Smooth => {
                let rgb = support::synthetic(self.width, self.height, 12);
                if channels == 1 { rgb.into_iter().step_by(3).collect() } else { rgb }
            }
            Content::Noise { extreme } => {
                (0..count).map(|_| if extreme { random.below(2) as u8 * 255 } else { random.below(256) as u8 }).collect()
            }
            Content::Flat => {
                (0..count).map(|index| (index % channels * 90 + index / channels % self.width / 40 * 30) as u8).collect()
            }
        }
    }

    fn encode(&self) -> Vec<u8> {
        let options = EncodeOptions {
            width: self.width as u16,
            height: self.height as u16,
            components: if self.kind == Kind::Grey { 1 } else { 3 },
            subsampling: if self.kind == Kind::Half { Subsampling::Half } else { Subsampling::Full },
            huffman: self.huffman,
            luma: scaled(LUMA, self.quality),
            chroma: scaled(CHROMA, self.quality),
        };
        let mut encoder = Encoder::new(&options).unwrap();
        let pixels = self.pixels();
        if self.kind == Kind::Grey {
            let plane = minilab_jpeg::PlaneRows { samples: &pixels, stride: self.width, rows: self.height };
            encoder.push_planes(&[plane]).unwrap();
        } else {
            encoder.push_rgb(&pixels).unwrap();
        }
        encoder.finish().unwrap()
    }

    fn by_cjpeg(&self) -> Vec<u8> {
        let quality = self.quality.to_string();
        let sampling = if self.kind == Kind::Half { "2x2" } else { "1x1" };
        let mut command = Command::new("cjpeg")
            .args(["-baseline", "-dct", "int", "-sample", sampling, "-quality", &quality])
            .args((self.huffman == HuffmanTables::Fitted).then_some("-optimize"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let magic = if self.kind == Kind::Grey { "P5" } else { "P6" };
        let mut input = format!("{magic}\n{} {}\n255\n", self.width, self.height).into_bytes();
        input.extend(self.pixels());
        let mut pipe = command.stdin.take().unwrap();
        let writer = std::thread::spawn(move || pipe.write_all(&input).unwrap());
        let output = command.wait_with_output().unwrap();
        writer.join().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

fn forms(huffman: HuffmanTables) -> Vec<Form> {
    const KINDS: [Kind; 3] = [Kind::Grey, Kind::Full, Kind::Half];
    let mut forms = Vec::new();
    let sides = [1, 2, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 48, 65, 97];
    for (number, width) in sides.into_iter().enumerate() {
        for height in [1, 8, 9, 16, 17, 31, 40, sides[16 - number]] {
            for kind in KINDS {
                forms.push(Form { width, height, kind, quality: 80, content: Content::Smooth, huffman });
            }
        }
    }
    let contents = [Content::Smooth, Content::Noise { extreme: false }, Content::Noise { extreme: true }, Content::Flat];
    for quality in [1, 5, 10, 25, 40, 50, 60, 70, 75, 80, 85, 90, 92, 95, 97, 98, 99, 100] {
        for content in contents {
            for kind in KINDS {
                forms.push(Form { width: 203, height: 75, kind, quality, content, huffman });
            }
        }
    }
    for kind in KINDS {
        forms.push(Form { width: 65_500, height: 3, kind, quality: 75, content: Content::Smooth, huffman });
        forms.push(Form { width: 3, height: 65_500, kind, quality: 75, content: Content::Noise { extreme: false }, huffman });
    }
    forms
}

#[test]
fn files_are_those_of_libjpeg() {
    let forms = [HuffmanTables::Standard, HuffmanTables::Fitted].into_iter().flat_map(forms).collect::<Vec<_>>();
    let crc = |file: Vec<u8>| format!("{:08x}", crc32fast::hash(&file));
    if std::env::var_os("MINILAB_UPDATE_CJPEG").is_some() {
        let lines = forms.iter().map(|form| crc(form.by_cjpeg()) + "\n");
        std::fs::write(TABLE, lines.collect::<String>()).unwrap();
    }
    let table = std::fs::read_to_string(TABLE).unwrap();
    assert_eq!(table.lines().count(), forms.len(), "the table belongs to other forms");
    for (form, expected) in forms.iter().zip(table.lines()) {
        assert_eq!(crc(form.encode()), expected, "{form:?}");
    }
}
