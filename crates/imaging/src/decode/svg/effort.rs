//! How much work a document is to draw, in memory and time, estimated before it is done: layers for groups, masks and filters can
//! each be larger than the canvas, and a filter can look at thousands of pixels for each.

use crate::error::ImageError;
use crate::picture::Size;
use crate::plan::{DRAWN_LAYERS, MIN_DRAWN_PIXELS};
use minilab_model::Format;
use resvg::tiny_skia::{Rect, Transform};
use resvg::usvg::filter::{Filter, Kind};
use resvg::usvg::{ClipPath, Group, Image, Mask, Node, Paint, Path, Pattern, Tree};

/// Most pixels that are painted or looked at: some seconds of work.
const MAX_WORK: f64 = 3e9;

/// Most nodes, each time that they are drawn.
const MAX_VISITS: u32 = 300_000;

/// Deepest nesting; drawing recurses as deep.
const MAX_DEPTH: u32 = 300;

/// Refuses a document whose drawing would take too much.
pub(super) fn check(tree: &Tree, transform: Transform, canvas: Size) -> Result<(), ImageError> {
    let mut effort = Effort {
        canvas: (canvas.width as f32, canvas.height as f32),
        max_layers: (canvas.pixels() * DRAWN_LAYERS).max(MIN_DRAWN_PIXELS) as f64,
        work: 0.0,
        visits: 0,
    };
    effort.children(tree.root(), transform, 0.0, 0)
}

struct Effort {
    canvas: (f32, f32),
    max_layers: f64,
    work: f64,
    visits: u32,
}

impl Effort {
    /// The children of a group that are drawn while layers of so many pixels exist.
    fn children(&mut self, group: &Group, transform: Transform, layers: f64, depth: u32) -> Result<(), ImageError> {
        if depth > MAX_DEPTH {
            return Err(unsupported("a drawing that is nested so deep"));
        }
        for node in group.children() {
            self.visits += 1;
            if self.visits > MAX_VISITS {
                return Err(unsupported("a drawing of so many elements"));
            }
            match node {
                Node::Group(group) => self.group(group, transform, layers, depth + 1)?,
                Node::Path(path) => self.path(path, transform, layers, depth + 1)?,
                Node::Image(image) => self.image(image, transform)?,
                Node::Text(text) => self.group(text.flattened(), transform, layers, depth + 1)?,
            }
        }
        Ok(())
    }

    fn group(&mut self, group: &Group, transform: Transform, layers: f64, depth: u32) -> Result<(), ImageError> {
        let transform = transform.pre_concat(group.transform());
        if !group.should_isolate() {
            return self.children(group, transform, layers, depth);
        }
        let area = self.area(group.layer_bounding_box().to_rect(), transform, true);
        let layers = self.layer(area, layers)?;
        self.children(group, transform, layers, depth)?;
        for filter in group.filters() {
            self.filter(filter, area, transform, layers, depth)?;
        }
        if let Some(clip) = group.clip_path() {
            self.clip(clip, area, transform, layers, depth)?;
        }
        if let Some(mask) = group.mask() {
            self.mask(mask, area, transform, layers, depth)?;
        }
        Ok(())
    }

    fn clip(&mut self, clip: &ClipPath, area: f64, transform: Transform, layers: f64, depth: u32) -> Result<(), ImageError> {
        let layers = self.layer(area, layers)?;
        self.children(clip.root(), transform.pre_concat(clip.transform()), layers, depth + 1)?;
        clip.clip_path().map_or(Ok(()), |inner| self.clip(inner, area, transform, layers, depth + 1))
    }

    fn mask(&mut self, mask: &Mask, area: f64, transform: Transform, layers: f64, depth: u32) -> Result<(), ImageError> {
        let layers = self.layer(area * 2.0, layers)?;
        self.children(mask.root(), transform, layers, depth + 1)?;
        mask.mask().map_or(Ok(()), |inner| self.mask(inner, area, transform, layers, depth + 1))
    }

    fn filter(&mut self, filter: &Filter, area: f64, transform: Transform, layers: f64, depth: u32) -> Result<(), ImageError> {
        let (across, down) = transform.get_scale();
        for primitive in filter.primitives() {
            // Results are kept until the filter is done, and each primitive works on copies.
            let window = |columns: f32, rows: f32| f64::from(columns.max(1.0)) * f64::from(rows.max(1.0));
            let looks = match primitive.kind() {
                Kind::GaussianBlur(_) | Kind::DropShadow(_) => 12.0,
                Kind::Turbulence(turbulence) => 30.0 * f64::from(turbulence.num_octaves()).max(1.0),
                Kind::Morphology(morphology) => {
                    window(morphology.radius_x().get() * across * 2.0 + 1.0, morphology.radius_y().get() * down * 2.0 + 1.0)
                        .min(area)
                }
                Kind::ConvolveMatrix(convolve) => f64::from(convolve.matrix().columns()) * f64::from(convolve.matrix().rows()),
                Kind::DiffuseLighting(_) | Kind::SpecularLighting(_) => 30.0,
                Kind::Image(image) => {
                    self.children(image.root(), transform, layers + area, depth + 1)?;
                    4.0
                }
                _ => 4.0,
            };
            self.work(area * looks)?;
        }
        self.layer(area * (filter.primitives().len() as f64 + 2.0), layers).map(|_| ())
    }

    /// A picture is unpacked each time that it is drawn.
    fn image(&mut self, image: &Image, transform: Transform) -> Result<(), ImageError> {
        let pixels = f64::from(image.size().width()) * f64::from(image.size().height());
        self.work(pixels * 10.0)?;
        let area = self.area(image.bounding_box(), transform, false);
        self.work(area * 8.0)
    }

    fn path(&mut self, path: &Path, transform: Transform, layers: f64, depth: u32) -> Result<(), ImageError> {
        let area = self.area(path.stroke_bounding_box(), transform, false);
        let paints = path.fill().map(|fill| fill.paint()).into_iter().chain(path.stroke().map(|stroke| stroke.paint()));
        for paint in paints {
            self.work(area + path.data().len() as f64)?;
            if let Paint::Pattern(pattern) = paint {
                self.pattern(pattern, transform, layers, depth)?;
            }
        }
        // Every dash becomes a line of its own; the drawing stops at a million a path.
        if let Some(dashes) = path.stroke().and_then(|stroke| stroke.dasharray()) {
            let bounds = path.data().bounds();
            let length = f64::from(bounds.width() + bounds.height()) * path.data().len() as f64;
            let period = f64::from(dashes.iter().sum::<f32>()).max(f64::MIN_POSITIVE);
            self.work((length / period * dashes.len() as f64).min(1e6) * 100.0)?;
        }
        Ok(())
    }

    fn pattern(&mut self, pattern: &Pattern, transform: Transform, layers: f64, depth: u32) -> Result<(), ImageError> {
        let (across, down) = transform.pre_concat(pattern.transform()).get_scale();
        // A pattern's layer is not bounded by the canvas.
        let area = f64::from(pattern.rect().width() * across) * f64::from(pattern.rect().height() * down);
        let layers = self.layer(area, layers)?;
        self.children(pattern.root(), Transform::from_scale(across, down), layers, depth + 1)
    }

    /// Pixels of a part that lie on the canvas, or for layers up to twice the canvas beside it, as resvg has it.
    fn area(&self, part: Rect, transform: Transform, is_layer: bool) -> f64 {
        let Some(part) = part.transform(transform) else { return 0.0 };
        let beside = if is_layer { 2.0 } else { 0.0 };
        let side = |start: f32, end: f32, canvas: f32| {
            let (least, most) = (-beside * canvas, (1.0 + beside) * canvas);
            f64::from((end.clamp(least, most) - start.clamp(least, most)).max(1.0)) + 4.0
        };
        side(part.left(), part.right(), self.canvas.0) * side(part.top(), part.bottom(), self.canvas.1)
    }

    /// Counts a layer: the pixels of all that then exist.
    fn layer(&mut self, area: f64, layers: f64) -> Result<f64, ImageError> {
        let all = layers + area;
        // Written so that what is no number is refused.
        if all <= self.max_layers {
            self.work(area * 4.0)?;
            Ok(all)
        } else {
            Err(unsupported("a drawing with layers so much larger than itself"))
        }
    }

    fn work(&mut self, pixels: f64) -> Result<(), ImageError> {
        self.work += pixels;
        if self.work <= MAX_WORK { Ok(()) } else { Err(unsupported("a drawing that takes so much work")) }
    }
}

fn unsupported(what: &str) -> ImageError {
    ImageError::unsupported(Format::Svg, what)
}
