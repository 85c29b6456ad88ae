//! The headers of all formats. What the beginning of a file says is what the whole file says.
#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use minilab_fuzz::{limits, well_said};
use minilab_imaging::{ImageError, read_header};

fuzz_target!(|data: &[u8]| -> Corpus {
    let limits = limits().decode;
    let whole = read_header(data, &limits);
    if let Err(error) = &whole {
        well_said(error);
    }
    for length in [data.len() / 2, data.len().saturating_sub(1)] {
        match (read_header(&data[..length], &limits), &whole) {
            (Ok(part), Ok(whole)) => {
                let sizes = |header: &minilab_imaging::Header| (header.format, header.width, header.height, header.bit_depth);
                assert_eq!(sizes(&part), sizes(whole));
            }
            (Err(ImageError::HeaderIncomplete { available }), _) => assert_eq!(available, length as u64),
            _ => {}
        }
    }
    if matches!(whole, Err(ImageError::NotAnImage { .. })) { Corpus::Reject } else { Corpus::Keep }
});
