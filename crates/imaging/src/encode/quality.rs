//! What a quality on JPEG's scale is in other formats.
pub(super) fn avif_quantizer(quality: u8) -> u8 {
    255 - (f32::from(quality) * 2.5) as u8
}
pub(super) fn avif_alpha_quantizer(quality: u8) -> u8 {
    avif_quantizer(quality) / 2
}
