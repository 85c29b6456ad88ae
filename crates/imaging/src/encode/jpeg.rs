//! JPEG (ITU-T T.81): 8 bits a channel, grey or Y′CbCr, baseline or progressive.

use super::EncodeOptions;
use super::attachments::{EXIF_PREFIX, XMP_PREFIX};
use crate::picture::{Layout, Picture};
use crate::ycc::{Chroma, Ycc};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, EncodingError, QuantizationTableType, SamplingFactor};
use minilab_model::{ChromaSubsampling, VariantSpec};
use minilab_resample::Resampler;

/// From this quality on, chroma is kept at full size, as sharp and mozjpeg do.
const FULL_CHROMA_QUALITY: u8 = 90;

/// Scans a component: the mean of each block, then the rest. That is 2 to 6% smaller than baseline with the standard tables
/// (five photographs, quality 50 to 90). The encoder does not gather ends of blocks into runs, so every further scan
/// costs: its default, four, makes files 3 to 9% larger than baseline.
const PROGRESSIVE_SCANS: u8 = 2;

/// Of the quantisation tables that are in use, those of Klein, Silverstein and Carney (*Relevance of human vision to JPEG-DCT compression*,
/// 1992), the same for luma and chroma. At equal bytes of JPEG's own example (T.81, annex K) at quality 80 they score 4.3 points of SSIMULACRA
/// 2 more at 128 pixels, 1.4 at 512 and 1.5 at 1024 (five photographs); at quality 50 it is 8 and 3, at 90 3 and 1. Files of one
/// quality are a little smaller.
const TABLES: QuantizationTableType = QuantizationTableType::KleinSilversteinCarney;

/// A flat picture as a file. Grey stays grey.
pub(super) fn encode(picture: &Picture, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let color_type = match picture.layout {
        Layout::Grey => ColorType::Luma,
        Layout::Rgb => ColorType::Rgb,
        Layout::GreyAlpha | Layout::Rgba | Layout::Cmyk => return Err("its pixels are not flat RGB".to_owned()),
    };
    let side = |side: u32| u16::try_from(side).map_err(|_| format!("a side has {side} pixels and JPEG ends at 65,535"));
    let (width, height) = (side(picture.size.width)?, side(picture.size.height)?);
    let quality = options.quality.clamp(1, 100);
    let samples = picture.to_eight_bits();
    // About what photographs take; the vector grows if need be.
    let mut output = Vec::with_capacity(samples.len() / 8 + 1024);
    let mut encoder = Encoder::new(&mut output, quality);
    encoder.set_quantization_tables(TABLES, TABLES);
    encoder.set_sampling_factor(sampling(options.chroma, quality));
    // The default takes one pixel of four, which makes coloured edges jump. The mean costs a tenth more time.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    // Huffman tables of its own make a file 2% smaller and take nearly twice as long (2048×1366: 30 ms for 17).
    encoder.set_optimized_huffman_tables(options.progressive);
    if options.progressive {
        encoder.set_progressive_scans(PROGRESSIVE_SCANS);
    }
    attach(&mut encoder, options).map_err(|error| error.to_string())?;
    encoder.encode(&samples, width, height, color_type).map_err(|error| error.to_string())?;
    Ok(output)
}

/// How large chroma is to be in a variant that is written of luma and chroma as they are; `None` for a progressive one, whose encoder
/// takes RGB.
pub(crate) fn chroma(spec: &VariantSpec) -> Option<Chroma> {
    let half = sampling(spec.chroma, spec.quality()) == SamplingFactor::F_2_2;
    (!spec.progressive).then_some(if half { Chroma::Half } else { Chroma::Full })
}

/// Luma and chroma as a file.
pub(super) fn encode_ycc(ycc: &Ycc, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    encode(&ycc.to_rgb(&mut Resampler::new())?, options)
}

fn sampling(chroma: ChromaSubsampling, quality: u8) -> SamplingFactor {
    match chroma {
        ChromaSubsampling::Half => SamplingFactor::F_2_2,
        ChromaSubsampling::Auto if quality < FULL_CHROMA_QUALITY => SamplingFactor::F_2_2,
        ChromaSubsampling::Auto | ChromaSubsampling::Full => SamplingFactor::F_1_1,
    }
}

/// Writes what stands beside the pixels: EXIF and XMP as APP1, the profile as APP2 over as many segments as it takes
/// (ICC.1, annex B.4).
fn attach(encoder: &mut Encoder<&mut Vec<u8>>, options: &EncodeOptions<'_>) -> Result<(), EncodingError> {
    let prefixed = |prefix: &[u8], data: &[u8]| [prefix, data].concat();
    if let Some(exif) = &options.attachments.exif {
        encoder.add_app_segment(1, prefixed(EXIF_PREFIX, exif))?;
    }
    if let Some(xmp) = &options.attachments.xmp {
        encoder.add_app_segment(1, prefixed(XMP_PREFIX, xmp))?;
    }
    if let Some(icc) = &options.attachments.icc {
        encoder.add_icc_profile(icc)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::encode::Attachments;
    use crate::header::read_header;
    use crate::picture::Size;
    use minilab_model::{DecodeLimits, Format, VariantSpec};

    fn encoded(layout: Layout, quality: u8, chroma: ChromaSubsampling, progressive: bool) -> Vec<u8> {
        let size = Size { width: 61, height: 47 };
        let samples = (0..61 * 47 * layout.channels()).map(|index| (index * 31 % 256) as u8).collect();
        let spec = VariantSpec::new("v", "{stem}".to_owned().try_into().unwrap());
        let none = Attachments::default();
        let options = EncodeOptions { quality, chroma, progressive, ..EncodeOptions::of(&spec, Format::Jpeg, &none) };
        encode(&Picture::eight(size, layout, samples), &options).unwrap()
    }

    /// The frame's marker and the sampling factors of its components.
    fn frame(file: &[u8]) -> (u8, Vec<u8>) {
        let at = file.windows(2).position(|pair| pair[0] == 0xff && matches!(pair[1], 0xc0..=0xc2)).unwrap();
        let count = usize::from(file[at + 9]);
        (file[at + 1], (0..count).map(|index| file[at + 11 + index * 3]).collect())
    }

    #[test]
    fn chroma_is_kept_as_asked() {
        use ChromaSubsampling::{Auto, Full, Half};
        let check = |quality, chroma, factors: [u8; 3]| {
            assert_eq!(frame(&encoded(Layout::Rgb, quality, chroma, false)), (0xc0, factors.to_vec()), "{quality} {chroma:?}");
        };
        check(89, Auto, [0x22, 0x11, 0x11]);
        check(90, Auto, [0x11; 3]);
        check(95, Half, [0x22, 0x11, 0x11]);
        check(50, Full, [0x11; 3]);
    }

    #[test]
    fn grey_has_one_component() {
        assert_eq!(frame(&encoded(Layout::Grey, 80, ChromaSubsampling::Auto, false)).1.len(), 1);
    }

    #[test]
    fn progressive_is_progressive() {
        for layout in [Layout::Grey, Layout::Rgb] {
            let file = encoded(layout, 80, ChromaSubsampling::Auto, true);
            assert_eq!(frame(&file).0, 0xc2);
            assert!(read_header(&file, &DecodeLimits::default()).unwrap().progressive);
            // Or there would be no reason to ask for it.
            let baseline = encoded(layout, 80, ChromaSubsampling::Auto, false);
            assert!(file.len() < baseline.len(), "{} bytes, baseline has {}", file.len(), baseline.len());
        }
    }
}
