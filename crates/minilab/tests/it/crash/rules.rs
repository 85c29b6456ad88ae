//! The rules that the server works by, in two forms that make other variants under the same name.

use super::Random;
use std::path::Path;

const SMALL: &str = r#"
[server]
buckets = ["photos", "prints"]
reserve_bytes = 0

[[rules]]
name = "thumbnail"
bucket = "photos"

[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{key}/{variant}.{ext}"
steps = [{ resize = { width = 16, height = 16 } }]
format = "png"
"#;

const SMALL_AND_LARGE: &str = r#"
[server]
buckets = ["photos", "prints"]
reserve_bytes = 0

[[rules]]
name = "thumbnail"
bucket = "photos"

[[rules.variants]]
name = "thumb"
bucket = "prints"
key = "{key}/{variant}.{ext}"
steps = [{ resize = { width = 12, height = 12 } }]
format = "png"

[[rules.variants]]
name = "large"
bucket = "prints"
key = "{key}/{variant}.{ext}"
steps = [{ resize = { width = 20, height = 20 } }]
format = "png"
"#;

/// What a server must not take for rules.
pub const NONSENSE: &str = "[server]\nbuckets = [\"photos\", \"prints\"]\n\n[[rules]]\nname = ";

/// The names of the variants of each form.
pub const VARIANTS: [&[&str]; 2] = [&["thumb"], &["large", "thumb"]];

pub fn pick(random: &mut Random) -> &'static str {
    [SMALL, SMALL_AND_LARGE][random.below(2)]
}

/// Writes the file as an editor does: whole, or not at all.
pub fn write(dir: &Path, text: &str) {
    let next = dir.join("minilab.toml.next");
    std::fs::write(&next, text).expect("the rules can be written");
    std::fs::rename(next, dir.join("minilab.toml")).expect("the rules can be replaced");
}
