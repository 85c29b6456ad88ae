//! From decoded pixels to the picture that a recipe's further steps begin with: turned, in the right colours, padded.

use crate::alpha::pad;
use crate::animation::{Animation, Frame};
use crate::color::Colors;
use crate::decode::Decoded;
use crate::error::ImageError;
use crate::header::Header;
use crate::orient::upright;
use crate::picture::Picture;
use crate::plan::{Basis, First, From, PlannedOutput, kept_part};
use crate::steps::resize::resample;
use minilab_model::OutputColor;
use minilab_resample::Resampler;
use std::borrow::Cow;
use std::sync::Arc;

/// Makes the outputs of a still, in the order of the plan.
pub(crate) struct StillMaker<'a> {
    header: &'a Header,
    whole: Option<Picture>,
    /// Parts of the source, resized, in the order of the outputs that are made from them.
    resized: std::vec::IntoIter<Picture>,
    /// Outputs that others are made from, by their place in the plan.
    made: Vec<Option<Arc<Picture>>>,
    resampler: Resampler,
}

impl<'a> StillMaker<'a> {
    pub(crate) fn new(header: &'a Header, decoded: Decoded) -> Self {
        let Decoded { whole, resized, .. } = decoded;
        Self { header, whole, resized: resized.into_iter(), made: Vec::new(), resampler: Resampler::new() }
    }

    /// Makes the next output of the plan.
    pub(crate) fn make(
        &mut self,
        planned: &PlannedOutput,
        colors: &mut Colors,
        warnings: &mut Vec<String>,
    ) -> Result<Arc<Picture>, ImageError> {
        let missing = || ImageError::Internal { detail: "the plan and the decoder differ".to_owned() };
        let picture = match (planned.from, planned.first) {
            (From::Output(parent), Some(first)) => {
                let parent = self.made.get(parent).and_then(Option::as_deref).ok_or_else(missing)?;
                let geometry = &first.geometry;
                let part = kept_part(geometry, parent.size.width.into(), parent.size.height.into());
                resample(&mut self.resampler, parent, part, geometry.kept, first.kernel).map_err(ImageError::resizer)?
            }
            (_, Some(_)) => shaped(self.resized.next().ok_or_else(missing)?, planned.basis, self.header, colors, warnings),
            (_, None) => {
                let whole = self.whole.clone().ok_or_else(missing)?;
                shaped(whole, planned.basis, self.header, colors, warnings)
            }
        };
        let picture = Arc::new(picture);
        self.made.push(planned.is_parent.then(|| Arc::clone(&picture)));
        Ok(match planned.first {
            Some(First { geometry, .. }) if geometry.canvas != picture.size => {
                Arc::new(pad(Arc::unwrap_or_clone(picture), geometry.canvas, geometry.offset))
            }
            _ => picture,
        })
    }
}

/// Makes the animated outputs, frame by frame.
pub(crate) struct AnimationMaker<'a> {
    header: &'a Header,
    planned: &'a [PlannedOutput],
    frames: Vec<Vec<Frame>>,
    resampler: Resampler,
}

impl<'a> AnimationMaker<'a> {
    pub(crate) fn new(header: &'a Header, planned: &'a [PlannedOutput]) -> Self {
        Self { header, planned, frames: planned.iter().map(|_| Vec::new()).collect(), resampler: Resampler::new() }
    }

    /// Takes the next frame, whole.
    pub(crate) fn take(&mut self, frame: Frame, colors: &mut Colors, warnings: &mut Vec<String>) -> Result<(), ImageError> {
        for (planned, frames) in self.planned.iter().zip(&mut self.frames) {
            let shown = match planned.basis.upright {
                true => Cow::Owned(upright(frame.picture.clone(), self.header.orientation)),
                false => Cow::Borrowed(&frame.picture),
            };
            let picture = match planned.first {
                Some(first) => {
                    let to = first.geometry.kept;
                    resample(&mut self.resampler, &shown, first.part(), to, first.kernel).map_err(ImageError::resizer)?
                }
                None => shown.into_owned(),
            };
            let picture = in_color(picture, planned.basis, colors, warnings);
            frames.push(Frame { picture: padded(picture, planned.first), delay: frame.delay });
        }
        Ok(())
    }

    /// The animations, in the order of the plan.
    pub(crate) fn finish(self, plays: Option<u32>) -> impl Iterator<Item = Animation> {
        self.frames.into_iter().map(move |frames| Animation { frames, plays })
    }
}

fn shaped(picture: Picture, basis: Basis, header: &Header, colors: &mut Colors, warnings: &mut Vec<String>) -> Picture {
    let picture = if basis.upright { upright(picture, header.orientation) } else { picture };
    in_color(picture, basis, colors, warnings)
}

fn in_color(picture: Picture, basis: Basis, colors: &mut Colors, warnings: &mut Vec<String>) -> Picture {
    match basis.color {
        OutputColor::Keep if colors.can_be_kept() => picture,
        _ => colors.in_srgb(picture, warnings),
    }
}

fn padded(picture: Picture, first: Option<First>) -> Picture {
    match first {
        Some(First { geometry, .. }) => pad(picture, geometry.canvas, geometry.offset),
        None => picture,
    }
}
