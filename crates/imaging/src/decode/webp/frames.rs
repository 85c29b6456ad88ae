//! Animations: the frames, composed as RFC 9649 says.

use super::{STRIP_ROWS, WebpOptions, damaged, run};
use crate::animation::Frame;
use crate::decode::{DecodeOptions, Decoded, Played, size};
use crate::error::ImageError;
use crate::header::Header;
use crate::picture::{Layout, Picture};
use crate::sink::RowSink;
use minilab_model::Format;
use minilab_webp::{Animation, AnimationFrame, Canvas, Decoder, Pixels, check_length};

/// The first frame of an animation on a clear canvas; the others are not decoded.
pub(super) fn first_frame(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let mut animation = animation(source, header)?;
    let frame = animation.next_frame().map_err(damaged)?.ok_or_else(no_frame)?;
    let mut canvas = Canvas::new(header.width, header.height);
    let drawn = draw(&frame, &mut canvas, options);
    let has_rows = match &drawn {
        Ok(rows) | Err((_, rows)) => *rows > 0,
    };
    let mut sink = RowSink::<u8>::new(size(header), Layout::Rgba, options.shrink, options);
    if has_rows {
        for strip in canvas.samples().chunks(header.width as usize * 4 * STRIP_ROWS) {
            sink.push(strip)?;
        }
    }
    let drawn = drawn.map_err(|(error, _)| error);
    sink.finish(drawn.and_then(|_| check_length(source).map_err(damaged)), header)
}

/// As [`crate::decode::decode_frames`].
pub(in crate::decode) fn decode_frames(
    source: &[u8],
    header: &Header,
    options: &DecodeOptions<'_>,
    each: &mut dyn FnMut(Frame) -> Result<(), ImageError>,
) -> Result<Played, ImageError> {
    if !options.tolerant {
        check_length(source).map_err(damaged)?;
    }
    let mut animation = animation(source, header)?;
    let plays = animation.plays;
    let canvas_size = size(header);
    let most = u64::from(options.limits.frames).min(options.limits.pixels / canvas_size.pixels().max(1));
    let mut canvas = Canvas::new(header.width, header.height);
    let mut given = 0;
    let cut_short = loop {
        options.deadline.check()?;
        let damage = match animation.next_frame().map_err(damaged) {
            Ok(None) => break check_length(source).err().map(|error| damaged(error).to_string()),
            Ok(Some(_)) if given == most => {
                break Some(format!("the animation has more frames than are looked at; the first {given} were taken"));
            }
            Ok(Some(frame)) => match draw(&frame, &mut canvas, options) {
                Ok(_) => {
                    let picture = Picture::eight(canvas_size, Layout::Rgba, canvas.samples().to_vec());
                    each(Frame { picture, delay: frame.delay })?;
                    given += 1;
                    continue;
                }
                Err((error, _)) => error,
            },
            Err(error) => error,
        };
        // What was shown before the damage is an animation too.
        match damage {
            ImageError::Corrupt { .. } if options.tolerant && given > 0 => break Some(damage.to_string()),
            damage => return Err(damage),
        }
    };
    if given == 0 { Err(no_frame()) } else { Ok(Played { plays, cut_short }) }
}

/// The animation, whose canvas has the size that was compared with the limits.
fn animation<'a>(source: &'a [u8], header: &Header) -> Result<Animation<'a>, ImageError> {
    let animation = Animation::read(source).map_err(damaged)?;
    if (animation.width, animation.height) != (header.width, header.height) {
        return Err(ImageError::corrupt(Format::Webp, "its headers differ in size"));
    }
    Ok(animation)
}

/// Decodes a frame and lays it on the canvas, of a damaged one what is there. Gives the number of rows that were there.
fn draw(frame: &AnimationFrame<'_>, canvas: &mut Canvas, options: &DecodeOptions<'_>) -> Result<u32, (ImageError, u32)> {
    let mut decoder = Decoder::of_frame(frame, Pixels::Rgba, WebpOptions::default()).map_err(|error| (damaged(error), 0))?;
    let outcome = run(&mut decoder, options.deadline, &mut |_| Ok(()));
    canvas.draw(frame, decoder.samples());
    let rows = decoder.rows();
    outcome.map(|()| rows).map_err(|error| (error, rows))
}

fn no_frame() -> ImageError {
    ImageError::corrupt(Format::Webp, "its animation holds no frame")
}
