//! Decoding one bitstream, a piece at a time.
// libwebp is C. This module owns what it points into: the source is borrowed for as long as the decoder lives, and the configuration and
// the output buffer are on the heap, where they do not move.
#![allow(unsafe_code)]

use crate::animation::AnimationFrame;
use crate::container::{Chunk, Chunks, stated_length};
use crate::error::Error;
use crate::startup::prepare;
use libwebp_sys::{
    VP8StatusCode, WEBP_CSP_MODE, WebPBitstreamFeatures, WebPDecoderConfig, WebPGetFeatures, WebPIDecode, WebPIDecodedArea,
    WebPIDecoder, WebPIDelete, WebPIUpdate, WebPRGBABuffer, WebPYUVABuffer,
};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};

/// What the first bytes of a file, or of a bitstream in its chunk, say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Width in pixels: of the canvas if it is an animation.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Whether it can hold transparency.
    pub has_alpha: bool,
    /// Whether it is an animation, which [`Decoder`] does not take.
    pub animated: bool,
    /// VP8L rather than VP8.
    pub lossless: bool,
}

impl Features {
    /// Reads them.
    ///
    /// # Errors
    /// [`Error::Truncated`] when the bytes end before them, [`Error::Corrupt`] when this is no WebP.
    pub fn read(source: &[u8]) -> Result<Self, Error> {
        let mut features = MaybeUninit::<WebPBitstreamFeatures>::zeroed();
        // SAFETY: the pointer and the length are those of a slice, and the features are plain numbers that all zeros are valid for.
        let (status, features) = unsafe {
            let status = WebPGetFeatures(source.as_ptr(), source.len(), features.as_mut_ptr());
            (status, features.assume_init())
        };
        let side = |side: i32| u32::try_from(side).unwrap_or(0);
        match status {
            VP8StatusCode::VP8_STATUS_OK => Ok(Self {
                width: side(features.width),
                height: side(features.height),
                has_alpha: features.has_alpha != 0,
                animated: features.has_animation != 0,
                lossless: features.format == 2,
            }),
            VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA => {
                let what = "it ends inside its header".to_owned();
                Err(Error::Corrupt { what, offset: Some(source.len()) })
            }
            VP8StatusCode::VP8_STATUS_OUT_OF_MEMORY => Err(Error::OutOfMemory),
            _ => Err(Error::Corrupt { what: "its header is wrong".to_owned(), offset: None }),
        }
    }
}

/// What a bitstream is decoded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pixels {
    /// 8 bits of red, green and blue; alpha is left out.
    Rgb,
    /// The same with straight alpha.
    Rgba,
    /// Luma, chroma of half the size in both directions, and alpha where there is some: what a lossy file stores, without the
    /// conversion.
    Planes,
}

/// How it is decoded. By default as libwebp does: everything done that the format asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Whether the loop filter of lossy files is left out. It smooths the edges of blocks, which shrinking does as well.
    pub bypass_filtering: bool,
    /// Whether chroma is enlarged by repeating it rather than by interpolation.
    pub no_fancy_upsampling: bool,
}

/// Planes of YUV (ITU-R BT.601, luma from 16 to 235) without padding, full size for luma and alpha. Only the rows that were decoded
/// hold something.
#[derive(Debug, Clone, Copy)]
pub struct Planes<'a> {
    /// Luma.
    pub luma: &'a [u8],
    /// Blue minus luma, and red minus luma: each of half the width and height, rounded up.
    pub chroma: [&'a [u8]; 2],
    /// Alpha, straight; `None` where the bitstream can hold none.
    pub alpha: Option<&'a [u8]>,
    /// Width of luma in samples.
    pub width: usize,
    /// Width of chroma in samples.
    pub chroma_width: usize,
}

/// Decodes one bitstream, as much at a time as it is told to.
#[derive(Debug)]
pub struct Decoder<'a> {
    source: &'a [u8],
    /// Where the source begins in its file.
    base: usize,
    /// How much of the source libwebp has been given.
    given: usize,
    features: Features,
    layout: BufferLayout,
    decoder: NonNull<WebPIDecoder>,
    /// libwebp writes and reads through these two, so no Rust reference to them is held while it runs.
    config: NonNull<WebPDecoderConfig>,
    buffer: NonNull<[u8]>,
    rows: u32,
    outcome: Option<Result<(), Error>>,
    borrowed: PhantomData<&'a [u8]>,
}

/// How the output buffer is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BufferLayout {
    Interleaved { channels: usize },
    Planar { luma: usize, chroma: usize, chroma_width: usize, alpha: usize },
}

impl BufferLayout {
    fn of(pixels: Pixels, features: Features) -> Self {
        let (width, height) = (features.width as usize, features.height as usize);
        match pixels {
            Pixels::Rgb => Self::Interleaved { channels: 3 },
            Pixels::Rgba => Self::Interleaved { channels: 4 },
            Pixels::Planes => {
                let (luma, chroma_width) = (width * height, width.div_ceil(2));
                let alpha = if features.has_alpha { luma } else { 0 };
                Self::Planar { luma, chroma: chroma_width * height.div_ceil(2), chroma_width, alpha }
            }
        }
    }

    fn bytes(self, features: Features) -> usize {
        match self {
            Self::Interleaved { channels } => features.width as usize * features.height as usize * channels,
            Self::Planar { luma, chroma, alpha, .. } => luma + chroma * 2 + alpha,
        }
    }
}

impl<'a> Decoder<'a> {
    /// For a still file, or a bitstream in its chunk (with its ALPH chunk before it). Allocates the output: width × height pixels, as
    /// [`Features`] says.
    ///
    /// # Errors
    /// As [`Features::read`]; [`Error::Corrupt`] for an animation.
    pub fn new(source: &'a [u8], pixels: Pixels, options: DecodeOptions) -> Result<Self, Error> {
        prepare();
        Self::new_unprepared(source, pixels, options)
    }

    /// For a frame of an animation. The same, but for the size: it must be the frame's.
    ///
    /// # Errors
    /// As [`Self::new`]; [`Error::Corrupt`] when the bitstream has another size than the frame.
    pub fn of_frame(frame: &AnimationFrame<'a>, pixels: Pixels, options: DecodeOptions) -> Result<Self, Error> {
        prepare();
        let moved = |error| match error {
            Error::Corrupt { what, offset } => Error::Corrupt { what, offset: Some(offset.unwrap_or(0) + frame.offset) },
            other => other,
        };
        let features = Features::read(frame.bitstream).map_err(moved)?;
        if (features.width, features.height) != (frame.width, frame.height) {
            return Err(Error::corrupt("chunk ANMF: the frame and its bitstream differ in size", frame.offset));
        }
        Self::allocated(frame.bitstream, frame.offset, features, pixels, options)
    }

    pub(crate) fn new_unprepared(source: &'a [u8], pixels: Pixels, options: DecodeOptions) -> Result<Self, Error> {
        let features = Features::read(source)?;
        if features.animated {
            return Err(Error::corrupt("it is an animation where a still image should be", 0));
        }
        Self::allocated(source, 0, features, pixels, options)
    }

    fn allocated(source: &'a [u8], base: usize, features: Features, pixels: Pixels, options: DecodeOptions) -> Result<Self, Error> {
        let layout = BufferLayout::of(pixels, features);
        let mut config = WebPDecoderConfig::new().map_err(|()| version_differs())?;
        config.options.bypass_filtering = options.bypass_filtering.into();
        config.options.no_fancy_upsampling = options.no_fancy_upsampling.into();
        let buffer = NonNull::from(Box::leak(vec![0_u8; layout.bytes(features)].into_boxed_slice()));
        describe_buffer(&mut config, buffer, layout, features);
        let config = NonNull::from(Box::leak(Box::new(config)));
        // SAFETY: no data is given yet; the configuration lives on the heap until `drop`, after the decoder that keeps pointers to its parts.
        let decoder = unsafe { WebPIDecode(null(), 0, config.as_ptr()) };
        let Some(decoder) = NonNull::new(decoder) else {
            free(config, buffer);
            return Err(Error::OutOfMemory);
        };
        let borrowed = PhantomData;
        Ok(Self { source, base, given: 0, features, layout, decoder, config, buffer, rows: 0, outcome: None, borrowed })
    }

    /// What the bitstream says of itself.
    #[must_use]
    pub const fn features(&self) -> Features {
        self.features
    }

    /// How many bytes there are to decode.
    #[must_use]
    pub const fn source_bytes(&self) -> usize {
        self.source.len()
    }

    /// Decodes what the next `bytes` of the source hold, and says whether that was all of the image.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Corrupt`]; the rows decoded before stay. The same again when called again.
    pub fn decode_some(&mut self, bytes: usize) -> Result<bool, Error> {
        if let Some(outcome) = &self.outcome {
            return outcome.clone().map(|()| true);
        }
        self.given = self.given.saturating_add(bytes).min(self.source.len());
        // SAFETY: `source` outlives `self` and is the same at every call, as WebPIUpdate asks for; the decoder is alive until `drop`.
        // The buffer has the sizes that the configuration states, and libwebp checks them against the bitstream before it writes.
        let status = unsafe { WebPIUpdate(self.decoder.as_ptr(), self.source.as_ptr(), self.given) };
        self.rows = self.decoded_rows();
        let outcome = match status {
            VP8StatusCode::VP8_STATUS_OK => Ok(()),
            VP8StatusCode::VP8_STATUS_SUSPENDED | VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA if self.given < self.source.len() => {
                return Ok(false);
            }
            VP8StatusCode::VP8_STATUS_SUSPENDED | VP8StatusCode::VP8_STATUS_NOT_ENOUGH_DATA => Err(self.truncated()),
            VP8StatusCode::VP8_STATUS_OUT_OF_MEMORY => Err(Error::OutOfMemory),
            VP8StatusCode::VP8_STATUS_UNSUPPORTED_FEATURE => Err(self.broken("uses a feature that is not known")),
            _ => Err(self.broken("is damaged")),
        };
        self.outcome = Some(outcome.clone());
        outcome.map(|()| true)
    }

    /// How many rows, from the top, are decoded and will not change.
    #[must_use]
    pub const fn rows(&self) -> u32 {
        self.rows
    }

    /// The decoded samples, interleaved, row by row without padding: those of [`Self::rows`] rows. Empty when decoding to planes.
    #[must_use]
    pub fn samples(&self) -> &[u8] {
        match self.layout {
            BufferLayout::Interleaved { channels } => {
                let end = self.rows as usize * self.features.width as usize * channels;
                self.bytes().get(..end).unwrap_or_default()
            }
            BufferLayout::Planar { .. } => &[],
        }
    }

    /// The decoded planes; `None` when decoding to interleaved samples.
    #[must_use]
    pub fn planes(&self) -> Option<Planes<'_>> {
        let BufferLayout::Planar { luma, chroma, chroma_width, alpha } = self.layout else {
            return None;
        };
        let (luma, rest) = self.bytes().split_at_checked(luma)?;
        let (blue, rest) = rest.split_at_checked(chroma)?;
        let (red, rest) = rest.split_at_checked(chroma)?;
        let alpha = (alpha > 0).then_some(rest);
        Some(Planes { luma, chroma: [blue, red], alpha, width: self.features.width as usize, chroma_width })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the buffer was allocated with this length and is all initialised (with zeros). libwebp writes to it only in
        // `decode_some`, which takes `&mut self`.
        unsafe { self.buffer.as_ref() }
    }

    fn decoded_rows(&self) -> u32 {
        let mut height = 0;
        // SAFETY: the decoder is alive; pointers to numbers that are not wanted may be null.
        let area = unsafe { WebPIDecodedArea(self.decoder.as_ptr(), null_mut(), null_mut(), null_mut(), &raw mut height) };
        if area.is_null() { 0 } else { u32::try_from(height).unwrap_or(0).min(self.features.height) }
    }

    /// The chunk that holds the bitstream.
    fn chunk(&self) -> Option<Chunk<'a>> {
        let mut chunks =
            if stated_length(self.source).is_ok() { Chunks::of_file(self.source) } else { Chunks::of_part(self.source, self.base) };
        chunks.find(|chunk| matches!(&chunk.name, b"VP8 " | b"VP8L"))
    }

    /// All of the source was given, and libwebp waits for more.
    fn truncated(&self) -> Error {
        let end = self.base + self.source.len();
        match (self.chunk(), stated_length(self.source)) {
            (Some(chunk), _) => chunk.check_complete().err().unwrap_or_else(|| self.broken("ends early")),
            (None, Ok(expected)) if expected > self.source.len() => {
                Error::Truncated { part: "it".to_owned(), available: self.source.len(), expected, offset: end }
            }
            (None, _) => Error::corrupt("it ends before its image", end),
        }
    }

    fn broken(&self, how: &str) -> Error {
        let Features { height, .. } = self.features;
        let (name, offset) = self.chunk().map_or(("VP8".to_owned(), self.base), |chunk| (chunk.shown_name(), chunk.offset));
        Error::corrupt(format!("the data of chunk {name} {how} after {} of {height} rows", self.rows), offset)
    }
}

impl Drop for Decoder<'_> {
    fn drop(&mut self) {
        // SAFETY: the decoder came from WebPIDecode and is deleted once, before what it points into is freed.
        unsafe { WebPIDelete(self.decoder.as_ptr()) };
        free(self.config, self.buffer);
    }
}

/// Points the configuration to the buffer.
fn describe_buffer(config: &mut WebPDecoderConfig, buffer: NonNull<[u8]>, layout: BufferLayout, features: Features) {
    let start = buffer.as_ptr().cast::<u8>();
    // Sides are at most 16,384.
    let stride = |samples: usize| i32::try_from(samples).unwrap_or(0);
    let width = features.width as usize;
    config.output.is_external_memory = 1;
    match layout {
        BufferLayout::Interleaved { channels } => {
            config.output.colorspace = if channels == 3 { WEBP_CSP_MODE::MODE_RGB } else { WEBP_CSP_MODE::MODE_RGBA };
            config.output.u.RGBA = WebPRGBABuffer { rgba: start, stride: stride(width * channels), size: buffer.len() };
        }
        BufferLayout::Planar { luma, chroma, chroma_width, alpha } => {
            config.output.colorspace = if alpha == 0 { WEBP_CSP_MODE::MODE_YUV } else { WEBP_CSP_MODE::MODE_YUVA };
            config.output.u.YUVA = WebPYUVABuffer {
                y: start,
                // Within the buffer or one past its end: it is as long as these parts together.
                u: start.wrapping_add(luma),
                v: start.wrapping_add(luma + chroma),
                a: if alpha == 0 { null_mut() } else { start.wrapping_add(luma + chroma * 2) },
                y_stride: stride(width),
                u_stride: stride(chroma_width),
                v_stride: stride(chroma_width),
                a_stride: if alpha == 0 { 0 } else { stride(width) },
                y_size: luma,
                u_size: chroma,
                v_size: chroma,
                a_size: alpha,
            };
        }
    }
}

fn free(config: NonNull<WebPDecoderConfig>, buffer: NonNull<[u8]>) {
    // SAFETY: both were leaked from boxes in `Decoder::allocated`, are freed once, and nothing points to them any more.
    unsafe {
        drop(Box::from_raw(config.as_ptr()));
        drop(Box::from_raw(buffer.as_ptr()));
    }
}

/// The header files that the bindings were made from are of another version than the library.
fn version_differs() -> Error {
    Error::unwritable("libwebp's version is not the one that it was built for")
}
