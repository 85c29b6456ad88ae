//! Where results are written: never outside the output folder, never over a source, never over each other.

use anyhow::{Context, bail};
use minilab_model::ObjectRef;
use std::collections::HashSet;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The output folder and what this run has written there.
pub struct Outputs {
    root: PathBuf,
    bucket_folders: bool,
    taken: Mutex<HashSet<PathBuf>>,
}

impl Outputs {
    /// Results go below `root`, in a folder for each bucket if asked.
    pub fn new(root: &Path, bucket_folders: bool) -> Self {
        Self { root: root.to_owned(), bucket_folders, taken: Mutex::default() }
    }

    /// Marks a result of an earlier run as one of this run's.
    pub fn keep(&self, path: &Path) {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
    }

    /// Writes one result under a temporary name and then renames it, so that no half file is ever seen.
    pub fn write(&self, destination: &ObjectRef, source: &Path, content: &[u8]) -> anyhow::Result<PathBuf> {
        let path = self.path(destination)?;
        if !self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone()) {
            bail!("{} was already written from another file of this run", path.display());
        }
        if let (Ok(source), Ok(existing)) = (source.canonicalize(), path.canonicalize())
            && source == existing
        {
            bail!("the result would overwrite the source; pick another --out");
        }
        let folder = path.parent().unwrap_or(&self.root);
        let failed = || format!("{} cannot be written", path.display());
        std::fs::create_dir_all(folder).with_context(failed)?;
        let mut file = tempfile::Builder::new().prefix(".minilab-").tempfile_in(folder).with_context(failed)?;
        file.write_all(content).with_context(failed)?;
        // A temporary file is private; a result is as public as the folder's other files.
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(permissions).with_context(failed)?;
        file.persist(&path).with_context(failed)?;
        Ok(path)
    }

    fn path(&self, destination: &ObjectRef) -> anyhow::Result<PathBuf> {
        let key = Path::new(destination.key.as_str());
        if !key.components().all(|part| matches!(part, Component::Normal(_))) {
            bail!("`{}` is not a file name below the output folder", destination.key);
        }
        let root = if self.bucket_folders { self.root.join(destination.bucket.as_str()) } else { self.root.clone() };
        Ok(root.join(key))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten_and_nothing_leaves_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("a.jpg");
        std::fs::write(&source, "source").unwrap();
        let outputs = Outputs::new(dir.path(), false);
        let write =
            |key: &str| outputs.write(&format!("out/{key}").parse().unwrap(), &source, b"x").map_err(|error| error.to_string());
        assert_eq!(write("deep/b.jpg").unwrap(), dir.path().join("deep/b.jpg"));
        assert!(write("deep/b.jpg").unwrap_err().contains("already written"));
        assert!(write("a.jpg").unwrap_err().contains("overwrite the source"));
        for outside in ["../b.jpg", "/b.jpg", "deep/../../b.jpg"] {
            assert!(write(outside).is_err(), "{outside}");
        }
        assert_eq!(std::fs::read_to_string(&source).unwrap(), "source");
    }
}
