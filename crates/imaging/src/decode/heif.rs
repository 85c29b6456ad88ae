//! Pictures of AVIF and HEIC files: a row of the grid's tiles at a time, with those of the alpha, turned from YCbCr into RGB row by row.

use super::{DecodeOptions, Decoded, size};
use crate::alpha::unpremultiply;
use crate::error::ImageError;
use crate::header::heif::{Grid, Nclx, alpha_of, extent, grid, nclx};
use crate::header::items::Items;
use crate::header::{Details, Header};
use crate::picture::{Layout, Sample};
use crate::sink::RowSink;
use crate::yuv::{Matrix, Planes};
use minilab_model::ColorSpace;

/// A decoded still.
///
/// # Contract
/// Its planes are at least as large as it was asked to be.
pub(super) trait Tile {
    /// Its samples.
    fn planes(&self) -> Planes<'_>;

    /// What the stream says of its colours; the container goes before it.
    fn colors(&self) -> Nclx;

    /// Whether its luma, taken as alpha, goes from the least to the greatest number.
    fn is_alpha_full_range(&self) -> bool;
}

/// The colour picture, and its alpha.
struct Parts {
    color: Grid,
    alpha: Option<Grid>,
    /// Colours are multiplied by alpha.
    premultiplied: bool,
    nclx: Option<Nclx>,
    /// Width and height of what is coded.
    whole: (u32, u32),
}

/// Decodes the primary picture by way of `still`, which decodes an item to tiles of at least the size that it is given.
///
/// # Errors
/// What is wrong with the container, and what `still` says.
pub(super) fn decode<S: Sample, T: Tile>(
    source: &[u8],
    items: &Items,
    header: &Header,
    options: &DecodeOptions<'_>,
    still: &dyn Fn(u32, (u32, u32)) -> Result<T, ImageError>,
) -> Result<Decoded, ImageError> {
    let primary = items.primary;
    let alpha = alpha_of(items, source, primary);
    let parts = Parts {
        color: grid(items, source, primary)?,
        alpha: alpha.map(|alpha| grid(items, source, alpha)).transpose()?,
        premultiplied: alpha.is_some_and(|alpha| items.referred(b"prem", primary).contains(&alpha)),
        nclx: nclx(items, source, primary),
        whole: extent(items, source, primary)?,
    };
    if parts
        .alpha
        .as_ref()
        .is_some_and(|alpha| (alpha.columns, alpha.rows, alpha.tile) != (parts.color.columns, parts.color.rows, parts.color.tile))
    {
        return Err(ImageError::unsupported(header.format, "transparency of another size than the colours"));
    }
    let layout = match (header.color_space, parts.alpha.is_some()) {
        (ColorSpace::Grey, false) => Layout::Grey,
        (ColorSpace::Grey, true) => Layout::GreyAlpha,
        (_, false) => Layout::Rgb,
        (_, true) => Layout::Rgba,
    };
    let mut sink = RowSink::<S>::new(size(header), layout, options.shrink, options);
    let pushed = tile_rows(&parts, layout, header, options, still, &mut sink);
    sink.finish(pushed, header)
}

fn tile_rows<S: Sample, T: Tile>(
    parts: &Parts,
    layout: Layout,
    header: &Header,
    options: &DecodeOptions<'_>,
    still: &dyn Fn(u32, (u32, u32)) -> Result<T, ImageError>,
    sink: &mut RowSink<S>,
) -> Result<(), ImageError> {
    let open = |grid: &Grid, row: usize| -> Result<Vec<T>, ImageError> {
        let tiles = grid.tiles.iter().skip(row * grid.columns).take(grid.columns);
        tiles
            .map(|&item| {
                options.deadline.check()?;
                still(item, grid.tile)
            })
            .collect()
    };
    let origin = match header.details {
        Details::Heif { origin, .. } => origin,
        _ => (0, 0),
    };
    let (tile_width, tile_height) = (parts.color.tile.0 as usize, parts.color.tile.1 as usize);
    let (width, channels) = (parts.whole.0 as usize, layout.channels());
    let shown = origin.0 as usize * channels..(origin.0 as usize + header.width as usize) * channels;
    let mut rows_left = header.height as usize;
    let mut row = vec![S::default(); width * channels];
    // Rows that lie above what is shown.
    let mut above = origin.1 as usize;
    for band in 0..parts.color.rows {
        if rows_left == 0 || above >= tile_height {
            above = above.saturating_sub(tile_height);
            continue;
        }
        let colors = open(&parts.color, band)?;
        let alphas = parts.alpha.as_ref().map_or(Ok(Vec::new()), |alpha| open(alpha, band))?;
        let matrices = colors.iter().map(|tile| matrix(tile, parts.nclx, header)).collect::<Result<Vec<_>, _>>()?;
        let rows = rows_left.min(tile_height - above);
        for y in above..above + rows {
            for (column, (tile, matrix)) in colors.iter().zip(&matrices).enumerate() {
                let left = column * tile_width;
                let end = width.min(left + tile_width);
                let Some(target) = row.get_mut(left * channels..end * channels) else { continue };
                tile.planes().row(matrix, y, target, layout);
                if let Some(alpha) = alphas.get(column) {
                    alpha.planes().alpha_row(alpha.is_alpha_full_range(), y, target, channels);
                }
            }
            if parts.premultiplied {
                unpremultiply(&mut row, channels);
            }
            sink.push(row.get(shown.clone()).unwrap_or_default())?;
        }
        rows_left -= rows;
        above = 0;
    }
    Ok(())
}

/// How a tile's numbers become colours: as the container says, else as the stream does.
fn matrix(tile: &impl Tile, nclx: Option<Nclx>, header: &Header) -> Result<Matrix, ImageError> {
    let Nclx { primaries, matrix, full_range, .. } = nclx.unwrap_or_else(|| tile.colors());
    let found = Matrix::new(matrix, primaries, full_range, tile.planes().bits);
    found.ok_or_else(|| ImageError::unsupported(header.format, format!("the colour matrix {matrix}")))
}
