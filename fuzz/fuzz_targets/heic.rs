#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| -> libfuzzer_sys::Corpus { minilab_fuzz::image(data, minilab_model::Format::Heic) });
