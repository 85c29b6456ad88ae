use super::{StepError, grayscale};
use crate::picture::{Picture, Sample, Samples};
use minilab_model::Threshold;

/// Black where luma is below the level, white elsewhere; alpha stays. The result has a grey layout.
pub(super) fn apply(picture: Picture, options: &Threshold) -> Result<Picture, StepError> {
    let mut picture = grayscale::apply(picture);
    let channels = picture.layout.channels();
    let level = u64::from(options.level);
    match &mut picture.samples {
        Samples::Eight(samples) => cut(samples, channels, level),
        Samples::Sixteen(samples) => cut(samples, channels, level * 257),
    }
    Ok(picture)
}

fn cut<S: Sample>(samples: &mut [S], channels: usize, level: u64) {
    for sample in samples.iter_mut().step_by(channels) {
        *sample = S::from_u64(if sample.to_u64() < level { 0 } else { S::MAX });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::values::tests::{check_both_depths, row};
    use super::*;
    use crate::picture::Layout;

    #[test]
    fn the_level_itself_is_white() {
        let threshold = |level| move |picture| apply(picture, &Threshold { level }).unwrap();
        check_both_depths(&row(Layout::Grey, &[0, 127, 128, 255]), Layout::Grey, &[0, 0, 255, 255], threshold(128));
        check_both_depths(&row(Layout::GreyAlpha, &[0, 9, 255, 8]), Layout::GreyAlpha, &[255, 9, 255, 8], threshold(0));
        check_both_depths(&row(Layout::Rgba, &[0, 255, 0, 9]), Layout::GreyAlpha, &[255, 9], threshold(182));
        check_both_depths(&row(Layout::Rgb, &[0, 255, 0]), Layout::Grey, &[0], threshold(183));
    }
}
