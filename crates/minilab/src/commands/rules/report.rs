//! What a plan adds up to.

use crate::serve::backfill::{Orphan, Walk};
use minilab_pipeline::plan::{Cost, Dollars, OrphanReason, PRICES_OF, SourceEntry, Standing};
use serde::Serialize;
use std::collections::BTreeMap;

/// Keys that stand for many.
const EXAMPLES: usize = 3;

/// What would be done, by rule.
#[derive(Debug, Serialize)]
pub struct Report {
    /// In the order of the configuration.
    pub rules: Vec<RuleReport>,
    /// What belongs to no rule any more, by the rule that made it and the reason.
    pub orphans: Vec<OrphanReport>,
    /// What is to be made in all, and its cost.
    pub total: Estimate,
    #[serde(skip)]
    cost: Cost,
}

/// What one rule has made, and would make.
#[derive(Debug, Serialize)]
pub struct RuleReport {
    pub rule: String,
    /// Nothing has been made of them.
    pub missing: Group,
    /// Made from an older version of the source.
    pub source_changed: Group,
    /// Made by another recipe.
    pub recipe_changed: Group,
    /// In the queue.
    pub queued: Group,
    /// Failed for good.
    pub failed: Group,
    /// As the rule wants them.
    pub current: Group,
    /// The cost of what is to be made.
    pub estimate: Estimate,
    #[serde(skip)]
    cost: Cost,
}

/// Sources of one standing.
#[derive(Debug, Default, Serialize)]
pub struct Group {
    pub objects: u64,
    pub bytes: u64,
    /// The first of their keys.
    pub examples: Vec<String>,
}

/// What a rule has left of sources for one reason.
#[derive(Debug, Serialize)]
pub struct OrphanReport {
    pub rule: String,
    pub reason: &'static str,
    pub sources: u64,
    pub variants: u64,
    pub bytes: u64,
    /// The first of the sources, as `bucket/key`.
    pub examples: Vec<String>,
}

/// What making it is estimated to take.
#[derive(Debug, Default, Serialize)]
pub struct Estimate {
    pub objects: u64,
    pub bytes: u64,
    /// Seconds of one core.
    pub cpu_seconds: f64,
    /// Seconds on this machine's cores.
    pub wall_seconds: f64,
    /// On AWS.
    pub dollars: Option<Priced>,
}

/// Dollars and where they come from.
#[derive(Debug, Serialize)]
pub struct Priced {
    #[serde(flatten)]
    pub dollars: Dollars,
    pub total: f64,
    pub prices_of: &'static str,
}

/// One thing that the walk comes by.
pub enum Item<'a> {
    Source(&'a str, &'a SourceEntry, Standing),
    Orphan(&'a Orphan),
}

impl Report {
    /// Walks through everything; `each` sees it one by one.
    ///
    /// # Errors
    /// When the data cannot be read, and what `each` says.
    pub fn gather(walk: &mut Walk, cores: usize, mut each: impl FnMut(Item<'_>) -> anyhow::Result<()>) -> anyhow::Result<Self> {
        let mut report = Self { rules: Vec::new(), orphans: Vec::new(), total: Estimate::default(), cost: Cost::default() };
        for rule in walk.rules() {
            let mut found = RuleReport::new(&rule.name);
            let mut after = None;
            loop {
                let (page, next) = walk.sources(&rule, after.as_ref())?;
                for (source, standing) in &page {
                    each(Item::Source(&rule.name, source, *standing))?;
                    found.add(source, *standing);
                    if standing.is_due() {
                        found.cost += Cost::of(&rule, source.size_bytes, source.image);
                    }
                }
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            found.finish(cores);
            report.cost += found.cost;
            report.total.objects += found.estimate.objects;
            report.total.bytes += found.estimate.bytes;
            report.rules.push(found);
        }
        report.total.price(&report.cost, cores);
        report.orphans = gather_orphans(walk, each)?;
        Ok(report)
    }

    /// Jobs that are in the queue.
    pub fn queued(&self) -> u64 {
        self.rules.iter().map(|rule| rule.queued.objects).sum()
    }

    /// Sources that a rule failed on.
    pub fn failed(&self) -> u64 {
        self.rules.iter().map(|rule| rule.failed.objects).sum()
    }

    /// Pairs of source and rule that are orphans.
    pub fn orphaned(&self) -> u64 {
        self.orphans.iter().map(|orphan| orphan.sources).sum()
    }
}

fn gather_orphans(walk: &mut Walk, mut each: impl FnMut(Item<'_>) -> anyhow::Result<()>) -> anyhow::Result<Vec<OrphanReport>> {
    let mut found: BTreeMap<(String, OrphanReason), OrphanReport> = BTreeMap::new();
    let mut after = None;
    loop {
        let (page, next) = walk.orphans(after.as_ref())?;
        for orphan in &page {
            each(Item::Orphan(orphan))?;
            let key = (orphan.made.rule.clone(), orphan.reason);
            let report = found.entry(key).or_insert_with(|| OrphanReport {
                rule: orphan.made.rule.clone(),
                reason: reason(orphan.reason),
                sources: 0,
                variants: 0,
                bytes: 0,
                examples: Vec::new(),
            });
            report.sources += 1;
            report.variants += orphan.made.variants;
            report.bytes += orphan.made.variant_bytes;
            if report.examples.len() < EXAMPLES {
                report.examples.push(orphan.made.source.to_string());
            }
        }
        match next {
            Some(next) => after = Some(next),
            None => return Ok(found.into_values().collect()),
        }
    }
}

/// Why something is an orphan, in words.
pub const fn reason(reason: OrphanReason) -> &'static str {
    match reason {
        OrphanReason::RuleGone => "there is no such rule",
        OrphanReason::Unwanted => "the rule does not want the source",
        OrphanReason::SourceGone => "the source is gone",
    }
}

impl RuleReport {
    fn new(rule: &str) -> Self {
        Self {
            rule: rule.to_owned(),
            missing: Group::default(),
            source_changed: Group::default(),
            recipe_changed: Group::default(),
            queued: Group::default(),
            failed: Group::default(),
            current: Group::default(),
            estimate: Estimate::default(),
            cost: Cost::default(),
        }
    }

    fn add(&mut self, source: &SourceEntry, standing: Standing) {
        let group = match standing {
            Standing::Missing => &mut self.missing,
            Standing::SourceChanged => &mut self.source_changed,
            Standing::RecipeChanged => &mut self.recipe_changed,
            Standing::Queued => &mut self.queued,
            Standing::Failed => &mut self.failed,
            Standing::Current => &mut self.current,
            // The walk leaves them out.
            Standing::Unwanted | Standing::Unsniffed => return,
        };
        group.objects += 1;
        group.bytes += source.size_bytes;
        if group.examples.len() < EXAMPLES {
            group.examples.push(source.object.key.as_str().to_owned());
        }
    }

    fn finish(&mut self, cores: usize) {
        for group in [&self.missing, &self.source_changed, &self.recipe_changed] {
            self.estimate.objects += group.objects;
            self.estimate.bytes += group.bytes;
        }
        self.estimate.price(&self.cost, cores);
    }
}

impl Estimate {
    fn price(&mut self, cost: &Cost, cores: usize) {
        self.cpu_seconds = cost.cpu_seconds;
        self.wall_seconds = cost.cpu_seconds / cores.max(1) as f64;
        let dollars = cost.dollars();
        self.dollars = (self.objects > 0).then(|| Priced { dollars, total: dollars.total(), prices_of: PRICES_OF });
    }
}
