//! Encoding one image to a simple file.
// libwebp is C. What it allocates here is owned by `Picture` and `Writer`, which free it when they are dropped.
#![allow(unsafe_code)]

use crate::MAX_SIDE;
use crate::error::Error;
use crate::startup::prepare;
use libwebp_sys::{
    WebPConfig, WebPEncode, WebPEncodingError, WebPMemoryWrite, WebPMemoryWriter, WebPMemoryWriterClear, WebPMemoryWriterInit,
    WebPPicture, WebPPictureFree, WebPPictureImportRGB, WebPPictureImportRGBA, WebPValidateConfig,
};
use std::mem::MaybeUninit;

/// Pixels to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Whether there are four channels rather than three.
    pub has_alpha: bool,
    /// 8 bits of red, green, blue and straight alpha, row by row without padding.
    pub samples: &'a [u8],
}

/// How an image is encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncodeOptions {
    /// Without loss: every sample comes back as it was, even those that cannot be seen. Off by default.
    pub lossless: bool,
    /// 0 to 100. For lossy files how much is kept; for lossless ones how long a smaller file is sought. Default 75.
    pub quality: f32,
    /// Effort, 0 (quick) to 6 (small). Default 4.
    pub method: u8,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self { lossless: false, quality: 75.0, method: 4 }
    }
}

/// The image as a file without VP8X, or with one where there is alpha beside lossy colour. Alpha is kept without loss.
///
/// # Errors
/// [`Error::Unwritable`] when a side is 0 or longer than [`MAX_SIDE`], or when the samples are not as many as the size says;
/// [`Error::OutOfMemory`].
pub fn encode(image: Image<'_>, options: EncodeOptions) -> Result<Vec<u8>, Error> {
    prepare();
    encode_unprepared(image, options)
}

pub(crate) fn encode_unprepared(image: Image<'_>, options: EncodeOptions) -> Result<Vec<u8>, Error> {
    let config = config(options)?;
    let mut picture = Picture::import(image, options.lossless)?;
    let mut writer = Writer::new();
    picture.0.writer = Some(WebPMemoryWrite);
    picture.0.custom_ptr = (&raw mut writer.0).cast();
    // SAFETY: the configuration was checked, the picture holds its pixels, and its writer is the one for the memory that
    // `custom_ptr` points to, which stays where it is until after the call.
    let done = unsafe { WebPEncode(&raw const config, &raw mut picture.0) };
    if done == 0 {
        return Err(encoding_error(picture.0.error_code));
    }
    Ok(writer.bytes().to_vec())
}

pub(crate) fn config(options: EncodeOptions) -> Result<WebPConfig, Error> {
    let mut config = WebPConfig::new().map_err(|()| Error::unwritable("libwebp's version is not the one that it was built for"))?;
    config.lossless = options.lossless.into();
    config.exact = options.lossless.into();
    config.quality = options.quality.clamp(0.0, 100.0);
    config.method = options.method.min(6).into();
    // SAFETY: it looks at plain numbers.
    if unsafe { WebPValidateConfig(&raw const config) } == 0 {
        return Err(Error::unwritable("its options are out of range"));
    }
    Ok(config)
}

pub(crate) fn encoding_error(error: WebPEncodingError) -> Error {
    use WebPEncodingError as E;
    match error {
        E::VP8_ENC_ERROR_OUT_OF_MEMORY | E::VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY | E::VP8_ENC_ERROR_BAD_WRITE => {
            Error::OutOfMemory
        }
        E::VP8_ENC_ERROR_PARTITION0_OVERFLOW | E::VP8_ENC_ERROR_PARTITION_OVERFLOW => {
            Error::unwritable("a partition of it would be too long; a lower quality makes it shorter")
        }
        E::VP8_ENC_ERROR_FILE_TOO_BIG => Error::unwritable("it would be longer than 4 GB, where WebP ends"),
        E::VP8_ENC_ERROR_BAD_DIMENSION => Error::unwritable("its size cannot be written"),
        other => Error::unwritable(format!("libwebp refuses it: {other:?}")),
    }
}

/// A picture whose pixels libwebp holds.
pub(crate) struct Picture(pub(crate) WebPPicture);

impl Picture {
    /// Copies the image. `argb`: as it is, for lossless coding; else as YUV.
    pub(crate) fn import(image: Image<'_>, argb: bool) -> Result<Self, Error> {
        let Image { width, height, has_alpha, samples } = image;
        if width == 0 || height == 0 || width.max(height) > MAX_SIDE {
            return Err(Error::unwritable(format!(
                "a side of {width} × {height} pixels is not from 1 to {MAX_SIDE}, where WebP ends"
            )));
        }
        let channels = if has_alpha { 4 } else { 3 };
        if samples.len() as u64 != u64::from(width) * u64::from(height) * channels {
            return Err(Error::unwritable("its samples are not as many as its size says"));
        }
        let picture =
            WebPPicture::new().map_err(|()| Error::unwritable("libwebp's version is not the one that it was built for"))?;
        let mut picture = Self(picture);
        picture.0.use_argb = argb.into();
        // At most 16,383 × 4.
        (picture.0.width, picture.0.height) = (width as i32, height as i32);
        let (import, stride) = if has_alpha {
            (WebPPictureImportRGBA as unsafe extern "C" fn(_, _, _) -> _, width as i32 * 4)
        } else {
            (WebPPictureImportRGB as unsafe extern "C" fn(_, _, _) -> _, width as i32 * 3)
        };
        // SAFETY: the samples are as many as width, height and channels say, which was checked above.
        if unsafe { import(&raw mut picture.0, samples.as_ptr(), stride) } == 0 {
            return Err(Error::OutOfMemory);
        }
        Ok(picture)
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        // SAFETY: the picture was initialised, so what it holds is null or was allocated by libwebp.
        unsafe { WebPPictureFree(&raw mut self.0) };
    }
}

/// Memory that libwebp writes to.
struct Writer(WebPMemoryWriter);

impl Writer {
    fn new() -> Self {
        let mut writer = MaybeUninit::<WebPMemoryWriter>::zeroed();
        // SAFETY: all zeros are valid for it, and it is what its initialisation makes of it too.
        unsafe {
            WebPMemoryWriterInit(writer.as_mut_ptr());
            Self(writer.assume_init())
        }
    }

    fn bytes(&self) -> &[u8] {
        if self.0.mem.is_null() {
            return &[];
        }
        // SAFETY: libwebp has written `size` bytes there.
        unsafe { std::slice::from_raw_parts(self.0.mem, self.0.size) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // SAFETY: its memory is null or was allocated by libwebp, and is freed once.
        unsafe { WebPMemoryWriterClear(&raw mut self.0) };
    }
}
