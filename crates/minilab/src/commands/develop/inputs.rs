//! Which files are meant.

use anyhow::Context;
use glob::Pattern;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Endings that a folder is searched for. A file that is named itself may be called anything. What this build cannot read is found all
/// the same, so that it is said which feature it takes.
pub const EXTENSIONS: [&str; 21] = [
    "jpg", "jpeg", "jpe", "jfif", "jif", "png", "apng", "webp", "gif", "avif", "avifs", "tif", "tiff", "bmp", "dib", "ico", "svg",
    "heic", "heif", "hif", "jxl",
];
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

/// Files as they are named, and those found below folders and by patterns, in order of their names; each once. What one of
/// the patterns in `exclude` matches, by its place below what was named, is left out.
pub fn collect(named: &[PathBuf], exclude: &[String]) -> anyhow::Result<Vec<Input>> {
    let pattern = |text: &String| Pattern::new(text).with_context(|| format!("`{text}` is not a pattern"));
    let exclude: Vec<Pattern> = exclude.iter().map(pattern).collect::<anyhow::Result<_>>()?;
    let mut inputs = Vec::new();
    for path in named {
        match std::fs::metadata(path) {
            Ok(kind) if kind.is_dir() => walk(path, "", DEPTH, &mut inputs)?,
            Ok(_) => inputs.push(Input { path: path.clone(), key: file_name(path) }),
            Err(error) => match path.to_str().filter(|text| text.contains(['*', '?', '['])) {
                Some(pattern) => matching(pattern, &mut inputs)?,
                None => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
            },
        }
    }
    let mut seen = HashSet::new();
    inputs.retain(|input| !exclude.iter().any(|pattern| pattern.matches(&input.key)) && seen.insert(input.path.clone()));
    Ok(inputs)
}

/// The files that a pattern matches; their places are those below its part without wildcards.
fn matching(pattern: &str, inputs: &mut Vec<Input>) -> anyhow::Result<()> {
    let root: PathBuf =
        Path::new(pattern).components().take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '['])).collect();
    let mut found = 0;
    for path in glob::glob(pattern).with_context(|| format!("`{pattern}` is not a pattern"))? {
        let path = path?;
        if path.is_file() {
            let below = path.strip_prefix(&root).unwrap_or(&path);
            let key: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            inputs.push(Input { key: key.join("/"), path });
            found += 1;
        }
    }
    if found == 0 {
        anyhow::bail!("no file matches `{pattern}`");
    }
    Ok(())
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
        let check = |named: &[&str], exclude: &[&str], expected: &[&str]| {
            let named: Vec<PathBuf> = named.iter().map(|name| dir.path().join(name)).collect();
            let exclude: Vec<String> = exclude.iter().map(|&pattern| pattern.to_owned()).collect();
            let inputs = collect(&named, &exclude).unwrap();
            let keys: Vec<&str> = inputs.iter().map(|input| input.key.as_str()).collect();
            assert_eq!(keys, expected, "{named:?}");
        };
        check(&["in", "odd.bin"], &[], &["b.JPG", "deep/c.webp", "odd.bin"]);
        check(&["in", "in/b.JPG"], &[], &["b.JPG", "deep/c.webp"]);
        check(&["in"], &["deep/*"], &["b.JPG"]);
        check(&["in/*.JPG"], &[], &["b.JPG"]);
        check(&["in/**/*.webp"], &[], &["deep/c.webp"]);
        for absent in ["absent", "in/*.png"] {
            assert!(collect(&[dir.path().join(absent)], &[]).unwrap_err().to_string().contains(absent));
        }
    }
}
