//! Animated PNG (W3C, third edition, 4.9 and 11.3.4): frames are pictures of the same kind as the whole, drawn into parts of it.

use super::canvas::{Announced, Blend, Canvas, Disposal, FrameRect, FrameSource, play};
use super::png::corrupt;
use super::{DecodeOptions, Played, size};
use crate::animation::Frame;
use crate::error::ImageError;
use crate::header::Header;
use crate::picture::{Layout, Size};
use minilab_model::Format;
use png::{BlendOp, ColorType, DisposeOp, Transformations};
use std::io::Cursor;
use std::time::Duration;

/// What the decoder may allocate beside rows: chunks that it keeps, tables.
const SPARE_BYTES: usize = 8 << 20;

/// Every frame on a transparent canvas. A default image that is not part of the animation is left out.
pub(super) fn decode_frames(
    source: &[u8],
    header: &Header,
    options: &DecodeOptions<'_>,
    each: &mut dyn FnMut(Frame) -> Result<(), ImageError>,
) -> Result<Played, ImageError> {
    // The decoder counts its row buffer anew for every frame.
    let rows = (header.width as usize).saturating_mul(16).saturating_mul(options.limits.frames as usize + 2);
    let limits = png::Limits { bytes: SPARE_BYTES.saturating_add(rows) };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(source), limits);
    decoder.set_ignore_text_chunk(true);
    // Read and bounded by ourselves.
    decoder.set_ignore_iccp_chunk(true);
    // Frames have 8 bits a channel, and alpha.
    decoder.set_transformations(Transformations::EXPAND | Transformations::ALPHA | Transformations::STRIP_16);
    let reader = decoder.read_info().map_err(|error| corrupt(&error))?;
    let layout = match reader.output_color_type().0 {
        ColorType::GrayscaleAlpha => Layout::GreyAlpha,
        ColorType::Rgba => Layout::Rgba,
        other => return Err(ImageError::unsupported(Format::Png, format!("animation of {other:?} pixels"))),
    };
    let info = reader.info();
    if (info.width, info.height) != (header.width, header.height) {
        return Err(ImageError::corrupt(Format::Png, "it holds two headers that differ"));
    }
    let Some(control) = info.animation_control().copied() else {
        return Err(ImageError::corrupt(Format::Png, "its animation control is missing"));
    };
    let plays = (control.num_plays > 0).then_some(control.num_plays);
    let canvas = Canvas::new(size(header), layout);
    // One row at a time, but for Adam7: there all of the frame has to be there, in rows as long as the canvas' own.
    let line = header.width as usize * layout.channels();
    let default_image = info.frame_control().is_none();
    let mut file = ApngFile { reader, line, frames_left: control.num_frames, default_image, first: true };
    play(&mut file, canvas, plays, options, each)
}

/// An animated PNG that is read frame by frame.
struct ApngFile<'a> {
    reader: png::Reader<Cursor<&'a [u8]>>,
    /// Bytes of a row of the canvas.
    line: usize,
    frames_left: u32,
    /// Whether the first picture is not a frame.
    default_image: bool,
    /// Whether the first frame is still to come.
    first: bool,
}

impl FrameSource for ApngFile<'_> {
    fn announce(&mut self) -> Result<Option<Announced>, ImageError> {
        if self.frames_left == 0 {
            // What is cut off behind the last frame is noticed, too.
            return self.reader.finish().map(|()| None).map_err(|error| corrupt(&error));
        }
        self.frames_left -= 1;
        // The decoder stands before the first picture's data from the start.
        if !self.first || self.default_image {
            self.reader.next_frame_info().map_err(|error| corrupt(&error))?;
        }
        self.first = false;
        let Some(control) = self.reader.info().frame_control() else {
            return Err(ImageError::corrupt(Format::Png, "a frame has no frame control"));
        };
        let disposal = match control.dispose_op {
            DisposeOp::None => Disposal::Keep,
            DisposeOp::Background => Disposal::Clear,
            DisposeOp::Previous => Disposal::Previous,
        };
        let rect =
            FrameRect { x: control.x_offset, y: control.y_offset, size: Size { width: control.width, height: control.height } };
        // A denominator of 0 means hundredths.
        let denominator = if control.delay_den == 0 { 100 } else { u64::from(control.delay_den) };
        let delay = Duration::from_nanos(u64::from(control.delay_num) * 1_000_000_000 / denominator);
        Ok(Some(Announced { rect, disposal, delay }))
    }

    fn draw(&mut self, canvas: &mut Canvas) -> Result<(), ImageError> {
        let Some(&control) = self.reader.info().frame_control() else { return Ok(()) };
        let blend = match control.blend_op {
            BlendOp::Source => Blend::Replace,
            BlendOp::Over => Blend::Over,
        };
        if self.reader.info().interlaced {
            let mut frame = vec![0; self.line.saturating_mul(self.reader.info().height as usize)];
            self.reader.next_frame(&mut frame).map_err(|error| corrupt(&error))?;
            for (y, row) in (0..control.height).zip(frame.chunks_exact(self.line)) {
                canvas.draw_row(y, row, blend);
            }
            return Ok(());
        }
        for y in 0..control.height {
            match self.reader.next_row().map_err(|error| corrupt(&error))? {
                Some(row) => canvas.draw_row(y, row.data(), blend),
                None => return Err(ImageError::corrupt(Format::Png, "a frame ends early")),
            }
        }
        Ok(())
    }
}
