//! The JPEG decoder at every scale, beside its plain form, and as the engine uses it.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use minilab_jpeg::{DecodeOptions, Decoder, Scale};
use minilab_model::Format;
use std::ops::ControlFlow;

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(decoder) = Decoder::new(data) else { return Corpus::Reject };
    let info = decoder.info();
    if u64::from(info.width) * u64::from(info.height) > 1 << 20 {
        return Corpus::Reject;
    }
    for tolerant in [false, true] {
        let half_chroma = data.len() % 2 == 0;
        let options = DecodeOptions { tolerant, max_buffer_bytes: 64 << 20, half_chroma, ..DecodeOptions::default() };
        let plain = DecodeOptions { plain: true, ..options.clone() };
        let [Ok(decoder), Ok(plain)] = [options, plain].map(|options| Decoder::new(data).map(|decoder| decoder.with_options(options)))
        else {
            return Corpus::Reject;
        };
        for scale in [Scale::Eighth, Scale::Quarter, Scale::Half, Scale::Full] {
            let (width, height) = decoder.output_size(scale);
            let (mut rows, mut seen) = (0, 0);
            let decoded = decoder.decode(scale, &mut |strip| {
                seen = sum(seen, strip.pixels);
                assert_eq!((strip.y, strip.width), (rows, width));
                assert_eq!(strip.pixels.len(), strip.rows as usize * width as usize * usize::from(strip.channels));
                rows += strip.rows;
                ControlFlow::Continue(())
            });
            if let Ok(outcome) = &decoded {
                assert_eq!((outcome.rows, rows), (height, height));
                assert!(outcome.complete || tolerant);
            }
            assert!(rows <= height);
            let mut expected = 0;
            let plainly = plain.decode(scale, &mut |strip| {
                expected = sum(expected, strip.pixels);
                ControlFlow::Continue(())
            });
            assert_eq!(decoded, plainly);
            assert_eq!(seen, expected);
            let sizes = decoder.plane_sizes(scale);
            let planes = decoder.decode_planes(scale, &mut |strip| {
                assert_eq!(strip.planes.len(), sizes.len());
                for (plane, size) in strip.planes.iter().zip(&sizes) {
                    assert!(plane.width <= size.width && plane.y + plane.rows <= size.height, "{plane:?} of {size:?}");
                }
                ControlFlow::Continue(())
            });
            assert_eq!(decoded.is_ok(), planes.is_ok());
        }
    }
    minilab_fuzz::image(data, Format::Jpeg);
    Corpus::Keep
});

/// A hash of what has been seen and what follows (FNV-1a, by pixels).
fn sum(seen: u64, pixels: &[u8]) -> u64 {
    pixels.iter().fold(seen, |seen, &pixel| (seen ^ u64::from(pixel)).wrapping_mul(0x100_0000_01B3))
}
