use super::png_damage::locate;
use super::png_still::Still;
use super::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::Header;
use crate::picture::{Layout, Sample};
use crate::sink::RowSink;
use minilab_model::Format;
use png::{BitDepth, ColorType, Transformations};

/// What the decoder may allocate beside rows: chunks that it keeps, tables.
const SPARE_BYTES: usize = 8 << 20;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    // Two rows of 16-bit RGBA.
    let bytes = SPARE_BYTES.saturating_add(header.width as usize * 16);
    let mut decoder = png::Decoder::new_with_limits(Still::new(source), png::Limits { bytes });
    decoder.set_ignore_text_chunk(true);
    // Read and bounded by ourselves.
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    decoder.ignore_checksums(options.tolerant);
    let mut reader = decoder.read_info().map_err(|error| corrupt(&error))?;
    let (color_type, depth) = reader.output_color_type();
    let layout = match color_type {
        ColorType::Grayscale => Layout::Grey,
        ColorType::GrayscaleAlpha => Layout::GreyAlpha,
        ColorType::Rgb => Layout::Rgb,
        ColorType::Rgba => Layout::Rgba,
        ColorType::Indexed => return Err(ImageError::corrupt(Format::Png, "its palette is missing")),
    };
    if (reader.info().width, reader.info().height) != (header.width, header.height) {
        return Err(ImageError::corrupt(Format::Png, "it holds two headers that differ"));
    }
    let mut decoded = match depth {
        BitDepth::Sixteen => pixels::<u16>(&mut reader, layout, header, options),
        _ => pixels::<u8>(&mut reader, layout, header, options),
    }?;
    // What was passed over is told all the same.
    if options.tolerant && decoded.damage.is_none() {
        decoded.damage = locate(source).map(|error| error.to_string());
    }
    Ok(decoded)
}

type Reader<'a> = png::Reader<Still<'a>>;

fn pixels<S: Sample>(
    reader: &mut Reader<'_>,
    layout: Layout,
    header: &Header,
    options: &DecodeOptions<'_>,
) -> Result<Decoded, ImageError> {
    let mut sink = RowSink::<S>::new(size(header), layout, options.shrink, options);
    let pushed = rows(reader, header, &mut sink);
    sink.finish(pushed, header)
}

/// Pushes every row, and reads to the end, so that what is cut off there is noticed, too.
fn rows<S: Sample>(reader: &mut Reader<'_>, header: &Header, sink: &mut RowSink<S>) -> Result<(), ImageError> {
    let mut scratch = Vec::new();
    if reader.info().interlaced {
        // The passes are spread over the whole image, so all of it has to be there before the first row is.
        let length = reader.output_buffer_size().unwrap_or(usize::MAX);
        if length as u64 > size(header).pixels() * 8 {
            return Err(ImageError::corrupt(Format::Png, "its rows are longer than its width"));
        }
        let mut frame = vec![0; length];
        let info = reader.next_frame(&mut frame).map_err(|error| corrupt(&error))?;
        for row in frame.chunks_exact(info.line_size) {
            sink.push(S::from_big_endian(row, &mut scratch))?;
        }
    } else {
        while let Some(row) = reader.next_row().map_err(|error| corrupt(&error))? {
            sink.push(S::from_big_endian(row.data(), &mut scratch))?;
            if sink.rows_taken() == header.height {
                break;
            }
        }
    }
    reader.finish().map_err(|error| corrupt(&error))
}

pub(super) fn corrupt(error: &png::DecodingError) -> ImageError {
    let detail = match error {
        png::DecodingError::IoError(_) => "it ends before its last chunk".to_owned(),
        png::DecodingError::LimitsExceeded => "its chunks take too much memory".to_owned(),
        other => {
            let text = other.to_string();
            let text = text.trim_end_matches('.');
            let mut characters = text.chars();
            characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
        }
    };
    ImageError::corrupt(Format::Png, detail)
}
