//! JPEG XL, decoded by jxl-oxide, of an animation the first frame. It gives out the whole picture, as it is shown, and cannot be
//! interrupted while it makes it: its memory is bounded while it allocates, the deadline is looked at before and after.

use super::{DecodeOptions, Decoded, size};
use crate::alpha::unpremultiply;
use crate::error::ImageError;
use crate::header::jxl::Colors;
use crate::header::{Details, Header};
use crate::picture::{Layout, Sample};
use crate::plan::jxl_decoder_bytes;
use crate::sink::RowSink;
use jxl_oxide::color::{EnumColourEncoding, RenderingIntent};
use jxl_oxide::{AllocTracker, FrameBufferSample, InitializeResult, JxlImage, JxlThreadPool};
use minilab_model::{ColorSpace, Format};

/// Bytes that the decoder is first given, and at a time once it knows the image.
const FIRST_BYTES: usize = 64 << 10;
const MORE_BYTES: usize = 256 << 10;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    match header.bit_depth {
        8 => pixels::<u8>(source, header, options),
        _ => pixels::<u16>(source, header, options),
    }
}

fn pixels<S: Sample + FrameBufferSample>(
    source: &[u8],
    header: &Header,
    options: &DecodeOptions<'_>,
) -> Result<Decoded, ImageError> {
    let layout = match (header.color_space, header.has_alpha) {
        (ColorSpace::Grey, false) => Layout::Grey,
        (ColorSpace::Grey, true) => Layout::GreyAlpha,
        (_, false) => Layout::Rgb,
        (_, true) => Layout::Rgba,
    };
    let mut image = initialized(source, header, options.limits.icc_bytes)?;
    load(&mut image, options)?;
    if matches!(header.details, Details::Jxl { colors: Colors::Asked, .. }) {
        let intent = RenderingIntent::Relative;
        image.request_color_encoding(match header.color_space {
            ColorSpace::Grey => EnumColourEncoding::gray_srgb(intent),
            _ => EnumColourEncoding::srgb(intent),
        });
    }
    let channels = &image.picture.image_header().metadata.ec_info;
    let premultiplied = channels.iter().find_map(|channel| channel.alpha_associated()).unwrap_or(false);
    let rendered = image.picture.render_frame(0).map_err(failed)?;
    options.deadline.check()?;
    let mut stream = rendered.stream();
    let found = (stream.width(), stream.height(), stream.channels() as usize);
    if found != (header.width, header.height, layout.channels()) {
        return Err(corrupt(format!("its picture has {}×{} pixels of {} channels", found.0, found.1, found.2)));
    }
    let mut sink = RowSink::<S>::new(size(header), layout, options.shrink, options);
    let mut row = vec![S::default(); header.width as usize * layout.channels()];
    for _ in 0..header.height {
        stream.write_to_buffer(&mut row);
        if premultiplied && layout.has_alpha() {
            unpremultiply(&mut row, layout.channels());
        }
        sink.push(&row)?;
    }
    sink.finish(Ok(()), header)
}

/// The profile that the codestream carries, unpacked.
///
/// # Errors
/// [`ImageError::LimitExceeded`] when it has more than `limit` bytes, and what is wrong with the codestream before it.
pub(crate) fn profile(source: &[u8], header: &Header, limit: usize) -> Result<Option<Vec<u8>>, ImageError> {
    let image = initialized(source, header, limit)?;
    Ok(image.picture.original_icc().map(<[u8]>::to_vec))
}

/// A picture of which some of the data has been taken in.
struct Loading<'a> {
    picture: JxlImage,
    rest: &'a [u8],
}

impl Loading<'_> {
    fn request_color_encoding(&mut self, encoding: EnumColourEncoding) {
        self.picture.request_color_encoding(encoding);
    }
}

/// Gives the decoder as much as it takes to know the image.
fn initialized<'a>(source: &'a [u8], header: &Header, profile_limit: usize) -> Result<Loading<'a>, ImageError> {
    let memory = usize::try_from(jxl_decoder_bytes(header)).unwrap_or(usize::MAX);
    // The image work itself is spread over images.
    let builder = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(AllocTracker::with_limit(memory));
    let mut waiting = builder.build_uninit();
    let (mut taken, mut given) = (0, 0);
    loop {
        // It begins anew each time, so each time it is given twice as much.
        given = (given * 2).max(FIRST_BYTES).min(source.len());
        while taken < given {
            let consumed = waiting.feed_bytes(&source[taken..given]).map_err(failed)?;
            taken += consumed;
            if consumed == 0 {
                break;
            }
        }
        waiting = match waiting.try_init().map_err(failed)? {
            InitializeResult::Initialized(picture) => {
                let profile = picture.original_icc().map_or(0, <[u8]>::len);
                ImageError::check_limit("bytes of colour profile", profile as u64, profile_limit as u64)?;
                return Ok(Loading { picture, rest: &source[taken..] });
            }
            InitializeResult::NeedMoreData(_) if given == source.len() => return Err(ended_early()),
            InitializeResult::NeedMoreData(waiting) => waiting,
        };
    }
}

/// Takes in the data of the first picture that is shown.
fn load(image: &mut Loading<'_>, options: &DecodeOptions<'_>) -> Result<(), ImageError> {
    let mut given = 0;
    while image.picture.num_loaded_keyframes() == 0 {
        options.deadline.check()?;
        let frames = image.picture.num_loaded_frames() as u64;
        ImageError::check_limit("frames that make up one picture", frames, u64::from(options.limits.frames))?;
        if given == image.rest.len() {
            return Err(ended_early());
        }
        given = (given + MORE_BYTES).min(image.rest.len());
        let consumed = image.picture.feed_bytes(&image.rest[..given]).map_err(failed)?;
        image.rest = &image.rest[consumed..];
        given -= consumed;
    }
    Ok(())
}

fn corrupt(detail: impl Into<String>) -> ImageError {
    ImageError::corrupt(Format::Jxl, detail)
}

fn ended_early() -> ImageError {
    corrupt("its data ends early")
}

fn failed(error: Box<dyn std::error::Error + Send + Sync>) -> ImageError {
    corrupt(format!("its data cannot be decoded: {error}"))
}
