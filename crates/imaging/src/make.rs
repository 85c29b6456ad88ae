//! From decoded pixels to the picture that a recipe's further steps begin with: turned, in the right colours, padded.

use crate::alpha::pad;
use crate::animation::{Animation, Frame};
use crate::color::Colors;
use crate::decode::Decoded;
use crate::error::ImageError;
use crate::header::Header;
use crate::orient::upright;
use crate::picture::{Picture, Size};
use crate::plan::{Basis, First, From, PlannedOutput, kept_part};
use crate::steps::resize::resample;
use crate::ycc::{Chroma, Pixels, Ycc};
use minilab_model::{Orientation, OutputColor};
use minilab_resample::Resampler;
use std::borrow::Cow;
use std::sync::Arc;

/// Makes the outputs of a still, in the order of the plan.
pub(crate) struct StillMaker<'a> {
    header: &'a Header,
    whole: Option<Picture>,
    /// Parts of the source, resized, in the order of the outputs that are made from them.
    resized: std::vec::IntoIter<Pixels>,
    /// Outputs that others are made from, by their place in the plan.
    made: Vec<Option<Made>>,
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
    ) -> Result<Made, ImageError> {
        let missing = || ImageError::Internal { detail: "the plan and the decoder differ".to_owned() };
        let pixels = match (planned.from, planned.first) {
            (From::Output(parent), Some(first)) => {
                let parent = self.made.get(parent).and_then(Option::as_ref).ok_or_else(missing)?;
                let geometry = &first.geometry;
                let part = |size: Size| kept_part(geometry, size.width.into(), size.height.into());
                let (resampler, to, kernel) = (&mut self.resampler, geometry.kept, first.kernel);
                match parent {
                    Made::Picture(parent) => resample(resampler, parent, part(parent.size), to, kernel).map(Pixels::Picture),
                    Made::Ycc(parent) => {
                        let chroma = planned.chroma.unwrap_or(Chroma::Full);
                        parent.resampled(resampler, part(parent.size()), to, chroma, kernel).map(Pixels::Ycc)
                    }
                }
                .map_err(ImageError::resizer)?
            }
            (_, first) => {
                let pixels = match first {
                    Some(_) => self.resized.next(),
                    None => self.whole.clone().map(Pixels::Picture),
                };
                self.shaped(pixels.ok_or_else(missing)?, planned, colors, warnings)?
            }
        };
        let made = match pixels {
            Pixels::Ycc(ycc) if planned.chroma.is_some() => Made::Ycc(Arc::new(ycc)),
            Pixels::Ycc(ycc) => Made::Picture(Arc::new(ycc.to_rgb(&mut self.resampler).map_err(ImageError::resizer)?)),
            Pixels::Picture(picture) => Made::Picture(Arc::new(picture)),
        };
        self.made.push(planned.is_parent.then(|| made.clone()));
        Ok(match (made, planned.first) {
            (Made::Picture(picture), Some(First { geometry, .. })) if geometry.canvas != picture.size => {
                Made::Picture(Arc::new(pad(Arc::unwrap_or_clone(picture), geometry.canvas, geometry.offset)))
            }
            (made, _) => made,
        })
    }

    /// Turned, and in the colours that are wanted.
    fn shaped(
        &mut self,
        pixels: Pixels,
        planned: &PlannedOutput,
        colors: &mut Colors,
        warnings: &mut Vec<String>,
    ) -> Result<Pixels, ImageError> {
        let basis = planned.basis;
        let orientation = if basis.upright { self.header.orientation } else { Orientation::UPRIGHT };
        let picture = match pixels {
            Pixels::Ycc(ycc) => {
                let ycc = ycc.upright(orientation);
                if !colors.converts(basis.color) {
                    return Ok(Pixels::Ycc(ycc));
                }
                ycc.to_rgb(&mut self.resampler).map_err(ImageError::resizer)?
            }
            Pixels::Picture(picture) => upright(picture, orientation),
        };
        Ok(Pixels::Picture(in_color(picture, basis, colors, warnings)))
    }
}

/// The pixels of an output before its further steps.
#[derive(Debug, Clone)]
pub(crate) enum Made {
    Picture(Arc<Picture>),
    /// Of what is written as JPEG without further steps.
    Ycc(Arc<Ycc>),
}

impl Made {
    /// The picture, for what takes one.
    ///
    /// # Errors
    /// [`ImageError::Internal`] where the plan has promised that nothing does.
    pub(crate) fn into_picture(self) -> Result<Arc<Picture>, ImageError> {
        match self {
            Self::Picture(picture) => Ok(picture),
            Self::Ycc(_) => Err(ImageError::Internal { detail: "the plan and the maker differ".to_owned() }),
        }
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
