//! A JPEG decoder made for shrinking.
//!
//! Thumbnails come from images many times their size, and most of the work of a JPEG decoder is to
//! undo the entropy coding of coefficients that a small image does not need. This decoder gives an
//! image at 1/8, 1/4 or 1/2 of its size and does no more than that takes:
//!
//! - At 1/8 only the DC coefficients are decoded. The others are passed over several symbols at a
//!   time, by a table that knows no values, just lengths.
//! - At 1/4 and 1/2 each coefficient goes straight into a small inverse DCT that gives the box
//!   average of the full one, and subsampled chroma is decoded at the size that needs no enlargement.
//! - A progressive image at 1/8 is read no further than its last DC scan.
//! - Pixels are handed out in strips, one row of MCUs at a time, so memory grows with the width of
//!   an image and not with its area.
//!
//! Left to other decoders, with [`Error::Unsupported`]: subsampled chroma at full size, progressive
//! images above 1/8, CMYK and YCCK, 12 bits, arithmetic and lossless coding.
//!
//! No input makes it panic, read out of bounds or run for longer than the data and the size
//! account for.
//!
//! The format is ITU-T T.81; colour follows JFIF (ITU-T T.871).

mod bits;
mod block;
mod color;
mod decoder;
mod error;
mod huffman;
mod idct;
mod info;
mod markers;
mod plan;
mod scan;
mod strip;

pub use decoder::{DecodeOptions, Decoder, Image, Outcome, Scale};
pub use error::Error;
pub use info::{ColorModel, Info, Kind, Sampling};
pub use strip::{Plane, PlaneStrip, Strip};
