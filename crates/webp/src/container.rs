//! RIFF, WebP's container (RFC 9649, section 2): chunks of a name, a length and a body.

use crate::error::Error;

/// Bytes of `RIFF`, the length, and `WEBP`.
pub(crate) const FILE_HEADER: usize = 12;
const CHUNK_HEADER: usize = 8;

/// Flags of VP8X.
pub(crate) const ICC_FLAG: u8 = 0x20;
pub(crate) const ALPHA_FLAG: u8 = 0x10;
pub(crate) const EXIF_FLAG: u8 = 0x08;
pub(crate) const XMP_FLAG: u8 = 0x04;
pub(crate) const ANIMATION_FLAG: u8 = 0x02;

/// One chunk of a file or of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Its four letters.
    pub name: [u8; 4],
    /// What is there of its body.
    pub body: &'a [u8],
    /// How long it says that its body is.
    pub stated_bytes: usize,
    /// Where the body begins, in bytes from the start of the file.
    pub offset: usize,
}

impl Chunk<'_> {
    /// Its name as text: "VP8X"; without the space of "VP8 ".
    #[must_use]
    pub fn shown_name(&self) -> String {
        let name: String = self.name.iter().flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
        name.trim_end().to_owned()
    }

    /// # Errors
    /// [`Error::Truncated`] when not all of the body is there.
    pub fn check_complete(&self) -> Result<(), Error> {
        if self.body.len() == self.stated_bytes {
            return Ok(());
        }
        Err(Error::Truncated {
            part: format!("chunk {}", self.shown_name()),
            available: self.body.len(),
            expected: self.stated_bytes,
            offset: self.offset + self.body.len(),
        })
    }
}

/// Goes through the chunks of a file or of a frame; the last can be cut off.
#[derive(Debug, Clone)]
pub struct Chunks<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Where the bytes begin in the file.
    base: usize,
}

impl<'a> Chunks<'a> {
    /// The chunks of a whole file.
    #[must_use]
    pub fn of_file(file: &'a [u8]) -> Self {
        Self { bytes: file, position: FILE_HEADER, base: 0 }
    }

    /// The chunks in a part of a file that begins at byte `base` of it.
    pub(crate) fn of_part(part: &'a [u8], base: usize) -> Self {
        Self { bytes: part, position: 0, base }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    /// `None` where no whole chunk header is left.
    fn next(&mut self) -> Option<Chunk<'a>> {
        let rest = self.bytes.get(self.position..)?;
        let &[n0, n1, n2, n3, l0, l1, l2, l3, ref body @ ..] = rest else {
            return None;
        };
        let stated_bytes = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let chunk = Chunk {
            name: [n0, n1, n2, n3],
            body: &body[..body.len().min(stated_bytes)],
            stated_bytes,
            offset: self.base + self.position + CHUNK_HEADER,
        };
        // Bodies are padded to an even length.
        self.position = self.position.saturating_add(CHUNK_HEADER).saturating_add(stated_bytes).saturating_add(stated_bytes % 2);
        Some(chunk)
    }
}

/// The container says how long the file is. libwebp decodes what it needs and looks no further.
///
/// # Errors
/// [`Error::Truncated`] when bytes are missing, and [`Error::Corrupt`] when it is no such container.
pub fn check_length(file: &[u8]) -> Result<(), Error> {
    let expected = stated_length(file)?;
    if expected > file.len() {
        return Err(Error::Truncated { part: "it".to_owned(), available: file.len(), expected, offset: file.len() });
    }
    Ok(())
}

/// Length of the file by its own account, in bytes.
pub(crate) fn stated_length(file: &[u8]) -> Result<usize, Error> {
    match file {
        [b'R', b'I', b'F', b'F', a, b, c, d, b'W', b'E', b'B', b'P', ..] => {
            Ok((u32::from_le_bytes([*a, *b, *c, *d]) as usize).saturating_add(CHUNK_HEADER))
        }
        _ => Err(Error::corrupt("it does not begin with RIFF and WEBP", 0)),
    }
}

/// Three bytes, the lowest first.
pub(crate) fn u24(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes: [u8; 3] = bytes.get(at..at.checked_add(3)?)?.try_into().ok()?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]))
}

/// What is written beside the pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attachments<'a> {
    /// The ICC profile of the pixels.
    pub icc: Option<&'a [u8]>,
    /// EXIF: a TIFF structure.
    pub exif: Option<&'a [u8]>,
    /// An XMP packet.
    pub xmp: Option<&'a [u8]>,
}

/// The file with these attachments in place of its own. `width` and `height` are those of its canvas. Without any attachment the
/// file is given back as it is.
///
/// # Errors
/// [`Error::Corrupt`] when the file is no whole WebP, [`Error::Unwritable`] when it would be longer than 4 GB.
pub fn attach(file: Vec<u8>, (width, height): (u32, u32), attachments: Attachments<'_>) -> Result<Vec<u8>, Error> {
    if attachments == Attachments::default() {
        return Ok(file);
    }
    check_length(&file)?;
    let mut flags = 0;
    for (flag, attached) in [(ICC_FLAG, attachments.icc), (EXIF_FLAG, attachments.exif), (XMP_FLAG, attachments.xmp)] {
        flags |= if attached.is_some() { flag } else { 0 };
    }
    let mut image = Vec::with_capacity(file.len());
    for chunk in Chunks::of_file(&file) {
        chunk.check_complete()?;
        match &chunk.name {
            b"VP8X" => flags |= chunk.body.first().map_or(0, |own| own & (ALPHA_FLAG | ANIMATION_FLAG)),
            b"ICCP" | b"EXIF" | b"XMP " => {}
            name => {
                flags |= if implies_alpha(&chunk) { ALPHA_FLAG } else { 0 };
                push_chunk(&mut image, *name, chunk.body)?;
            }
        }
    }
    let mut body = b"WEBP".to_vec();
    let mut header = vec![flags, 0, 0, 0];
    for side in [width, height] {
        let less_one = side.wrapping_sub(1);
        if less_one >= 1 << 24 {
            return Err(Error::unwritable("its canvas is empty or has a side of more than 16,777,216 pixels"));
        }
        header.extend_from_slice(&less_one.to_le_bytes()[..3]);
    }
    push_chunk(&mut body, *b"VP8X", &header)?;
    if let Some(icc) = attachments.icc {
        push_chunk(&mut body, *b"ICCP", icc)?;
    }
    body.append(&mut image);
    if let Some(exif) = attachments.exif {
        push_chunk(&mut body, *b"EXIF", exif)?;
    }
    if let Some(xmp) = attachments.xmp {
        push_chunk(&mut body, *b"XMP ", xmp)?;
    }
    let mut file = Vec::with_capacity(body.len() + CHUNK_HEADER);
    push_chunk(&mut file, *b"RIFF", &body)?;
    Ok(file)
}

/// Whether a chunk of a file without VP8X says that there is alpha.
fn implies_alpha(chunk: &Chunk<'_>) -> bool {
    match &chunk.name {
        b"ALPH" => true,
        // Signature, 14 bits of width and of height, then the bit that says so.
        b"VP8L" => chunk.body.get(4).is_some_and(|byte| byte & 0x10 != 0),
        _ => false,
    }
}

fn push_chunk(bytes: &mut Vec<u8>, name: [u8; 4], body: &[u8]) -> Result<(), Error> {
    let length = u32::try_from(body.len()).map_err(|_| Error::unwritable("it would be longer than 4 GB, where WebP ends"))?;
    bytes.extend_from_slice(&name);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(body);
    if !body.len().is_multiple_of(2) {
        bytes.push(0);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{EncodeOptions, Image, encode};

    #[test]
    fn chunks_end_where_the_bytes_end() {
        let file = b"RIFF\x14\0\0\0WEBPabc \x03\0\0\x00123\0XYZ!\x09\0\0\0tail";
        let chunks: Vec<_> = Chunks::of_file(file).collect();
        assert_eq!(
            chunks.iter().map(|chunk| (chunk.shown_name(), chunk.body)).collect::<Vec<_>>(),
            [("abc".to_owned(), &b"123"[..]), ("XYZ!".to_owned(), &b"tail"[..])]
        );
        assert_eq!(chunks[1].check_complete().unwrap_err().to_string(), "chunk XYZ! ends after 4 of 9 bytes");
        assert_eq!(chunks[1].check_complete().unwrap_err().offset(), Some(file.len()));
        assert!(chunks[0].check_complete().is_ok());
    }

    fn check(has_alpha: bool, lossless: bool, attachments: Attachments<'_>, names: &[&str], flags: u8) {
        let samples = vec![90; 5 * 3 * if has_alpha { 4 } else { 3 }];
        let options = EncodeOptions { lossless, ..EncodeOptions::default() };
        let plain = encode(Image { width: 5, height: 3, has_alpha, samples: &samples }, options).unwrap();
        let file = attach(plain, (5, 3), attachments).unwrap();
        let chunks: Vec<_> = Chunks::of_file(&file).collect();
        assert_eq!(chunks.iter().map(Chunk::shown_name).collect::<Vec<_>>(), names);
        assert_eq!(chunks[0].body, [flags, 0, 0, 0, 4, 0, 0, 2, 0, 0]);
        assert_eq!(stated_length(&file), Ok(file.len()));
        // Attaching again replaces what was there.
        assert_eq!(attach(file.clone(), (5, 3), attachments).unwrap(), file);
    }

    #[test]
    fn attachments_stand_in_the_order_of_the_specification() {
        let all = Attachments { icc: Some(b"profile"), exif: Some(b"II*\0"), xmp: Some(b"<x/>") };
        check(false, false, all, &["VP8X", "ICCP", "VP8", "EXIF", "XMP"], 0x2c);
        check(true, false, all, &["VP8X", "ICCP", "ALPH", "VP8", "EXIF", "XMP"], 0x3c);
        check(true, true, Attachments { icc: Some(b"p"), ..Attachments::default() }, &["VP8X", "ICCP", "VP8L"], 0x30);
        check(false, true, Attachments { xmp: Some(b"p"), ..Attachments::default() }, &["VP8X", "VP8L", "XMP"], 0x04);
    }
}
