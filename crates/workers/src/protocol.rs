//! What parent and child say to each other: a length in 32 bits (little-endian), that much JSON, and then, in an answer,
//! the files of the variants one after the other, as they are.

use minilab_imaging::{Output, Rendered};
use minilab_model::{Format, ImageMetadata, ObjectRef};
use minilab_pipeline::{RenderFailure, RenderWork};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Most bytes of JSON in one message: an EXIF block of the largest size fits, and so do rules of any sensible number.
const MESSAGE_BYTES: u32 = 8 << 20;

/// The parent's side of one job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    /// What is to be made.
    pub(crate) work: RenderWork,
    /// How much of the memory file is the source.
    pub(crate) source_bytes: u64,
    /// The files that are laid over, with their lengths: they follow the source in the memory file.
    pub(crate) overlays: Vec<(ObjectRef, u64)>,
}

/// The child's first message, once its walls stand.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// The walls, in words.
    pub(crate) walls: String,
}

/// The child's side of one job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Rendered { metadata: Box<ImageMetadata>, outputs: Vec<OutputHeader>, warnings: Vec<String> },
    Failed(RenderFailure),
}

/// What stands before a variant's bytes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OutputHeader {
    name: String,
    format: Format,
    width: u32,
    height: u32,
    length: u64,
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("the connection to the worker process failed")]
    Io(#[from] io::Error),
    #[error("the worker process sent a message of {0} bytes")]
    TooLong(u32),
    #[error("the worker process sent what is no message")]
    Json(#[from] serde_json::Error),
    #[error("the worker process sent an impossible answer: {0}")]
    Impossible(String),
}

// ---- The child's side, synchronous --------------------------------------------------------------------------------

/// The next request; `None` when the parent is gone.
pub(crate) fn receive_request(socket: &mut impl Read) -> io::Result<Option<Request>> {
    let mut length = [0; 4];
    match socket.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let mut json = vec![0; u32::from_le_bytes(length) as usize];
    socket.read_exact(&mut json)?;
    Ok(Some(serde_json::from_slice(&json)?))
}

/// Sends a message without files.
pub(crate) fn send<T: Serialize>(socket: &mut impl Write, message: &T) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    let length = u32::try_from(json.len()).map_err(io::Error::other)?;
    socket.write_all(&[&length.to_le_bytes(), json.as_slice()].concat())
}

/// Sends what came of a job.
pub(crate) fn send_answer(socket: &mut impl Write, result: Result<Rendered, RenderFailure>) -> io::Result<()> {
    let Rendered { metadata, outputs, warnings } = match result {
        Ok(rendered) => rendered,
        Err(failure) => return send(socket, &Answer::Failed(failure)),
    };
    let header = |output: &Output| OutputHeader {
        name: output.name.clone(),
        format: output.format,
        width: output.width,
        height: output.height,
        length: output.bytes.len() as u64,
    };
    let headers = outputs.iter().map(header).collect();
    send(socket, &Answer::Rendered { metadata: Box::new(metadata), outputs: headers, warnings })?;
    outputs.iter().try_for_each(|output| socket.write_all(&output.bytes))
}

// ---- The parent's side, asynchronous ------------------------------------------------------------------------------

/// Sends a request.
pub(crate) async fn send_request(socket: &mut (impl AsyncWrite + Unpin), request: &Request) -> Result<(), AnswerError> {
    let mut message = vec![0; 4];
    serde_json::to_writer(&mut message, request)?;
    let length = u32::try_from(message.len() - 4).unwrap_or(u32::MAX);
    if length > MESSAGE_BYTES {
        return Err(AnswerError::TooLong(length));
    }
    message[..4].copy_from_slice(&length.to_le_bytes());
    socket.write_all(&message).await?;
    Ok(())
}

/// Receives a message without files.
pub(crate) async fn receive<T: for<'de> Deserialize<'de>>(socket: &mut (impl AsyncRead + Unpin)) -> Result<T, AnswerError> {
    let length = socket.read_u32_le().await?;
    if length > MESSAGE_BYTES {
        return Err(AnswerError::TooLong(length));
    }
    let json = read_bounded(socket, u64::from(length)).await?;
    Ok(serde_json::from_slice(&json)?)
}

/// Receives what came of a job, and checks it against what was asked for.
pub(crate) async fn receive_answer(
    socket: &mut (impl AsyncRead + Unpin),
    work: &RenderWork,
) -> Result<Result<Rendered, RenderFailure>, AnswerError> {
    let (metadata, headers, warnings) = match receive(socket).await? {
        Answer::Failed(failure) => return Ok(Err(failure)),
        Answer::Rendered { metadata, outputs, warnings } => (metadata, outputs, warnings),
    };
    check(&headers, work).map_err(AnswerError::Impossible)?;
    let mut outputs = Vec::with_capacity(headers.len());
    for OutputHeader { name, format, width, height, length } in headers {
        outputs.push(Output { name, format, width, height, bytes: read_bounded(socket, length).await? });
    }
    Ok(Ok(Rendered { metadata: *metadata, outputs, warnings }))
}

fn check(headers: &[OutputHeader], work: &RenderWork) -> Result<(), String> {
    let names = headers.iter().map(|header| header.name.as_str());
    if !names.eq(work.variants.iter().map(|variant| variant.name.as_str())) {
        return Err("other variants than were asked for".to_owned());
    }
    let limits = &work.limits.output;
    for header in headers {
        let pixels = u64::from(header.width) * u64::from(header.height);
        if header.width.max(header.height) > limits.side || pixels > limits.pixels {
            return Err(format!("variant `{}` of {}×{} pixels", header.name, header.width, header.height));
        }
        // No format needs more than 16 bits a channel for each frame, and what is attached around it.
        let decode = &work.limits.decode;
        let attached = (decode.icc_bytes + decode.exif_bytes) as u64 * 2 + (1 << 20);
        if header.length > pixels * 8 * u64::from(decode.frames.max(1)) + attached {
            return Err(format!("variant `{}` of {} bytes for {pixels} pixels", header.name, header.length));
        }
    }
    Ok(())
}

/// Reads exactly `length` bytes. Memory grows with what arrives, not with what was announced.
async fn read_bounded(socket: &mut (impl AsyncRead + Unpin), length: u64) -> Result<Vec<u8>, AnswerError> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(usize::MAX).min(1 << 20));
    socket.take(length).read_to_end(&mut bytes).await?;
    match bytes.len() as u64 == length {
        true => Ok(bytes),
        false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}
