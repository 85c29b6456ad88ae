//! Keeps two processes out of one data directory.

use crate::OpenError;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The right to a data directory, given back when dropped. The operating system gives it back when the process dies.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Takes the lock of `data_dir`, which must exist, and writes this process's id into it for others to name.
    pub(crate) fn take(data_dir: &Path) -> Result<Self, OpenError> {
        let path = data_dir.join("lock");
        let failed = |what| {
            let path = path.clone();
            move |source| OpenError::Io { what, path, source }
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed("opening"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // The message is worth having without the number, too.
                let _ = file.take(32).read_to_string(&mut pid);
                let pid = Some(pid.trim()).filter(|pid| !pid.is_empty()).unwrap_or("unknown").to_owned();
                return Err(OpenError::Locked { data_dir: data_dir.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(failed("locking")(source)),
        }
        let mut write_pid = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write_pid().map_err(failed("writing"))?;
        Ok(Self { _file: file })
    }
}
