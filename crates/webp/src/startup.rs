//! libwebp chooses its functions for the processor when they are first needed. Built without threads, as it is here, it does so without
//! a lock; so everything is needed once, under a lock of ours, before two threads can come to it at the same time.

use crate::decoder::{DecodeOptions, Decoder, Pixels};
use crate::encoder::{EncodeOptions, Image, encode_unprepared};
use std::sync::Once;

static PREPARED: Once = Once::new();

/// To be called before anything of libwebp is. The first call takes less than a millisecond, the others nothing.
pub(crate) fn prepare() {
    PREPARED.call_once(|| {
        // 16 × 16 pixels with alpha, no two alike, so that no coding finds a short way.
        let samples: Vec<u8> = (0..16 * 16 * 4_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let image = Image { width: 16, height: 16, has_alpha: true, samples: &samples };
        for lossless in [false, true] {
            let Ok(file) = encode_unprepared(image, EncodeOptions { lossless, ..EncodeOptions::default() }) else {
                continue;
            };
            for pixels in [Pixels::Rgba, Pixels::Rgb, Pixels::Planes] {
                // What this gives does not matter; that it ran does.
                let _ = Decoder::new_unprepared(&file, pixels, DecodeOptions::default())
                    .and_then(|mut decoder| decoder.decode_some(usize::MAX));
            }
        }
    });
}
