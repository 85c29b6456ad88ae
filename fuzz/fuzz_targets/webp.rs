//! The interface over libwebp, stills and animations, by itself and as the engine uses it.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use minilab_model::Format;
use minilab_webp::{Animation, Canvas, DecodeOptions, Decoder, Features, Pixels};

const MAX_PIXELS: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(features) = Features::read(data) else { return Corpus::Reject };
    if u64::from(features.width) * u64::from(features.height) > MAX_PIXELS {
        return Corpus::Reject;
    }
    for pixels in [Pixels::Rgb, Pixels::Rgba, Pixels::Planes] {
        if let Ok(decoder) = Decoder::new(data, pixels, DecodeOptions::default()) {
            decode(decoder, pixels);
        }
    }
    if let Ok(mut animation) = Animation::read(data) {
        let mut canvas = Canvas::new(animation.width, animation.height);
        let mut frames = 0;
        while let Ok(Some(frame)) = animation.next_frame() {
            frames += 1;
            if frames > 12 || u64::from(frame.width) * u64::from(frame.height) > MAX_PIXELS {
                break;
            }
            let Ok(decoder) = Decoder::of_frame(&frame, Pixels::Rgba, DecodeOptions::default()) else { break };
            if let Some(rgba) = decode(decoder, Pixels::Rgba) {
                canvas.draw(&frame, &rgba);
            }
        }
        assert_eq!(canvas.samples().len(), animation.width as usize * animation.height as usize * 4);
    }
    minilab_fuzz::image(data, Format::Webp);
    Corpus::Keep
});

/// Decodes piece by piece; all samples, when all are there.
fn decode(mut decoder: Decoder<'_>, pixels: Pixels) -> Option<Vec<u8>> {
    let features = decoder.features();
    let mut rows = 0;
    let done = loop {
        let step = decoder.decode_some(64);
        assert!(decoder.rows() >= rows && decoder.rows() <= features.height);
        rows = decoder.rows();
        match step {
            Ok(false) => {}
            Ok(true) => break true,
            Err(_) => break false,
        }
    };
    let channels = match pixels {
        Pixels::Rgb => 3,
        Pixels::Rgba => 4,
        Pixels::Planes => 0,
    };
    assert_eq!(decoder.samples().len(), rows as usize * features.width as usize * channels);
    assert_eq!(decoder.planes().is_some(), channels == 0);
    assert!(!done || rows == features.height);
    done.then(|| decoder.samples().to_vec())
}
