//! Whether what one rule writes could be picked up by a rule again.
//!
//! A template is read as a pattern of fixed text and unknown stretches, and compared with a rule's prefix and suffixes.
//! The answer errs on the side of "could": a refused configuration can be written more clearly, an endless chain costs
//! money.

use crate::template::{Field, Part};
use crate::{OutputFormat, Rule, VariantSpec};

/// The keys that a variant can be written to: what they must start and end with, and the whole key when it is fixed.
struct Reach {
    head: String,
    tail: String,
    fixed: bool,
}

/// Whether a variant of `writer` could be a source of `reader`.
pub(crate) fn picks_up(writer: &Rule, variant: &VariantSpec, reader: &Rule) -> bool {
    if writer.destination(variant) != &reader.bucket {
        return false;
    }
    let prefix = reader.prefix.as_deref().unwrap_or("");
    let reach = reach(writer, variant);
    let head_meets = reach.head.starts_with(prefix) || (!reach.fixed && prefix.starts_with(&reach.head));
    let tail_meets = |suffix: &String| reach.tail.ends_with(suffix.as_str()) || (!reach.fixed && suffix.ends_with(&reach.tail));
    head_meets && (reader.suffix.is_empty() || reader.suffix.iter().any(tail_meets))
}

fn reach(writer: &Rule, variant: &VariantSpec) -> Reach {
    // Each piece: known text at its start, whether something unknown follows, known text at its end.
    let pieces: Vec<(String, bool, String)> = variant.key.parts().iter().map(|part| piece(part, writer, variant)).collect();
    let mut head = String::new();
    for (start, unknown, _) in &pieces {
        head.push_str(start);
        if *unknown {
            break;
        }
    }
    let mut tail = String::new();
    for (start, unknown, end) in pieces.iter().rev() {
        if *unknown {
            tail.insert_str(0, end);
            break;
        }
        tail.insert_str(0, start);
    }
    Reach { head, tail, fixed: pieces.iter().all(|(_, unknown, _)| !unknown) }
}

fn piece(part: &Part, writer: &Rule, variant: &VariantSpec) -> (String, bool, String) {
    let unknown = || (String::new(), true, String::new());
    let known = |text: &str| (text.to_owned(), false, String::new());
    let only_suffix = match writer.suffix.as_slice() {
        [suffix] => suffix.clone(),
        _ => String::new(),
    };
    let source_prefix = writer.prefix.as_deref().unwrap_or("");
    match part {
        Part::Literal(text) => known(text),
        Part::Field(Field::Variant) => known(&variant.name),
        Part::Field(Field::Ext) => match variant.format.fixed() {
            Some(format) => known(format.extension()),
            None => unknown(),
        },
        Part::Field(Field::Format) => match variant.format {
            OutputFormat::Keep | OutputFormat::Auto => unknown(),
            fixed => fixed.fixed().map_or_else(unknown, |format| known(format.as_str())),
        },
        Part::Field(Field::Key) => (source_prefix.to_owned(), true, only_suffix),
        Part::Field(Field::Name) => (String::new(), true, only_suffix),
        Part::Field(Field::Dir) => {
            let dir = source_prefix.rsplit_once('/').map_or("", |(dir, _)| dir);
            (dir.to_owned(), true, String::new())
        }
        Part::Field(Field::Stem | Field::Etag | Field::Width | Field::Height) => unknown(),
    }
}
