use super::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::Header;
use crate::picture::Layout;
use crate::sink::RowSink;
use gif::{ColorOutput, DecodingError, MemoryLimit};
use minilab_model::Format;
use std::num::NonZeroU64;

/// The first frame on a transparent canvas: what a viewer shows at first. The background colour is ignored, as every
/// browser does.
pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let mut decode_options = gif::DecodeOptions::new();
    decode_options.set_color_output(ColorOutput::Indexed);
    if let Some(limit) = NonZeroU64::new(options.limits.pixels) {
        decode_options.set_memory_limit(MemoryLimit::Bytes(limit));
    }
    let mut decoder = decode_options.read_info(source).map_err(|error| corrupt(&error))?;
    let global_palette = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = match decoder.read_next_frame() {
        Ok(Some(frame)) => frame,
        Ok(None) => return Err(ImageError::corrupt(Format::Gif, "it holds no image")),
        Err(error) => return Err(corrupt(&error)),
    };
    let palette = frame.palette.as_deref().or(global_palette.as_deref());
    let palette = palette.ok_or_else(|| ImageError::corrupt(Format::Gif, "it has no colour table"))?;
    let colors = colors(palette, frame.transparent);
    let [left, top, frame_width, frame_height] = [frame.left, frame.top, frame.width, frame.height].map(usize::from);
    let (width, height) = (header.width as usize, header.height as usize);
    if frame.buffer.len() < frame_width * frame_height {
        return Err(ImageError::corrupt(Format::Gif, "its first frame ends early"));
    }
    let layout = if header.has_alpha { Layout::Rgba } else { Layout::Rgb };
    let channels = layout.channels();
    let mut sink = RowSink::<u8>::new(size(header), layout, options.shrink, options);
    let mut row = vec![0; width * channels];
    for y in 0..height {
        row.fill(0);
        if y >= top && y < top + frame_height && left < width {
            let indices = &frame.buffer[(y - top) * frame_width..][..frame_width.min(width - left)];
            for (pixel, &index) in row[left * channels..].chunks_exact_mut(channels).zip(indices) {
                pixel.copy_from_slice(&colors[usize::from(index)][..channels]);
            }
        }
        sink.push(&row)?;
    }
    sink.finish(Ok(()), header)
}

/// RGBA by index. Indices past the table are black, as browsers show them.
fn colors(palette: &[u8], transparent: Option<u8>) -> [[u8; 4]; 256] {
    let mut colors = [[0, 0, 0, 255]; 256];
    for (color, entry) in colors.iter_mut().zip(palette.chunks_exact(3)) {
        color[..3].copy_from_slice(entry);
    }
    if let Some(index) = transparent {
        colors[usize::from(index)] = [0; 4];
    }
    colors
}

fn corrupt(error: &DecodingError) -> ImageError {
    let detail = match error {
        DecodingError::UnexpectedEof | DecodingError::EndCodeNotFound => "it ends inside its first image".to_owned(),
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => "its first frame is far larger than its canvas".to_owned(),
        other => other.to_string(),
    };
    ImageError::corrupt(Format::Gif, detail)
}
