use bytes::Bytes;
use futures::Stream;
use std::io;
use std::ops::Range;

/// The content of one version of an object. It stays readable when the object is overwritten or deleted.
#[derive(Debug)]
pub struct BodyReader {
    size_bytes: u64,
}

impl BodyReader {
    /// Length in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The bytes in `range`, which is cut to the content's length, in pieces of at most 256 KiB.
    pub fn into_stream(self, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        let _ = range;
        futures::stream::empty()
    }

    /// The bytes in `range`, which is cut to the content's length, at once.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let _ = range;
        Err(io::Error::other("not written yet"))
    }
}
