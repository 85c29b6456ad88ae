//! Goes through all that rules and sources have to do with each other, a page at a time.

use anyhow::bail;
use minilab_embedded::{EmbeddedError, Inventory, MadeCursor, UnfinishedJob};
use minilab_model::{IdempotencyKey, ObjectKey, ObjectRef, Rule, RuleSet};
use minilab_pipeline::plan::{Made, OrphanReason, Ownership, Sniffed, SourceEntry, Standing, compare, ownership, wants_objects};
use std::collections::HashMap;
use std::sync::Arc;

/// Rows in a page: enough that a page costs more than turning it, few enough to hold.
const PAGE: usize = 500;
/// Bytes of a source that tell its format; all but some AVIF need 16.
const HEAD_BYTES: usize = 64;

/// The data of a directory as these rules see them.
pub struct Walk {
    inventory: Inventory,
    rules: Arc<RuleSet>,
    rule: Option<String>,
}

/// Something that was made and belongs to no rule any more.
#[derive(Debug)]
pub struct Orphan {
    pub made: Made,
    pub reason: OrphanReason,
    /// What was found in the source's first bytes, when that decided it.
    pub sniffed: Option<Sniffed>,
}

/// Sources with how they stand, and where the next page begins; `None` after the last.
type ComparedPage = (Vec<(SourceEntry, Standing)>, Option<ObjectKey>);

impl Walk {
    /// All `rules`, or `rule` alone.
    ///
    /// # Errors
    /// When there is no rule of that name.
    pub fn new(inventory: Inventory, rules: Arc<RuleSet>, rule: Option<String>) -> anyhow::Result<Self> {
        check_rule(&rules, rule.as_deref())?;
        Ok(Self { inventory, rules, rule })
    }

    /// The rules that are asked about.
    pub fn rules(&self) -> Vec<Rule> {
        self.rules.iter().filter(|rule| self.is_selected(&rule.name)).cloned().collect()
    }

    /// A page of the sources that `rule` wants, with where it stands with each, and what the next page comes after.
    pub fn sources(&mut self, rule: &Rule, after: Option<&ObjectKey>) -> Result<ComparedPage, EmbeddedError> {
        if !wants_objects(rule) {
            return Ok((Vec::new(), None));
        }
        let page = self.inventory.sources(&rule.bucket, rule.prefix.as_deref().unwrap_or_default(), after, PAGE)?;
        let mut wanted = Vec::new();
        for entry in page.entries {
            let standing = match compare(rule, &entry, None) {
                Standing::Unsniffed => compare(rule, &entry, self.sniff(&entry.object)?),
                standing => standing,
            };
            // One that has just gone or been written again is left unsniffed: its own event brings its job.
            if !matches!(standing, Standing::Unwanted | Standing::Unsniffed) {
                wanted.push((entry, standing));
            }
        }
        Ok((wanted, page.next))
    }

    /// A page of orphans, and what the next page comes after.
    pub fn orphans(&mut self, after: Option<&MadeCursor>) -> Result<(Vec<Orphan>, Option<MadeCursor>), EmbeddedError> {
        let page = self.inventory.made(after, PAGE)?;
        let mut orphans = Vec::new();
        for made in page.entries {
            if !self.is_selected(&made.rule) {
                continue;
            }
            let mut sniffed = None;
            let mut owned = ownership(&self.rules, &made, None);
            if owned == Ownership::Unsniffed {
                sniffed = self.sniff(&made.source)?;
                owned = ownership(&self.rules, &made, sniffed);
            }
            if let Ownership::Orphan(reason) = owned {
                orphans.push(Orphan { made, reason, sniffed });
            }
        }
        Ok((orphans, page.next))
    }

    /// Those of these jobs that are in the queue still.
    pub fn unfinished<'a>(
        &mut self,
        jobs: impl IntoIterator<Item = &'a IdempotencyKey>,
    ) -> Result<HashMap<IdempotencyKey, UnfinishedJob>, EmbeddedError> {
        self.inventory.unfinished(jobs)
    }

    fn is_selected(&self, rule: &str) -> bool {
        self.rule.as_deref().is_none_or(|selected| selected == rule)
    }

    fn sniff(&mut self, object: &ObjectRef) -> Result<Option<Sniffed>, EmbeddedError> {
        let head = self.inventory.head(object, HEAD_BYTES)?;
        Ok(head.map(|(sequencer, bytes)| Sniffed { sequencer, format: minilab_imaging::sniff(&bytes) }))
    }
}

/// Checks that there is a rule of this name, if one is given.
///
/// # Errors
/// Names the rules that there are.
pub fn check_rule(rules: &RuleSet, rule: Option<&str>) -> anyhow::Result<()> {
    let Some(name) = rule.filter(|name| rules.get(name).is_none()) else { return Ok(()) };
    let known: Vec<String> = rules.iter().map(|rule| format!("`{}`", rule.name)).collect();
    match known.is_empty() {
        true => bail!("there is no rule `{name}`; the configuration has no rules"),
        false => bail!("there is no rule `{name}`; there is {}", known.join(", ")),
    }
}
