use crate::checksum::ChecksumHasher;
use crate::fault::FaultPoint;
use crate::health::{DiskGauge, is_disk_full};
use crate::{BlobDirectory, BlobGuard, Checksum, ChecksumAlgorithm, EmbeddedError};
use bytes::{Bytes, BytesMut};
use md5::{Digest as _, Md5};
use sha2::Sha256;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// How a body is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyOptions {
    /// Most bytes; a longer body is [`EmbeddedError::EntityTooLarge`].
    pub max_bytes: u64,
    /// The checksum to compute, beside MD5 and SHA-256.
    pub checksum: Option<ChecksumAlgorithm>,
}

/// Takes in a body piece by piece: what is short stays in memory, what is longer goes into a file. At most
/// 2 × [`BodyWriter::PIECE_BYTES`] and one piece of the caller's are held in memory. Dropping it removes what was
/// written.
#[derive(Debug)]
pub struct BodyWriter {
    options: BodyOptions,
    inline_bytes: usize,
    disk: Arc<DiskGauge>,
    received: u64,
    pending: BytesMut,
    state: State,
}

/// A body that is durable (a short one: in memory) but belongs to no object yet. Dropping it removes it.
#[derive(Debug)]
pub struct StagedBody {
    pub(crate) size_bytes: u64,
    pub(crate) md5: [u8; 16],
    pub(crate) sha256: [u8; 32],
    pub(crate) checksum: Option<Checksum>,
    pub(crate) content: StagedContent,
}

/// Where a staged body is.
#[derive(Debug)]
pub(crate) enum StagedContent {
    Inline(Bytes),
    File(BlobGuard),
}

#[derive(Debug)]
enum State {
    /// Nothing is under way.
    Idle(Box<Spool>),
    /// A blocking thread hashes and writes.
    Working(JoinHandle<Result<Box<Spool>, EmbeddedError>>),
    /// An earlier piece failed.
    Failed,
}

/// What lives on blocking threads: the hashes and the file.
struct Spool {
    directory: Arc<BlobDirectory>,
    file: Option<(BlobGuard, File)>,
    md5: Md5,
    sha256: Sha256,
    checksum: Option<ChecksumHasher>,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("file", &self.file).finish_non_exhaustive()
    }
}

impl BodyWriter {
    /// Length of the pieces that are hashed and written at once.
    pub const PIECE_BYTES: usize = 256 << 10;
    /// Up to this length, hashing takes less time than the way to a blocking thread and back.
    const HASH_AT_ONCE_BYTES: usize = 16 << 10;

    pub(crate) fn new(directory: Arc<BlobDirectory>, disk: Arc<DiskGauge>, inline_bytes: usize, options: BodyOptions) -> Self {
        let state = State::Idle(Box::new(Spool::new(directory, options.checksum)));
        Self { options, inline_bytes, disk, received: 0, pending: BytesMut::new(), state }
    }

    /// Takes in the next piece.
    ///
    /// # Errors
    /// [`EmbeddedError::EntityTooLarge`], [`EmbeddedError::DiskFull`], [`EmbeddedError::Stopped`].
    pub async fn write(&mut self, mut piece: Bytes) -> Result<(), EmbeddedError> {
        self.received += piece.len() as u64;
        if self.received > self.options.max_bytes {
            self.state = State::Failed;
            return Err(EmbeddedError::EntityTooLarge { limit_bytes: self.options.max_bytes });
        }
        while !piece.is_empty() {
            let room = Self::PIECE_BYTES - self.pending.len();
            self.pending.extend_from_slice(&piece.split_to(room.min(piece.len())));
            if self.pending.len() == Self::PIECE_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Ends the body and makes it durable.
    ///
    /// # Errors
    /// [`EmbeddedError::DiskFull`], [`EmbeddedError::Stopped`].
    pub async fn finish(mut self) -> Result<StagedBody, EmbeddedError> {
        let spool = self.idle().await?;
        let pending = self.pending.split().freeze();
        let inline = spool.file.is_none() && pending.len() <= self.inline_bytes;
        if inline { self.disk.check_row() } else { self.disk.check_file() }?;
        if inline && pending.len() <= Self::HASH_AT_ONCE_BYTES {
            return Ok(spool.finish_inline(pending));
        }
        let size_bytes = self.received;
        let disk = Arc::clone(&self.disk);
        let finish = move || match inline {
            true => Ok(spool.finish_inline(pending)),
            false => spool.finish_file(pending, size_bytes, &disk),
        };
        tokio::task::spawn_blocking(finish).await.map_err(panicked)?
    }

    /// Hands what is pending to a blocking thread, once that has done with the piece before.
    async fn flush(&mut self) -> Result<(), EmbeddedError> {
        self.disk.check_file()?;
        let mut spool = self.idle().await?;
        let piece = self.pending.split().freeze();
        let disk = Arc::clone(&self.disk);
        self.state = State::Working(tokio::task::spawn_blocking(move || {
            spool.take(&piece, &disk)?;
            Ok(spool)
        }));
        Ok(())
    }

    async fn idle(&mut self) -> Result<Box<Spool>, EmbeddedError> {
        match std::mem::replace(&mut self.state, State::Failed) {
            State::Idle(spool) => Ok(spool),
            State::Working(work) => work.await.map_err(panicked)?,
            State::Failed => {
                let failed = std::io::Error::other("an earlier piece of the body failed");
                Err(EmbeddedError::Io { what: "writing a body".to_owned(), source: failed })
            }
        }
    }
}

impl Spool {
    fn new(directory: Arc<BlobDirectory>, checksum: Option<ChecksumAlgorithm>) -> Self {
        let checksum = checksum.map(ChecksumHasher::new);
        Self { directory, file: None, md5: Md5::new(), sha256: Sha256::new(), checksum }
    }

    fn hash(&mut self, piece: &[u8]) {
        // In stretches that stay in the first cache for all three passes.
        for stretch in piece.chunks(16 << 10) {
            self.md5.update(stretch);
            self.sha256.update(stretch);
            if let Some(checksum) = &mut self.checksum {
                checksum.update(stretch);
            }
        }
    }

    fn take(&mut self, piece: &[u8], disk: &DiskGauge) -> Result<(), EmbeddedError> {
        self.hash(piece);
        let written = (|| {
            let (_, file) = match &mut self.file {
                Some(file) => file,
                none => none.insert(self.directory.create()?),
            };
            self.directory.faults.pass(FaultPoint::BlobWrite)?;
            file.write_all(piece)
        })();
        written.map_err(|error| failed(error, disk))
    }

    fn finish_inline(mut self: Box<Self>, content: Bytes) -> StagedBody {
        self.hash(&content);
        let size_bytes = content.len() as u64;
        self.finish(size_bytes, StagedContent::Inline(content))
    }

    fn finish_file(mut self: Box<Self>, rest: Bytes, size_bytes: u64, disk: &DiskGauge) -> Result<StagedBody, EmbeddedError> {
        self.take(&rest, disk)?;
        let Some((guard, file)) = self.file.take() else {
            return Err(EmbeddedError::corrupt("a long body has no file"));
        };
        self.directory.sync(guard.name(), &file).map_err(|error| match is_disk_full(&error) {
            true => disk.full(),
            false => EmbeddedError::Stopped { reason: format!("fsync of blob {} failed: {error}", guard.name()) },
        })?;
        Ok(self.finish(size_bytes, StagedContent::File(guard)))
    }

    fn finish(self: Box<Self>, size_bytes: u64, content: StagedContent) -> StagedBody {
        let Self { md5, sha256, checksum, .. } = *self;
        let checksum = checksum.map(ChecksumHasher::finish);
        StagedBody { size_bytes, md5: md5.finalize().into(), sha256: sha256.finalize().into(), checksum, content }
    }
}

impl StagedBody {
    /// Stages bytes that are in memory already. Blocks on the disk for what does not go inline.
    pub(crate) fn from_bytes(
        directory: &Arc<BlobDirectory>,
        disk: &DiskGauge,
        inline_bytes: usize,
        content: Bytes,
    ) -> Result<Self, EmbeddedError> {
        let spool = Box::new(Spool::new(Arc::clone(directory), None));
        match content.len() <= inline_bytes {
            true => {
                disk.check_row()?;
                Ok(spool.finish_inline(content))
            }
            false => {
                disk.check_file()?;
                let size_bytes = content.len() as u64;
                spool.finish_file(content, size_bytes, disk)
            }
        }
    }

    /// Length in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// MD5 of the content.
    #[must_use]
    pub fn md5(&self) -> [u8; 16] {
        self.md5
    }

    /// The ETag that a single-part object with this content has: MD5 in hex.
    #[must_use]
    pub fn etag(&self) -> String {
        hex::encode(self.md5)
    }

    /// SHA-256 of the content.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// The checksum that [`BodyOptions`] asked for.
    #[must_use]
    pub fn checksum(&self) -> Option<&Checksum> {
        self.checksum.as_ref()
    }
}

fn failed(error: std::io::Error, disk: &DiskGauge) -> EmbeddedError {
    match is_disk_full(&error) {
        true => disk.full(),
        false => EmbeddedError::Io { what: "writing a blob".to_owned(), source: error },
    }
}

fn panicked(error: tokio::task::JoinError) -> EmbeddedError {
    EmbeddedError::Io { what: "work on a blocking thread".to_owned(), source: std::io::Error::other(error) }
}
