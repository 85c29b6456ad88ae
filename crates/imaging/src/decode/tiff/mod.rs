//! TIFF, first picture only: strips and tiles are unpacked row by row, side by side where a row takes several, so that no more
//! than a row of each is in memory (JPEG tiles excepted).

mod fax;
mod jpeg;
mod lab;
mod pixels;
mod unpack;
mod ycbcr;

use super::{DecodeOptions, Decoded, size};
use crate::error::ImageError;
use crate::header::Header;
use crate::header::tiff::{Directory, Field, Photometric, Shape, tag};
use crate::picture::{Layout, Sample};
use crate::sink::RowSink;
use minilab_model::Format;
use pixels::RowMaker;
use std::io::Read;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let directory = Directory::first(source)?;
    let shape = Shape::read(&directory)?;
    match shape.depth() {
        16 => pixels::<u16>(source, &directory, &shape, header, options),
        _ => pixels::<u8>(source, &directory, &shape, header, options),
    }
}

fn pixels<S: Sample>(
    source: &[u8],
    directory: &Directory<'_>,
    shape: &Shape,
    header: &Header,
    options: &DecodeOptions<'_>,
) -> Result<Decoded, ImageError> {
    let maker = RowMaker::new(shape, directory)?;
    let mut sink = RowSink::<S>::new(size(header), maker.layout(), options.shrink, options);
    let chunks = Chunks::new(source, directory, shape, options)?;
    let pushed = rows(&chunks, maker, &mut sink);
    sink.finish(pushed, header)
}

fn rows<S: Sample>(chunks: &Chunks<'_>, mut maker: RowMaker<S>, sink: &mut RowSink<S>) -> Result<(), ImageError> {
    let shape = chunks.shape;
    let mut packed = vec![0; shape.row_bytes()];
    let mut band = 0;
    while sink.rows_taken() < shape.height {
        let mut readers = chunks.band(band)?;
        let rows = shape.chunk.1.min(shape.height - sink.rows_taken());
        for _ in 0..rows {
            for (plane, readers) in readers.iter_mut().enumerate() {
                for (column, reader) in readers.iter_mut().enumerate() {
                    reader.read_exact(&mut packed).map_err(|error| chunks.damaged(&error, sink.rows_taken()))?;
                    maker.take(&packed, plane, column);
                }
            }
            sink.push(maker.row())?;
        }
        band += 1;
    }
    Ok(())
}

/// Where the strips or tiles of a picture lie.
struct Chunks<'a> {
    source: &'a [u8],
    directory: &'a Directory<'a>,
    shape: &'a Shape,
    offsets: Field,
    lengths: Field,
    across: usize,
    /// Of one channel where they stand by themselves, else of all.
    per_plane: usize,
    planes: usize,
    /// Most pixels of a chunk that has to be unpacked at once.
    pixels: u64,
}

impl<'a> Chunks<'a> {
    fn new(
        source: &'a [u8],
        directory: &'a Directory<'a>,
        shape: &'a Shape,
        options: &DecodeOptions<'_>,
    ) -> Result<Self, ImageError> {
        let tags =
            if shape.tiled { (tag::TILE_OFFSETS, tag::TILE_BYTE_COUNTS) } else { (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS) };
        let missing = || ImageError::corrupt(Format::Tiff, "it does not say where its pixels are");
        let offsets = directory.field(tags.0)?.ok_or_else(missing)?;
        let lengths = directory.field(tags.1)?.ok_or_else(missing)?;
        let across = shape.width.div_ceil(shape.chunk.0) as usize;
        let per_plane = across * shape.height.div_ceil(shape.chunk.1) as usize;
        let planes = if shape.planar { usize::from(shape.channels_used()) } else { 1 };
        let pixels = options.limits.pixels;
        let chunks = Self { source, directory, shape, offsets, lengths, across, per_plane, planes, pixels };
        if offsets.count.min(lengths.count) < per_plane.saturating_mul(planes) {
            return Err(ImageError::corrupt(Format::Tiff, "it has fewer strips or tiles than its size takes"));
        }
        Ok(chunks)
    }

    /// Opens the chunks that make the next rows: by channel, from the left.
    fn band(&self, band: usize) -> Result<Vec<Vec<Box<dyn Read + 'a>>>, ImageError> {
        let open = |plane: usize, column: usize| self.open(plane * self.per_plane + band * self.across + column);
        (0..self.planes).map(|plane| (0..self.across).map(|column| open(plane, column)).collect()).collect()
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + 'a>, ImageError> {
        let offset = usize::try_from(self.directory.value(self.offsets, index)?).unwrap_or(usize::MAX);
        let length = usize::try_from(self.directory.value(self.lengths, index)?).unwrap_or(usize::MAX);
        let end = offset.saturating_add(length).min(self.source.len());
        let packed = self.source.get(offset..end).ok_or_else(|| {
            let what = if self.shape.tiled { "tile" } else { "strip" };
            ImageError::corrupt_at(Format::Tiff, format!("{what} {index} lies outside the file"), offset)
        })?;
        unpack::reader(packed, self.shape, self.directory, self.source, self.pixels)
    }

    fn damaged(&self, error: &std::io::Error, row: u32) -> ImageError {
        let what = if self.shape.tiled { "tile" } else { "strip" };
        let detail = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => format!("the {what} at row {row} ends early"),
            _ => format!("the {what} at row {row} cannot be unpacked: {error}"),
        };
        ImageError::corrupt(Format::Tiff, detail)
    }
}

/// The layout that a shape's pixels come out in.
fn layout(shape: &Shape) -> Layout {
    match (shape.photometric, shape.has_alpha()) {
        (Photometric::WhiteIsZero | Photometric::BlackIsZero, false) => Layout::Grey,
        (Photometric::WhiteIsZero | Photometric::BlackIsZero, true) => Layout::GreyAlpha,
        (Photometric::Cmyk, _) => Layout::Cmyk,
        (_, false) => Layout::Rgb,
        (_, true) => Layout::Rgba,
    }
}
