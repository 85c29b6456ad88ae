//! AVIF: AV1 stills, decoded by rav1d, a tile of the grid at a time across, and turned from YCbCr into RGB row by row.

use super::{DecodeOptions, Decoded, size};
use crate::alpha::unpremultiply;
use crate::error::ImageError;
use crate::header::Header;
use crate::header::avif::{Grid, Nclx, alpha_of, grid, nclx};
use crate::header::items::Items;
use crate::picture::{Layout, Sample};
use crate::sink::RowSink;
use crate::yuv::{Chroma, Matrix, Planes};
use minilab_model::{ColorSpace, Format};
use re_rav1d::dav1d::{Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Plane, Settings};

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    match header.bit_depth {
        8 => pixels::<u8>(source, header, options),
        _ => pixels::<u16>(source, header, options),
    }
}

/// The colour picture, and its alpha.
struct Parts {
    color: Grid,
    alpha: Option<Grid>,
    /// Colours are multiplied by alpha.
    premultiplied: bool,
    nclx: Option<Nclx>,
}

fn pixels<S: Sample>(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let items = Items::read(source, Format::Avif)?;
    let primary = items.primary;
    let alpha = alpha_of(&items, source, primary);
    let parts = Parts {
        color: grid(&items, source, primary)?,
        alpha: alpha.map(|alpha| grid(&items, source, alpha)).transpose()?,
        premultiplied: alpha.is_some_and(|alpha| items.referred(b"prem", primary).contains(&alpha)),
        nclx: nclx(&items, source, primary),
    };
    if parts
        .alpha
        .as_ref()
        .is_some_and(|alpha| (alpha.columns, alpha.rows, alpha.tile) != (parts.color.columns, parts.color.rows, parts.color.tile))
    {
        return Err(ImageError::unsupported(Format::Avif, "transparency of another size than the colours"));
    }
    let layout = match (header.color_space, parts.alpha.is_some()) {
        (ColorSpace::Grey, false) => Layout::Grey,
        (ColorSpace::Grey, true) => Layout::GreyAlpha,
        (_, false) => Layout::Rgb,
        (_, true) => Layout::Rgba,
    };
    let mut sink = RowSink::<S>::new(size(header), layout, options.shrink, options);
    let pushed = tile_rows(source, &items, &parts, layout, header, options, &mut sink);
    sink.finish(pushed, header)
}

fn tile_rows<S: Sample>(
    source: &[u8],
    items: &Items,
    parts: &Parts,
    layout: Layout,
    header: &Header,
    options: &DecodeOptions<'_>,
    sink: &mut RowSink<S>,
) -> Result<(), ImageError> {
    let open = |grid: &Grid, row: usize| -> Result<Vec<Tile>, ImageError> {
        let tiles = grid.tiles.iter().skip(row * grid.columns).take(grid.columns);
        tiles
            .map(|&item| {
                options.deadline.check()?;
                still(&items.bytes(source, item)?, grid.tile)
            })
            .collect()
    };
    let (width, channels) = (header.width as usize, layout.channels());
    let mut row = vec![S::default(); width * channels];
    for band in 0..parts.color.rows {
        let colors = open(&parts.color, band)?;
        let alphas = parts.alpha.as_ref().map_or(Ok(Vec::new()), |alpha| open(alpha, band))?;
        let matrices = colors.iter().map(|tile| tile.matrix(parts.nclx)).collect::<Result<Vec<_>, _>>()?;
        let rows = parts.color.tile.1.min(header.height - sink.rows_taken());
        for y in 0..rows as usize {
            for (column, (tile, matrix)) in colors.iter().zip(&matrices).enumerate() {
                let left = column * parts.color.tile.0 as usize;
                let end = width.min(left + parts.color.tile.0 as usize);
                let Some(target) = row.get_mut(left * channels..end * channels) else { continue };
                tile.planes().row(matrix, y, target, layout);
                if let Some(alpha) = alphas.get(column) {
                    alpha.planes().alpha_row(alpha.is_full_range(), y, target, channels);
                }
            }
            if parts.premultiplied {
                unpremultiply(&mut row, channels);
            }
            sink.push(&row)?;
        }
    }
    Ok(())
}

/// A decoded still.
struct Tile {
    picture: Picture,
    planes: Vec<Plane>,
}

impl Tile {
    fn chroma(&self) -> Chroma {
        match self.picture.pixel_layout() {
            PixelLayout::I400 => Chroma::None,
            PixelLayout::I420 => Chroma::HalfBoth,
            PixelLayout::I422 => Chroma::HalfAcross,
            PixelLayout::I444 => Chroma::Full,
        }
    }

    fn bits(&self) -> u32 {
        self.picture.bits_per_component().map_or(8, |bits| bits.0 as u32)
    }

    fn planes(&self) -> Planes<'_> {
        let plane = |index: usize| self.planes.get(index).map_or(&[][..], |plane| plane.as_ref());
        let stride = |component| self.picture.stride(component) as usize;
        Planes {
            data: [plane(0), plane(1), plane(2)],
            strides: [stride(PlanarImageComponent::Y), stride(PlanarImageComponent::U)],
            size: (self.picture.width() as usize, self.picture.height() as usize),
            chroma: self.chroma(),
            bits: self.bits(),
        }
    }

    fn is_full_range(&self) -> bool {
        self.picture.color_range() == re_rav1d::dav1d::pixel::YUVRange::Full
    }

    /// How its numbers become colours: as the container says, else as the stream does.
    fn matrix(&self, nclx: Option<Nclx>) -> Result<Matrix, ImageError> {
        let (code, primaries, full_range) = match nclx {
            Some(nclx) => (nclx.matrix, nclx.primaries, nclx.full_range),
            None => (self.picture.matrix_coefficients() as u16, self.picture.color_primaries() as u16, self.is_full_range()),
        };
        let matrix = Matrix::new(code, primaries, full_range, self.bits());
        matrix.ok_or_else(|| ImageError::unsupported(Format::Avif, format!("the colour matrix {code}")))
    }
}

/// Decodes one still of the size that is stated.
fn still(data: &[u8], (width, height): (u32, u32)) -> Result<Tile, ImageError> {
    let corrupt = |detail: String| ImageError::corrupt(Format::Avif, detail);
    let failed = |error: Error| match error {
        Error::NotEnoughMemory => corrupt("its data takes more memory than its size does".to_owned()),
        Error::UnsupportedBitstream => ImageError::unsupported(Format::Avif, "this kind of AV1 data"),
        Error::Again => corrupt("its data ends early".to_owned()),
        _ => corrupt("its data cannot be decoded".to_owned()),
    };
    if data.is_empty() {
        return Err(corrupt("its data is missing".to_owned()));
    }
    let mut settings = Settings::new();
    // The image work itself is spread over images; a decoder's own threads could not be bounded.
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    settings.set_all_layers(false);
    // In pixels. The stream states a size of its own, by which the decoder allocates.
    settings.set_frame_size_limit(u32::try_from(u64::from(width) * u64::from(height)).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(failed)?;
    match decoder.send_data(data.to_vec(), None, None, None) {
        Ok(()) | Err(Error::Again) => {}
        Err(error) => return Err(failed(error)),
    }
    let picture = decoder.get_picture().map_err(failed)?;
    if (picture.width(), picture.height()) != (width, height) {
        let detail = format!("its data is of {}×{} pixels, not of {width}×{height}", picture.width(), picture.height());
        return Err(corrupt(detail));
    }
    let components = [PlanarImageComponent::Y, PlanarImageComponent::U, PlanarImageComponent::V];
    let count = if picture.pixel_layout() == PixelLayout::I400 { 1 } else { 3 };
    let planes = components.into_iter().take(count).map(|component| picture.plane(component)).collect();
    Ok(Tile { picture, planes })
}
