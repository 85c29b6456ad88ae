//! SVG, drawn by resvg at the size that is wanted. Nothing outside the document is looked at: no files, no addresses, no fonts of
//! the system. resvg cannot be interrupted, so what a document may ask for is bounded before it is drawn: see [`document`] and
//! [`effort`].

mod document;
mod effort;
mod pictures;

use super::{DecodeOptions, Decoded};
use crate::error::{ImageError, SIDE};
use crate::header::{Header, svg::root, svg::stated_size};
use crate::picture::{Layout, Size};
use crate::sink::RowSink;
use crate::steps::text::FONT;
use minilab_model::Format;
use pictures::Pictures;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, FontResolver, ImageHrefResolver, Options, Tree, fontdb, roxmltree};
use std::sync::{Arc, LazyLock};

/// The one font, for text of any: what a document looks like must not depend on the machine.
static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_source(fontdb::Source::Binary(Arc::new(FONT)));
    Arc::new(fonts)
});

/// Rows handed on at a time.
const STRIP_ROWS: usize = 16;

pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let base = match options.base {
        Size { width: 0, .. } | Size { height: 0, .. } => super::size(header),
        base => base,
    };
    ImageError::check_limit("pixels", base.pixels(), options.limits.pixels)?;
    ImageError::check_limit(SIDE, u64::from(base.width.max(base.height)), u64::from(options.limits.side))?;
    let pictures = Pictures::new(options);
    let tree = tree(source, &pictures)?;
    let damage = pictures.finish()?;
    options.deadline.check()?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let transform = Transform::from_scale(base.width as f32 / width, base.height as f32 / height);
    effort::check(&tree, transform, base)?;
    let no_canvas = || ImageError::Internal { detail: format!("there is no canvas of {}×{} pixels", base.width, base.height) };
    let mut canvas = Pixmap::new(base.width, base.height).ok_or_else(no_canvas)?;
    resvg::render(&tree, transform, &mut canvas.as_mut());
    options.deadline.check()?;
    let drawn = Header { width: base.width, height: base.height, ..header.clone() };
    let mut sink = RowSink::<u8>::new(base, Layout::Rgba, 1, options);
    let mut strip = Vec::new();
    for rows in canvas.data().chunks(base.width as usize * 4 * STRIP_ROWS) {
        strip.clear();
        strip.extend_from_slice(rows);
        strip.chunks_exact_mut(4).for_each(unpremultiply);
        sink.push(&strip)?;
    }
    let decoded = sink.finish(Ok(()), &drawn)?;
    Ok(Decoded { damage, ..decoded })
}

/// The document as resvg draws it.
fn tree(source: &[u8], pictures: &Pictures<'_>) -> Result<Tree, ImageError> {
    let source = source.strip_prefix(b"\xef\xbb\xbf").unwrap_or(source);
    let text = std::str::from_utf8(source)
        .map_err(|error| ImageError::corrupt_at(Format::Svg, "its text is not UTF-8", error.valid_up_to()))?;
    document::check_text(text)?;
    let parsing = roxmltree::ParsingOptions { allow_dtd: true, nodes_limit: document::MAX_NODES, ..Default::default() };
    let parsed = roxmltree::Document::parse_with_options(text, parsing).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached => document::too_many(u64::from(document::MAX_NODES) + 1),
        other => damaged(&other.to_string()),
    })?;
    document::check(&parsed)?;
    let (width, height) = root(source).map(stated_size).unwrap_or_default();
    let default_size = usvg::Size::from_wh(width as f32, height as f32);
    let options = Options {
        default_size: default_size.unwrap_or(Options::default().default_size),
        // By default usvg reads files that a document names.
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, data, _| pictures.resolve(&data)),
            resolve_string: Box::new(|_, _| None),
        },
        font_resolver: FontResolver {
            select_font: Box::new(|_, fonts| fonts.faces().next().map(|face| face.id)),
            select_fallback: Box::new(|_, _, _| None),
        },
        fontdb: Arc::clone(&FONTS),
        ..Options::default()
    };
    Tree::from_xmltree(&parsed, &options).map_err(|error| match error {
        usvg::Error::ElementsLimitReached => document::too_many(u64::from(document::MAX_NODES) + 1),
        other => damaged(&other.to_string()),
    })
}

fn damaged(text: &str) -> ImageError {
    ImageError::corrupt(Format::Svg, text.trim_end_matches('.').to_owned())
}

fn unpremultiply(pixel: &mut [u8]) {
    let [red, green, blue, alpha] = pixel else { return };
    let alpha = *alpha;
    if alpha != 0 && alpha != u8::MAX {
        for color in [red, green, blue] {
            *color = ((u32::from(*color) * 255 + u32::from(alpha) / 2) / u32::from(alpha)).min(255) as u8;
        }
    }
}
