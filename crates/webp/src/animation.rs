//! Reading the frames of an animation out of its container, without decoding them (RFC 9649, section 2.7).

use crate::container::{ANIMATION_FLAG, Chunk, Chunks, u24};
use crate::error::Error;
use std::time::Duration;

/// Bytes of an ANMF chunk before the frame's own chunks.
const FRAME_HEADER: usize = 16;

/// An animation's own account of itself.
#[derive(Debug, Clone)]
pub struct Animation<'a> {
    /// Width of the canvas in pixels.
    pub width: u32,
    /// Height of the canvas in pixels.
    pub height: u32,
    /// How often it is played; `None`: for ever.
    pub plays: Option<u32>,
    chunks: Chunks<'a>,
}

/// One frame, not yet decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnimationFrame<'a> {
    /// Where it lies on the canvas, from the left and from the top.
    pub x: u32,
    /// See `x`.
    pub y: u32,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// How long it is shown.
    pub delay: Duration,
    /// Whether it is laid over the canvas by its alpha; else it replaces what is there.
    pub blends: bool,
    /// Whether its rectangle is cleared before the next frame.
    pub clears: bool,
    /// Its chunks: the bitstream, and ALPH before it.
    pub bitstream: &'a [u8],
    /// Where they begin in the file, in bytes.
    pub offset: usize,
    /// How many bytes the frame says that they have; more than there are when it is cut off.
    pub stated_bytes: usize,
}

impl<'a> Animation<'a> {
    /// Reads what stands before the frames.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it is no animation.
    pub fn read(file: &'a [u8]) -> Result<Self, Error> {
        crate::container::stated_length(file)?;
        let mut chunks = Chunks::of_file(file);
        let no_animation = || Error::corrupt("it is no animation", crate::container::FILE_HEADER);
        let header = chunks.next().filter(|chunk| &chunk.name == b"VP8X").ok_or_else(no_animation)?;
        let side = |at| u24(header.body, at).map(|less_one| less_one + 1);
        let (Some(width), Some(height), Some(flags)) = (side(4), side(7), header.body.first()) else {
            return Err(Error::corrupt("chunk VP8X is too short", header.offset));
        };
        if flags & ANIMATION_FLAG == 0 {
            return Err(no_animation());
        }
        // ANIM comes before the frames; without it the animation is played for ever.
        let parameters = chunks.clone().take_while(|chunk| &chunk.name != b"ANMF").find(|chunk| &chunk.name == b"ANIM");
        let loops = parameters.and_then(|chunk| Some(u16::from_le_bytes(chunk.body.get(4..6)?.try_into().ok()?)));
        let plays = loops.filter(|&loops| loops > 0).map(u32::from);
        Ok(Self { width, height, plays, chunks })
    }

    /// The next frame, cut off where the file is; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when it says something that cannot be. The next call goes on after it.
    pub fn next_frame(&mut self) -> Result<Option<AnimationFrame<'a>>, Error> {
        let Some(chunk) = self.chunks.find(|chunk| &chunk.name == b"ANMF") else {
            return Ok(None);
        };
        let frame = frame(&chunk)?;
        let fits = |start: u32, length: u32, canvas: u32| u64::from(start) + u64::from(length) <= u64::from(canvas);
        if !fits(frame.x, frame.width, self.width) || !fits(frame.y, frame.height, self.height) {
            return Err(Error::corrupt("chunk ANMF: the frame lies outside the canvas", chunk.offset));
        }
        Ok(Some(frame))
    }
}

fn frame<'a>(chunk: &Chunk<'a>) -> Result<AnimationFrame<'a>, Error> {
    let Some((header, bitstream)) = chunk.body.split_at_checked(FRAME_HEADER) else {
        chunk.check_complete()?;
        return Err(Error::corrupt("chunk ANMF is too short", chunk.offset));
    };
    // The header has all of the bytes that are read here.
    let number = |at| u24(header, at).unwrap_or_default();
    let flags = header.last().copied().unwrap_or_default();
    Ok(AnimationFrame {
        x: number(0) * 2,
        y: number(3) * 2,
        width: number(6) + 1,
        height: number(9) + 1,
        delay: Duration::from_millis(number(12).into()),
        blends: flags & 2 == 0,
        clears: flags & 1 != 0,
        bitstream,
        offset: chunk.offset + FRAME_HEADER,
        stated_bytes: chunk.stated_bytes - FRAME_HEADER,
    })
}
