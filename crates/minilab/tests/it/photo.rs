//! Photos for tests: small, real, each with bytes of its own.

/// A small JPEG, made different from all others by a comment.
pub fn unique(comment: &str) -> Vec<u8> {
    with_comment(include_bytes!("../../../../testdata/formats/jpeg-420.jpg"), comment)
}

fn with_comment(jpeg: &[u8], comment: &str) -> Vec<u8> {
    let length = u16::try_from(comment.len() + 2).expect("a short comment").to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xFE], &length, comment.as_bytes(), &jpeg[2..]].concat()
}

/// A demo photo by name.
pub fn demo(name: &str) -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/demo/").to_owned() + name).expect("a demo photo")
}

/// A small file of some format by name.
pub fn format(name: &str) -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/formats/").to_owned() + name).expect("a test file")
}
