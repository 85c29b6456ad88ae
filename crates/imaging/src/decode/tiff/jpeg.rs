//! JPEG data in TIFF: a picture a chunk (Adobe's TIFF technical note 2), and before that one for all (TIFF 6.0, section 22).

use crate::error::ImageError;
use crate::header::tiff::{Compression, Directory, Photometric, Shape, tag};
use minilab_jpeg::{ColorModel, DecodeOptions, Decoder, Scale};
use minilab_model::Format;
use std::borrow::Cow;

/// A JPEG chunk, whole; its tables can stand in the directory, as a file of their own (Adobe's TIFF technical note 2).
pub(super) fn unpack(packed: &[u8], tables: Option<&[u8]>, shape: &Shape, max_pixels: u64) -> Result<Vec<u8>, ImageError> {
    let corrupt = |detail: String| ImageError::corrupt(Format::Tiff, detail);
    // Between the tables' end marker and the picture's start marker the two files become one.
    let tables = tables.and_then(|tables| tables.strip_suffix(b"\xff\xd9").or(Some(tables)));
    let file = match tables {
        Some(tables) => Cow::Owned([tables, packed.strip_prefix(b"\xff\xd8").unwrap_or(packed)].concat()),
        None => Cow::Borrowed(packed),
    };
    let (width, height) = shape.chunk;
    let failed = |error: minilab_jpeg::Error| corrupt(format!("its JPEG data cannot be decoded: {error}"));
    let decoder = Decoder::new(&file).map_err(failed)?;
    let info = decoder.info();
    let pixels = u64::from(info.width) * u64::from(info.height);
    if info.width != width || pixels > max_pixels.max(u64::from(MAX_TILE_PIXELS)) {
        let (found_width, found_height) = (info.width, info.height);
        return Err(corrupt(format!("a JPEG picture of {found_width}×{found_height} pixels in a chunk of {width}×{height}")));
    }
    let color_model = match (shape.photometric, info.components) {
        // The old kind is converted with the matrix that the directory gives.
        (Photometric::Ycbcr, 3) if shape.compression != Compression::OldJpeg => ColorModel::YCbCr,
        // Stored as they are: no conversion.
        (_, 1) => ColorModel::Grey,
        (_, 3) => ColorModel::Rgb,
        _ => ColorModel::Cmyk,
    };
    let channels = if shape.planar { 1 } else { usize::from(shape.samples) };
    if channels != usize::from(info.components) {
        return Err(corrupt("its JPEG data has other channels".to_owned()));
    }
    // A progressive picture takes two bytes for each sample beside the samples.
    let max_buffer_bytes = pixels.saturating_mul(10).saturating_add(1 << 20);
    let options = DecodeOptions { color_model: Some(color_model), max_buffer_bytes, ..DecodeOptions::default() };
    let image = decoder.with_options(options).decode_to_image(Scale::Full).map_err(failed)?;
    Ok(image.pixels)
}

/// Pixels of a tile of a picture that is small itself.
const MAX_TILE_PIXELS: u32 = 1 << 20;

/// The old kind as a JPEG file: it stands in the TIFF as one, or its tables and its data do, each by itself. `packed` is the first
/// strip or tile.
pub(super) fn old_file<'a>(
    source: &'a [u8],
    packed: &'a [u8],
    directory: &Directory<'_>,
    shape: &Shape,
) -> Result<Cow<'a, [u8]>, ImageError> {
    let named = directory.number(tag::JPEG_FILE)?.and_then(|start| source.get(start as usize..));
    if let Some(file) = [named, Some(packed)].into_iter().flatten().find(|file| file.starts_with(b"\xff\xd8\xff")) {
        return Ok(Cow::Borrowed(file));
    }
    let missing = || ImageError::corrupt(Format::Tiff, "its JPEG tables are missing");
    let side = |length: u32| u16::try_from(length).map(u16::to_be_bytes).map_err(|_| missing());
    let components = shape.samples as u8;
    let mut file = b"\xff\xd8".to_vec();
    let mut frame = vec![8];
    frame.extend(side(shape.chunk.1)?);
    frame.extend(side(shape.chunk.0)?);
    frame.push(components);
    let mut scan = vec![components];
    for component in 0..components {
        let sampling = if component == 0 { (shape.subsampling.0 << 4 | shape.subsampling.1) as u8 } else { 0x11 };
        frame.extend([component, sampling, component]);
        scan.extend([component, component << 4 | component]);
        let at = |tag: u16| -> Result<&[u8], ImageError> {
            let field = directory.field(tag)?.ok_or_else(missing)?;
            let start = usize::try_from(directory.value(field, usize::from(component))?).unwrap_or(usize::MAX);
            source.get(start..).ok_or_else(missing)
        };
        let quantisation = at(tag::JPEG_QUANTISATION)?.get(..64).ok_or_else(missing)?;
        segment(&mut file, 0xdb, &[&[component], quantisation].concat());
        for (class, tag) in [(0x00, tag::JPEG_DC_TABLES), (0x10, tag::JPEG_AC_TABLES)] {
            let table = at(tag)?;
            let counts = table.get(..16).ok_or_else(missing)?;
            let symbols: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let table = table.get(..16 + symbols.min(256)).ok_or_else(missing)?;
            segment(&mut file, 0xc4, &[&[class | component], table].concat());
        }
    }
    segment(&mut file, 0xc0, &frame);
    scan.extend([0, 63, 0]);
    segment(&mut file, 0xda, &scan);
    file.extend_from_slice(packed);
    file.extend_from_slice(b"\xff\xd9");
    Ok(Cow::Owned(file))
}

fn segment(file: &mut Vec<u8>, marker: u8, body: &[u8]) {
    file.extend([0xff, marker]);
    file.extend((body.len() as u16 + 2).to_be_bytes());
    file.extend_from_slice(body);
}
