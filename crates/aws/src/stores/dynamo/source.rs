//! Source items: the newest version of a source that was heard of, and the keys of its variants by rule.

use super::Table;
use super::item::{Item, Placeholders, must_number, n, number, s, text};
use crate::stores::error::TableError;
use crate::table;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem, Update};
use minilab_model::{Event, ObjectRef, Sequencer, SourceVersion, Timestamp};
use minilab_pipeline::{CatalogError, SourceState};
use std::collections::BTreeSet;
use std::time::SystemTime;

const SOURCE_KIND: &str = "source";
const SEQUENCER: &str = "Sequencer";
/// The ETag without quotes; only a source that is there has it.
const ETAG: &str = "ETag";
const SIZE: &str = "SizeBytes";
/// When the version was written, in milliseconds since 1970.
const TIME: &str = "Time";
/// There for a source that is gone.
const GONE: &str = "Gone";
/// A map from rules to lists of keys, `bucket/key`: where variants are, or may be after a crash.
const VARIANTS: &str = "Variants";
/// A set of rules that had recorded the source, and have not told of its removal yet.
const UNTOLD: &str = "Untold";

/// For how long it is remembered that a source is gone: longer than any message about it can be late. Queues keep
/// messages for 14 days at most, and their dead letters for 14 more.
const REMOVAL_S: i64 = 30 * 86_400;

/// What an event means for the version of its source that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// It is the newest that is known, for the first time or again.
    Current,
    /// A newer event of the same key was there before; this one's jobs are over.
    Superseded,
}

/// What is known of a source.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// The newest version.
    pub sequencer: Sequencer,
    /// What is there; `None` when the newest version is a removal.
    pub present: Option<Present>,
    /// The rules that have yet to tell of a removal.
    pub untold: BTreeSet<String>,
    notes: std::collections::HashMap<String, AttributeValue>,
}

/// A source that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    /// ETag without quotes; empty when the event did not say it.
    pub etag: String,
    /// Length in bytes.
    pub size_bytes: u64,
    /// When it was written.
    pub created_at: Timestamp,
}

impl Source {
    fn read(id: &str, item: &Item) -> Result<Self, TableError> {
        let present = match item.contains_key(GONE) {
            true => None,
            false => Some(Present {
                etag: text(item, ETAG).unwrap_or_default(),
                size_bytes: must_number(item, id, SIZE)?,
                created_at: Timestamp::from_millis(number(item, TIME).unwrap_or(0)),
            }),
        };
        let untold = item.get(UNTOLD).and_then(|value| value.as_ss().ok());
        Ok(Self {
            sequencer: Sequencer(must_number(item, id, SEQUENCER)?),
            present,
            untold: untold.into_iter().flatten().cloned().collect(),
            notes: item.get(VARIANTS).and_then(|value| value.as_m().ok()).cloned().unwrap_or_default(),
        })
    }

    /// Whether the newest version is this one, in this state.
    pub fn is(&self, version: Sequencer, state: SourceState) -> bool {
        match state {
            SourceState::Present => self.present.is_some() && self.sequencer == version,
            SourceState::Gone => self.present.is_none() && self.sequencer <= version,
        }
    }

    /// The same with another note for a rule.
    fn noted(mut self, rule: &str, keys: &BTreeSet<ObjectRef>) -> Self {
        match keys.is_empty() {
            true => drop(self.notes.remove(rule)),
            false => drop(self.notes.insert(rule.to_owned(), list(keys))),
        }
        self
    }

    /// Where the rule's variants are, or may be.
    pub fn note(&self, rule: &str) -> BTreeSet<ObjectRef> {
        let keys = self.notes.get(rule).and_then(|value| value.as_l().ok());
        keys.into_iter().flatten().filter_map(|key| key.as_s().ok()?.parse().ok()).collect()
    }
}

fn id(object: &ObjectRef) -> String {
    format!("{}source#{object}", table::INTERNAL)
}

impl Table {
    /// Moves the source's item forward to this event, never back. Called with every event, before its jobs.
    ///
    /// # Errors
    /// [`CatalogError`] when the table cannot be written; the event is then to be tried again.
    pub async fn observe(&self, event: &Event) -> Result<Observed, CatalogError> {
        let mut with = Placeholders::default();
        let sequencer = with.name(SEQUENCER);
        let asked = with.value(n(event.sequencer.0));
        let mut set = vec![
            with.equal(table::KIND, s(SOURCE_KIND)),
            format!("{sequencer} = {asked}"),
            with.equal(TIME, n(event.time.as_millis())),
        ];
        let notes = with.name(VARIANTS);
        set.push(format!("{notes} = if_not_exists({notes}, {})", with.value(AttributeValue::M(Item::new()))));
        let removed = if event.kind.is_created() {
            set.push(with.equal(ETAG, s(event.etag.trim_matches('"'))));
            set.push(with.equal(SIZE, n(event.size_bytes)));
            [GONE, table::EXPIRES]
        } else {
            let now_s = Timestamp::from(SystemTime::now()).as_millis() / 1000;
            set.push(with.equal(GONE, AttributeValue::Bool(true)));
            set.push(with.equal(table::EXPIRES, n(now_s + REMOVAL_S)));
            [ETAG, SIZE]
        };
        let removed = removed.map(|name| with.name(name)).join(", ");
        let update = format!("SET {} REMOVE {removed}", set.join(", "));
        let condition = format!("attribute_not_exists({sequencer}) OR {sequencer} <= {asked}");
        let (object, id) = (event.object(), id(&event.object()));
        match self.update_and_get(&id, &update, &condition, &with).await? {
            Some(item) => {
                self.seen().remember(&object, Source::read(&id, &item)?);
                Ok(Observed::Current)
            }
            None => {
                self.seen().forget(&object);
                Ok(Observed::Superseded)
            }
        }
    }

    /// What is known of a source.
    ///
    /// # Errors
    /// [`TableError::Unobserved`] when nothing is.
    pub(crate) async fn source(&self, object: &ObjectRef) -> Result<Source, TableError> {
        let id = id(object);
        match self.get(&id).await? {
            Some(item) => Source::read(&id, &item),
            None => Err(TableError::Unobserved { object: object.to_string() }),
        }
    }

    /// Notes where the rule's variants are, if the source and its note are still as `seen`; `None` when they are not.
    pub(crate) async fn write_note(
        &self,
        object: &ObjectRef,
        seen: Source,
        rule: &str,
        keys: &BTreeSet<ObjectRef>,
    ) -> Result<Option<Source>, TableError> {
        let mut with = Placeholders::default();
        let note = format!("{}.{}", with.name(VARIANTS), with.name(rule));
        let update = match keys.is_empty() {
            true => format!("REMOVE {note}"),
            false => format!("SET {note} = {}", with.value(list(keys))),
        };
        let same = match seen.notes.get(rule) {
            Some(former) => format!("{note} = {}", with.value(former.clone())),
            None => format!("attribute_not_exists({note})"),
        };
        let condition = format!("{} AND {same}", seen.unchanged(&mut with));
        let noted = self.update(&id(object), &update, &condition, &with).await?.then(|| seen.noted(rule, keys));
        if let Some(noted) = &noted {
            self.seen().remember(object, noted.clone());
        }
        Ok(noted)
    }

    /// The part of a transaction that fails when the source is not as `seen`.
    pub(super) fn check_source(&self, object: &ObjectRef, seen: &Source) -> Result<TransactWriteItem, TableError> {
        let mut with = Placeholders::default();
        let check = ConditionCheck::builder()
            .table_name(self.name())
            .set_key(Some(self.key(&id(object))))
            .condition_expression(seen.unchanged(&mut with))
            .set_expression_attribute_names(with.names())
            .set_expression_attribute_values(with.values())
            .build()?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// The part of a transaction that notes which rules have yet to tell of a removal, and fails when the source is not as
    /// `seen`.
    pub(super) fn write_untold(
        &self,
        object: &ObjectRef,
        seen: &Source,
        untold: BTreeSet<String>,
    ) -> Result<TransactWriteItem, TableError> {
        if untold == seen.untold {
            return self.check_source(object, seen);
        }
        let mut with = Placeholders::default();
        let name = with.name(UNTOLD);
        let condition = seen.unchanged(&mut with);
        let same = with.equal_or_absent(UNTOLD, rules(&seen.untold));
        let update = match rules(&untold) {
            Some(rules) => format!("SET {name} = {}", with.value(rules)),
            None => format!("REMOVE {name}"),
        };
        let update = Update::builder()
            .table_name(self.name())
            .set_key(Some(self.key(&id(object))))
            .update_expression(update)
            .condition_expression(format!("{condition} AND {same}"))
            .set_expression_attribute_names(with.names())
            .set_expression_attribute_values(with.values())
            .build()?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

impl Source {
    /// The condition that source and version are as they were.
    fn unchanged(&self, with: &mut Placeholders) -> String {
        let sequencer = with.equal(SEQUENCER, n(self.sequencer.0));
        let gone = with.equal_or_absent(GONE, self.present.is_none().then_some(AttributeValue::Bool(true)));
        format!("{sequencer} AND {gone}")
    }
}

fn list(keys: &BTreeSet<ObjectRef>) -> AttributeValue {
    AttributeValue::L(keys.iter().map(|key| s(key.to_string())).collect())
}

/// A set of rules, for DynamoDB, where no set is empty.
fn rules(rules: &BTreeSet<String>) -> Option<AttributeValue> {
    (!rules.is_empty()).then(|| AttributeValue::Ss(rules.iter().cloned().collect()))
}

/// Whether the version is the newest, in this state.
///
/// # Errors
/// [`minilab_pipeline::StoreError::Superseded`] when it is not; `Unavailable` when the table cannot say.
pub(crate) async fn current(
    table: &Table,
    version: &SourceVersion,
    state: SourceState,
) -> Result<Source, minilab_pipeline::StoreError> {
    let source = table.source(&version.object).await?;
    match source.is(version.sequencer, state) {
        true => Ok(source),
        false => Err(superseded(version)),
    }
}

/// As [`current`] for a source that is there, but as it was when it was last seen: see [`super::seen`].
pub(crate) async fn last_seen(table: &Table, version: &SourceVersion) -> Result<Source, minilab_pipeline::StoreError> {
    let remembered = table.seen().present(version);
    match remembered {
        Some(source) => Ok(source),
        None => current(table, version, SourceState::Present).await,
    }
}

/// The error of a version that is no longer the newest.
pub(crate) fn superseded(version: &SourceVersion) -> minilab_pipeline::StoreError {
    minilab_pipeline::StoreError::Superseded { object: version.object.clone(), sequencer: version.sequencer }
}
