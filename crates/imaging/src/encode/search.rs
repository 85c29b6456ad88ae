//! Finding the format and the quality of a variant by trying: `format = "auto"` and `max_bytes`.
//!
//! Each format that may be written is tried once at the recipe's quality; the smallest file is taken. Where that is over
//! `max_bytes`, the quality is bisected, in the format that was smallest first: a file grows with its quality but for a few
//! bytes, so seven more files find the highest quality that keeps to it. What is given back has been made and measured, whether
//! it grew as expected or not.

use super::attachments::held;
use super::{Attachments, EncodeOptions, Made, encode, encode_animation, encode_ycc};
use crate::alpha::{is_opaque, without_needless_alpha};
use crate::animation::Animation;
use crate::error::ImageError;
use crate::picture::{Deadline, Layout, Picture, Samples};
use crate::ycc::Ycc;
use minilab_model::{Format, OutputFormat, OutputLimits, VariantSpec};
use std::borrow::Cow;
use std::collections::HashSet;

/// Most pixels of an image that `auto` tries as AVIF, where it accepts anything else: an encode takes about two seconds
/// then, and is not interrupted by a deadline.
const MAX_AUTO_AVIF_PIXELS: u64 = 1_500_000;

/// Most colours of what counts as a graphic: what a palette holds.
const MAX_GRAPHIC_COLORS: usize = 256;

/// A variant as a file, in the format and at the quality that its recipe asks for or that are found by trying. What could not
/// be kept to is warned of.
///
/// # Errors
/// [`ImageError::Encode`] names every format that was tried and what went wrong; [`ImageError::OutputLimitExceeded`] where nothing
/// but AVIF can be written and there are too many pixels for it; [`ImageError::Deadline`].
pub(crate) fn encode_variant(
    made: &Made,
    spec: &VariantSpec,
    candidates: &[Format],
    attachments: &Attachments,
    limits: &OutputLimits,
    deadline: Deadline,
    warnings: &mut Vec<String>,
) -> Result<(Format, Vec<u8>), ImageError> {
    let mut search = Search { content: Content::of(made), spec, attachments, limits, deadline, failures: Vec::new() };
    let mut trials = search.trials(candidates, warnings)?;
    // Stable: of equals the first that is accepted.
    trials.sort_by_key(|trial| trial.bytes.len());
    let best = match spec.max_bytes {
        Some(limit) if trials.first().is_some_and(|best| best.bytes.len() as u64 > limit) => {
            search.within(trials, limit, warnings)?
        }
        _ => trials.into_iter().next(),
    };
    let Some(best) = best else { return Err(search.failed()) };
    held(attachments, best.format, search.content.layout(), warnings);
    Ok((best.format, best.bytes))
}

/// One file that was made.
struct Trial {
    format: Format,
    lossless: bool,
    quality: u8,
    bytes: Vec<u8>,
}

/// What is encoded, an alpha channel that says nothing taken off.
enum Content<'a> {
    Still(Cow<'a, Picture>),
    Ycc(&'a Ycc),
    Animation(&'a Animation),
}

impl<'a> Content<'a> {
    fn of(made: &'a Made) -> Self {
        match made {
            Made::Still(picture) => Self::Still(without_needless_alpha(picture)),
            Made::Ycc(ycc) => Self::Ycc(ycc),
            Made::Animation(animation) => Self::Animation(animation),
        }
    }

    fn pictures(&self) -> impl Iterator<Item = &Picture> {
        let (still, frames) = match self {
            Self::Still(picture) => (Some(picture.as_ref()), &[][..]),
            // Without alpha and in full colour, which is what is asked about pictures.
            Self::Ycc(_) => (None, &[][..]),
            Self::Animation(animation) => (None, animation.frames.as_slice()),
        };
        still.into_iter().chain(frames.iter().map(|frame| &frame.picture))
    }

    fn layout(&self) -> Layout {
        self.pictures().next().map_or(Layout::Rgb, |picture| picture.layout)
    }

    fn is_opaque(&self) -> bool {
        self.pictures().all(is_opaque)
    }

    fn pixels(&self) -> u64 {
        match self {
            Self::Ycc(ycc) => ycc.size().pixels(),
            _ => self.pictures().map(|picture| picture.size.pixels()).sum(),
        }
    }

    /// Whether it is a still that a palette holds as it is.
    fn is_graphic(&self) -> bool {
        match self {
            Self::Still(picture) => has_few_colors(picture),
            Self::Ycc(_) | Self::Animation(_) => false,
        }
    }

    /// Whether some pixel shows through in part, which GIF has no means for.
    fn is_translucent(&self) -> bool {
        self.pictures().any(|picture| {
            let channels = picture.layout.channels();
            picture.layout.has_alpha()
                && match &picture.samples {
                    Samples::Eight(samples) => {
                        samples.chunks_exact(channels).any(|pixel| !matches!(pixel[channels - 1], 0 | u8::MAX))
                    }
                    Samples::Sixteen(samples) => {
                        samples.chunks_exact(channels).any(|pixel| !matches!(pixel[channels - 1], 0 | u16::MAX))
                    }
                }
        })
    }
}

struct Search<'a> {
    content: Content<'a>,
    spec: &'a VariantSpec,
    attachments: &'a Attachments,
    limits: &'a OutputLimits,
    deadline: Deadline,
    /// The formats that did not work, and why.
    failures: Vec<(Format, String)>,
}

impl Search<'_> {
    /// Every format that may be written, at the recipe's quality.
    fn trials(&mut self, candidates: &[Format], warnings: &mut Vec<String>) -> Result<Vec<Trial>, ImageError> {
        let formats = match self.spec.format {
            OutputFormat::Auto => self.fitting(candidates, warnings),
            _ => candidates.to_vec(),
        };
        let mut trials = Vec::new();
        let quality = self.spec.quality();
        let is_auto = self.spec.format == OutputFormat::Auto;
        for format in formats {
            // Of a graphic the exact file is often the smaller one.
            let exact = is_auto && format == Format::Webp && !self.spec.lossless && self.content.is_graphic();
            trials.extend(self.attempt(format, self.spec.lossless, quality)?);
            if exact {
                trials.extend(self.attempt(format, true, quality)?);
            }
        }
        Ok(trials)
    }

    /// The accepted formats that hold what the image has. Where none does, transparency is given up, and that is warned of:
    /// animations have been made stills by then.
    fn fitting(&mut self, candidates: &[Format], warnings: &mut Vec<String>) -> Vec<Format> {
        let mut formats = Vec::new();
        for &format in candidates {
            if !formats.contains(&format) {
                match is_written(format) {
                    true => formats.push(format),
                    false => self.failures.push((format, super::unwritten(format))),
                }
            }
        }
        let is_opaque = self.content.is_opaque();
        let holding = only(&formats, |format| is_opaque || format.holds_alpha());
        if holding.is_empty() && !formats.is_empty() {
            let name = &self.spec.name;
            warnings.push(format!("variant `{name}`: no accepted format holds transparency: it is laid on the background"));
        }
        let formats = if holding.is_empty() { formats } else { holding };
        // What would look worse, or take too long, is left to where there is nothing else.
        let is_still = matches!(self.content, Content::Still(_));
        let pixels = self.content.pixels();
        let better = only(&formats, |format| match format {
            Format::Gif if is_still => self.content.is_graphic() && !self.content.is_translucent(),
            Format::Gif => !self.content.is_translucent(),
            Format::Avif => pixels <= MAX_AUTO_AVIF_PIXELS.min(self.limits.avif_pixels),
            _ => true,
        });
        if better.is_empty() { formats } else { better }
    }

    /// One file, or a failure that is kept in mind.
    fn attempt(&mut self, format: Format, lossless: bool, quality: u8) -> Result<Option<Trial>, ImageError> {
        self.deadline.check()?;
        if format == Format::Avif {
            check_avif(&self.spec.name, self.content.pixels(), self.limits)?;
        }
        // What is left out is warned of once, for the file that is taken.
        let attachments = held(self.attachments, format, self.content.layout(), &mut Vec::new());
        let deadline = self.deadline;
        let options = EncodeOptions { quality, lossless, deadline, ..EncodeOptions::of(self.spec, format, &attachments) };
        let encoded = match &self.content {
            Content::Still(picture) => encode(picture, &options),
            Content::Ycc(ycc) => encode_ycc(ycc, &options),
            Content::Animation(animation) => encode_animation(animation, &options),
        };
        match encoded {
            Ok(bytes) => Ok(Some(Trial { format, lossless, quality, bytes })),
            Err(detail) => {
                // An animation whose time is up is no failure of the format.
                self.deadline.check()?;
                self.failures.push((format, detail));
                Ok(None)
            }
        }
    }

    /// The file of the highest quality that keeps to the limit, of the format that is smallest at full quality and can; or
    /// the smallest file of all.
    fn within(&mut self, trials: Vec<Trial>, limit: u64, warnings: &mut Vec<String>) -> Result<Option<Trial>, ImageError> {
        let mut smallest: Option<Trial> = None;
        let keep = |trial: Trial, smallest: &mut Option<Trial>| {
            if smallest.as_ref().is_none_or(|kept| trial.bytes.len() < kept.bytes.len()) {
                *smallest = Some(trial);
            }
        };
        for trial in trials {
            if is_lossy(&trial) {
                let found = self.bisect(&trial, limit)?;
                let fits = found.as_ref().is_some_and(|found| found.bytes.len() as u64 <= limit);
                if fits {
                    return Ok(found);
                }
                if let Some(found) = found {
                    keep(found, &mut smallest);
                }
            }
            keep(trial, &mut smallest);
        }
        if let Some(Trial { format, bytes, .. }) = &smallest {
            let (name, found) = (&self.spec.name, bytes.len());
            warnings.push(format!("variant `{name}` has {found} bytes as {format} at the least; max_bytes is {limit}"));
        }
        Ok(smallest)
    }

    /// The file of the highest quality below the trial's that keeps to the limit, or the last that was made: at quality 1.
    fn bisect(&mut self, trial: &Trial, limit: u64) -> Result<Option<Trial>, ImageError> {
        let mut best: Option<Trial> = None;
        // What lies below `fits` is known to keep to the limit, `over` and what lies above it is known not to.
        let (mut fits, mut over) = (0, trial.quality);
        while over - fits > 1 {
            let quality = fits + (over - fits) / 2;
            let Some(found) = self.attempt(trial.format, trial.lossless, quality)? else { return Ok(best) };
            let keeps = found.bytes.len() as u64 <= limit;
            if keeps {
                fits = quality;
            } else {
                over = quality;
            }
            if keeps || fits == 0 {
                best = Some(found);
            }
        }
        Ok(best)
    }

    /// No format worked.
    fn failed(self) -> ImageError {
        let variant = self.spec.name.clone();
        let mut failures = self.failures.into_iter();
        let Some((format, mut detail)) = failures.next() else {
            return ImageError::Internal { detail: format!("variant `{variant}` has no format to be written in") };
        };
        for (format, reason) in failures {
            detail.push_str(&format!("; nor as {format}: {reason}"));
        }
        ImageError::Encode { variant, format, detail }
    }
}

/// Refuses an AVIF that would take too long.
pub(crate) fn check_avif(variant: &str, pixels: u64, limits: &OutputLimits) -> Result<(), ImageError> {
    if pixels <= limits.avif_pixels {
        return Ok(());
    }
    let (variant, what) = (variant.to_owned(), "pixels as AVIF, whose encoder cannot be interrupted");
    Err(ImageError::OutputLimitExceeded { variant, what, actual: pixels, limit: limits.avif_pixels })
}

fn only(formats: &[Format], test: impl Fn(Format) -> bool) -> Vec<Format> {
    formats.iter().copied().filter(|&format| test(format)).collect()
}

/// Whether this build writes a format.
pub const fn is_written(format: Format) -> bool {
    match format {
        Format::Jpeg | Format::Png | Format::Webp | Format::Gif => true,
        Format::Avif => cfg!(feature = "avif"),
        Format::Tiff | Format::Bmp | Format::Ico | Format::Svg | Format::Heic | Format::Jxl => false,
    }
}

/// Whether a lower quality gives a smaller file.
fn is_lossy(trial: &Trial) -> bool {
    match trial.format {
        Format::Jpeg | Format::Avif => true,
        Format::Webp => !trial.lossless,
        _ => false,
    }
}

/// Whether there are no more different pixels than a palette holds. A photograph shows soon that it has more.
fn has_few_colors(picture: &Picture) -> bool {
    let channels = picture.layout.channels();
    match &picture.samples {
        Samples::Eight(samples) => few_different(samples.chunks_exact(channels)),
        Samples::Sixteen(samples) => few_different(samples.chunks_exact(channels)),
    }
}

fn few_different<'a, S: Copy + Into<u64> + PartialEq + 'a>(pixels: impl Iterator<Item = &'a [S]>) -> bool {
    let mut seen = HashSet::new();
    let mut last: Option<&[S]> = None;
    for pixel in pixels {
        // Graphics have long runs.
        if last == Some(pixel) {
            continue;
        }
        last = Some(pixel);
        seen.insert(pixel.iter().fold(0_u64, |all, &sample| all << 16 | sample.into()));
        if seen.len() > MAX_GRAPHIC_COLORS {
            return false;
        }
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::animation::Frame;
    use crate::header::read_header;
    use crate::picture::Size;
    use minilab_model::DecodeLimits;
    use std::time::{Duration, Instant};

    const SIDE: u32 = 96;

    fn spec(format: OutputFormat) -> VariantSpec {
        VariantSpec { format, ..VariantSpec::new("v", "{stem}".to_owned().try_into().unwrap()) }
    }

    fn drawn(layout: Layout, pixel: impl Fn(u32, u32) -> Vec<u8>) -> Picture {
        let size = Size { width: SIDE, height: SIDE };
        Picture::eight(size, layout, (0..SIDE * SIDE).flat_map(|index| pixel(index % SIDE, index / SIDE)).collect())
    }

    /// Slopes with some noise.
    fn photo(layout: Layout) -> Picture {
        drawn(layout, |x, y| {
            let noise = (x * 7919 + y * 104_729) % 23;
            (0..layout.channels() as u32).map(|channel| (x * (channel + 1) / 2 + y + noise).min(255) as u8).collect()
        })
    }

    /// A red square on nothing.
    fn logo(corner_alpha: u8) -> Picture {
        drawn(Layout::Rgba, |x, y| {
            let inside = (20..60).contains(&x) && (20..60).contains(&y);
            if inside { vec![200, 30, 30, 255] } else { vec![0, 0, 0, corner_alpha] }
        })
    }

    fn animation(picture: &Picture) -> Made {
        let frame = Frame { picture: picture.clone(), delay: Duration::from_millis(100) };
        Made::Animation(Animation { frames: vec![frame.clone(), frame], plays: None })
    }

    type Found = Result<(Format, Vec<u8>), ImageError>;

    fn run(made: &Made, spec: &VariantSpec, formats: &[Format]) -> (Found, Vec<String>) {
        let mut warnings = Vec::new();
        let none = Attachments::default();
        let limits = OutputLimits::default();
        (encode_variant(made, spec, formats, &none, &limits, Deadline::default(), &mut warnings), warnings)
    }

    fn check_max_bytes(format: Format, output: OutputFormat) {
        let made = Made::Still(photo(Layout::Rgb).into());
        let none = Attachments::default();
        // Every quality, made without the search.
        let Made::Still(picture) = &made else { unreachable!() };
        let lengths: Vec<u64> = (1..=80)
            .map(|quality| EncodeOptions { quality, ..EncodeOptions::of(&spec(output), format, &none) })
            .map(|options| encode(picture, &options).unwrap().len() as u64)
            .collect();
        // What bisection takes for granted, but for a few bytes.
        assert!(lengths.windows(2).all(|pair| pair[0] <= pair[1] + pair[1] / 16), "{format}: {lengths:?}");
        for limit in [lengths[79], lengths[79] - 1, lengths[50], lengths[20], lengths[5], lengths[0]] {
            let spec = VariantSpec { max_bytes: Some(limit), ..spec(output) };
            let (found, warnings) = run(&made, &spec, &[format]);
            let length = found.unwrap().1.len() as u64;
            assert!(length <= limit && warnings.is_empty(), "{format}: {length} of {limit}, {warnings:?}");
            let best = lengths.iter().filter(|&&length| length <= limit).max().unwrap();
            assert!(length + best / 16 + 16 >= *best, "{format}: {length}, where {best} would keep to {limit}");
        }
        let spec = VariantSpec { max_bytes: Some(100), ..spec(output) };
        let (found, warnings) = run(&made, &spec, &[format]);
        assert_eq!(found.unwrap().1.len() as u64, lengths[0], "the smallest is kept");
        assert!(warnings.len() == 1 && warnings[0].contains("max_bytes is 100"), "{warnings:?}");
    }

    #[test]
    fn the_highest_quality_within_max_bytes_is_found() {
        check_max_bytes(Format::Jpeg, OutputFormat::Jpeg);
        check_max_bytes(Format::Webp, OutputFormat::Webp);
        #[cfg(feature = "avif")]
        check_max_bytes(Format::Avif, OutputFormat::Avif);
    }

    #[test]
    fn what_has_no_quality_says_that_it_is_too_large() {
        let spec = VariantSpec { max_bytes: Some(100), ..spec(OutputFormat::Keep) };
        let (found, warnings) = run(&Made::Still(photo(Layout::Rgb).into()), &spec, &[Format::Png]);
        assert_eq!(found.unwrap().0, Format::Png);
        assert!(warnings.len() == 1 && warnings[0].contains("as png at the least"), "{warnings:?}");
    }

    /// What `auto` takes is no larger than any other that may be taken, and keeps transparency.
    fn check_auto(made: &Made, accept: &[Format], expected: &[Format], warns: bool) {
        let (found, warnings) = run(made, &spec(OutputFormat::Auto), accept);
        let (format, bytes) = found.unwrap();
        assert!(expected.contains(&format), "{format}");
        assert_eq!(!warnings.is_empty(), warns, "{warnings:?}");
        for &other in expected {
            let (alone, _) = run(made, &spec(OutputFormat::Auto), &[other]);
            assert!(bytes.len() <= alone.unwrap().1.len(), "{other} is smaller than {format}");
        }
        let Made::Still(picture) = made else { return };
        if !warns && format != Format::Avif {
            let has_alpha = read_header(&bytes, &DecodeLimits::default()).unwrap().has_alpha;
            assert_eq!(has_alpha, !is_opaque(picture), "{format}");
        }
    }

    #[test]
    fn auto_takes_the_smallest_that_holds_the_image() {
        use Format::{Gif, Jpeg, Png, Webp};
        let still = |picture: Picture| Made::Still(picture.into());
        check_auto(&still(photo(Layout::Rgb)), &[Png, Jpeg, Webp], &[Jpeg, Webp], false);
        check_auto(&still(photo(Layout::Rgb)), &[Gif, Jpeg], &[Jpeg], false);
        check_auto(&still(photo(Layout::Grey)), &[Jpeg, Png], &[Jpeg], false);
        check_auto(&still(photo(Layout::Rgba)), &[Jpeg, Png, Webp], &[Png, Webp], false);
        check_auto(&still(logo(0)), &[Jpeg, Png], &[Png], false);
        check_auto(&still(logo(0)), &[Jpeg, Png, Webp], &[Png, Webp], false);
        check_auto(&still(logo(100)), &[Gif, Jpeg, Png], &[Png], false);
        // Opaque after all: JPEG may be taken.
        check_auto(&still(logo(255)), &[Jpeg, Png], &[Jpeg, Png], false);
        // Nothing else is accepted.
        check_auto(&still(logo(0)), &[Jpeg], &[Jpeg], true);
        #[cfg(feature = "avif")]
        check_auto(&still(photo(Layout::Rgb)), &[Png, Format::Avif], &[Format::Avif], false);
    }

    fn check_fitting(made: &Made, accept: &[Format], expected: &[Format]) {
        let (spec, none, limits) = (spec(OutputFormat::Auto), Attachments::default(), OutputLimits::default());
        let (content, deadline) = (Content::of(made), Deadline::default());
        let mut search = Search { content, spec: &spec, attachments: &none, limits: &limits, deadline, failures: Vec::new() };
        assert_eq!(search.fitting(accept, &mut Vec::new()), expected);
    }

    #[test]
    fn what_would_look_worse_is_left_to_where_there_is_nothing_else() {
        use Format::{Avif, Gif, Png, Webp};
        check_fitting(&animation(&logo(0)), &[Webp, Gif], &[Webp, Gif]);
        check_fitting(&animation(&logo(100)), &[Webp, Gif], &[Webp]);
        check_fitting(&animation(&logo(100)), &[Gif], &[Gif]);
        check_fitting(&Made::Still(photo(Layout::Rgb).into()), &[Gif, Png, Gif, Png], &[Png]);
        check_fitting(&Made::Still(logo(0).into()), &[Gif, Png], &[Gif, Png]);
        let large = Picture::eight(Size { width: 1500, height: 1001 }, Layout::Grey, vec![7; 1500 * 1001]);
        check_fitting(&Made::Still(large.into()), &[Avif, Png], &[Png]);
    }

    #[test]
    fn when_nothing_works_every_format_is_named() {
        let made = Made::Still(photo(Layout::Cmyk).into());
        let (found, _) = run(&made, &spec(OutputFormat::Auto), &[Format::Jpeg, Format::Png, Format::Tiff]);
        let message = found.unwrap_err().to_string();
        assert!(message.starts_with("variant `v` cannot be encoded as tiff"), "{message}");
        assert!(message.contains("nor as jpeg") && message.contains("nor as png"), "{message}");
        if !is_written(Format::Avif) {
            let message = run(&made, &spec(OutputFormat::Avif), &[Format::Avif]).0.unwrap_err().to_string();
            assert!(message.contains("cannot be encoded as avif: this engine is built without AVIF"), "{message}");
        }
    }

    #[test]
    fn the_deadline_is_kept_between_two_frames() {
        let none = Attachments::default();
        let frame = |value: u8| Frame {
            picture: drawn(Layout::Rgba, |x, y| vec![x as u8, y as u8, value, 255]),
            delay: Duration::from_millis(40),
        };
        let animation = Animation { frames: (0..3).map(frame).collect(), plays: None };
        for format in [Format::Gif, Format::Webp, Format::Png] {
            let spec = spec(OutputFormat::Keep);
            let options = EncodeOptions::of(&spec, format, &none);
            assert!(encode_animation(&animation, &options).is_ok(), "{format}");
            let past = EncodeOptions { deadline: Deadline(Some(Instant::now())), ..options };
            assert!(encode_animation(&animation, &past).is_err(), "{format}");
        }
    }

    #[test]
    fn the_deadline_is_kept_between_two_files() {
        let (none, deadline) = (Attachments::default(), Deadline(Some(Instant::now())));
        let made = Made::Still(photo(Layout::Rgb).into());
        let (spec, limits) = (spec(OutputFormat::Jpeg), OutputLimits::default());
        let found = encode_variant(&made, &spec, &[Format::Jpeg], &none, &limits, deadline, &mut Vec::new());
        assert_eq!(found, Err(ImageError::Deadline));
    }

    #[test]
    fn a_large_avif_is_refused_before_it_is_begun() {
        let (none, limits) = (Attachments::default(), OutputLimits { avif_pixels: 96 * 96 - 1, ..OutputLimits::default() });
        let made = Made::Still(photo(Layout::Rgb).into());
        let run = |output, formats: &[Format]| {
            encode_variant(&made, &spec(output), formats, &none, &limits, Deadline::default(), &mut Vec::new())
        };
        let refused = "variant `v` would have 9,216 pixels as AVIF, whose encoder cannot be interrupted; the limit is 9,215";
        assert_eq!(run(OutputFormat::Avif, &[Format::Avif]).unwrap_err().to_string(), refused);
        // Where another is accepted, that is taken.
        assert_eq!(run(OutputFormat::Auto, &[Format::Avif, Format::Jpeg]).unwrap().0, Format::Jpeg);
    }

    #[test]
    fn few_colors_are_counted_in_both_depths() {
        assert!(has_few_colors(&logo(0)));
        assert!(!has_few_colors(&photo(Layout::Rgb)));
        let size = Size { width: 257, height: 1 };
        let check = |samples: Vec<u16>, expected| {
            let picture = Picture { size, layout: Layout::Grey, samples: Samples::Sixteen(samples) };
            assert_eq!(has_few_colors(&picture), expected);
        };
        check((0..257).collect(), false);
        check((0..257).map(|value| value / 2).collect(), true);
    }
}
