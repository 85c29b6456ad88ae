//! Text as a picture, in the built-in font: lines at `\n`, kerned pairs, antialiased outlines. No shaping beyond that, which
//! Latin, Greek and Cyrillic do without.

use super::StepError;
use crate::error::ImageError;
use crate::picture::{Layout, Picture, Sample, Samples, Size};
use ab_glyph_rasterizer::{Point, Rasterizer, point};
use minilab_model::Color;
use ttf_parser::{Face, GlyphId, OutlineBuilder, Rect};

/// Open Sans; its origin and licence stand beside it.
pub(crate) static FONT: &[u8] = include_bytes!("../../assets/open-sans/OpenSans-Regular.ttf");

/// A text, laid out. Lengths are in units of the font, of which [`Text::units_per_em`] are the size of the text; y goes down.
pub(super) struct Text {
    face: Face<'static>,
    glyphs: Vec<PlacedGlyph>,
    /// What the outlines fill, all together.
    ink: Ink,
}

struct PlacedGlyph {
    glyph: GlyphId,
    /// Where its origin lies: on the base line, at its left.
    x: f64,
    y: f64,
}

#[derive(Clone, Copy)]
struct Ink {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Text {
    /// Lays a text out; `align` says where shorter lines lie: 0 at the left, 1 at the right.
    ///
    /// # Errors
    /// The first character that the font lacks, or that there is nothing to see.
    pub(super) fn new(text: &str, align: f64) -> Result<Self, StepError> {
        let face = Face::parse(FONT, 0).map_err(|error| StepError::Image(font_is_broken(error.to_string())))?;
        let lines = text.lines().map(|line| Line::new(&face, line)).collect::<Result<Vec<_>, _>>()?;
        let widest = lines.iter().map(|line| line.advance).fold(0.0, f64::max);
        let line_height = f64::from(face.height()) + f64::from(face.line_gap());
        let mut glyphs = Vec::new();
        let mut ink: Option<Ink> = None;
        for (number, line) in lines.iter().enumerate() {
            let (indent, y) = (align * (widest - line.advance), number as f64 * line_height);
            for &(glyph, x) in &line.glyphs {
                let x = indent + x;
                let Some(bounds) = face.glyph_bounding_box(glyph) else { continue };
                let bounds = Ink::of(bounds, x, y);
                ink = Some(ink.map_or(bounds, |ink| ink.with(bounds)));
                glyphs.push(PlacedGlyph { glyph, x, y });
            }
        }
        match ink {
            Some(ink) if ink.width() > 0.0 && ink.height() > 0.0 => Ok(Self { face, glyphs, ink }),
            _ => Err(StepError::Impossible("nothing of the text can be seen".to_owned())),
        }
    }

    /// Width and height of what is seen at a size of one pixel.
    pub(super) fn extent(&self) -> (f64, f64) {
        (self.ink.width() / self.units_per_em(), self.ink.height() / self.units_per_em())
    }

    /// The text at a size in pixels, in a picture that it fills to the edges: grey with alpha where the colour is grey, RGBA
    /// otherwise, of 8 or 16 bits. It is at most `most` pixels large.
    pub(super) fn draw(&self, size: f64, color: Color, is_wide: bool, most: Size) -> Picture {
        let scale = size / self.units_per_em();
        // Not a pixel more for a rounding error.
        let side = |length: f64, most: u32| ((length * scale - 1e-6).ceil() as u32).clamp(1, most.max(1));
        let size = Size { width: side(self.ink.width(), most.width), height: side(self.ink.height(), most.height) };
        let mut rasterizer = Rasterizer::new(size.width as usize, size.height as usize);
        for placed in &self.glyphs {
            let mut pen = Pen {
                rasterizer: &mut rasterizer,
                scale,
                origin: (placed.x - self.ink.left, placed.y - self.ink.top),
                most: (size.width as f32, size.height as f32),
                start: point(0.0, 0.0),
                at: point(0.0, 0.0),
            };
            self.face.outline_glyph(placed.glyph, &mut pen);
        }
        let layout = if color.red == color.green && color.green == color.blue { Layout::GreyAlpha } else { Layout::Rgba };
        let samples = match is_wide {
            false => Samples::Eight(filled(&rasterizer, layout, [color.red, color.green, color.blue])),
            true => Samples::Sixteen(filled(&rasterizer, layout, [color.red, color.green, color.blue].map(|v| u16::from(v) * 257))),
        };
        Picture { size, layout, samples }
    }

    fn units_per_em(&self) -> f64 {
        f64::from(self.face.units_per_em())
    }
}

/// The coverage that was drawn as the alpha of one colour.
fn filled<S: Sample>(rasterizer: &Rasterizer, layout: Layout, color: [S; 3]) -> Vec<S> {
    let colors = layout.channels() - 1;
    let (width, height) = rasterizer.dimensions();
    let mut samples = Vec::with_capacity(width * height * layout.channels());
    rasterizer.for_each_pixel(|_, coverage| {
        samples.extend_from_slice(&color[..colors]);
        // Where outlines overlap, coverage adds up to more than 1.
        samples.push(S::from_u64((coverage.min(1.0) * S::MAX as f32).round() as u64));
    });
    samples
}

/// One line, from its left end.
struct Line {
    glyphs: Vec<(GlyphId, f64)>,
    advance: f64,
}

impl Line {
    fn new(face: &Face<'_>, line: &str) -> Result<Self, StepError> {
        let mut glyphs: Vec<(GlyphId, f64)> = Vec::new();
        let mut advance = 0.0;
        for character in line.chars() {
            let glyph = face.glyph_index(character).ok_or_else(|| lacks(character))?;
            if let Some(&(before, _)) = glyphs.last() {
                advance += kerning(face, before, glyph);
            }
            glyphs.push((glyph, advance));
            advance += f64::from(face.glyph_hor_advance(glyph).unwrap_or(0));
        }
        Ok(Self { glyphs, advance })
    }
}

fn lacks(character: char) -> StepError {
    let code = u32::from(character);
    let shown = if character.is_control() { String::new() } else { format!(" `{character}`") };
    StepError::Impossible(format!("the built-in font has no character{shown} (U+{code:04X}); it has Latin, Greek and Cyrillic"))
}

fn kerning(face: &Face<'_>, before: GlyphId, glyph: GlyphId) -> f64 {
    let tables = face.tables().kern.map(|kern| kern.subtables);
    let pairs = tables.into_iter().flatten().filter(|table| table.horizontal && !table.has_cross_stream);
    pairs.filter_map(|table| table.glyphs_kerning(before, glyph)).map(f64::from).sum()
}

fn font_is_broken(detail: String) -> ImageError {
    ImageError::Internal { detail: format!("the built-in font cannot be read: {detail}") }
}

impl Ink {
    fn of(bounds: Rect, x: f64, y: f64) -> Self {
        Self {
            left: x + f64::from(bounds.x_min),
            top: y - f64::from(bounds.y_max),
            right: x + f64::from(bounds.x_max),
            bottom: y - f64::from(bounds.y_min),
        }
    }

    fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    fn width(self) -> f64 {
        self.right - self.left
    }

    fn height(self) -> f64 {
        self.bottom - self.top
    }
}

/// Draws the outline of a glyph in pixels.
struct Pen<'a> {
    rasterizer: &'a mut Rasterizer,
    scale: f64,
    origin: (f64, f64),
    most: (f32, f32),
    start: Point,
    at: Point,
}

impl Pen<'_> {
    fn pixel(&self, x: f32, y: f32) -> Point {
        let (left, top) = self.origin;
        let across = ((left + f64::from(x)) * self.scale) as f32;
        let down = ((top - f64::from(y)) * self.scale) as f32;
        // Rounding must not carry an edge into the row before or behind.
        point(across.clamp(0.0, self.most.0), down.clamp(0.0, self.most.1))
    }
}

impl OutlineBuilder for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        self.at = self.pixel(x, y);
        self.start = self.at;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let to = self.pixel(x, y);
        self.rasterizer.draw_line(self.at, to);
        self.at = to;
    }

    fn quad_to(&mut self, control_x: f32, control_y: f32, x: f32, y: f32) {
        let (control, to) = (self.pixel(control_x, control_y), self.pixel(x, y));
        self.rasterizer.draw_quad(self.at, control, to);
        self.at = to;
    }

    fn curve_to(&mut self, first_x: f32, first_y: f32, second_x: f32, second_y: f32, x: f32, y: f32) {
        let (first, second, to) = (self.pixel(first_x, first_y), self.pixel(second_x, second_y), self.pixel(x, y));
        self.rasterizer.draw_cubic(self.at, first, second, to);
        self.at = to;
    }

    fn close(&mut self) {
        self.rasterizer.draw_line(self.at, self.start);
        self.at = self.start;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ROOM: Size = Size { width: 2000, height: 2000 };

    /// In units of the font, of which it has 2048 an em.
    fn advance(line: &str) -> f64 {
        let face = Face::parse(FONT, 0).unwrap();
        Line::new(&face, line).map(|line| line.advance).unwrap()
    }

    fn check_lacking(text: &str, named: &str) {
        match Text::new(text, 0.0).err() {
            Some(StepError::Impossible(detail)) => assert!(detail.contains(named), "{detail}"),
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn three_alphabets_are_there() {
        for text in ["© Zoë Łukasiewicz-Ångström, ½ €", "Ελληνικά, ΰ Ϋ", "Ёлка, Їжак, ћуприја", "Tiếng Việt", "“quoted” – …"]
        {
            assert!(Text::new(text, 0.0).is_ok(), "{text}");
        }
    }

    #[test]
    fn characters_that_the_font_lacks_are_named() {
        check_lacking("Photo: 写真", "`写` (U+5199)");
        check_lacking("a\tb", "character (U+0009)");
        check_lacking("🦀", "(U+1F980)");
        check_lacking("\u{a0}\n ", "nothing of the text");
    }

    #[test]
    fn pairs_are_kerned() {
        assert_eq!(advance("AV"), advance("A") + advance("V") - 82.0);
        assert_eq!(advance("HH"), 2.0 * advance("H"));
        assert!(advance("То") < advance("Т") + advance("о"), "Cyrillic");
    }

    #[test]
    fn lines_stand_below_each_other_where_they_are_aligned() {
        let one = Text::new("HH", 0.0).unwrap();
        let column = |align: f64| {
            let text = Text::new("HH\r\nH", align).unwrap();
            let picture = text.draw(40.0, Color::WHITE, false, ROOM);
            let Samples::Eight(samples) = &picture.samples else { unreachable!() };
            let width = picture.size.width as usize;
            // In the middle of the last line; the last row of pixels is covered in part.
            let lower = &samples[samples.len() - width * 2 * 10..];
            (text.extent().1, lower.chunks_exact(2).position(|pixel| pixel[1] > 128).unwrap(), width)
        };
        let (height, left, width) = column(0.0);
        // 1.36 em is the font's line height.
        assert!((height - one.extent().1 - 1.362).abs() < 0.001, "{height}");
        let (_, middle, _) = column(0.5);
        let (_, right, _) = column(1.0);
        assert!(left == 0 && middle > width / 5 && right > width / 2, "{left} {middle} {right} of {width}");
    }

    #[test]
    fn strokes_are_full_and_edges_soft() {
        for is_wide in [false, true] {
            let picture = Text::new("I", 0.0).unwrap().draw(200.3, Color::WHITE, is_wide, ROOM);
            assert_eq!(picture.layout, Layout::GreyAlpha);
            let eight = picture.to_eight_bits();
            let alphas: Vec<u8> = eight.chunks_exact(2).map(|pixel| pixel[1]).collect();
            let row = &alphas[alphas.len() / 2 / picture.size.width as usize * picture.size.width as usize..];
            let row = &row[..picture.size.width as usize];
            // A capital I is a plain bar.
            assert!(row[..row.len() - 1].iter().all(|&alpha| alpha == 255) && row[row.len() - 1] < 255, "{row:?}");
        }
        let red = Color { red: 255, green: 0, blue: 0 };
        assert_eq!(Text::new("I", 0.0).unwrap().draw(0.01, red, false, ROOM).size, Size { width: 1, height: 1 });
        assert_eq!(Text::new("I", 0.0).unwrap().draw(12.0, red, false, ROOM).layout, Layout::Rgba);
    }
}
