//! Encoding animations with libwebp's own encoder, which finds what changes from frame to frame.
// libwebp is C. The encoder and what it gives out are owned here and freed when they are dropped.
#![allow(unsafe_code)]

use crate::MAX_SIDE;
use crate::encoder::{EncodeOptions, Image, Picture, config, encoding_error};
use crate::error::Error;
use crate::startup::prepare;
use libwebp_sys::{
    WEBP_MUX_ABI_VERSION, WebPAnimEncoder, WebPAnimEncoderAdd, WebPAnimEncoderAssemble, WebPAnimEncoderDelete,
    WebPAnimEncoderGetError, WebPAnimEncoderNewInternal, WebPAnimEncoderOptions, WebPAnimEncoderOptionsInitInternal, WebPConfig,
    WebPData, WebPDataClear, WebPEncodingError,
};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null, null_mut};
use std::time::Duration;

/// Longest time that a frame can be shown, in milliseconds: 24 bits.
const MAX_FRAME_MS: u128 = (1 << 24) - 1;

/// Writes an animation, frame by frame.
#[derive(Debug)]
pub struct AnimationEncoder {
    encoder: NonNull<WebPAnimEncoder>,
    config: WebPConfig,
    size: (u32, u32),
    /// When the next frame begins, in milliseconds.
    next_ms: i32,
}

impl AnimationEncoder {
    /// For frames of `width` × `height` pixels, played `plays` times (`None`: for ever; at most 65,535 times).
    ///
    /// # Errors
    /// [`Error::Unwritable`] when a side is 0 or longer than [`MAX_SIDE`]; [`Error::OutOfMemory`].
    pub fn new((width, height): (u32, u32), plays: Option<u32>, options: EncodeOptions) -> Result<Self, Error> {
        prepare();
        if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
            return Err(Error::unwritable(format!(
                "a side of {width} × {height} pixels is not from 1 to {MAX_SIDE}, where WebP ends"
            )));
        }
        let config = config(options)?;
        let mut encoder_options = MaybeUninit::<WebPAnimEncoderOptions>::zeroed();
        // SAFETY: it writes defaults to the struct, which is plain numbers that all zeros are valid for.
        let (known, mut encoder_options) = unsafe {
            let known = WebPAnimEncoderOptionsInitInternal(encoder_options.as_mut_ptr(), WEBP_MUX_ABI_VERSION as i32);
            (known, encoder_options.assume_init())
        };
        if known == 0 {
            return Err(Error::unwritable("libwebp's version is not the one that it was built for"));
        }
        encoder_options.anim_params.loop_count = plays.map_or(0, |plays| plays.clamp(1, 65_535) as i32);
        // Clear, for readers that look at it.
        encoder_options.anim_params.bgcolor = 0;
        // SAFETY: the sides are positive and within the format; the options are copied.
        let encoder = unsafe {
            WebPAnimEncoderNewInternal(width as i32, height as i32, &raw const encoder_options, WEBP_MUX_ABI_VERSION as i32)
        };
        let encoder = NonNull::new(encoder).ok_or(Error::OutOfMemory)?;
        Ok(Self { encoder, config, size: (width, height), next_ms: 0 })
    }

    /// Adds a frame of the whole canvas, shown for `delay` (rounded to milliseconds, at most 4.6 hours).
    ///
    /// # Errors
    /// [`Error::Unwritable`] when the image has another size, or all frames together last more than 24 days; [`Error::OutOfMemory`].
    pub fn add(&mut self, image: Image<'_>, delay: Duration) -> Result<(), Error> {
        if (image.width, image.height) != self.size {
            return Err(Error::unwritable("its frames differ in size"));
        }
        let mut picture = Picture::import(image, true)?;
        // SAFETY: the encoder is alive, the picture holds its pixels, the configuration was checked. The encoder keeps none of them.
        let added = unsafe { WebPAnimEncoderAdd(self.encoder.as_ptr(), &raw mut picture.0, self.next_ms, &raw const self.config) };
        if added == 0 {
            return Err(match picture.0.error_code {
                WebPEncodingError::VP8_ENC_OK => self.error(),
                code => encoding_error(code),
            });
        }
        let delay_ms = ((delay.as_micros() + 500) / 1000).min(MAX_FRAME_MS) as i32;
        self.next_ms = self.next_ms.checked_add(delay_ms).ok_or_else(|| Error::unwritable("it lasts more than 24 days"))?;
        Ok(())
    }

    /// The file.
    ///
    /// # Errors
    /// [`Error::Unwritable`] when there is no frame, [`Error::OutOfMemory`].
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        // SAFETY: the encoder is alive; a null picture states the end of the last frame.
        if unsafe { WebPAnimEncoderAdd(self.encoder.as_ptr(), null_mut(), self.next_ms, null()) } == 0 {
            return Err(self.error());
        }
        let mut data = Data(WebPData::default());
        // SAFETY: the encoder is alive and gives out memory that the caller is to free, which `Data` does.
        if unsafe { WebPAnimEncoderAssemble(self.encoder.as_ptr(), &raw mut data.0) } == 0 {
            return Err(self.error());
        }
        Ok(data.bytes().to_vec())
    }

    fn error(&self) -> Error {
        // SAFETY: the encoder is alive; the text is its own, ends with zero, and is copied before the next call.
        let text = unsafe {
            let text = WebPAnimEncoderGetError(self.encoder.as_ptr());
            if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        };
        Error::unwritable(format!("libwebp refuses the animation: {}", text.trim().trim_end_matches('.')))
    }
}

impl Drop for AnimationEncoder {
    fn drop(&mut self) {
        // SAFETY: the encoder came from WebPAnimEncoderNewInternal and is deleted once.
        unsafe { WebPAnimEncoderDelete(self.encoder.as_ptr()) };
    }
}

/// Bytes that libwebp has allocated.
struct Data(WebPData);

impl Data {
    fn bytes(&self) -> &[u8] {
        if self.0.bytes.is_null() {
            return &[];
        }
        // SAFETY: libwebp has written `size` bytes there.
        unsafe { std::slice::from_raw_parts(self.0.bytes, self.0.size) }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // SAFETY: its memory is null or was allocated by libwebp, and is freed once.
        unsafe { WebPDataClear(&mut self.0) };
    }
}
