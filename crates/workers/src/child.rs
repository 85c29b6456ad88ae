//! The worker process itself.

use crate::protocol::{Ready, receive_request, send, send_answer};
use crate::walls::Walls;
use minilab_imaging::{ImageError, Rendered};
use minilab_pipeline::{RenderFailure, RenderWork};
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;

/// How a job is done: [`RenderWork::render`], except in tests.
pub type Render = fn(&RenderWork, &[u8]) -> Result<Rendered, ImageError>;

/// Works until the parent goes away: the whole life of a worker process. Standard input is the memory file, standard
/// output the socket; nothing else may write there.
///
/// # Errors
/// When a wall cannot be raised or the socket fails.
pub fn run(walls: &Walls, render: Render) -> io::Result<()> {
    let source_file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut socket = UnixStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    let raised = walls.raise()?;
    send(&mut socket, &Ready { walls: raised })?;
    while let Some(mut request) = receive_request(&mut socket)? {
        let mut position = 0;
        let mut read = |length: u64| {
            let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
            source_file.read_exact_at(&mut bytes, position)?;
            position += length;
            Ok::<_, io::Error>(bytes)
        };
        let source = read(request.source_bytes)?;
        for (object, length) in request.overlays {
            request.work.overlays.insert(object, read(length)?);
        }
        send_answer(&mut socket, render(&request.work, &source).map_err(RenderFailure::from))?;
    }
    Ok(())
}
