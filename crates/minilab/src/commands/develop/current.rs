//! Which results are current: made from the same file, by the same recipe, and not touched since.
//!
//! What is known of earlier runs lies in the user's cache folder, in a file for each output folder, so that the output folder
//! holds results alone. Losing it costs work, nothing else.

use minilab_model::Rule;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

/// The results of earlier runs into one folder.
pub struct Current {
    file: Option<PathBuf>,
    recipe: String,
    force: bool,
    known: Mutex<BTreeMap<PathBuf, Made>>,
}

/// What was made of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    recipe: String,
    source: Stamp,
    results: Vec<(PathBuf, Stamp)>,
}

/// Length and time of change of a file: enough to see that it is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size_bytes: u64,
    modified_ns: u128,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self { size_bytes: metadata.len(), modified_ns: modified.as_nanos() })
    }
}

impl Current {
    /// What is known of `out`. With `force` nothing counts as current.
    pub fn open(out: &Path, rules: &[Rule], force: bool) -> Self {
        Self::at(cache_file(out), rules, force)
    }

    fn at(file: Option<PathBuf>, rules: &[Rule], force: bool) -> Self {
        // What cannot be read counts as nothing known: everything is made again.
        let known = file.as_ref().and_then(|file| std::fs::read(file).ok());
        let known = known.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let mut hash = Sha256::new();
        hash.update(minilab_imaging::ENGINE_VERSION);
        hash.update(serde_json::to_vec(rules).unwrap_or_default());
        Self { file, recipe: hex::encode(&hash.finalize()[..8]), force, known: Mutex::new(known) }
    }

    /// The results of a source when they are current.
    pub fn results(&self, source: &Path) -> Option<Vec<PathBuf>> {
        if self.force {
            return None;
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let made = known.get(&source.canonicalize().ok()?)?;
        let untouched = made.results.iter().all(|(path, stamp)| Stamp::of(path) == Some(*stamp));
        let same = made.recipe == self.recipe && Stamp::of(source) == Some(made.source);
        (same && untouched).then(|| made.results.iter().map(|(path, _)| path.clone()).collect())
    }

    /// Remembers what was made of a source.
    pub fn remember(&self, source: &Path, results: &[PathBuf]) {
        let made = || {
            let stamped = results.iter().map(|path| Some((path.canonicalize().ok()?, Stamp::of(path)?)));
            Some((
                source.canonicalize().ok()?,
                Made { recipe: self.recipe.clone(), source: Stamp::of(source)?, results: stamped.collect::<Option<_>>()? },
            ))
        };
        // A file that cannot be looked at is made again the next time.
        if let Some((source, made)) = made() {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(source, made);
        }
    }

    /// Keeps what is known for the next run. Where that is not possible, the next run makes everything again.
    pub fn save(&self) {
        let Some((file, folder)) = self.file.as_ref().and_then(|file| Some((file, file.parent()?))) else { return };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let save = || -> anyhow::Result<()> {
            std::fs::create_dir_all(folder)?;
            let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer(&mut temporary, &*known)?;
            temporary.persist(file)?;
            Ok(())
        };
        if let Err(error) = save() {
            eprintln!("{} cannot be written, so the next run makes everything again: {error}", file.display());
        }
    }
}

/// Where it is kept what is known of an output folder; `None` for users without a home.
fn cache_file(out: &Path) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    let name = hex::encode(&Sha256::digest(out.canonicalize().ok()?.as_os_str().as_encoded_bytes())[..16]);
    Some(cache.join("minilab/develop").join(format!("{name}.json")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn results_are_current_until_something_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (source, result) = (dir.path().join("a.jpg"), dir.path().join("a.png"));
        let state = dir.path().join("cache/state.json");
        let rules = |sides: u32| -> Vec<Rule> {
            let steps = serde_json::json!([{"resize": {"width": sides}}]);
            let variants = serde_json::json!([{"name": "v", "bucket": "out", "key": "{key}", "steps": steps}]);
            vec![serde_json::from_value(serde_json::json!({"name": "r", "bucket": "in-bucket", "variants": variants})).unwrap()]
        };
        let open = |sides, force| Current::at(Some(state.clone()), &rules(sides), force);
        std::fs::write(&source, "source").unwrap();
        std::fs::write(&result, "result").unwrap();
        let first = open(1, false);
        assert_eq!(first.results(&source), None);
        first.remember(&source, std::slice::from_ref(&result));
        first.save();
        assert_eq!(open(1, false).results(&source), Some(vec![result.canonicalize().unwrap()]));
        assert_eq!(open(2, false).results(&source), None, "another recipe");
        assert_eq!(open(1, true).results(&source), None, "by force");
        std::fs::write(&result, "touched").unwrap();
        assert_eq!(open(1, false).results(&source), None, "the result is another");
        std::fs::write(&state, "{broken").unwrap();
        assert_eq!(open(1, false).results(&source), None);
    }
}
