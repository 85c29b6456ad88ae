//! The colours of a source, and from there into sRGB: by the embedded profile, or by rule where there is none.

use crate::metadata::icc::EmbeddedProfile;
use crate::picture::{Layout, Picture, Sample, Samples};
use minilab_model::{ColorSpace, OutputColor};
use moxcms::{ColorProfile, DataColorSpace, Layout as ProfileLayout, TransformExecutor, TransformOptions};
use std::sync::Arc;

/// Brings the pictures of one source into sRGB. Made once per source; pictures are converted after shrinking, when there
/// are few pixels left.
///
/// Untagged pixels are sRGB already. Without a usable profile, inks become colours by `(1 - ink) × (1 - black)`.
pub(crate) struct Colors {
    profile: Option<EmbeddedProfile>,
    eight: Option<Transform<u8>>,
    sixteen: Option<Transform<u16>>,
}

type Transform<S> = Arc<dyn TransformExecutor<S> + Send + Sync>;

impl Colors {
    /// A profile for other channels than the image has counts as none, and is warned of.
    pub(crate) fn new(color_space: ColorSpace, profile: Option<EmbeddedProfile>, warnings: &mut Vec<String>) -> Self {
        let expected = match color_space {
            ColorSpace::Grey => DataColorSpace::Gray,
            ColorSpace::Rgb | ColorSpace::Ycbcr => DataColorSpace::Rgb,
            ColorSpace::Cmyk | ColorSpace::Ycck => DataColorSpace::Cmyk,
        };
        let profile = profile.filter(|profile| {
            let fits = profile.parsed.color_space == expected;
            if !fits {
                let found = profile.parsed.color_space;
                warnings.push(format!("the colour profile is for {found:?}, the image is {expected:?}: taken as sRGB"));
            }
            fits
        });
        Self { profile, eight: None, sixteen: None }
    }

    /// Whether a variant can be written in the source's own colours: not in inks.
    pub(crate) fn can_be_kept(&self) -> bool {
        self.kept_profile().is_some()
    }

    /// Whether pixels change on the way to a variant's colours.
    pub(crate) fn converts(&self, color: OutputColor) -> bool {
        self.profile.is_some() && !(color == OutputColor::Keep && self.can_be_kept())
    }

    /// The profile of a variant that keeps the source's colours.
    pub(crate) fn kept_profile(&self) -> Option<&[u8]> {
        let profile = self.profile.as_ref().filter(|profile| profile.parsed.color_space != DataColorSpace::Cmyk)?;
        Some(&profile.bytes)
    }

    /// The picture in sRGB: grey, RGB or RGBA as it was, RGB where it was inks. A profile that cannot be followed is
    /// warned of, once, and left out.
    pub(crate) fn in_srgb(&mut self, picture: Picture, warnings: &mut Vec<String>) -> Picture {
        if let Some(EmbeddedProfile { parsed: profile, .. }) = &self.profile {
            let converted = match &picture.samples {
                Samples::Eight(samples) => make(&mut self.eight, || {
                    profile.create_transform_8bit(layouts(&picture).0, &srgb(), layouts(&picture).1, options())
                })
                .and_then(|transform| run(transform.as_ref(), &picture, samples)),
                Samples::Sixteen(samples) => make(&mut self.sixteen, || {
                    profile.create_transform_16bit(layouts(&picture).0, &srgb(), layouts(&picture).1, options())
                })
                .and_then(|transform| run(transform.as_ref(), &picture, samples)),
            };
            match converted {
                Ok(converted) => return converted,
                Err(error) => {
                    warnings.push(format!("the colour profile cannot be followed, taken as sRGB: {error}"));
                    self.profile = None;
                }
            }
        }
        match picture.layout {
            Layout::Cmyk => picture.map_pixels(
                Layout::Rgb,
                |pixel| inks_to_rgb(pixel).map(|value| value as u8),
                |pixel| inks_to_rgb(pixel).map(|value| value as u16),
            ),
            _ => picture,
        }
    }
}

fn srgb() -> ColorProfile {
    ColorProfile::new_srgb()
}

fn options() -> TransformOptions {
    TransformOptions::default()
}

/// What goes in and what comes out. Grey comes out as RGB with three equal channels, of which one is kept.
fn layouts(picture: &Picture) -> (ProfileLayout, ProfileLayout) {
    match picture.layout {
        Layout::Grey => (ProfileLayout::Gray, ProfileLayout::Rgb),
        Layout::GreyAlpha => (ProfileLayout::GrayAlpha, ProfileLayout::Rgba),
        Layout::Rgb => (ProfileLayout::Rgb, ProfileLayout::Rgb),
        Layout::Rgba => (ProfileLayout::Rgba, ProfileLayout::Rgba),
        // Four inks go by the name of RGBA.
        Layout::Cmyk => (ProfileLayout::Rgba, ProfileLayout::Rgb),
    }
}

fn make<S>(
    cached: &mut Option<Transform<S>>,
    create: impl FnOnce() -> Result<Transform<S>, moxcms::CmsError>,
) -> Result<Transform<S>, moxcms::CmsError> {
    if let Some(transform) = cached {
        return Ok(Arc::clone(transform));
    }
    let transform = create()?;
    *cached = Some(Arc::clone(&transform));
    Ok(transform)
}

fn run<S: Sample>(
    transform: &(dyn TransformExecutor<S> + Send + Sync),
    picture: &Picture,
    samples: &[S],
) -> Result<Picture, moxcms::CmsError> {
    let (channels, kept) = match picture.layout {
        Layout::Grey => (3, Some(1)),
        Layout::GreyAlpha => (4, Some(2)),
        Layout::Rgb | Layout::Cmyk => (3, None),
        Layout::Rgba => (4, None),
    };
    let mut output = vec![S::default(); picture.size.pixels() as usize * channels];
    transform.transform(samples, &mut output)?;
    let layout = match kept {
        // Red, or red and alpha: the last channels of RGB and RGBA.
        Some(kept) => {
            output = output.chunks_exact(channels).flat_map(|pixel| pixel[channels - kept..].iter().copied()).collect();
            picture.layout
        }
        None if channels == 3 => Layout::Rgb,
        None => Layout::Rgba,
    };
    Ok(Picture { size: picture.size, layout, samples: S::wrap(output) })
}

fn inks_to_rgb<S: Sample>(pixel: &[S]) -> [u64; 3] {
    let paper = |ink: S| S::MAX - ink.to_u64();
    let black = paper(pixel[3]);
    std::array::from_fn(|channel| (paper(pixel[channel]) * black + S::MAX / 2) / S::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::picture::Size;

    fn dot(layout: Layout, samples: &[u8]) -> Picture {
        Picture::eight(Size { width: 1, height: 1 }, layout, samples.to_vec())
    }

    fn convert(color_space: ColorSpace, profile: Option<ColorProfile>, picture: Picture) -> (Picture, Vec<String>) {
        let mut warnings = Vec::new();
        let profile = profile.map(|parsed| EmbeddedProfile { parsed, bytes: Vec::new() });
        let mut colors = Colors::new(color_space, profile, &mut warnings);
        (colors.in_srgb(picture, &mut warnings), warnings)
    }

    fn check_near(picture: &Picture, expected: &[u8]) {
        let Samples::Eight(samples) = &picture.samples else { panic!("not 8 bits") };
        assert_eq!(samples.len(), expected.len());
        let near = samples.iter().zip(expected).all(|(&found, &wanted)| found.abs_diff(wanted) <= 1);
        assert!(near, "{samples:?} is not {expected:?}");
    }

    /// Expected values by the CSS Color 4 matrices (P3 to XYZ to sRGB), computed apart from this code.
    #[test]
    fn display_p3_becomes_srgb() {
        let p3 = || Some(ColorProfile::new_display_p3());
        check_near(&convert(ColorSpace::Rgb, p3(), dot(Layout::Rgb, &[220, 30, 30])).0, &[240, 0, 0]);
        check_near(&convert(ColorSpace::Rgb, p3(), dot(Layout::Rgb, &[30, 180, 60])).0, &[0, 183, 31]);
        check_near(&convert(ColorSpace::Ycbcr, p3(), dot(Layout::Rgb, &[128, 128, 128])).0, &[128, 128, 128]);
        check_near(&convert(ColorSpace::Rgb, p3(), dot(Layout::Rgba, &[220, 30, 30, 77])).0, &[240, 0, 0, 77]);
    }

    #[test]
    fn sixteen_bits_stay_sixteen() {
        let picture = Picture {
            size: Size { width: 1, height: 1 },
            layout: Layout::Rgb,
            samples: Samples::Sixteen(vec![220 * 257, 30 * 257, 30 * 257]),
        };
        let (converted, warnings) = convert(ColorSpace::Rgb, Some(ColorProfile::new_display_p3()), picture);
        let Samples::Sixteen(samples) = &converted.samples else { panic!("not 16 bits") };
        assert!(samples[0].abs_diff(240 * 257) < 200 && samples[1] == 0, "{samples:?}");
        assert!(warnings.is_empty());
    }

    #[test]
    fn grey_stays_grey() {
        // Linear grey: half the light is 188 of 255 in sRGB.
        let linear = ColorProfile::new_gray_with_gamma(1.0);
        let (converted, warnings) = convert(ColorSpace::Grey, Some(linear.clone()), dot(Layout::Grey, &[128]));
        check_near(&converted, &[188]);
        assert!(warnings.is_empty(), "{warnings:?}");
        check_near(&convert(ColorSpace::Grey, Some(linear), dot(Layout::GreyAlpha, &[128, 9])).0, &[188, 9]);
    }

    #[test]
    fn profiles_for_other_channels_are_left_out() {
        let (converted, warnings) = convert(ColorSpace::Grey, Some(ColorProfile::new_display_p3()), dot(Layout::Grey, &[99]));
        check_near(&converted, &[99]);
        assert_eq!(warnings.len(), 1);
    }

    #[test]
    fn inks_without_a_profile_follow_the_simple_rule() {
        check_near(&convert(ColorSpace::Cmyk, None, dot(Layout::Cmyk, &[0, 0, 0, 0])).0, &[255, 255, 255]);
        check_near(&convert(ColorSpace::Cmyk, None, dot(Layout::Cmyk, &[0, 255, 255, 0])).0, &[255, 0, 0]);
        check_near(&convert(ColorSpace::Ycck, None, dot(Layout::Cmyk, &[0, 0, 0, 155])).0, &[100, 100, 100]);
    }
}
