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

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#"<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
        <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">"#;
    const TAIL: &str = r#"</rdf:RDF></x:xmpmeta><?xpacket end="w"?>"#;
    const NAMESPACES: &str = r#"xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
        xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/""#;

    fn check_packet(packet: &str, expected: Json, expected_warnings: &[&str]) {
        let mut warnings = Vec::new();
        assert_eq!(json!(fields(packet.as_bytes(), &mut warnings)), expected, "{packet:.300}");
        let fitting = warnings.iter().zip(expected_warnings).all(|(warning, expected)| warning.contains(expected));
        assert!(fitting && warnings.len() == expected_warnings.len(), "{warnings:?}");
    }

    fn check(attributes: &str, elements: &str, expected: Json) {
        let packet = format!("{HEAD}<rdf:Description rdf:about='' {NAMESPACES} {attributes}>{elements}</rdf:Description>{TAIL}");
        check_packet(&packet, expected, &[]);
    }

    #[test]
    fn properties_are_attributes_or_elements() {
        check("xmp:Rating='4' photoshop:City='Z&#252;rich'", "", json!({"rating": 4, "city": "Z\u{fc}rich"}));
        check("", "<xmp:Label>Red &amp; <![CDATA[<green>]]> &#x21;</xmp:Label>", json!({"label": "Red & <green> !"}));
        check("", "<xmp:Rating>-1</xmp:Rating><xmp:Rating>5</xmp:Rating>", json!({"rating": -1}));
        check("xmp:Rating='many' xmpRights:Marked='True'", "", json!({"marked": true}));
        check(
            "",
            "<xmpRights:WebStatement rdf:resource='https://example.com/'/>",
            json!({"web_statement": "https://example.com/"}),
        );
    }

    #[test]
    fn of_languages_the_default_is_taken_and_lists_stay_lists() {
        let title = "<dc:title><rdf:Alt><rdf:li xml:lang='de'>Hallo</rdf:li><rdf:li xml:lang='x-default'>Hello</rdf:li></rdf:Alt></dc:title>";
        check("", title, json!({"title": "Hello"}));
        check("", &title.replace("x-default", "en"), json!({"title": "Hallo"}));
        let list = "<dc:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li/><rdf:li>two</rdf:li></rdf:Bag></dc:subject>";
        check("", list, json!({"subject": ["one", "two"]}));
        check("", "<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li></rdf:Seq></dc:creator>", json!({"creator": ["Ann"]}));
        let many = format!("<dc:subject><rdf:Bag>{}</rdf:Bag></dc:subject>", "<rdf:li>x</rdf:li>".repeat(500));
        check("", &many, json!({"subject": vec!["x"; MAX_VALUES]}));
        let long = format!("<dc:description>{}</dc:description>", "\u{e9}".repeat(20_000));
        check("", &long, json!({"description": "\u{e9}".repeat(LONG_TEXT)}));
    }

    #[test]
    fn namespaces_count_and_not_prefixes() {
        let packet =
            format!("{HEAD}<rdf:Description xmlns:a='{DUBLIN_CORE}' xmlns:dc='urn:other' a:title='yes' dc:rights='no'/>{TAIL}");
        check_packet(&packet, json!({"title": "yes"}), &[]);
        // What stands deeper belongs to something else.
        check("", "<xmp:History><rdf:Description xmp:Label='inner'/><dc:title>inner</dc:title></xmp:History>", json!({}));
    }

    #[test]
    fn hostile_packets_end_with_a_warning() {
        let fine = format!("{HEAD}<rdf:Description {NAMESPACES} xmp:Rating='3'>");
        let rating = || json!({"rating": 3});
        check_packet(&fine, rating(), &["it ends inside an element"]);
        check_packet(&format!("{fine}{}", "<a>".repeat(10_000)), rating(), &["nested more than 64 deep"]);
        check_packet(&format!("{fine}</wrong>"), rating(), &["the XMP packet is damaged at its byte"]);
        let bomb = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;'>]>";
        check_packet(&format!("{bomb}{fine}"), json!({}), &["declares a document type"]);
        check("", "<xmp:Label>&unknown;x</xmp:Label>", json!({"label": "x"}));
        check_packet("", json!({}), &[]);
        check_packet("no XML at all", json!({}), &[]);
        let mut warnings = Vec::new();
        assert!(fields(&[0xff, 0xfe, b'<', 0, 0xc3], &mut warnings).is_empty());
    }

    #[test]
    fn a_packet_of_many_attributes_is_read_in_time() {
        let attributes: String = (0..40_000).map(|index| format!(" a{index}:b=''")).collect();
        let declared: String = (0..20_000).map(|index| format!(" xmlns:p{index}='{BASIC}'")).collect();
        let begun = std::time::Instant::now();
        let packet = format!("{HEAD}<rdf:Description {NAMESPACES}{declared}{attributes} xmp:Rating='2'/>{TAIL}");
        check_packet(&packet, json!({"rating": 2}), &[]);
        assert!(begun.elapsed().as_secs() < 2);
    }

    #[test]
    fn compressed_packets_are_bounded() {
        use std::io::Write;
        let deflated = |bytes: &[u8]| {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
        };
        let check = |bytes: &[u8], expected: Option<&[u8]>, expected_warning: &str| {
            let mut warnings = Vec::new();
            let found = packet(bytes, &TextBlock { range: 0..bytes.len(), deflated: true }, &mut warnings);
            assert_eq!(found.as_deref(), expected);
            assert!(warnings.concat().contains(expected_warning), "{warnings:?}");
        };
        check(&deflated(b"<a/>"), Some(b"<a/>"), "");
        check(&deflated(&vec![b' '; 50 << 20]), None, "more than 1048576 bytes");
        check(b"nonsense", None, "cannot be unpacked");
    }
}
