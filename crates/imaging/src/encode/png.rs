use super::EncodeOptions;
use super::indexed::{Indexed, few_colors, pixels};
use crate::picture::{Layout, Picture, Samples, Size};
use crate::quantize::{Dither, Histogram, Palette, Pixel, indices};
use png::{BitDepth, ColorType, Compression, Encoder, Filter, Info};
use std::borrow::Cow;

/// The keyword of the text chunk that holds an XMP packet (XMP specification, part 3, 1.1.5).
const XMP_KEYWORD: &str = "XML:com.adobe.xmp";

/// PNG with the picture's own depth: 16 bits stay 16. With a palette where one is asked for, and where it makes the file
/// smaller and loses nothing.
pub(super) fn encode(picture: &Picture, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let is_grey = matches!(picture.layout, Layout::Grey | Layout::GreyAlpha);
    match options.palette {
        // Entries are colours, which a profile for grey does not speak of.
        Some(colors) if !(is_grey && options.attachments.icc.is_some()) => {
            with_palette(&quantized(picture, colors.into()), picture.size, options)
        }
        None if !is_grey => {
            let plain = plain(picture, options)?;
            let Some(few) = few_colors(picture) else { return Ok(plain) };
            let indexed = with_palette(&few, picture.size, options)?;
            Ok(if indexed.len() < plain.len() { indexed } else { plain })
        }
        _ => plain(picture, options),
    }
}

fn plain(picture: &Picture, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let color_type = match picture.layout {
        Layout::Grey => ColorType::Grayscale,
        Layout::GreyAlpha => ColorType::GrayscaleAlpha,
        Layout::Rgb => ColorType::Rgb,
        Layout::Rgba => ColorType::Rgba,
        Layout::Cmyk => return Err("its pixels are inks".to_owned()),
    };
    let (depth, samples) = match &picture.samples {
        Samples::Eight(samples) => (BitDepth::Eight, Cow::Borrowed(samples.as_slice())),
        Samples::Sixteen(samples) => {
            (BitDepth::Sixteen, samples.iter().flat_map(|sample| sample.to_be_bytes()).collect::<Vec<u8>>().into())
        }
    };
    let mut output = Vec::with_capacity(samples.len() / 2 + 1024);
    let mut encoder = encoder(&mut output, picture.size, options)?;
    encoder.set_color(color_type);
    encoder.set_depth(depth);
    // fdeflate. The next level takes 60 times as long and makes a 512×512 photograph 1% smaller or 2% larger.
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Adaptive);
    finish(encoder, &samples)?;
    Ok(output)
}

/// The picture on at most `colors` colours.
fn quantized(picture: &Picture, colors: usize) -> Indexed {
    let pixels = pixels(picture);
    let mut histogram = Histogram::default();
    histogram.add(&pixels);
    let palette = Palette::new(&histogram, colors);
    let indices = indices(&pixels, picture.size.width as usize, &palette, Dither::Diffused);
    Indexed { entries: palette.entries().to_vec(), indices }
}

fn with_palette(indexed: &Indexed, size: Size, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let depth = palette_depth(indexed.entries.len());
    let data = packed(&indexed.indices, size.width as usize, depth);
    let mut output = Vec::with_capacity(data.len() / 2 + 1024);
    let mut encoder = encoder(&mut output, size, options)?;
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(depth);
    set_palette(&mut encoder, &indexed.entries);
    // Indices that differ by one are no more alike than others, so filters only do harm; and repeats are what there is to find.
    encoder.set_compression(Compression::Balanced);
    encoder.set_filter(Filter::NoFilter);
    finish(encoder, &data)?;
    Ok(output)
}

/// An encoder of a file with what is written beside the pixels.
pub(super) fn encoder<'a>(
    output: &'a mut Vec<u8>,
    size: Size,
    options: &EncodeOptions<'a>,
) -> Result<Encoder<'a, &'a mut Vec<u8>>, String> {
    let mut info = Info::with_size(size.width, size.height);
    info.icc_profile = options.attachments.icc.as_deref().map(Cow::Borrowed);
    info.exif_metadata = options.attachments.exif.as_deref().map(Cow::Borrowed);
    let mut encoder = Encoder::with_info(output, info).map_err(|error| error.to_string())?;
    if let Some(xmp) = &options.attachments.xmp {
        // Uncompressed, so that readers that know no PNG find it.
        let text = str::from_utf8(xmp).map_err(|_| "its XMP packet is not UTF-8".to_owned())?;
        encoder.add_itxt_chunk(XMP_KEYWORD.to_owned(), text.to_owned()).map_err(|error| error.to_string())?;
    }
    Ok(encoder)
}

fn finish(encoder: Encoder<'_, &mut Vec<u8>>, data: &[u8]) -> Result<(), String> {
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer.write_image_data(data).map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())
}

/// Sets PLTE, and tRNS as far as entries are not opaque.
pub(super) fn set_palette(encoder: &mut Encoder<'_, &mut Vec<u8>>, entries: &[Pixel]) {
    encoder.set_palette(entries.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect::<Vec<u8>>());
    let clear = entries.iter().rposition(|entry| entry[3] != u8::MAX).map_or(0, |last| last + 1);
    if clear > 0 {
        encoder.set_trns(entries[..clear].iter().map(|entry| entry[3]).collect::<Vec<u8>>());
    }
}

/// The fewest bits that hold the indices of so many entries.
pub(super) fn palette_depth(entries: usize) -> BitDepth {
    match entries {
        0..=2 => BitDepth::One,
        3..=4 => BitDepth::Two,
        5..=16 => BitDepth::Four,
        _ => BitDepth::Eight,
    }
}

/// Indices side by side in bytes, the leftmost in the highest bits; each row begins with a byte of its own.
pub(super) fn packed(indices: &[u8], width: usize, depth: BitDepth) -> Vec<u8> {
    let bits = depth as usize;
    if bits == 8 {
        return indices.to_vec();
    }
    let byte = |indices: &[u8]| (0..8 / bits).fold(0, |byte, at| byte << bits | indices.get(at).copied().unwrap_or(0));
    indices.chunks(width.max(1)).flat_map(|row| row.chunks(8 / bits).map(byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_packed_from_the_left() {
        assert_eq!(packed(&[1, 0, 1, 0, 1, 1], 3, BitDepth::One), [0b1010_0000, 0b0110_0000]);
        assert_eq!(packed(&[3, 2, 1, 0, 3], 5, BitDepth::Two), [0b1110_0100, 0b1100_0000]);
        assert_eq!(packed(&[1, 15, 2, 3], 2, BitDepth::Four), [0x1f, 0x23]);
        assert_eq!(packed(&[7, 200], 2, BitDepth::Eight), [7, 200]);
    }
}
