use crate::OpenError;
use crate::fault::{FaultPoint, Faults};
use crate::health::StopSwitch;
use crate::random;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names a blob file: 128 random bits. Nothing of a key goes into a path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BlobName(pub(crate) [u8; 16]);

impl BlobName {
    fn random() -> io::Result<Self> {
        random::bits().map(Self)
    }

    /// The name from a file's name; `None` for a file that is no blob.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut bits = [0; 16];
        hex::decode_to_slice(name, &mut bits).ok()?;
        (name == hex::encode(bits)).then_some(Self(bits))
    }

    /// Its file, where `root` is the directory of all blobs.
    pub(crate) fn path_below(self, root: &Path) -> PathBuf {
        root.join(format!("{:02x}", self.0[0])).join(self.to_string())
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The blob files: `blobs/ab/<32 hex digits>`, where `ab` are the first two digits.
#[derive(Debug)]
pub(crate) struct BlobDirectory {
    root: PathBuf,
    /// Files that are being written, or whose rows are not yet on the disk: no sweep may touch them.
    in_flight: Mutex<HashSet<BlobName>>,
    /// Files that a reader is going to open later: no collection may touch them.
    pinned: Mutex<HashMap<BlobName, usize>>,
    stop: Arc<StopSwitch>,
    pub(crate) faults: Faults,
}

impl BlobDirectory {
    /// Opens `data_dir/blobs` and makes the 256 directories in it durable, so that a later file needs only its own
    /// directory synced.
    pub(crate) fn open(data_dir: &Path, stop: Arc<StopSwitch>, faults: Faults) -> Result<Self, OpenError> {
        let root = data_dir.join("blobs");
        let made = make_directories(&root).map_err(|source| OpenError::Io { what: "making", path: root.clone(), source });
        made?;
        Ok(Self { root, in_flight: Mutex::default(), pinned: Mutex::default(), stop, faults })
    }

    pub(crate) fn path(&self, name: BlobName) -> PathBuf {
        name.path_below(&self.root)
    }

    pub(crate) fn directory(&self, first: u8) -> PathBuf {
        self.root.join(format!("{first:02x}"))
    }

    /// Makes a new, empty file that goes away again when its guard is dropped.
    pub(crate) fn create(self: &Arc<Self>) -> io::Result<(BlobGuard, File)> {
        let name = BlobName::random()?;
        lock(&self.in_flight).insert(name);
        let guard = BlobGuard { directory: Arc::clone(self), name, armed: true };
        let file = File::options().write(true).create_new(true).mode(0o600).open(self.path(name))?;
        Ok((guard, file))
    }

    /// Makes the file's content and name durable.
    ///
    /// A failure other than a full disk stops the store: after it, nobody knows what the disk holds, and asking again
    /// would answer wrongly.
    pub(crate) fn sync(&self, name: BlobName, file: &File) -> io::Result<()> {
        let synced = self.faults.pass(FaultPoint::BlobSync).and_then(|()| file.sync_data());
        let synced = synced.and_then(|()| {
            self.faults.pass(FaultPoint::DirectorySync)?;
            File::open(self.directory(name.0[0]))?.sync_all()
        });
        if let Err(error) = &synced
            && !crate::health::is_disk_full(error)
        {
            self.stop.stop(format!("fsync of blob {name} failed: {error}"));
        }
        synced
    }

    pub(crate) fn is_in_flight(&self, name: BlobName) -> bool {
        lock(&self.in_flight).contains(&name)
    }

    /// Lets sweeps look at a file again: a row names it, or nothing ever will.
    pub(crate) fn landed(&self, name: BlobName) {
        lock(&self.in_flight).remove(&name);
    }

    /// Keeps a file from being collected until the pin is dropped.
    pub(crate) fn pin(self: &Arc<Self>, name: BlobName) -> BlobPin {
        *lock(&self.pinned).entry(name).or_default() += 1;
        BlobPin { directory: Arc::clone(self), name }
    }

    /// Runs `remove` unless somebody is going to open the file; nobody can decide to meanwhile.
    pub(crate) fn unless_pinned(&self, name: BlobName, remove: impl FnOnce() -> bool) -> bool {
        let pinned = lock(&self.pinned);
        !pinned.contains_key(&name) && remove()
    }
}

/// Owns a blob file that no row on the disk names yet. Dropping it removes the file.
#[derive(Debug)]
pub(crate) struct BlobGuard {
    directory: Arc<BlobDirectory>,
    name: BlobName,
    armed: bool,
}

impl BlobGuard {
    pub(crate) fn name(&self) -> BlobName {
        self.name
    }

    /// A row on the disk names the file now.
    pub(crate) fn keep(mut self) {
        self.armed = false;
        self.directory.landed(self.name);
    }

    /// Nobody knows whether a row on the disk names the file: it stays, and sweeps leave it alone until
    /// [`BlobDirectory::landed`].
    pub(crate) fn leave(mut self) -> BlobName {
        self.armed = false;
        self.name
    }
}

impl Drop for BlobGuard {
    fn drop(&mut self) {
        // Once the store has stopped, a transaction of unknown end may name this file: the next start will know.
        if !self.armed || self.directory.stop.is_stopped() {
            return;
        }
        match fs::remove_file(self.directory.path(self.name)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(blob = %self.name, %error, "an unused blob is left for the next sweep"),
        }
        self.directory.landed(self.name);
    }
}

/// Keeps a blob from being collected.
#[derive(Debug)]
pub(crate) struct BlobPin {
    directory: Arc<BlobDirectory>,
    name: BlobName,
}

impl BlobPin {
    pub(crate) fn name(&self) -> BlobName {
        self.name
    }
}

impl Drop for BlobPin {
    fn drop(&mut self) {
        let mut pinned = lock(&self.directory.pinned);
        if let Some(count) = pinned.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                pinned.remove(&self.name);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn make_directories(root: &Path) -> io::Result<()> {
    let make = |path: &Path| match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    };
    let mut made = make(root)?;
    for first in 0..=u8::MAX {
        made |= make(&root.join(format!("{first:02x}")))?;
    }
    if made {
        File::open(root)?.sync_all()?;
        if let Some(parent) = root.parent() {
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}
