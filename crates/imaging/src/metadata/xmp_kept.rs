//! An XMP packet as it goes into a variant: without the place, without previews, and without what speaks of the source's pixels
//! alone.

use super::xmp::{MAX_BYTES, MAX_DEPTH};
use quick_xml::Writer;
use quick_xml::events::{BytesStart, BytesText, Event};
use quick_xml::reader::Reader;

/// Largest packet that is kept, in bytes: what a JPEG segment holds beside its prefix.
const MAX_KEPT: usize = 65_502;
/// White space from this length on is padding, left for editors that write into the file.
const PADDING: usize = 64;

/// Prefixes of what comes with data that a variant has not: depth and gain maps, videos behind the picture, sound.
const DROPPED_PREFIXES: [&str; 13] = [
    "Camera",
    "Container",
    "Device",
    "GAudio",
    "GCamera",
    "GContainer",
    "GCreations",
    "GDepth",
    "GImage",
    "HDRGainMap",
    "Item",
    "MiCamera",
    "hdrgm",
];
/// Names of what is wrong once the pixels are others.
const DROPPED_NAMES: [&str; 9] = [
    "Thumbnails",
    "HasExtendedXMP",
    "tiff:Orientation",
    "tiff:ImageWidth",
    "tiff:ImageLength",
    "exif:PixelXDimension",
    "exif:PixelYDimension",
    "exif:MakerNote",
    "exif:NativeDigest",
];

/// The packet without what must not be kept; `None` when it cannot be read, or is too large.
pub(crate) fn kept(packet: &[u8]) -> Option<Vec<u8>> {
    if packet.len() > MAX_BYTES {
        return None;
    }
    let packet = std::str::from_utf8(packet).ok()?.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(packet);
    let mut writer = Writer::new(Vec::with_capacity(packet.len()));
    let mut depth = 0_usize;
    // The depth of the element that is being left out.
    let mut dropped: Option<usize> = None;
    loop {
        let event = reader.read_event().ok()?;
        match &event {
            Event::Eof if depth > 0 => return None,
            Event::Eof => break,
            // It could define anything.
            Event::DocType(_) => return None,
            Event::Start(element) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return None;
                }
                if dropped.is_none() && is_dropped(element.name().as_ref()) {
                    dropped = Some(depth);
                }
            }
            Event::Empty(element) if is_dropped(element.name().as_ref()) => continue,
            _ => {}
        }
        if dropped.is_none() {
            write(&mut writer, &event)?;
        }
        if matches!(event, Event::End(_)) {
            dropped = dropped.filter(|&element| element != depth);
            depth = depth.checked_sub(1)?;
        }
    }
    let packet = writer.into_inner();
    (packet.len() <= MAX_KEPT).then_some(packet)
}

fn write(writer: &mut Writer<Vec<u8>>, event: &Event<'_>) -> Option<()> {
    let event = match event {
        Event::Start(element) => Event::Start(without_dropped_attributes(element)?),
        Event::Empty(element) => Event::Empty(without_dropped_attributes(element)?),
        Event::Text(text) if text.len() >= PADDING && text.trim().is_empty() => Event::Text(BytesText::from_escaped("\n")),
        Event::Comment(_) => return Some(()),
        other => other.borrow(),
    };
    writer.write_event(event).ok()
}

fn without_dropped_attributes<'e>(element: &'e BytesStart<'e>) -> Option<BytesStart<'e>> {
    let mut any = false;
    let mut kept = Vec::new();
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.ok()?;
        if is_dropped(attribute.key.as_ref()) { any = true } else { kept.push(attribute) }
    }
    if !any {
        return Some(element.borrow());
    }
    let name = element.name();
    Some(BytesStart::new(name.as_ref().to_owned()).with_attributes(kept))
}

/// Whether an element or attribute must not be kept. The place is known by its name, whatever the prefix stands for: cameras and
/// drones use namespaces of their own.
fn is_dropped(name: &str) -> bool {
    let (prefix, local) = name.split_once(':').unwrap_or(("", name));
    if prefix == "xmlns" {
        return false;
    }
    let lower = local.to_ascii_lowercase();
    let is_place = lower.starts_with("gps")
        || ["latitude", "longitude", "longtitude"].iter().any(|word| lower.contains(word))
        || (prefix == "geo" && matches!(lower.as_str(), "lat" | "long" | "alt"));
    is_place || DROPPED_PREFIXES.contains(&prefix) || DROPPED_NAMES.contains(&local) || DROPPED_NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(packet: &str, expected: Option<&str>) {
        let kept = kept(packet.as_bytes()).map(|kept| String::from_utf8_lossy(&kept).into_owned());
        assert_eq!(kept.as_deref(), expected);
    }

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        for packet in [
            "<?xpacket begin='\u{feff}' id='x'?><a:b xmlns:a='urn:a' a:c='1 &lt; 2'>t&amp;e<![CDATA[<x>]]></a:b><?xpacket end='w'?>",
            "<rdf:Description dc:rights='Ann'/>",
        ] {
            check(packet, Some(packet));
        }
        let padded = format!("<a/>{}<?xpacket end='w'?>", " ".repeat(2000));
        check(&padded, Some("<a/>\n<?xpacket end='w'?>"));
    }

    #[test]
    fn the_place_goes_whatever_it_is_called() {
        check("<d exif:GPSLatitude='51,28N' x:c='1'/>", Some("<d x:c=\"1\"/>"));
        check("<d exif:GPSLatitude='51,28N'>t</d>", Some("<d>t</d>"));
        check("<d><exif:GPSAltitude>47</exif:GPSAltitude><c/></d>", Some("<d><c/></d>"));
        check("<d drone-dji:GpsLongtitude='1' a:CentreLatitude='2' geo:lat='3' GPSLatitude='4'/>", Some("<d/>"));
        let nested = "<d><e><l:LocationCreated><f exif:GPSLatitude='1'><exif:GPSLongitude><a><b/></a></exif:GPSLongitude></f></l:LocationCreated></e></d>";
        check(nested, Some("<d><e><l:LocationCreated><f></f></l:LocationCreated></e></d>"));
        check("<d xmlns:gps='urn:gps'><gps:gpsinfo/></d>", Some("<d xmlns:gps='urn:gps'></d>"));
    }

    #[test]
    fn previews_and_what_is_wrong_of_the_variant_go() {
        check("<d><xmp:Thumbnails><rdf:Alt>base64</rdf:Alt></xmp:Thumbnails></d>", Some("<d></d>"));
        check("<d tiff:Orientation='6' xmpNote:HasExtendedXMP='0' hdrgm:Version='1.0'/>", Some("<d/>"));
        check("<d><Container:Directory><rdf:Seq/></Container:Directory></d>", Some("<d></d>"));
    }

    #[test]
    fn what_cannot_be_read_is_not_kept() {
        check("<a><b></a>", None);
        check("<a>", None);
        check("</a>", None);
        check("<!DOCTYPE a []><a/>", None);
        check(&"<a>".repeat(100), None);
        check(&format!("<a>{}</a>", "x".repeat(MAX_KEPT)), None);
        assert_eq!(kept(b"<a>\xff</a>"), None);
    }
}
