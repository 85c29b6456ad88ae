//! One decode, many variants: sniffing, headers, decoding, steps, encoding and metadata.
//!
//! This crate is synchronous and pure: bytes in, bytes out. It runs nothing in the background, reads no files and knows no
//! clock but the deadline it is given. Every entry point takes bytes from strangers.
//!
//! The way of an image: [`sniff`](fn@sniff) its format, [`read_header`] and check it against the limits, [`estimate`] what the
//! work will cost; then [`render`] plans the scale, decodes rows into a sink that shrinks them as they come, and makes each
//! variant from the smallest picture that serves: resize, turn upright, convert to sRGB, encode.
//!
//! ```
//! use minilab_imaging::{RenderOptions, inspect};
//! use minilab_model::{Format, Limits};
//!
//! // One white pixel.
//! let gif = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
//! let metadata = inspect(gif, &RenderOptions::new(&Limits::default()))?;
//! assert_eq!((metadata.format, metadata.width), (Format::Gif, 1));
//! # Ok::<(), minilab_imaging::ImageError>(())
//! ```

mod alpha;
mod animation;
mod bands;
mod color;
mod decode;
mod encode;
mod error;
mod header;
mod light;
mod make;
mod metadata;
mod orient;
mod picture;
mod plan;
mod quantize;
mod render;
mod sink;
mod sniff;
mod steps;
mod ycc;
#[cfg(any(feature = "avif", feature = "heic"))]
mod yuv;

pub use encode::is_written;
pub use error::ImageError;
pub use header::{Header, read_header};
pub use render::{Output, RenderOptions, Rendered, estimate, estimate_overlays, inspect, largest_output, render};
pub use sniff::sniff;

/// Part of every recipe: raised whenever the same source and rule would give other bytes, so that what was made before is
/// known to be out of date.
pub const ENGINE_VERSION: &str = "4";
