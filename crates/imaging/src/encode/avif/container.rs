//! The boxes around AV1 frames (ISO/IEC 14496-12 and 23008-12, AV1 Image File Format 1.1).

use crate::encode::Attachments;
use crate::picture::Size;

/// What an AVIF file is made of.
pub(super) struct Container<'a> {
    pub size: Size,
    pub color: &'a Image,
    pub alpha: Option<&'a Image>,
    pub attachments: &'a Attachments,
}

/// One coded image.
pub(super) struct Image {
    /// A temporal unit.
    pub stream: Vec<u8>,
    pub pixels: Pixels,
}

/// What the headers say of an image's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pixels {
    /// 8 or 10.
    pub bits: u8,
    pub chroma: Chroma,
}

/// How much chroma there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chroma {
    None,
    Half,
    Full,
}

/// One thing that the file holds, named by its place in the list, from 1.
struct Item<'a> {
    kind: &'static [u8; 4],
    /// The name that follows the kind; a media type for `mime`.
    name: &'static [u8],
    /// Parts of its bytes, one behind the other.
    data: [&'a [u8]; 2],
    /// What it says to the first item, which is the image: `auxl` for alpha, `cdsc` for metadata.
    refers_by: Option<&'static [u8; 4]>,
    /// Properties by their place in the list, from 1, with the top bit set where a reader must know them.
    properties: Vec<u8>,
}

/// Set on a property that a reader must know to show the image.
const ESSENTIAL: u8 = 0x80;

impl Container<'_> {
    /// The file; `None` when it is too long for its 32-bit offsets.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        let (properties, items) = self.contents();
        let data_bytes: usize = items.iter().map(Item::length).sum();
        let mut file = Vec::with_capacity(data_bytes + 1024);
        // AVIF's own brand, and those of the formats it is made of; no profile's, since levels are not kept to.
        within(&mut file, b"ftyp", |out| out.extend_from_slice(b"avif\0\0\0\0avifmif1miaf"));
        // The offsets stand before the data, so the metadata is made twice: it is as long with any offset.
        let meta_bytes = meta(&properties, &items, 0)?.len();
        let first = u32::try_from(file.len() + meta_bytes + 8).ok()?;
        file.extend(meta(&properties, &items, first)?);
        u32::try_from(file.len() + data_bytes + 8).ok()?;
        within(&mut file, b"mdat", |out| items.iter().flat_map(|item| item.data).for_each(|part| out.extend_from_slice(part)));
        Some(file)
    }

    fn contents(&self) -> (Vec<Vec<u8>>, Vec<Item<'_>>) {
        let mut properties = vec![spatial_extents(self.size), configuration(self.color.pixels), depths(self.color.pixels)];
        let mut color = vec![1, 2 | ESSENTIAL, 3];
        let mut also = |property: Vec<u8>, list: &mut Vec<u8>, flag: u8| {
            properties.push(property);
            list.push(properties.len() as u8 | flag);
        };
        if let Some(icc) = &self.attachments.icc {
            also(boxed(b"colr", &[b"prof", icc]), &mut color, 0);
        }
        // BT.709 primaries, sRGB's curve, BT.601's matrix, full range. The matrix counts beside a profile too.
        also(boxed(b"colr", &[b"nclx", &[0, 1, 0, 13, 0, 6, 0x80]]), &mut color, 0);
        let image = |stream, refers_by, properties| Item { kind: b"av01", name: b"", data: [stream, &[]], refers_by, properties };
        let mut items = vec![image(&self.color.stream, None, color)];
        if let Some(alpha) = self.alpha {
            let mut list = vec![1];
            also(configuration(alpha.pixels), &mut list, ESSENTIAL);
            also(depths(alpha.pixels), &mut list, 0);
            also(full_boxed(b"auxC", 0, &[b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"]), &mut list, ESSENTIAL);
            items.push(image(&alpha.stream, Some(b"auxl"), list));
        }
        let described = |kind, name, data| Item { kind, name, data, refers_by: Some(b"cdsc"), properties: Vec::new() };
        if let Some(exif) = &self.attachments.exif {
            // Four bytes say where in the rest the TIFF structure begins.
            items.push(described(b"Exif", b"", [&[0; 4], exif]));
        }
        if let Some(xmp) = &self.attachments.xmp {
            items.push(described(b"mime", b"application/rdf+xml\0", [xmp, &[]]));
        }
        (properties, items)
    }
}

impl Item<'_> {
    fn length(&self) -> usize {
        self.data.iter().map(|part| part.len()).sum()
    }
}

/// The `meta` box of items whose data lies from `first` on, one item behind the other.
fn meta(properties: &[Vec<u8>], items: &[Item<'_>], first: u32) -> Option<Vec<u8>> {
    let handler = full_boxed(b"hdlr", 0, &[&[0; 4], b"pict", &[0; 13]]);
    let primary = full_boxed(b"pitm", 0, &[&1_u16.to_be_bytes()]);
    let count = u16::try_from(items.len()).ok()?.to_be_bytes();
    let mut locations = Vec::new();
    let mut names = Vec::new();
    let mut references = Vec::new();
    let mut associations = Vec::new();
    let mut associated = 0_u32;
    let mut offset = first;
    for (item, number) in items.iter().zip(1_u16..) {
        let number = number.to_be_bytes();
        let length = u32::try_from(item.length()).ok()?;
        // Data reference 0 (this file), one extent.
        for part in [&number[..], &[0, 0, 0, 1], &offset.to_be_bytes(), &length.to_be_bytes()] {
            locations.extend_from_slice(part);
        }
        offset = offset.checked_add(length)?;
        // Version 2: a 16-bit number, no protection, a kind, an empty name and what the kind adds.
        names.extend(full_boxed(b"infe", 2 << 24, &[&number, &[0, 0], item.kind, &[0], item.name]));
        if let Some(kind) = item.refers_by {
            references.extend(boxed(kind, &[&number, &[0, 1, 0, 1]]));
        }
        if !item.properties.is_empty() {
            associated += 1;
            associations.extend_from_slice(&number);
            associations.push(item.properties.len() as u8);
            associations.extend_from_slice(&item.properties);
        }
    }
    let property_list = boxed(b"ipco", &[&properties.concat()]);
    let association = full_boxed(b"ipma", 0, &[&associated.to_be_bytes(), &associations]);
    let references = if references.is_empty() { Vec::new() } else { full_boxed(b"iref", 0, &[&references]) };
    Some(full_boxed(
        b"meta",
        0,
        &[
            &handler,
            &primary,
            // Offsets and lengths of four bytes, no base offset.
            &full_boxed(b"iloc", 0, &[&[0x44, 0], &count, &locations]),
            &full_boxed(b"iinf", 0, &[&count, &names]),
            &references,
            &boxed(b"iprp", &[&property_list, &association]),
        ],
    ))
}

fn spatial_extents(size: Size) -> Vec<u8> {
    full_boxed(b"ispe", 0, &[&size.width.to_be_bytes(), &size.height.to_be_bytes()])
}

/// AV1 codec configuration (AV1 Codec ISO Media File Format Binding, 2.3.3), without a copy of the sequence header.
fn configuration(pixels: Pixels) -> Vec<u8> {
    // Profile 0 has 4:2:0 and grey, profile 1 has 4:4:4; level 31 says that no level's bounds are promised.
    let profile = if pixels.chroma == Chroma::Full { 1 } else { 0 };
    let subsampling = match pixels.chroma {
        Chroma::None => 0b1_1100,
        Chroma::Half => 0b0_1100,
        Chroma::Full => 0,
    };
    let high_depth = if pixels.bits > 8 { 0b0100_0000 } else { 0 };
    boxed(b"av1C", &[&[0x81, profile << 5 | 31, high_depth | subsampling, 0]])
}

fn depths(pixels: Pixels) -> Vec<u8> {
    let channels = if pixels.chroma == Chroma::None { 1 } else { 3 };
    full_boxed(b"pixi", 0, &[&[channels], &[pixels.bits; 3][..usize::from(channels)]])
}

/// A box around the parts.
fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    within(&mut out, kind, |out| parts.iter().for_each(|part| out.extend_from_slice(part)));
    out
}

/// A box with a version (the top byte) and flags.
fn full_boxed(kind: &[u8; 4], version_and_flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    let version_and_flags = version_and_flags.to_be_bytes();
    let mut all: Vec<&[u8]> = vec![&version_and_flags];
    all.extend_from_slice(parts);
    boxed(kind, &all)
}

/// Appends a box whose body `write` appends. Callers see to it that it is shorter than 4 GiB.
fn within(out: &mut Vec<u8>, kind: &[u8; 4], write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    write(out);
    let length = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}
