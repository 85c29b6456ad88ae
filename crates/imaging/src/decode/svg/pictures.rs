//! Pictures that stand in a document as `data:` addresses. This crate's own decoders read them, within its own limits, upright and in
//! sRGB; resvg is given PNG files made of what came out, so that its decoders never see a stranger's bytes. Other kinds, an SVG inside
//! of the SVG among them, are left out, as is everything that lies outside of the file.

use crate::alpha::expand;
use crate::color::Colors;
use crate::decode::{DecodeOptions, decode};
use crate::error::ImageError;
use crate::header::{Header, read_header};
use crate::metadata::icc;
use crate::orient::upright;
use crate::picture::{Layout, Picture, Size};
use crate::plan::{MAX_PICTURE_PIXELS, MAX_PICTURE_WORK, MAX_PICTURES_PIXELS, decoder_bytes};
use crate::sink::{Take, shrunk_size};
use crate::sniff::sniff;
use minilab_model::Format;
use resvg::usvg::ImageKind;
use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

/// The pictures of one document.
pub(super) struct Pictures<'a> {
    options: &'a DecodeOptions<'a>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// As PNG, by their bytes: a picture that is shown often is decoded once.
    files: HashMap<u64, Option<Arc<Vec<u8>>>>,
    /// Pixels of all, as they are stored and as they are kept.
    stored: u64,
    kept: u64,
    /// Why the document cannot be drawn.
    failure: Option<ImageError>,
    /// What was wrong with the first that was damaged, where that is tolerated.
    damage: Option<String>,
}

impl<'a> Pictures<'a> {
    pub(super) fn new(options: &'a DecodeOptions<'a>) -> Self {
        Self { options, seen: Mutex::default() }
    }

    /// The picture that some bytes are, if they are one of a kind that is drawn.
    pub(super) fn resolve(&self, data: &[u8]) -> Option<ImageKind> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.failure.is_some() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        let key = hasher.finish();
        if !seen.files.contains_key(&key) {
            let file = self.file(data, &mut seen).unwrap_or_else(|error| {
                match is_damage(&error) {
                    true if self.options.tolerant => _ = seen.damage.get_or_insert(in_document(&error)),
                    true => seen.failure = Some(ImageError::corrupt(Format::Svg, in_document(&error))),
                    false => seen.failure = Some(error),
                }
                None
            });
            seen.files.insert(key, file.map(Arc::new));
        }
        seen.files.get(&key).cloned().flatten().map(ImageKind::PNG)
    }

    /// What was wrong with a picture, where it was taken or left out all the same.
    ///
    /// # Errors
    /// That a picture is damaged and this is not tolerated, or that the pictures are over a limit.
    pub(super) fn finish(self) -> Result<Option<String>, ImageError> {
        let seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        seen.failure.map_or(Ok(seen.damage), Err)
    }

    fn file(&self, data: &[u8], seen: &mut Seen) -> Result<Option<Vec<u8>>, ImageError> {
        if !matches!(sniff(data), Some(Format::Jpeg | Format::Png | Format::Gif | Format::Webp)) {
            return Ok(None);
        }
        self.options.deadline.check()?;
        let limits = self.options.limits;
        let header = read_header(data, limits)?;
        let stored = u64::from(header.width) * u64::from(header.height);
        seen.stored += stored;
        ImageError::check_limit("pixels in embedded pictures", seen.stored, limits.pixels)?;
        let picture = self.decoded(data, &header, &mut seen.damage)?;
        seen.kept += picture.size.pixels();
        ImageError::check_limit("pixels to draw of embedded pictures", seen.kept, MAX_PICTURES_PIXELS)?;
        png(&picture).map(Some)
    }

    /// The picture, shrunk where it is larger than drawings need.
    fn decoded(&self, data: &[u8], header: &Header, damage: &mut Option<String>) -> Result<Picture, ImageError> {
        let stored = Size { width: header.width, height: header.height };
        let least = (stored.pixels() as f64 / MAX_PICTURE_PIXELS as f64).sqrt().ceil() as u32;
        let shrink = match header.format {
            Format::Jpeg => least.next_power_of_two().min(8),
            _ => least,
        };
        let base = shrunk_size(stored, shrink);
        let sample_bytes = if header.bit_depth > 8 { 2 } else { 1 };
        let work = decoder_bytes(header, 4 * sample_bytes, shrink, base) + base.pixels() * 4 * sample_bytes;
        ImageError::check_limit("bytes to decode in an embedded picture", work, MAX_PICTURE_WORK)?;
        let take = Take { whole: true, targets: Vec::new() };
        let decoded = decode(data, header, &DecodeOptions { shrink, base, take: &take, ..*self.options })?;
        if let Some(found) = &decoded.damage {
            damage.get_or_insert(in_document(found));
        }
        let missing = || ImageError::Internal { detail: "an embedded picture got lost".to_owned() };
        let picture = upright(decoded.whole.ok_or_else(missing)?, header.orientation);
        let mut warnings = Vec::new();
        let profile = icc::embedded_profile(data, header, self.options.limits.icc_bytes, &mut warnings)?;
        let picture = Colors::new(header.color_space, profile, &mut warnings).in_srgb(picture, &mut warnings);
        Ok(expand(&picture).into_owned())
    }
}

/// Whether a picture cannot be decoded, rather than that it is too large or takes too long.
const fn is_damage(error: &ImageError) -> bool {
    matches!(error, ImageError::Corrupt { .. } | ImageError::HeaderIncomplete { .. } | ImageError::Unsupported { .. })
}

fn in_document(error: &impl fmt::Display) -> String {
    format!("a picture in it cannot be decoded: {error}")
}

/// A PNG that is quick to read, and no smaller than its pixels.
fn png(picture: &Picture) -> Result<Vec<u8>, ImageError> {
    let failed =
        |error: png::EncodingError| ImageError::Internal { detail: format!("an embedded picture cannot be written: {error}") };
    let mut file = Vec::with_capacity(picture.size.pixels() as usize * picture.layout.channels() + 1024);
    let mut encoder = png::Encoder::new(&mut file, picture.size.width, picture.size.height);
    encoder.set_color(if picture.layout == Layout::Rgba { png::ColorType::Rgba } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::NoCompression);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&picture.to_eight_bits())).map_err(failed)?;
    Ok(file)
}
