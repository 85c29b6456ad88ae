//! JPEG (ITU-T T.81): 8 bits a channel, grey or Y′CbCr, baseline or progressive.

use super::EncodeOptions;
use super::attachments::{EXIF_PREFIX, XMP_PREFIX};
use crate::picture::{Layout, Picture, Size};
use crate::ycc::{Chroma, Ycc};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, EncodingError, QuantizationTableType, SamplingFactor};
use minilab_jpeg::{EncodeError, Encoder, HuffmanTables, PlaneRows, Subsampling};
use minilab_model::{ChromaSubsampling, VariantSpec};
use minilab_resample::Resampler;

/// From this quality on, chroma is kept at full size, as sharp and mozjpeg do.
const FULL_CHROMA_QUALITY: u8 = 90;

/// Scans a component: the mean of each block, then the rest. That is 2 to 6% smaller than baseline with the standard tables
/// (five photographs, quality 50 to 90), which our baseline files have no longer: it is for pictures that get sharper as they load. The
/// encoder does not gather ends of blocks into runs, so every further scan costs: its default, four, makes files 3 to 9% larger.
const PROGRESSIVE_SCANS: u8 = 2;

/// Of the quantisation tables that are in use, that of Klein, Silverstein and Carney (*Relevance of human vision to JPEG-DCT compression*,
/// 1992), the same for luma and chroma, row by row. At equal bytes of JPEG's own example (T.81, annex K) at quality 80 it scores 4.3 points of
/// SSIMULACRA 2 more at 128 pixels, 1.4 at 512 and 1.5 at 1024 (five photographs); at quality 50 it is 8 and 3, at 90 3 and 1. Files of
/// one quality are a little smaller.
const STEPS: [u16; 64] = [
    10, 12, 14, 19, 26, 38, 57, 86, //
    12, 18, 21, 28, 35, 41, 54, 76, //
    14, 21, 25, 32, 44, 63, 92, 136, //
    19, 28, 32, 41, 54, 75, 107, 157, //
    26, 35, 44, 54, 70, 95, 132, 190, //
    38, 41, 63, 75, 95, 125, 170, 239, //
    57, 54, 92, 107, 132, 170, 227, 312, //
    86, 76, 136, 157, 190, 239, 312, 419,
];

/// Of an ICC profile in one segment, beside what identifies it.
const PROFILE_PART_BYTES: usize = 65_533 - 14;

/// A flat picture as a file. Grey stays grey.
pub(super) fn encode(picture: &Picture, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let components = match picture.layout {
        Layout::Grey => 1,
        Layout::Rgb => 3,
        Layout::GreyAlpha | Layout::Rgba | Layout::Cmyk => return Err("its pixels are not flat RGB".to_owned()),
    };
    let subsampling = subsampling(options.chroma, options.quality);
    let frame = frame(picture.size, components, subsampling, options.quality)?;
    let samples = picture.to_eight_bits();
    let segments = segments(options)?;
    if options.progressive {
        return encode_progressive(&samples, &frame, segments).map_err(|error| error.to_string());
    }
    let encoded = encode_baseline(&frame, &segments, |encoder| match picture.layout {
        Layout::Grey => encoder.push_planes(&[rows(&samples, picture.size)]),
        _ => encoder.push_rgb(&samples),
    });
    encoded.map_err(|error| error.to_string())
}

/// Luma and chroma as a file: baseline, with chroma as it is.
pub(super) fn encode_ycc(ycc: &Ycc, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    let subsampling = match ycc.chroma() {
        Some(Chroma::Full) => Subsampling::Full,
        Some(Chroma::Half) => Subsampling::Half,
        None => return encode(&ycc.to_rgb(&mut Resampler::new())?, options),
    };
    let frame = frame(ycc.size(), 3, subsampling, options.quality)?;
    let samples = ycc.planes().each_ref().map(Picture::to_eight_bits);
    let planes: Vec<_> = samples.iter().zip(ycc.planes()).map(|(samples, plane)| rows(samples, plane.size)).collect();
    encode_baseline(&frame, &segments(options)?, |encoder| encoder.push_planes(&planes)).map_err(|error| error.to_string())
}

/// How large chroma is to be in a variant that is written of luma and chroma as they are; `None` for a progressive one, whose encoder
/// takes RGB.
pub(crate) fn chroma(spec: &VariantSpec) -> Option<Chroma> {
    let chroma = match subsampling(spec.chroma, spec.quality()) {
        Subsampling::Full => Chroma::Full,
        Subsampling::Half => Chroma::Half,
    };
    (!spec.progressive).then_some(chroma)
}

fn frame(size: Size, components: u8, subsampling: Subsampling, quality: u8) -> Result<minilab_jpeg::EncodeOptions, String> {
    let side = |side: u32| u16::try_from(side).map_err(|_| format!("a side has {side} pixels and JPEG ends at 65,535"));
    let steps = steps(quality);
    let (width, height) = (side(size.width)?, side(size.height)?);
    let huffman = HuffmanTables::Fitted;
    Ok(minilab_jpeg::EncodeOptions { width, height, components, subsampling, huffman, luma: steps, chroma: steps })
}

/// A whole plane.
fn rows(samples: &[u8], size: Size) -> PlaneRows<'_> {
    PlaneRows { samples, stride: size.width as usize, rows: size.height as usize }
}

/// One scan, with Huffman tables made for it: 3 to 5% smaller than with those of the standard, thumbnails 15%.
fn encode_baseline(
    frame: &minilab_jpeg::EncodeOptions,
    segments: &[(u8, Vec<u8>)],
    push: impl FnOnce(&mut Encoder) -> Result<(), EncodeError>,
) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder::new(frame)?;
    for (number, data) in segments {
        encoder.segment(0xe0 + number, data)?;
    }
    push(&mut encoder)?;
    encoder.finish()
}

fn encode_progressive(
    samples: &[u8],
    frame: &minilab_jpeg::EncodeOptions,
    segments: Vec<(u8, Vec<u8>)>,
) -> Result<Vec<u8>, EncodingError> {
    // About what photographs take; the vector grows if need be.
    let mut output = Vec::with_capacity(samples.len() / 8 + 1024);
    // The tables decide, and they have been scaled already.
    let mut encoder = jpeg_encoder::Encoder::new(&mut output, 100);
    let [luma, chroma] = [frame.luma, frame.chroma].map(|steps| QuantizationTableType::Custom(Box::new(steps)));
    encoder.set_quantization_tables(luma, chroma);
    encoder.set_sampling_factor(match frame.subsampling {
        Subsampling::Full => SamplingFactor::F_1_1,
        Subsampling::Half => SamplingFactor::F_2_2,
    });
    // The default takes one pixel of four, which makes coloured edges jump. The mean costs a tenth more time.
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_progressive_scans(PROGRESSIVE_SCANS);
    for (number, data) in segments {
        encoder.add_app_segment(number, data)?;
    }
    let color_type = if frame.components == 3 { ColorType::Rgb } else { ColorType::Luma };
    encoder.encode(samples, frame.width, frame.height, color_type)?;
    Ok(output)
}

fn subsampling(chroma: ChromaSubsampling, quality: u8) -> Subsampling {
    match chroma {
        ChromaSubsampling::Half => Subsampling::Half,
        ChromaSubsampling::Auto if quality < FULL_CHROMA_QUALITY => Subsampling::Half,
        ChromaSubsampling::Auto | ChromaSubsampling::Full => Subsampling::Full,
    }
}

/// [`STEPS`] at a quality of 1 to 100, on libjpeg's scale: at 50 as they are, at 100 all 1, at most 255.
fn steps(quality: u8) -> [u16; 64] {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    STEPS.map(|step| ((u32::from(step) * percent + 50) / 100).clamp(1, 255) as u16)
}

/// What stands beside the pixels, by number of the application segment: EXIF and XMP in the first, the profile in the second, over as
/// many as it takes (ICC.1, annex B.4).
fn segments(options: &EncodeOptions<'_>) -> Result<Vec<(u8, Vec<u8>)>, String> {
    let attachments = options.attachments;
    let mut segments = Vec::new();
    for (prefix, data) in [(EXIF_PREFIX, &attachments.exif), (XMP_PREFIX, &attachments.xmp)] {
        segments.extend(data.iter().map(|data| (1, [prefix, data].concat())));
    }
    if let Some(profile) = &attachments.icc {
        let count = u8::try_from(profile.len().div_ceil(PROFILE_PART_BYTES))
            .map_err(|_| format!("a profile of {} bytes, and JPEG holds 255 segments of it", profile.len()))?;
        let parts = (1..=count).zip(profile.chunks(PROFILE_PART_BYTES));
        segments.extend(parts.map(|(number, part)| (2, [b"ICC_PROFILE\0", [number, count].as_slice(), part].concat())));
    }
    Ok(segments)
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
    fn steps_follow_the_quality() {
        let check = |quality, first, last| assert_eq!((steps(quality)[0], steps(quality)[63]), (first, last), "{quality}");
        check(1, 255, 255);
        check(25, 20, 255);
        check(50, 10, 255);
        check(80, 4, 168);
        check(95, 1, 42);
        check(100, 1, 1);
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
        }
    }
}
