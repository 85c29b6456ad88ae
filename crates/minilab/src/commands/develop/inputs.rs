//! Which files are meant.

use anyhow::Context;
use std::path::{Path, PathBuf};

/// Endings that a folder is searched for. A file that is named itself may be called anything.
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "webp", "gif"];
/// Deepest nesting of folders, so that a link to a parent ends somewhere.
const DEPTH: usize = 64;

/// One file to develop.
#[derive(Debug, PartialEq, Eq)]
pub struct Input {
    /// Where it is.
    pub path: PathBuf,
    /// Its place below what was named, with `/` between the parts: the key of the templates.
    pub key: String,
}

/// Files as they are named, and those found below folders, in order of their names.
pub fn collect(named: &[PathBuf]) -> anyhow::Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in named {
        let kind = std::fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
        if kind.is_dir() {
            walk(path, "", DEPTH, &mut inputs)?;
        } else {
            inputs.push(Input { path: path.clone(), key: file_name(path) });
        }
    }
    Ok(inputs)
}

fn walk(folder: &Path, prefix: &str, depth: usize, inputs: &mut Vec<Input>) -> anyhow::Result<()> {
    if depth == 0 {
        anyhow::bail!("{} is nested too deeply", folder.display());
    }
    let unreadable = || format!("{} cannot be read", folder.display());
    let entries = std::fs::read_dir(folder).with_context(unreadable)?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().with_context(unreadable)?;
    paths.sort();
    for path in paths {
        let key = format!("{prefix}{}", file_name(&path));
        if path.is_dir() {
            walk(&path, &format!("{key}/"), depth - 1, inputs)?;
        } else if is_image_name(&path) {
            inputs.push(Input { path, key });
        }
    }
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_image_name(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_and_named_files_taken_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("in/deep")).unwrap();
        for name in ["in/b.JPG", "in/a.txt", "in/deep/c.webp", "odd.bin"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let inputs = collect(&[dir.path().join("in"), dir.path().join("odd.bin")]).unwrap();
        let keys: Vec<&str> = inputs.iter().map(|input| input.key.as_str()).collect();
        assert_eq!(keys, ["b.JPG", "deep/c.webp", "odd.bin"]);
        assert!(collect(&[dir.path().join("absent")]).unwrap_err().to_string().contains("absent"));
    }
}
