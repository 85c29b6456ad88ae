//! What editors and agencies write beside a picture: XMP (ISO 16684-1), the properties that people ask for. Entities are not
//! expanded but for XML's own five, and what a document type declares is not looked at.

use super::text::{self, LONG_TEXT, MAX_VALUES, SHORT_TEXT};
use crate::header::TextBlock;
use flate2::read::ZlibDecoder;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

/// Largest packet that is looked at, in bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of elements; what people write stays below ten.
pub(crate) const MAX_DEPTH: usize = 64;
/// Most prefixes that are remembered.
const MAX_PREFIXES: usize = 100;
/// Longest text that is gathered before it is cut off, in bytes.
const MAX_GATHERED: usize = 4 * LONG_TEXT;

const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";
const BASIC: &str = "http://ns.adobe.com/xap/1.0/";
const RIGHTS: &str = "http://ns.adobe.com/xap/1.0/rights/";
const PHOTOSHOP: &str = "http://ns.adobe.com/photoshop/1.0/";
const IPTC_CORE: &str = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/";
const IPTC_EXTENSION: &str = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/";

/// How a property is recorded.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A text of at most so many characters; of several languages the default.
    Text(usize),
    List,
    /// A number, such as stars from 0 to 5, or −1 for "rejected".
    Number,
    Truth,
}

/// A property: namespace, name there, name in the record.
type Property = (&'static str, &'static str, &'static str, Kind);

const PROPERTIES: [Property; 26] = [
    (DUBLIN_CORE, "title", "title", Kind::Text(SHORT_TEXT)),
    (DUBLIN_CORE, "description", "description", Kind::Text(LONG_TEXT)),
    (DUBLIN_CORE, "creator", "creator", Kind::List),
    (DUBLIN_CORE, "rights", "rights", Kind::Text(LONG_TEXT)),
    (DUBLIN_CORE, "subject", "subject", Kind::List),
    (BASIC, "Rating", "rating", Kind::Number),
    (BASIC, "Label", "label", Kind::Text(SHORT_TEXT)),
    (BASIC, "CreateDate", "create_date", Kind::Text(SHORT_TEXT)),
    (BASIC, "ModifyDate", "modify_date", Kind::Text(SHORT_TEXT)),
    (BASIC, "CreatorTool", "creator_tool", Kind::Text(SHORT_TEXT)),
    (RIGHTS, "Marked", "marked", Kind::Truth),
    (RIGHTS, "UsageTerms", "usage_terms", Kind::Text(LONG_TEXT)),
    (RIGHTS, "WebStatement", "web_statement", Kind::Text(LONG_TEXT)),
    (PHOTOSHOP, "AuthorsPosition", "creator_title", Kind::Text(SHORT_TEXT)),
    (PHOTOSHOP, "City", "city", Kind::Text(SHORT_TEXT)),
    (PHOTOSHOP, "State", "state", Kind::Text(SHORT_TEXT)),
    (PHOTOSHOP, "Country", "country", Kind::Text(SHORT_TEXT)),
    (PHOTOSHOP, "Credit", "credit", Kind::Text(SHORT_TEXT)),
    (PHOTOSHOP, "DateCreated", "date_created", Kind::Text(SHORT_TEXT)),
    (PHOTOSHOP, "Headline", "headline", Kind::Text(LONG_TEXT)),
    (PHOTOSHOP, "Instructions", "instructions", Kind::Text(LONG_TEXT)),
    (PHOTOSHOP, "Source", "source", Kind::Text(SHORT_TEXT)),
    (IPTC_CORE, "AltTextAccessibility", "alt_text", Kind::Text(LONG_TEXT)),
    (IPTC_CORE, "ExtDescrAccessibility", "extended_description", Kind::Text(LONG_TEXT)),
    (IPTC_CORE, "Location", "sublocation", Kind::Text(SHORT_TEXT)),
    (IPTC_EXTENSION, "DigitalSourceType", "digital_source_type", Kind::Text(SHORT_TEXT)),
];

/// The packet's bytes, unpacked; `None` with a warning when it is too large or damaged.
pub(crate) fn packet<'a>(source: &'a [u8], block: &TextBlock, warnings: &mut Vec<String>) -> Option<Cow<'a, [u8]>> {
    let bytes = source.get(block.range.clone())?;
    let bytes = if block.deflated {
        let mut unpacked = Vec::new();
        if let Err(error) = ZlibDecoder::new(bytes).take(MAX_BYTES as u64 + 1).read_to_end(&mut unpacked) {
            warnings.push(format!("the XMP packet cannot be unpacked: {error}"));
            return None;
        }
        Cow::Owned(unpacked)
    } else {
        Cow::Borrowed(bytes)
    };
    if bytes.len() > MAX_BYTES {
        warnings.push(format!("the XMP packet is left out: it has more than {MAX_BYTES} bytes"));
        return None;
    }
    Some(bytes)
}

/// The recorded properties of a packet. What follows damage is left out, with a warning.
pub(crate) fn fields(packet: &[u8], warnings: &mut Vec<String>) -> BTreeMap<String, Json> {
    let packet = String::from_utf8_lossy(packet);
    let mut reader = Reader::from_str(packet.trim_start_matches('\u{feff}'));
    let mut gatherer = Gatherer::default();
    if let Err(damage) = gatherer.read(&mut reader) {
        warnings.push(format!("the XMP packet is damaged at its byte {}: {damage}", reader.buffer_position()));
    }
    gatherer.found
}

/// What an element is to us.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// `rdf:RDF`.
    Root,
    /// `rdf:Description` right in the root: its children and attributes are properties.
    Description,
    /// One of [`PROPERTIES`].
    Property(&'static Property),
    /// `rdf:Alt`, `rdf:Bag` or `rdf:Seq` right in a property.
    Container,
    /// `rdf:li` in it; whether it is in the default language.
    Item { default: bool },
    /// Anything else, and all that is in it.
    Other,
}

#[derive(Default)]
struct Gatherer {
    found: BTreeMap<String, Json>,
    /// The namespaces that we know, by prefix. The first meaning of a prefix counts for the whole packet.
    prefixes: BTreeMap<String, &'static str>,
    places: Vec<Place>,
    text: String,
    /// The values of the property that is being read.
    values: Vec<String>,
}

impl Gatherer {
    fn read(&mut self, reader: &mut Reader<&[u8]>) -> Result<(), String> {
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(element) => self.start(&element)?,
                Event::Empty(element) => {
                    self.start(&element)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.gather(&text.xml10_content()),
                Event::CData(text) => self.gather(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let character = reference.resolve_char_ref().map_err(|error| error.to_string())?;
                    match character {
                        Some(character) => self.gather(character.encode_utf8(&mut [0; 4])),
                        None => self.gather(quick_xml::escape::resolve_predefined_entity(&reference).unwrap_or_default()),
                    }
                }
                Event::DocType(_) => return Err("it declares a document type".to_owned()),
                Event::Eof if self.places.is_empty() => return Ok(()),
                Event::Eof => return Err("it ends inside an element".to_owned()),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            }
        }
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        if self.places.len() == MAX_DEPTH {
            return Err(format!("its elements are nested more than {MAX_DEPTH} deep"));
        }
        let mut attributes = Vec::new();
        // Twice the same name does no harm here, and looking for it takes time.
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let name = attribute.key.as_ref();
            match name.strip_prefix("xmlns:") {
                Some(prefix) => self.declare(prefix, &attribute.value),
                None => attributes.push(attribute),
            }
        }
        let parent = self.places.last().copied();
        let element_name = element.name();
        let (namespace, name) = self.resolve(element_name.as_ref());
        let is_rdf = namespace == Some(RDF);
        let place = match parent {
            _ if is_rdf && name == "RDF" => Place::Root,
            Some(Place::Root) if is_rdf && name == "Description" => Place::Description,
            Some(Place::Description) => property(namespace, name).map_or(Place::Other, Place::Property),
            Some(Place::Property(_)) if is_rdf && matches!(name, "Alt" | "Bag" | "Seq") => Place::Container,
            Some(Place::Container) if is_rdf && name == "li" => {
                let language = attributes.iter().find(|attribute| attribute.key.as_ref() == "xml:lang");
                Place::Item { default: language.is_some_and(|language| language.value == "x-default") }
            }
            _ => Place::Other,
        };
        match place {
            Place::Description => {
                for attribute in &attributes {
                    let (namespace, name) = self.resolve(attribute.key.as_ref());
                    if let Some(property) = property(namespace, name) {
                        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
                        self.record(property, vec![value.into_owned()]);
                    }
                }
            }
            Place::Property(_) => {
                self.values.clear();
                self.text.clear();
                // A link can stand in an attribute of its own.
                let resource = attributes.iter().find(|attribute| self.resolve(attribute.key.as_ref()) == (Some(RDF), "resource"));
                if let Some(value) = resource.and_then(|resource| resource.normalized_value(XmlVersion::Implicit1_0).ok()) {
                    self.values.push(value.into_owned());
                }
            }
            Place::Item { .. } => self.text.clear(),
            Place::Root | Place::Container | Place::Other => {}
        }
        self.places.push(place);
        Ok(())
    }

    fn end(&mut self) {
        match self.places.pop() {
            Some(Place::Item { default }) if self.values.len() < MAX_VALUES => {
                let text = std::mem::take(&mut self.text);
                if default { self.values.insert(0, text) } else { self.values.push(text) }
            }
            Some(Place::Property(property)) => {
                let mut values = std::mem::take(&mut self.values);
                if values.is_empty() {
                    values.push(std::mem::take(&mut self.text));
                }
                self.record(property, values);
            }
            _ => {}
        }
    }

    fn gather(&mut self, text: &str) {
        if matches!(self.places.last(), Some(Place::Property(_) | Place::Item { .. })) {
            let room = MAX_GATHERED.saturating_sub(self.text.len());
            self.text.push_str(&text[..text.floor_char_boundary(room)]);
        }
    }

    fn declare(&mut self, prefix: &str, uri: &str) {
        let known = [RDF].into_iter().chain(PROPERTIES.iter().map(|property| property.0)).find(|&known| known == uri);
        if let Some(known) = known.filter(|_| self.prefixes.len() < MAX_PREFIXES) {
            self.prefixes.entry(prefix.to_owned()).or_insert(known);
        }
    }

    fn resolve<'n>(&self, name: &'n str) -> (Option<&'static str>, &'n str) {
        name.split_once(':').map_or((None, name), |(prefix, local)| (self.prefixes.get(prefix).copied(), local))
    }

    /// The first value of a name counts.
    fn record(&mut self, (_, _, name, kind): &Property, values: Vec<String>) {
        let limit = if let Kind::Text(limit) = kind { *limit } else { SHORT_TEXT };
        let mut values = values.iter().filter_map(|value| text::clean(value, limit));
        let value = match kind {
            Kind::Text(_) => values.next().map(Json::String),
            Kind::List => Some(values.collect::<Vec<_>>()).filter(|values| !values.is_empty()).map(|values| json!(values)),
            Kind::Number => values.next().and_then(|value| value.parse::<f64>().ok()).and_then(number),
            Kind::Truth => values.next().and_then(|value| value.to_ascii_lowercase().parse::<bool>().ok()).map(Json::Bool),
        };
        if let Some(value) = value {
            self.found.entry((*name).to_owned()).or_insert(value);
        }
    }
}

fn property(namespace: Option<&str>, name: &str) -> Option<&'static Property> {
    let namespace = namespace?;
    PROPERTIES.iter().find(|property| (property.0, property.1) == (namespace, name))
}

/// Whole numbers without a point.
fn number(value: f64) -> Option<Json> {
    match value {
        _ if !value.is_finite() => None,
        _ if value.fract() == 0.0 && value.abs() < 1e9 => Some(json!(value as i64)),
        _ => Some(json!(value)),
    }
}
