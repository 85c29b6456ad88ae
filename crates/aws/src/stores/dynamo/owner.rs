//! Owner items: which source and rule a destination belongs to.
//!
//! An item goes through `claimed` (with the ETag of what the owner is about to write, where that is known before, else that of
//! what was there) → `written` (the ETag that S3 told) → `leaving` (its owner is about to delete the object) → gone. Each change
//! is made under the condition that the item is as it was read, so that of two that meet one reads again. Objects are written under
//! a condition on what was there, so that of two who claimed in turn the later one's bytes stay. While a destination is being left nobody else may
//! claim it: what they wrote, if it had the same bytes and so the same ETag, would be deleted with the rest.

use super::Table;
use super::item::{Item, Placeholders, must, must_number, n, number, s, text};
use crate::stores::error::TableError;
use crate::table;
use minilab_model::{ObjectRef, Sequencer, SourceVersion, Timestamp};
use std::time::SystemTime;

const OWNER_KIND: &str = "owner";
const SOURCE: &str = "Source";
const RULE: &str = "Rule";
const SEQUENCER: &str = "Sequencer";
const ETAG: &str = "ETag";
const LEAVING: &str = "LeavingUntil";

/// Whose a destination is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The source, as `bucket/key`.
    pub source: String,
    /// The rule.
    pub rule: String,
    /// The version of the source that claimed it.
    pub sequencer: Sequencer,
    /// The ETag of the object, without quotes, as far as it was told.
    pub etag: Option<String>,
    /// Until when its owner may be deleting it, in milliseconds since 1970.
    leaving_until: Option<i64>,
}

/// What somebody who wants a destination makes of its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    /// It may be claimed.
    Ours,
    /// It is that of a source that was written later, or of the same source's rule that comes later by name.
    Another,
    /// A newer version of the same source has claimed it.
    Superseded,
    /// It is being left; in a moment it is free.
    Leaving,
}

impl Owner {
    fn read(id: &str, item: &Item) -> Result<Self, TableError> {
        Ok(Self {
            source: must(item, id, SOURCE)?.to_owned(),
            rule: must(item, id, RULE)?.to_owned(),
            sequencer: Sequencer(must_number(item, id, SEQUENCER)?),
            etag: text(item, ETAG),
            leaving_until: number(item, LEAVING),
        })
    }

    /// Whether it is this source's and rule's.
    pub fn is(&self, source: &SourceVersion, rule: &str) -> bool {
        self.source == source.object.to_string() && self.rule == rule
    }

    /// What `source` and `rule` may do with this destination. Of several sources that share it, the one that was written
    /// last has it; of several rules of one source, the last by name: so the order of jobs does not matter.
    pub fn right(&self, source: &SourceVersion, rule: &str, now_ms: i64) -> Right {
        if self.leaving_until.is_some_and(|until| until > now_ms) {
            return Right::Leaving;
        }
        if self.is(source, rule) {
            return if self.sequencer > source.sequencer { Right::Superseded } else { Right::Ours };
        }
        match (self.sequencer, self.rule.as_str()) > (source.sequencer, rule) {
            true => Right::Another,
            false => Right::Ours,
        }
    }

    fn unchanged(&self, with: &mut Placeholders) -> String {
        let same = [
            with.equal(SOURCE, s(&self.source)),
            with.equal(RULE, s(&self.rule)),
            with.equal(SEQUENCER, n(self.sequencer.0)),
            with.equal_or_absent(LEAVING, self.leaving_until.map(n)),
        ];
        same.join(" AND ")
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    Timestamp::from(SystemTime::now()).as_millis()
}

fn id(destination: &ObjectRef) -> String {
    format!("{}owner#{destination}", table::INTERNAL)
}

impl Table {
    /// The owner of a destination.
    pub(crate) async fn owner(&self, destination: &ObjectRef) -> Result<Option<Owner>, TableError> {
        let id = id(destination);
        self.get(&id).await?.map(|item| Owner::read(&id, &item)).transpose()
    }

    /// Makes `source` and `rule` the owner, if it is still as `seen`; `None` when it is not. `etag` is that of what will be
    /// written, where it is known: then S3's answer needs not be noted.
    pub(crate) async fn claim(
        &self,
        destination: &ObjectRef,
        seen: Option<&Owner>,
        source: &SourceVersion,
        rule: &str,
        etag: Option<String>,
    ) -> Result<Option<Owner>, TableError> {
        let mut with = Placeholders::default();
        let condition = match seen {
            Some(seen) => seen.unchanged(&mut with),
            None => format!("attribute_not_exists({})", with.name(self.key_name())),
        };
        let claimed = Owner {
            source: source.object.to_string(),
            rule: rule.to_owned(),
            sequencer: source.sequencer,
            etag: etag.clone().or_else(|| seen.and_then(|seen| seen.etag.clone())),
            leaving_until: None,
        };
        if seen == Some(&claimed) {
            return Ok(Some(claimed));
        }
        let mut set = vec![
            with.equal(table::KIND, s(OWNER_KIND)),
            with.equal(SOURCE, s(&claimed.source)),
            with.equal(RULE, s(rule)),
            with.equal(SEQUENCER, n(source.sequencer.0)),
        ];
        set.extend(etag.map(|etag| with.equal(ETAG, s(etag))));
        let update = format!("SET {} REMOVE {}", set.join(", "), with.name(LEAVING));
        Ok(self.update(&id(destination), &update, &condition, &with).await?.then_some(claimed))
    }

    /// Says what the owner wrote, if it still is the owner.
    pub(crate) async fn written(&self, destination: &ObjectRef, owner: &Owner, etag: &str) -> Result<bool, TableError> {
        if owner.etag.as_deref() == Some(etag) {
            return Ok(true);
        }
        let mut with = Placeholders::default();
        let condition = owner.unchanged(&mut with);
        let update = format!("SET {}", with.equal(ETAG, s(etag)));
        self.update(&id(destination), &update, &condition, &with).await
    }

    /// Says that the owner is about to delete the object, if it still is the owner.
    pub(crate) async fn leave(&self, destination: &ObjectRef, owner: &Owner) -> Result<Option<Owner>, TableError> {
        let mut with = Placeholders::default();
        let condition = owner.unchanged(&mut with);
        let mark = i64::try_from(self.deletion().as_millis() * 2).unwrap_or(i64::MAX);
        let leaving = Owner { leaving_until: Some(now_ms().saturating_add(mark)), ..owner.clone() };
        let update = format!("SET {}", with.equal(LEAVING, n(leaving.leaving_until.unwrap_or_default())));
        Ok(self.update(&id(destination), &update, &condition, &with).await?.then_some(leaving))
    }

    /// Gives the destination up, if nobody has taken it over.
    pub(crate) async fn release(&self, destination: &ObjectRef, owner: &Owner) -> Result<bool, TableError> {
        let mut with = Placeholders::default();
        let condition = owner.unchanged(&mut with);
        self.delete(&id(destination), &condition, &with).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_was_written_later_has_the_key() {
        let owner = |source: &str, rule: &str, sequencer, leaving_until| Owner {
            source: source.to_owned(),
            rule: rule.to_owned(),
            sequencer: Sequencer(sequencer),
            etag: None,
            leaving_until,
        };
        let check = |owner: Owner, expected| {
            let asking = SourceVersion { object: "photos/a".parse().unwrap(), sequencer: Sequencer(5) };
            assert_eq!(owner.right(&asking, "m", 100), expected, "{owner:?}");
        };
        check(owner("photos/a", "m", 5, None), Right::Ours);
        check(owner("photos/a", "m", 6, None), Right::Superseded);
        check(owner("photos/b", "m", 4, None), Right::Ours);
        check(owner("photos/b", "m", 6, None), Right::Another);
        check(owner("photos/a", "n", 5, None), Right::Another);
        check(owner("photos/a", "l", 5, None), Right::Ours);
        check(owner("photos/a", "m", 5, Some(101)), Right::Leaving);
        check(owner("photos/b", "m", 4, Some(100)), Right::Ours);
    }
}
