use super::directory::{BlobDirectory, BlobName, BlobPin};
use bytes::{Bytes, BytesMut};
use futures::Stream;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// One stretch of a body, as its row says.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) size_bytes: u64,
    pub(crate) content: Content,
}

/// Where a stretch of a body is.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Inline(Bytes),
    Blob(BlobName),
}

/// The content of one version of an object. It stays readable when the object is overwritten or deleted.
#[derive(Debug, Clone)]
pub struct BodyReader {
    size_bytes: u64,
    stretches: Arc<[Stretch]>,
    directory: Arc<BlobDirectory>,
}

#[derive(Debug)]
struct Stretch {
    start: u64,
    size_bytes: u64,
    bytes: Bytes,
    file: Option<BlobFile>,
}

#[derive(Debug)]
enum BlobFile {
    /// Opened already, so it outlives its name.
    Open(Arc<File>),
    /// Opened when reached: an object of 10,000 parts must not take 10,000 file descriptors.
    Pinned(BlobPin),
}

impl BodyReader {
    /// Longest piece of a stream, in bytes.
    pub const PIECE_BYTES: u64 = 256 << 10;

    /// Binds the files of a body. Blocks on the disk. `NotFound` when a file is missing.
    pub(crate) fn open(directory: &Arc<BlobDirectory>, segments: Vec<Segment>) -> io::Result<Self> {
        let mut start = 0;
        let mut stretches = Vec::with_capacity(segments.len());
        let alone = segments.len() == 1;
        for Segment { size_bytes, content } in segments {
            let (bytes, file) = match content {
                Content::Inline(bytes) => (bytes, None),
                Content::Blob(name) if alone => (Bytes::new(), Some(BlobFile::Open(Arc::new(File::open(directory.path(name))?)))),
                Content::Blob(name) => {
                    let pin = directory.pin(name);
                    std::fs::metadata(directory.path(name))?;
                    (Bytes::new(), Some(BlobFile::Pinned(pin)))
                }
            };
            stretches.push(Stretch { start, size_bytes, bytes, file });
            start += size_bytes;
        }
        Ok(Self { size_bytes: start, stretches: stretches.into(), directory: Arc::clone(directory) })
    }

    /// Length in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The bytes in `range`, which is cut to the content's length, in pieces of at most
    /// [`PIECE_BYTES`](Self::PIECE_BYTES).
    pub fn into_stream(self, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let end = range.end.min(self.size_bytes);
        futures::stream::try_unfold((self, range.start, None), move |(reader, at, open)| async move {
            if at >= end {
                return Ok(None);
            }
            let (piece, open) = reader.piece(at, end, open).await?;
            let next = at + piece.len() as u64;
            Ok(Some((piece, (reader, next, open))))
        })
    }

    /// The bytes in `range`, which is cut to the content's length, at once.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        if let [Stretch { file: None, bytes, .. }] = &*self.stretches {
            let end = range.end.min(self.size_bytes);
            let start = range.start.min(end);
            return Ok(bytes.slice(start as usize..end as usize));
        }
        let reader = self.clone();
        tokio::task::spawn_blocking(move || reader.read_blocking(range)).await.map_err(io::Error::other)?
    }

    /// Like [`read`](Self::read), on this thread.
    pub(crate) fn read_blocking(&self, range: Range<u64>) -> io::Result<Bytes> {
        let end = range.end.min(self.size_bytes);
        let start = range.start.min(end);
        let mut bytes = BytesMut::zeroed((end - start) as usize);
        let mut at = start;
        while at < end {
            let index = self.find(at);
            let stretch = &self.stretches[index];
            let stop = end.min(stretch.start + stretch.size_bytes);
            let target = &mut bytes[(at - start) as usize..(stop - start) as usize];
            match self.file(index)? {
                Some(file) => file.read_exact_at(target, at - stretch.start)?,
                None => target.copy_from_slice(&stretch.bytes[(at - stretch.start) as usize..(stop - stretch.start) as usize]),
            }
            at = stop;
        }
        Ok(bytes.freeze())
    }

    /// Reads all of it on this thread, piece by piece.
    pub(crate) fn for_each_piece(&self, mut take: impl FnMut(&[u8])) -> io::Result<()> {
        let mut at = 0;
        while at < self.size_bytes {
            let piece = self.read_blocking(at..at.saturating_add(Self::PIECE_BYTES))?;
            take(&piece);
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// The piece that starts at `at`, and the file that it came from.
    async fn piece(&self, at: u64, end: u64, open: Option<(usize, Arc<File>)>) -> io::Result<(Bytes, Option<(usize, Arc<File>)>)> {
        let index = self.find(at);
        let stretch = &self.stretches[index];
        let offset = at - stretch.start;
        let length = (end - at).min(stretch.size_bytes - offset).min(Self::PIECE_BYTES);
        if stretch.file.is_none() {
            let offset = offset as usize;
            return Ok((stretch.bytes.slice(offset..offset + length as usize), None));
        }
        let reader = self.clone();
        let read = move || {
            let file = match open {
                Some((former, file)) if former == index => file,
                _ => reader.file(index)?.ok_or_else(|| io::Error::other("a stretch in a file has no file"))?,
            };
            let mut piece = BytesMut::zeroed(length as usize);
            file.read_exact_at(&mut piece, offset)?;
            Ok((piece.freeze(), Some((index, file))))
        };
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    }

    /// The stretch that holds the byte at `at`, which must be less than the length.
    fn find(&self, at: u64) -> usize {
        self.stretches.partition_point(|stretch| stretch.start + stretch.size_bytes <= at)
    }

    fn file(&self, index: usize) -> io::Result<Option<Arc<File>>> {
        match &self.stretches[index].file {
            None => Ok(None),
            Some(BlobFile::Open(file)) => Ok(Some(Arc::clone(file))),
            Some(BlobFile::Pinned(pin)) => Ok(Some(Arc::new(File::open(self.directory.path(pin.name()))?))),
        }
    }
}
