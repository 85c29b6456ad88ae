//! A JPEG decoder made for shrinking, and a baseline encoder for what comes of it ([`Encoder`]).
//!
//! Thumbnails come from images many times their size, and most of the work of a JPEG decoder is to
//! undo the entropy coding of coefficients that a small image does not need. This decoder gives an
//! image at 1/8, 1/4, 1/2 or all of its size, with exactly the pixels of libjpeg, and does no more
//! than that takes:
//!
//! - At 1/8 only the DC coefficients of luma are decoded. The others are passed over several symbols
//!   at a time, by a table that knows no values, just lengths; and where all components are wanted
//!   that small, in two places of the scan at a time.
//! - At 1/4 and 1/2 small inverse DCTs give the means of pixels, and subsampled chroma is decoded at
//!   the size that needs no enlargement.
//! - Of a progressive image at 1/8, the scans of AC coefficients are not decoded at all.
//! - Pixels are handed out in strips, one row of MCUs at a time, so memory grows with the width of
//!   an image and not with its area.
//! - Threads, if the caller offers any, share an image band by band.
//!
//! Left to other decoders, with [`Error::Unsupported`]: 12 bits, arithmetic and lossless coding.
//!
//! No input makes it panic, read out of bounds or run for longer than the data and the size
//! account for.
//!
//! The format is ITU-T T.81; colour follows JFIF (ITU-T T.871).

mod assemble;
mod bits;
mod block;
mod color;
mod decoder;
mod encode;
mod enlarge;
mod error;
mod huffman;
mod idct;
mod info;
mod markers;
mod parallel;
mod plan;
mod scan;
mod standard;
mod strip;
#[cfg(target_arch = "aarch64")]
mod transpose_neon;

pub use color::ycbcr_to_rgb;
pub use decoder::{DecodeOptions, Decoder, Image, Outcome, Scale};
pub use encode::{EncodeError, EncodeOptions, Encoder, HuffmanTables, PlaneRows, Subsampling};
pub use error::Error;
pub use info::{ColorModel, Info, Kind, Sampling};
pub use strip::{Plane, PlaneSize, PlaneStrip, Strip};
