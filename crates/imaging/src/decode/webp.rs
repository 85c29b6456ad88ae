use super::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::{Header, webp_first_frame};
use crate::picture::Layout;
use crate::sink::RowSink;
use minilab_model::Format;
use webp::BitstreamFeatures;

/// Rows handed on at a time.
const STRIP_ROWS: usize = 16;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    check_length(source)?;
    if header.animated {
        return first_frame(source, header, options);
    }
    let image = still(source, header.width, header.height)?;
    let layout = if image.is_alpha() { Layout::Rgba } else { Layout::Rgb };
    let row = header.width as usize * layout.channels();
    let mut sink = RowSink::<u8>::new(size(header), layout, options.shrink, options);
    for strip in image.chunks(row * STRIP_ROWS) {
        sink.push(strip)?;
    }
    sink.finish(Ok(()), header)
}

/// The container says how long the file is. libwebp decodes what it needs and looks no further.
fn check_length(source: &[u8]) -> Result<(), ImageError> {
    let stated = match source {
        [_, _, _, _, a, b, c, d, ..] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])) + 8,
        _ => u64::MAX,
    };
    if stated > source.len() as u64 {
        let detail = format!("it ends after {} of {stated} bytes", source.len());
        return Err(ImageError::corrupt_at(Format::Webp, detail, source.len()));
    }
    Ok(())
}

fn still(file: &[u8], width: u32, height: u32) -> Result<webp::WebPImage, ImageError> {
    // The size is checked before libwebp allocates by it.
    let features = BitstreamFeatures::new(file).ok_or_else(damaged)?;
    if (features.width(), features.height()) != (width, height) {
        return Err(ImageError::corrupt(Format::Webp, "its headers differ in size"));
    }
    webp::Decoder::new(file).decode().ok_or_else(damaged)
}

fn damaged() -> ImageError {
    ImageError::corrupt(Format::Webp, "its data cannot be decoded")
}

/// The first frame of an animation on a transparent canvas.
fn first_frame(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let frame = webp_first_frame(source)?;
    if u64::from(frame.x) + u64::from(frame.width) > u64::from(header.width)
        || u64::from(frame.y) + u64::from(frame.height) > u64::from(header.height)
    {
        return Err(ImageError::corrupt(Format::Webp, "its first frame lies outside the canvas"));
    }
    let image = still(&frame.file, frame.width, frame.height)?;
    let mut sink = RowSink::<u8>::new(size(header), Layout::Rgba, options.shrink, options);
    let mut row = vec![0; header.width as usize * 4];
    let left = frame.x as usize * 4;
    // A lossless frame knows by itself whether it has alpha, so either can come.
    let channels = if image.is_alpha() { 4 } else { 3 };
    let mut frame_rows = image.chunks_exact(frame.width as usize * channels);
    for y in 0..header.height {
        row.fill(0);
        if y >= frame.y
            && let Some(pixels) = frame_rows.next()
        {
            for (target, pixel) in row[left..].chunks_exact_mut(4).zip(pixels.chunks_exact(channels)) {
                target[3] = u8::MAX;
                target[..channels].copy_from_slice(pixel);
            }
        }
        sink.push(&row)?;
    }
    sink.finish(Ok(()), header)
}
