//! Light and its gamma-encoded values (sRGB, IEC 61966-2-1).

use crate::picture::{Picture, Samples, narrow};
use std::sync::OnceLock;

/// Tables between sRGB values and light, 16 bits each. Light in 16 bits keeps every sRGB level of 8 bits apart.
pub(crate) struct Light {
    decode: Vec<u16>,
    encode: Vec<u16>,
}

impl Light {
    /// The sRGB curve.
    pub(crate) fn of_srgb() -> &'static Self {
        static LIGHT: OnceLock<Light> = OnceLock::new();
        LIGHT.get_or_init(|| {
            let table = |curve: fn(f64) -> f64| {
                (0..=u16::MAX).map(|value| (curve(f64::from(value) / 65_535.0) * 65_535.0).round() as u16).collect()
            };
            Self { decode: table(srgb_to_light), encode: table(light_to_srgb) }
        })
    }

    /// Values as light, 16 bits; alpha is widened only.
    pub(crate) fn decode(&self, picture: &Picture) -> Picture {
        let wide = match &picture.samples {
            Samples::Eight(samples) => samples.iter().map(|&value| u16::from(value) * 257).collect(),
            Samples::Sixteen(samples) => samples.clone(),
        };
        Picture { samples: Samples::Sixteen(mapped(wide, picture, &self.decode)), ..picture.clone() }
    }

    /// Light of 16 bits as values, of 8 bits or 16.
    pub(crate) fn encode(&self, picture: &Picture, to_eight: bool) -> Picture {
        let Samples::Sixteen(light) = &picture.samples else { return picture.clone() };
        let values = mapped(light.clone(), picture, &self.encode);
        let samples = if to_eight { Samples::Eight(values.into_iter().map(narrow).collect()) } else { Samples::Sixteen(values) };
        Picture { samples, size: picture.size, layout: picture.layout }
    }
}

fn mapped(mut samples: Vec<u16>, picture: &Picture, table: &[u16]) -> Vec<u16> {
    let channels = picture.layout.channels();
    let colors = channels - usize::from(picture.layout.has_alpha());
    for pixel in samples.chunks_exact_mut(channels) {
        for value in &mut pixel[..colors] {
            *value = table[usize::from(*value)];
        }
    }
    samples
}

/// An sRGB value of 0 to 1 as light.
pub(crate) fn srgb_to_light(value: f64) -> f64 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// Light of 0 to 1 as an sRGB value.
pub(crate) fn light_to_srgb(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::{Layout, Size};

    #[test]
    fn every_level_survives() {
        let levels: Vec<u8> = (0..=255).collect();
        let picture = Picture::eight(Size { width: 256, height: 1 }, Layout::Grey, levels);
        let light = Light::of_srgb();
        assert_eq!(light.encode(&light.decode(&picture), true), picture);
    }

    #[test]
    fn alpha_is_no_light() {
        let picture = Picture::eight(Size { width: 1, height: 1 }, Layout::GreyAlpha, vec![188, 128]);
        let Samples::Sixteen(light) = Light::of_srgb().decode(&picture).samples else { unreachable!() };
        assert!(light[0].abs_diff(32_768) < 500 && light[1] == 128 * 257, "{light:?}");
    }
}
