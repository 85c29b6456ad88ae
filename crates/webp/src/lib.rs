//! A small safe interface over libwebp, for what an image pipeline needs and other wrappers leave out: planes instead of RGB, rows
//! while they are decoded, animations in both directions, and errors that say where.
//!
//! - [`Decoder`] decodes one bitstream piece by piece, to YUV planes or to RGB, so that its caller can look at a deadline, hand on
//!   rows, and keep what is there of a file that was cut off.
//! - [`Animation`] reads an animation's frames without decoding any; [`Canvas`] composes decoded frames as RFC 9649 says.
//! - [`encode`] and [`AnimationEncoder`] write; [`attach`] adds a colour profile, EXIF and XMP.
//!
//! The containers are read and written here, in safe Rust; libwebp sees bitstreams, and files as a whole only where it must. All `unsafe`
//! stands in the modules `decoder`, `encoder` and `animation_encoder`. No input makes this crate panic, and it allocates no more than the size
//! that a bitstream states asks for: compare [`Features`] with your limits before [`Decoder::new`].
//!
//! ```
//! use minilab_webp::{Decoder, DecodeOptions, EncodeOptions, Image, Pixels, encode};
//!
//! let image = Image { width: 2, height: 1, has_alpha: false, samples: &[255, 0, 0, 0, 0, 255] };
//! let file = encode(image, EncodeOptions { lossless: true, ..EncodeOptions::default() })?;
//! let mut decoder = Decoder::new(&file, Pixels::Rgb, DecodeOptions::default())?;
//! while !decoder.decode_some(64 << 10)? {}
//! assert_eq!(decoder.samples(), image.samples);
//! # Ok::<(), minilab_webp::Error>(())
//! ```

mod animation;
mod animation_encoder;
mod canvas;
mod container;
mod decoder;
mod encoder;
mod error;
mod startup;

pub use animation::{Animation, AnimationFrame};
pub use animation_encoder::AnimationEncoder;
pub use canvas::Canvas;
pub use container::{Attachments, Chunk, Chunks, attach, check_length};
pub use decoder::{DecodeOptions, Decoder, Features, Pixels, Planes};
pub use encoder::{EncodeOptions, Image, encode};
pub use error::Error;

/// The longest side of a WebP bitstream in pixels. The canvas of an animation can be larger.
pub const MAX_SIDE: u32 = 16_383;
