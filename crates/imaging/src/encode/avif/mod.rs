//! AVIF: one AV1 key frame for the colours and one for alpha, in a box file.
//!
//! Y′CbCr by BT.601 with full range, as JPEG has it, so that what is made of JPEG is turned once; 8 bits a channel, or 10 where
//! the picture has 16. Grey is written without chroma. One thread: images are worked on side by side, not in parts.

mod container;
mod planes;

use super::{EncodeOptions, quality};
use crate::picture::{Layout, Picture, Samples, Size};
use container::{Container, Image, Pixels};
use minilab_model::ChromaSubsampling;
use rav1e::prelude::{
    BlockSize, CastFromPrimitive, ChromaSampling, ColorDescription, ColorPrimaries, Config, Context, EncoderConfig, EncoderStatus,
    Frame, MatrixCoefficients, PartitionRange, Pixel, PixelRange, SceneDetectionSpeed, TransferCharacteristics,
};

/// The preset of rav1e that [`effort`] begins with, 0 (slow) to 10.
const SPEED: u8 = 10;

/// The longest side in pixels: AV1 has 16 bits for it.
const MAX_SIDE: u32 = 65_535;

/// From this quality on, chroma is kept at full size, as in JPEG.
const FULL_CHROMA_QUALITY: u8 = 90;

/// A picture as a file. Alpha goes into an image of its own.
pub(super) fn encode(picture: &Picture, options: &EncodeOptions<'_>) -> Result<Vec<u8>, String> {
    if picture.size.width.max(picture.size.height) > MAX_SIDE {
        return Err(format!("a side has more than {MAX_SIDE} pixels, where AVIF ends"));
    }
    match &picture.samples {
        Samples::Eight(_) => encode_with::<u8>(picture, options, 8),
        Samples::Sixteen(_) => encode_with::<u16>(picture, options, 10),
    }
}

fn encode_with<P: Pixel + CastFromPrimitive<u16>>(
    picture: &Picture,
    options: &EncodeOptions<'_>,
    bits: u8,
) -> Result<Vec<u8>, String> {
    let chroma = match (picture.layout, options.chroma) {
        (Layout::Cmyk, _) => return Err("its pixels are inks".to_owned()),
        (Layout::Grey | Layout::GreyAlpha, _) => ChromaSampling::Cs400,
        (_, ChromaSubsampling::Full) => ChromaSampling::Cs444,
        (_, ChromaSubsampling::Auto) if options.quality >= FULL_CHROMA_QUALITY => ChromaSampling::Cs444,
        (_, ChromaSubsampling::Auto | ChromaSubsampling::Half) => ChromaSampling::Cs420,
    };
    let quantizer = quality::avif_quantizer(options.quality);
    let color_pixels = Pixels { bits, chroma: container_chroma(chroma) };
    let color = Image {
        stream: frame::<P>(picture.size, bits, chroma, quantizer, |frame| planes::fill_color(frame, picture, chroma, bits))?,
        pixels: color_pixels,
    };
    let alpha = match picture.layout.has_alpha() {
        true => {
            let quantizer = quality::avif_alpha_quantizer(options.quality);
            let fill = |frame: &mut Frame<P>| planes::fill_alpha(frame, picture, bits);
            let stream = frame::<P>(picture.size, bits, ChromaSampling::Cs400, quantizer, fill)?;
            Some(Image { stream, pixels: Pixels { bits, chroma: container::Chroma::None } })
        }
        false => None,
    };
    let container = Container { size: picture.size, color: &color, alpha: alpha.as_ref(), attachments: options.attachments };
    container.write().ok_or_else(|| "the file would have more than 4 GiB".to_owned())
}

fn container_chroma(chroma: ChromaSampling) -> container::Chroma {
    match chroma {
        ChromaSampling::Cs400 => container::Chroma::None,
        ChromaSampling::Cs444 => container::Chroma::Full,
        ChromaSampling::Cs420 | ChromaSampling::Cs422 => container::Chroma::Half,
    }
}

/// How hard the encoder tries. Small blocks are what gains most: with blocks of 8 and 16 pixels a 512×512 photograph takes 0.3 s
/// on one core; the nearest preset (9) takes 0.6 s for a file 8% larger. CDEF and fine directions would take 0.15 s each for a
/// file 0% and 4% smaller. Scenes and motion are what stills have none of.
fn effort() -> EncoderConfig {
    let mut config = EncoderConfig::with_speed_preset(SPEED);
    let settings = &mut config.speed_settings;
    settings.scene_detection_mode = SceneDetectionSpeed::None;
    settings.rdo_lookahead_frames = 1;
    settings.partition.partition_range = PartitionRange::new(BlockSize::BLOCK_8X8, BlockSize::BLOCK_16X16);
    settings.prediction.fine_directional_intra = false;
    settings.cdef = false;
    config
}

/// One still AV1 frame: a temporal unit with its sequence header.
fn frame<P: Pixel>(
    size: Size,
    bits: u8,
    chroma_sampling: ChromaSampling,
    quantizer: u8,
    fill: impl FnOnce(&mut Frame<P>),
) -> Result<Vec<u8>, String> {
    let is_grey = chroma_sampling == ChromaSampling::Cs400;
    let encoder = EncoderConfig {
        width: size.width as usize,
        height: size.height as usize,
        bit_depth: usize::from(bits),
        chroma_sampling,
        pixel_range: PixelRange::Full,
        // Where there is no chroma a matrix would say nothing.
        color_description: (!is_grey).then_some(ColorDescription {
            color_primaries: ColorPrimaries::BT709,
            transfer_characteristics: TransferCharacteristics::SRGB,
            matrix_coefficients: MatrixCoefficients::BT601,
        }),
        still_picture: true,
        quantizer: usize::from(quantizer),
        min_quantizer: quantizer,
        ..effort()
    };
    let mut context: Context<P> =
        Config::new().with_encoder_config(encoder).with_threads(1).new_context().map_err(|error| error.to_string())?;
    let mut frame = context.new_frame();
    fill(&mut frame);
    context.send_frame(frame).map_err(|error| error.to_string())?;
    context.flush();
    let mut stream = Vec::new();
    loop {
        match context.receive_packet() {
            Ok(packet) => stream.extend_from_slice(&packet.data),
            Err(EncoderStatus::Encoded) => {}
            Err(EncoderStatus::LimitReached) => break,
            Err(error) => return Err(error.to_string()),
        }
    }
    if stream.is_empty() { Err("the encoder gave no frame".to_owned()) } else { Ok(stream) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::encode::Attachments;
    use minilab_model::{Format, VariantSpec};

    const SIZE: Size = Size { width: 61, height: 35 };

    fn picture(layout: Layout, sixteen: bool) -> Picture {
        let samples: Vec<u8> = (0..SIZE.pixels() as usize * layout.channels()).map(|index| (index / 3 % 256) as u8).collect();
        match sixteen {
            true => {
                let samples = samples.into_iter().map(|sample| u16::from(sample) * 257).collect();
                Picture { size: SIZE, layout, samples: Samples::Sixteen(samples) }
            }
            false => Picture::eight(SIZE, layout, samples),
        }
    }

    fn file(picture: &Picture, quality: u8, attachments: &Attachments) -> Vec<u8> {
        let spec = VariantSpec::new("v", "{stem}".to_owned().try_into().unwrap());
        encode(picture, &EncodeOptions { quality, ..EncodeOptions::of(&spec, Format::Avif, attachments) }).unwrap()
    }

    /// The boxes that lie in `bytes`, one behind the other; they must fill it.
    fn boxes(mut bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
            found.push((&bytes[4..8], &bytes[8..length]));
            bytes = &bytes[length..];
        }
        found
    }

    fn body<'a>(boxes: &[(&[u8], &'a [u8])], kind: &[u8; 4]) -> Option<&'a [u8]> {
        boxes.iter().find(|(found, _)| found == kind).map(|(_, body)| *body)
    }

    /// The configuration's third byte: depth, grey, subsampling.
    fn check(layout: Layout, sixteen: bool, quality: u8, items: u8, profile: u8, flags: u8) {
        let file = file(&picture(layout, sixteen), quality, &Attachments::default());
        let top = boxes(&file);
        assert!(body(&top, b"ftyp").unwrap().starts_with(b"avif"));
        let meta = boxes(&body(&top, b"meta").unwrap()[4..]);
        assert_eq!(body(&meta, b"iinf").unwrap()[5], items, "{layout:?}");
        let properties = boxes(boxes(body(&meta, b"iprp").unwrap())[0].1);
        let extents = body(&properties, b"ispe").unwrap();
        assert_eq!(extents[4..], [0, 0, 0, 61, 0, 0, 0, 35]);
        assert_eq!(body(&properties, b"av1C").unwrap()[..3], [0x81, profile << 5 | 31, flags], "{layout:?}");
        assert_eq!(body(&properties, b"auxC").is_some(), items == 2);
        // The last item ends where the file does, and the first begins with an OBU: a temporal delimiter.
        let locations = body(&meta, b"iloc").unwrap();
        let last = &locations[locations.len() - 8..];
        let number = |at: usize| u32::from_be_bytes(last[at..at + 4].try_into().unwrap()) as usize;
        assert_eq!(number(0) + number(4), file.len());
        assert_eq!(body(&top, b"mdat").unwrap()[..2], [0x12, 0]);
    }

    #[test]
    fn headers_say_what_is_there() {
        check(Layout::Rgb, false, 80, 1, 0, 0b0000_1100);
        check(Layout::Rgb, false, 90, 1, 1, 0);
        check(Layout::Rgb, true, 80, 1, 0, 0b0100_1100);
        check(Layout::Rgba, false, 80, 2, 0, 0b0000_1100);
        check(Layout::Rgba, true, 90, 2, 1, 0b0100_0000);
        check(Layout::Grey, false, 80, 1, 0, 0b0001_1100);
        check(Layout::GreyAlpha, true, 80, 2, 0, 0b0101_1100);
    }

    #[test]
    fn attachments_are_items_and_a_property() {
        let attachments = Attachments {
            icc: Some(b"a profile".to_vec()),
            exif: Some(b"II*\0a block".to_vec()),
            xmp: Some(b"<x:xmpmeta/>".to_vec()),
        };
        let file = file(&picture(Layout::Rgba, false), 80, &attachments);
        let top = boxes(&file);
        let meta = boxes(&body(&top, b"meta").unwrap()[4..]);
        assert_eq!(body(&meta, b"iinf").unwrap()[5], 4);
        assert!(body(&top, b"mdat").unwrap().ends_with(b"\0\0\0\0II*\0a block<x:xmpmeta/>"));
        let references: Vec<&[u8]> = boxes(&body(&meta, b"iref").unwrap()[4..]).iter().map(|(kind, _)| *kind).collect();
        assert_eq!(references, [b"auxl", b"cdsc", b"cdsc"]);
        let properties = boxes(boxes(body(&meta, b"iprp").unwrap())[0].1);
        assert_eq!(body(&properties, b"colr").unwrap(), b"profa profile");
    }

    #[test]
    fn pictures_of_one_pixel_are_written() {
        for (width, height) in [(1, 1), (1, 40), (17, 2)] {
            let size = Size { width, height };
            let samples = vec![100; size.pixels() as usize * 4];
            assert!(!file(&Picture::eight(size, Layout::Rgba, samples), 80, &Attachments::default()).is_empty());
        }
    }
}
