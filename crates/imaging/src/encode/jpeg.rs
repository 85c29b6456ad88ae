use crate::picture::{Layout, Picture};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

/// From this quality on, chroma is kept at full size, as sharp and mozjpeg do.
const FULL_CHROMA_QUALITY: u8 = 90;

pub(super) fn encode(picture: &Picture, quality: u8) -> Result<Vec<u8>, String> {
    let color_type = match picture.layout {
        Layout::Grey => ColorType::Luma,
        Layout::Rgb => ColorType::Rgb,
        Layout::GreyAlpha | Layout::Rgba | Layout::Cmyk => return Err("its pixels are not flat RGB".to_owned()),
    };
    let side = |side: u32| u16::try_from(side).map_err(|_| format!("a side has {side} pixels and JPEG ends at 65,535"));
    let (width, height) = (side(picture.size.width)?, side(picture.size.height)?);
    let quality = quality.clamp(1, 100);
    let samples = picture.to_eight_bits();
    // About what photographs take; the vector grows if need be.
    let mut output = Vec::with_capacity(samples.len() / 8 + 1024);
    let mut encoder = Encoder::new(&mut output, quality);
    let sampling = if quality < FULL_CHROMA_QUALITY { SamplingFactor::F_2_2 } else { SamplingFactor::F_1_1 };
    encoder.set_sampling_factor(sampling);
    // The default takes one pixel of four, which makes coloured edges jump. The mean costs a tenth more time.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    // Huffman tables of its own would make a file 2% smaller and take three times as long (512×512 photographs).
    encoder.set_optimized_huffman_tables(false);
    encoder.encode(&samples, width, height, color_type).map_err(|error| error.to_string())?;
    Ok(output)
}
