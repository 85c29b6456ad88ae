//! Bounds on the text and on the elements of a document, as they multiply by entities and by references. A few lines can ask for
//! billions of elements.

use crate::error::ImageError;
use minilab_model::Format;
use resvg::usvg::roxmltree::{Document, Node, NodeId};
use std::collections::HashMap;

/// Most bytes of text, with entities put in.
const MAX_TEXT: u64 = 10 << 20;

/// Most nodes, with what is referred to counted each time.
pub(super) const MAX_NODES: u32 = 150_000;

/// Deepest nesting of elements, references included. Drawing goes down as deep on the stack.
const MAX_DEPTH: u32 = 100;

/// Most looks of style rules at elements.
const MAX_STYLE_LOOKS: u64 = 50_000_000;

/// Bytes of attributes that count as an element: paths, lists of numbers and embedded pictures are read again for each place in which
/// they are drawn.
const ATTRIBUTE_BYTES: usize = 1024;

/// Elements that a character counts as: it becomes a part of a path.
const CHARACTER_NODES: u64 = 2;

/// Elements whose text is drawn.
const SHOWN: [&str; 5] = ["text", "tspan", "textPath", "tref", "a"];

/// Most entities that a document may declare.
const MAX_ENTITIES: usize = 1000;

pub(super) fn too_many(nodes: u64) -> ImageError {
    ImageError::LimitExceeded { what: "elements to draw", actual: nodes, limit: u64::from(MAX_NODES) }
}

/// Checks the length of the text with its entities put in. Entities that refer to entities are refused: nobody but an attacker
/// needs them.
pub(super) fn check_text(text: &str) -> Result<(), ImageError> {
    let check = |length: u64| ImageError::check_limit("bytes of SVG text", length, MAX_TEXT);
    check(text.len() as u64)?;
    let mut entities: HashMap<&str, &str> = HashMap::new();
    for declaration in text.split("<!ENTITY").skip(1) {
        let declaration = declaration.trim_start();
        let Some((name, rest)) = declaration.split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        let Some(quote) = rest.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
            // Parameter entities, and those that lie outside.
            return Err(ImageError::unsupported(Format::Svg, "an entity that lies outside of the file"));
        };
        let value = rest[1..].split(quote).next().unwrap_or_default();
        // The first declaration of a name counts, but whoever declares it twice gets the longer one.
        let known = entities.entry(name).or_insert(value);
        if known.len() < value.len() {
            *known = value;
        }
        if entities.len() > MAX_ENTITIES {
            return Err(ImageError::unsupported(Format::Svg, format!("more than {MAX_ENTITIES} entities")));
        }
    }
    if entities.is_empty() {
        return Ok(());
    }
    let references = |text: &'_ str| -> Vec<usize> {
        let names = text.split('&').skip(1).filter_map(|rest| rest.split_once(';')).map(|(name, _)| name);
        names.filter_map(|name| entities.get(name)).map(|value| value.len()).collect()
    };
    if entities.values().any(|value| !references(value).is_empty() || value.contains("&#")) {
        return Err(ImageError::unsupported(Format::Svg, "an entity inside of another"));
    }
    check(text.len() as u64 + references(text).iter().map(|&length| length as u64).sum::<u64>())
}

/// Checks how many elements there are, and how deep they lie, when every reference is followed.
pub(super) fn check(document: &Document<'_>) -> Result<(), ImageError> {
    let elements = document.descendants().filter(Node::is_element).count() as u64;
    let styles = Styles::read(document);
    ImageError::check_limit("looks of style rules at elements", elements.saturating_mul(styles.rules), MAX_STYLE_LOOKS)?;
    let ids = document.descendants().filter_map(|node| Some((node.attribute("id")?, node))).collect();
    let mut measure = Measure { ids, styles, known: HashMap::new() };
    let (nodes, _) = measure.node(document.root_element(), 0)?;
    if nodes > u64::from(MAX_NODES) { Err(too_many(nodes)) } else { Ok(()) }
}

/// Counts elements, each once for every place in which it is drawn.
struct Measure<'a, 'text> {
    ids: HashMap<&'a str, Node<'a, 'text>>,
    styles: Styles<'a>,
    /// Elements and depth of what has been counted; `None` while it is being counted: a circle, which resvg breaks as well.
    known: HashMap<NodeId, Option<(u64, u32)>>,
}

impl<'a, 'text> Measure<'a, 'text> {
    fn node(&mut self, node: Node<'a, 'text>, depth: u32) -> Result<(u64, u32), ImageError> {
        if let Some(known) = self.known.get(&node.id()) {
            let (count, height) = known.unwrap_or((0, 0));
            return deeper(depth, height).map(|_| (count, height));
        }
        deeper(depth, 0)?;
        self.known.insert(node.id(), None);
        let attributes: usize = node.attributes().map(|attribute| attribute.value().len()).sum();
        let (mut count, mut height) = (1 + (attributes / ATTRIBUTE_BYTES) as u64 + characters(node) * CHARACTER_NODES, 0);
        let mut add = |(more, deep): (u64, u32)| {
            count = count.saturating_add(more);
            height = height.max(deep + 1);
        };
        for child in node.children().filter(Node::is_element) {
            add(self.node(child, depth + 1)?);
        }
        for name in self.references(node) {
            if let Some(&target) = self.ids.get(name) {
                add(self.node(target, depth + 1)?);
            }
        }
        self.known.insert(node.id(), Some((count, height)));
        Ok((count, height))
    }

    /// The names of what an element refers to, by itself or by a style rule.
    fn references(&self, node: Node<'a, 'text>) -> Vec<&'a str> {
        let mut names = Vec::new();
        for attribute in node.attributes() {
            let value = self.text_of(node, attribute.name()).unwrap_or_default();
            if attribute.name() == "href" {
                names.extend(value.trim().strip_prefix('#'));
            }
            names.extend(addresses(value));
        }
        for class in node.attribute("class").unwrap_or_default().split_whitespace() {
            names.extend(self.styles.by_class.get(class).into_iter().flatten());
        }
        names.extend(&self.styles.by_anything);
        names
    }

    fn text_of(&self, node: Node<'a, 'text>, name: &str) -> Option<&'a str> {
        node.attributes().find(|attribute| attribute.name() == name).map(|attribute| attribute.value())
    }
}

/// Characters that an element itself shows.
fn characters(node: Node<'_, '_>) -> u64 {
    if !SHOWN.contains(&node.tag_name().name()) {
        return 0;
    }
    node.children().filter(Node::is_text).filter_map(|child| child.text()).map(|text| text.chars().count() as u64).sum()
}

fn deeper(depth: u32, height: u32) -> Result<(), ImageError> {
    ImageError::check_limit("elements inside of each other", u64::from(depth) + u64::from(height), u64::from(MAX_DEPTH))
}

/// The names in `url(#name)`.
fn addresses(value: &str) -> impl Iterator<Item = &str> {
    let after = value.split("url(").skip(1);
    after.filter_map(|rest| rest.trim_start_matches([' ', '"', '\'']).strip_prefix('#')?.split(['"', '\'', ')', ' ']).next())
}

/// What style rules refer to.
#[derive(Default)]
struct Styles<'a> {
    rules: u64,
    by_class: HashMap<&'a str, Vec<&'a str>>,
    /// Of rules for other things than classes: taken to be for everything.
    by_anything: Vec<&'a str>,
}

impl<'a> Styles<'a> {
    fn read(document: &'a Document<'_>) -> Self {
        let mut styles = Self::default();
        let sheets = document.descendants().filter(|node| node.tag_name().name() == "style");
        for text in sheets.flat_map(|sheet| sheet.children()).filter_map(|child| child.text()) {
            for rule in text.split('}') {
                let Some((selectors, body)) = rule.split_once('{') else { continue };
                styles.rules += selectors.split(',').count() as u64;
                let names: Vec<&str> = addresses(body).collect();
                for selector in selectors.split(',').filter(|_| !names.is_empty()) {
                    match selector.rsplit_once('.') {
                        Some((_, class)) => {
                            let class = class.split([' ', ':', '[', '#', '>', '+', '\n']).next().unwrap_or_default();
                            styles.by_class.entry(class).or_default().extend(&names);
                        }
                        None => styles.by_anything.extend(&names),
                    }
                }
            }
        }
        styles
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        let measured = check_text(text).and_then(|()| {
            let options = resvg::usvg::roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
            check(&Document::parse_with_options(text, options).unwrap())
        });
        measured.map_err(|error| error.to_string())
    }

    #[test]
    fn documents_that_multiply_are_refused() {
        let check = |text: &str, expected: &str| {
            let error = checked(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        let entity = "x".repeat(1 << 20);
        let references = "&a;".repeat(20);
        check(&format!("<!DOCTYPE svg [<!ENTITY a '{entity}'>]><svg>{references}</svg>"), "bytes of SVG text");
        check("<!DOCTYPE svg [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><svg>&b;</svg>", "an entity inside of another");
        check("<!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg>&a;</svg>", "outside of the file");
        let level = |n: u32| format!("<g id='g{n}'>{}</g>", format!("<use href='#g{}'/>", n - 1).repeat(10));
        let levels: String = (1..8).map(level).collect();
        check(&format!("<svg><g id='g0'><path/></g>{levels}</svg>"), "elements to draw");
        let pattern =
            |n: u32| format!("<pattern id='g{n}'>{}</pattern>", format!("<path style='fill:url(#g{})'/>", n - 1).repeat(10));
        let patterns: String = (1..8).map(pattern).collect();
        check(&format!("<svg>{patterns}</svg>"), "elements to draw");
        let class = |n: u32| format!("<mask id='g{n}'>{}</mask>", format!("<path class='c{}'/>", n - 1).repeat(10));
        let masks: String = (1..8).map(class).collect();
        let rules: String = (0..8).map(|n| format!(".c{n} {{ mask: url(\"#g{n}\") }}")).collect();
        check(&format!("<svg><style>{rules}</style>{masks}</svg>"), "elements to draw");
        check(&format!("<svg>{}{}</svg>", "<g>".repeat(200), "</g>".repeat(200)), "inside of each other");
        let chain: String = (1..200).map(|n| format!("<g id='c{n}'><use href='#c{}'/></g>", n - 1)).collect();
        check(&format!("<svg>{chain}</svg>"), "inside of each other");
        let rules = ".a{} ".repeat(20_000);
        check(&format!("<svg><style>{rules}</style>{}</svg>", "<g/>".repeat(5_000)), "style rules");
    }

    #[test]
    fn text_and_long_attributes_count_as_often_as_they_are_drawn() {
        let text = |uses: usize| {
            let uses = "<use href='#t'/>".repeat(uses);
            checked(&format!("<svg><text id='t'>{}</text>{uses}</svg>", "words".repeat(1000)))
        };
        assert_eq!(text(10), Ok(()));
        assert!(text(30).unwrap_err().contains("elements to draw"));
        let data = |uses: usize| {
            let uses = "<use href='#i'/>".repeat(uses);
            checked(&format!("<svg><image id='i' href='data:image/png;base64,{}'/>{uses}</svg>", "A".repeat(1 << 20)))
        };
        assert_eq!(data(100), Ok(()));
        assert!(data(200).unwrap_err().contains("elements to draw"));
        assert_eq!(checked(&format!("<svg><title>{}</title></svg>", "word ".repeat(100_000))), Ok(()));
    }

    #[test]
    fn documents_that_go_in_circles_are_counted_once() {
        assert_eq!(checked("<svg id='a'><use href='#a'/><g id='b'><use href='#b'/></g></svg>"), Ok(()));
        assert_eq!(checked("<!DOCTYPE svg [<!ENTITY a 'http://x'>]><svg xmlns='&a;'>&a;</svg>"), Ok(()));
    }
}
