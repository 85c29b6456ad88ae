use super::canvas::{Announced, Blend, Canvas, Disposal, FrameRect, FrameSource, play};
use super::{DecodeOptions, Decoded, Played, size};
use crate::animation::Frame;
use crate::error::ImageError;
use crate::header::Header;
use crate::picture::{Deadline, Layout, Size};
use crate::sink::RowSink;
use gif::{ColorOutput, DecodingError, DisposalMethod, MemoryLimit, Repeat};
use minilab_model::Format;
use std::num::NonZeroU64;
use std::time::Duration;

/// What the decoder may keep beside rows: metadata blocks.
const SPARE_BYTES: NonZeroU64 = NonZeroU64::new(8 << 20).unwrap();

/// Pixels between two looks at the clock.
const DEADLINE_PIXELS: usize = 1 << 20;

/// The first frame on a transparent canvas: what a viewer shows at first. The background colour is ignored, as every
/// browser does.
pub(super) fn decode(source: &[u8], header: &Header, options: &DecodeOptions<'_>) -> Result<Decoded, ImageError> {
    let mut file = GifFile::open(source, options)?;
    let Some(frame) = file.next()? else {
        return Err(ImageError::corrupt(Format::Gif, "it holds no image"));
    };
    ImageError::check_limit("pixels in its first frame", frame.rect.size.pixels(), options.limits.pixels)?;
    let layout = if header.has_alpha { Layout::Rgba } else { Layout::Rgb };
    let (channels, canvas) = (layout.channels(), size(header));
    // The rows of an interlaced frame do not come in order, so all that shows is kept.
    let FrameRect { x, y: top, size: Size { width, height } } = frame.rect;
    let width = width.min(canvas.width.saturating_sub(x)) as usize;
    let shown_rows = height.min(canvas.height.saturating_sub(top));
    let mut indices = vec![None; shown_rows as usize];
    let read = file.rows(&frame, &mut |y, row| {
        if let Some(target) = indices.get_mut(y as usize) {
            *target = row.get(..width).map(<[u8]>::to_vec);
        }
    });
    let missing = indices.iter().rposition(Option::is_some).map_or(0, |last| top + last as u32 + 1);
    let end = if read.is_ok() { canvas.height } else { missing };
    let mut sink = RowSink::<u8>::new(canvas, layout, options.shrink, options);
    let mut row = vec![0; canvas.width as usize * channels];
    for y in 0..end {
        row.fill(0);
        let there = y.checked_sub(top).and_then(|y| indices.get(y as usize)).and_then(Option::as_deref);
        if let (Some(there), Some(target)) = (there, row.get_mut(x as usize * channels..)) {
            for (pixel, &index) in target.chunks_exact_mut(channels).zip(there) {
                pixel.copy_from_slice(&frame.colors[usize::from(index)][..channels]);
            }
        }
        sink.push(&row)?;
    }
    sink.finish(read, header)
}

/// Every frame on a transparent canvas. Without a NETSCAPE2.0 block an animation is played once; with one, once more than the
/// block says, or for ever: so do Firefox and Chrome.
pub(super) fn decode_frames(
    source: &[u8],
    header: &Header,
    options: &DecodeOptions<'_>,
    each: &mut dyn FnMut(Frame) -> Result<(), ImageError>,
) -> Result<Played, ImageError> {
    let mut file = GifFile::open(source, options)?;
    let plays = match file.decoder.repeat() {
        Repeat::Infinite => None,
        Repeat::Finite(more) => Some(u32::from(more) + 1),
    };
    play(&mut file, Canvas::new(size(header), Layout::Rgba), plays, options, each)
}

/// A GIF that is read frame by frame, row by row.
struct GifFile<'a> {
    decoder: gif::Decoder<&'a [u8]>,
    deadline: Deadline,
    /// How many frames have been met, and the last of them.
    met: u32,
    current: Option<FrameInfo>,
}

/// What stands before a frame's pixels.
struct FrameInfo {
    rect: FrameRect,
    interlaced: bool,
    /// RGBA by index. Indices past the table are black, as browsers show them.
    colors: [[u8; 4]; 256],
    disposal: Disposal,
    delay: Duration,
}

impl<'a> GifFile<'a> {
    fn open(source: &'a [u8], options: &DecodeOptions<'_>) -> Result<Self, ImageError> {
        let mut decode_options = gif::DecodeOptions::new();
        decode_options.set_color_output(ColorOutput::Indexed);
        decode_options.set_memory_limit(MemoryLimit::Bytes(SPARE_BYTES));
        let decoder = decode_options.read_info(source).map_err(|error| corrupt(&error, 0))?;
        Ok(Self { decoder, deadline: options.deadline, met: 0, current: None })
    }

    /// Goes to the next frame; `None` at the trailer.
    fn next(&mut self) -> Result<Option<FrameInfo>, ImageError> {
        let number = self.met + 1;
        let Some(frame) = self.decoder.next_frame_info().map_err(|error| corrupt(&error, number))? else {
            return Ok(None);
        };
        let info = FrameInfo {
            rect: FrameRect {
                x: frame.left.into(),
                y: frame.top.into(),
                size: Size { width: frame.width.into(), height: frame.height.into() },
            },
            interlaced: frame.interlaced,
            colors: [[0, 0, 0, u8::MAX]; 256],
            disposal: match frame.dispose {
                DisposalMethod::Any | DisposalMethod::Keep => Disposal::Keep,
                DisposalMethod::Background => Disposal::Clear,
                DisposalMethod::Previous => Disposal::Previous,
            },
            delay: Duration::from_millis(u64::from(frame.delay) * 10),
        };
        let transparent = frame.transparent;
        self.met = number;
        let colors = match self.decoder.palette() {
            Ok(palette) => colors(palette, transparent),
            // The specification leaves the colours to the viewer: greys, as Pillow shows them.
            Err(_) => colors(&(0..=u8::MAX).flat_map(|grey| [grey; 3]).collect::<Vec<_>>(), transparent),
        };
        Ok(Some(FrameInfo { colors, ..info }))
    }

    /// Reads the rows of the frame that was gone to last, in the order in which they are stored, and gives each as indices.
    fn rows(&mut self, frame: &FrameInfo, each: &mut dyn FnMut(u32, &[u8])) -> Result<(), ImageError> {
        let Size { width, height } = frame.rect.size;
        if width == 0 {
            return Ok(());
        }
        let number = self.met;
        let mut row = vec![0; width as usize];
        let rows_at_once = (DEADLINE_PIXELS / row.len()).max(1);
        for (index, y) in stored_order(height, frame.interlaced).enumerate() {
            if index % rows_at_once == 0 {
                self.deadline.check()?;
            }
            if !self.decoder.fill_buffer(&mut row).map_err(|error| corrupt(&error, number))? {
                return Err(ImageError::corrupt(Format::Gif, format!("frame {number} ends after {index} of {height} rows")));
            }
            each(y, &row);
        }
        Ok(())
    }
}

impl FrameSource for GifFile<'_> {
    fn announce(&mut self) -> Result<Option<Announced>, ImageError> {
        self.current = self.next()?;
        Ok(self.current.as_ref().map(|&FrameInfo { rect, disposal, delay, .. }| Announced { rect, disposal, delay }))
    }

    fn draw(&mut self, canvas: &mut Canvas) -> Result<(), ImageError> {
        let Some(frame) = self.current.take() else { return Ok(()) };
        let mut pixels = Vec::new();
        self.rows(&frame, &mut |y, row| {
            pixels.clear();
            row.iter().for_each(|&index| pixels.extend_from_slice(&frame.colors[usize::from(index)]));
            canvas.draw_row(y, &pixels, Blend::Over);
        })
    }
}

/// The numbers of the rows as they follow each other in the file (GIF89a, appendix E).
fn stored_order(height: u32, interlaced: bool) -> impl Iterator<Item = u32> {
    let passes: &[(u32, usize)] = if interlaced { &[(0, 8), (4, 8), (2, 4), (1, 2)] } else { &[(0, 1)] };
    passes.iter().flat_map(move |&(first, step)| (first..height).step_by(step))
}

fn colors(palette: &[u8], transparent: Option<u8>) -> [[u8; 4]; 256] {
    let mut colors = [[0, 0, 0, u8::MAX]; 256];
    for (color, entry) in colors.iter_mut().zip(palette.chunks_exact(3)) {
        color[..3].copy_from_slice(entry);
    }
    if let Some(index) = transparent {
        colors[usize::from(index)] = [0; 4];
    }
    colors
}

/// Damage in frame `number`, from 1; or before the first, at 0.
fn corrupt(error: &DecodingError, number: u32) -> ImageError {
    let place = if number == 0 { "its header".to_owned() } else { format!("frame {number}") };
    let detail = match error {
        DecodingError::UnexpectedEof | DecodingError::EndCodeNotFound => format!("it ends in {place}, or before its trailer"),
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => format!("{place} takes too much memory"),
        other => format!("{place}: {other}"),
    };
    ImageError::corrupt(Format::Gif, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interlaced_rows_come_in_four_passes() {
        let order = |height, interlaced| stored_order(height, interlaced).collect::<Vec<_>>();
        assert_eq!(order(3, false), [0, 1, 2]);
        assert_eq!(order(10, true), [0, 8, 4, 2, 6, 1, 3, 5, 7, 9]);
        assert_eq!(order(1, true), [0]);
        assert!(order(0, true).is_empty());
    }
}
