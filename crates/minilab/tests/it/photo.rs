//! Photos for tests: small, real, each with bytes of its own.

/// A small JPEG, made different from all others by a comment.
pub fn unique(comment: &str) -> Vec<u8> {
    with_comment(include_bytes!("../../../../testdata/formats/jpeg-420.jpg"), comment)
}

/// The same of a photo that takes a while to decode.
pub fn unique_large(comment: &str) -> Vec<u8> {
    with_comment(&demo("hubble_deep_field.jpg"), comment)
}

fn with_comment(jpeg: &[u8], comment: &str) -> Vec<u8> {
    let length = u16::try_from(comment.len() + 2).expect("a short comment").to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xFE], &length, comment.as_bytes(), &jpeg[2..]].concat()
}

/// A small PNG of one colour, made different from all others by a comment.
pub fn coloured(colour: [u8; 3], comment: &str) -> Vec<u8> {
    const SIDE: u32 = 32;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("Comment".to_owned(), comment.to_owned()).expect("a comment in Latin 1");
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&colour.repeat((SIDE * SIDE) as usize)).expect("pixels");
    writer.finish().expect("an end");
    file
}

/// The one colour of a PNG; fails when it is damaged or has more than one.
pub fn colour(file: &[u8]) -> [u8; 3] {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a small PNG")];
    let frame = reader.next_frame(&mut pixels).expect("a whole PNG");
    let samples = frame.color_type.samples();
    let rgb = |pixel: &[u8]| match samples {
        1 | 2 => [pixel[0]; 3],
        _ => [pixel[0], pixel[1], pixel[2]],
    };
    let first = rgb(&pixels[..samples]);
    assert!(pixels[..frame.buffer_size()].chunks_exact(samples).all(|pixel| rgb(pixel) == first), "more than one colour");
    first
}

/// A demo photo by name.
pub fn demo(name: &str) -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/demo/").to_owned() + name).expect("a demo photo")
}

/// A small file of some format by name.
pub fn format(name: &str) -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/formats/").to_owned() + name).expect("a test file")
}
