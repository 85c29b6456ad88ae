//! What exists, read in pages: sources with what rules have made of them, and what rules have left behind.
//!
//! It reads beside a running server: no lock is taken, nothing is written, and each page is a snapshot of its own, so that
//! a long walk holds up no checkpoint.

use crate::blob::Content;
use crate::commands::backfill::RemoveOrphan;
use crate::commands::bucket;
use crate::list::successor;
use crate::object::segments;
use crate::{Attributes, Embedded, EmbeddedError, OpenError, index, row, schema};
use minilab_model::{Attempt, BucketName, IdempotencyKey, ObjectKey, ObjectRef, RuleSet, Sequencer};
use minilab_pipeline::plan::{ImageFacts, Made, QueuedJob, RecordedOutcome, Sniffed, SourceEntry};
use minilab_pipeline::record::{OutcomeState, Outcomes, RuleOutcome};
use rusqlite::{Connection, Row, TransactionBehavior};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data directory as it is read beside its server.
pub struct Inventory {
    connection: Connection,
    data_dir: PathBuf,
}

/// A page of sources.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourcePage {
    /// The sources, by rising key. Fewer than asked for where variants stand among them.
    pub entries: Vec<SourceEntry>,
    /// What the next page comes after; `None` when this is the last.
    pub next: Option<ObjectKey>,
}

/// A page of what rules have made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MadePage {
    /// By source and rule, each pair once.
    pub entries: Vec<Made>,
    /// What the next page comes after; `None` when this is the last.
    pub next: Option<MadeCursor>,
}

/// A place in the list of what rules have made: variants first, then what stands in records alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeCursor(Place);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Variants { bucket: String, key: Vec<u8>, rule: String },
    Records { bucket: String, key: Vec<u8> },
}

/// What was removed of an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovedOrphan {
    /// Number of variants.
    pub variants: u64,
    /// Their bytes in all.
    pub bytes: u64,
}

/// A job that has not ended, or that ended as a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnfinishedJob {
    /// It waits or runs.
    Alive,
    /// It is a dead letter.
    Dead {
        /// The error of its last attempt.
        error: String,
    },
}

impl Inventory {
    /// Opens a data directory, which may be in use.
    ///
    /// # Errors
    /// [`OpenError`] when the directory is no store or cannot be read.
    pub fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let path = index::path(data_dir);
        if !path.exists() {
            return Err(OpenError::NoStore { data_dir: data_dir.to_owned() });
        }
        let failed = |source| OpenError::Sqlite { path: path.clone(), source };
        let connection = index::open_reading(&path).map_err(failed)?;
        let found = schema::version(&connection).map_err(failed)?;
        if found > schema::NEWEST {
            return Err(OpenError::NewerSchema { found, known: schema::NEWEST });
        }
        Ok(Self { connection, data_dir: data_dir.to_owned() })
    }

    /// The buckets, in order of names.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn buckets(&mut self) -> Result<Vec<BucketName>, EmbeddedError> {
        row::all(&self.connection, "SELECT name FROM bucket ORDER BY name", (), |row| row::bucket_name(row, 0))
    }

    /// The sources in a bucket whose keys start with `prefix`, after a key: at most `max` objects are looked at, variants
    /// among them. A bucket that is not there has none.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn sources(
        &mut self,
        bucket: &BucketName,
        prefix: &str,
        after: Option<&ObjectKey>,
        max: usize,
    ) -> Result<SourcePage, EmbeddedError> {
        self.snapshot(|connection| sources(connection, bucket, prefix, after, max))
    }

    /// What rules have made, after a place: at most some `max` pairs of source and rule.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn made(&mut self, after: Option<&MadeCursor>, max: usize) -> Result<MadePage, EmbeddedError> {
        self.snapshot(|connection| made(connection, after, max))
    }

    /// The version of an object and its first bytes, at most `max`; `None` when it is gone.
    ///
    /// # Errors
    /// When the index or the content cannot be read.
    pub fn head(&mut self, object: &ObjectRef, max: usize) -> Result<Option<(Sequencer, Vec<u8>)>, EmbeddedError> {
        let blobs = self.data_dir.join("blobs");
        for _ in 0..2 {
            let found = self.snapshot(|connection| head(connection, &blobs, object, max));
            match found {
                Ok(found) => return Ok(found),
                // Overwritten and collected between the row and the file: the row must be another one by now.
                Err(EmbeddedError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(EmbeddedError::corrupt(format!("a blob of {object} is missing")))
    }

    /// Those of these jobs that are in the queue still.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn unfinished<'a>(
        &mut self,
        jobs: impl IntoIterator<Item = &'a IdempotencyKey>,
    ) -> Result<HashMap<IdempotencyKey, UnfinishedJob>, EmbeddedError> {
        self.snapshot(|connection| {
            let mut found = HashMap::new();
            for key in jobs {
                let sql = "SELECT state = 'dead', attempts FROM job WHERE idempotency_key = ?1";
                let job = row::first(connection, sql, [key.as_str()], |row| {
                    if !row.get::<_, bool>(0)? {
                        return Ok(UnfinishedJob::Alive);
                    }
                    let attempts: Vec<Attempt> = row::json(row, 1)?;
                    let error = attempts.last().map_or_else(|| "unknown".to_owned(), |attempt| attempt.error.clone());
                    Ok(UnfinishedJob::Dead { error })
                })?;
                found.extend(job.map(|job| (key.clone(), job)));
            }
            Ok(found)
        })
    }

    fn snapshot<T>(&mut self, read: impl FnOnce(&Connection) -> Result<T, EmbeddedError>) -> Result<T, EmbeddedError> {
        let snapshot = self.connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        read(&snapshot)
    }
}

impl Embedded {
    /// Reads this store in pages.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn inventory(&self) -> Result<Inventory, OpenError> {
        Inventory::open(&self.inner.data_dir)
    }

    /// Removes what a rule has made of a source, variants and its part of the record, if by `rules` it is an orphan when
    /// the removal is done; `None` when it is none. `sniffed` is what the source's first bytes said, where that decides.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`].
    pub async fn remove_orphan(
        &self,
        source: ObjectRef,
        rule: String,
        rules: Arc<RuleSet>,
        sniffed: Option<Sniffed>,
    ) -> Result<Option<RemovedOrphan>, EmbeddedError> {
        self.write_own(RemoveOrphan { source, rule, rules, sniffed }).await
    }
}

/// Everything of a [`SourceEntry`] in one row. The number of a write is the number of its event, so that jobs need no
/// look at events.
const ENTRY: &str = "SELECT object.key, object.sequencer, object.etag, object.size_bytes, object.modified_ms,
        object.attributes, object.provenance, image.sequencer, image.outcomes, image.format,
        image.record ->> '$.width', image.record ->> '$.height',
        (SELECT json_group_object(rule, state = 'dead') FROM job WHERE job.sequencer = object.sequencer)
    FROM object LEFT JOIN image ON image.bucket = ?1 AND image.key = object.key";

fn sources_sql() -> String {
    format!("{ENTRY} WHERE bucket_id = ?2 AND object.key >= ?3 AND (?4 IS NULL OR object.key < ?4) ORDER BY object.key LIMIT ?5")
}

fn sources(
    connection: &Connection,
    bucket: &BucketName,
    prefix: &str,
    after: Option<&ObjectKey>,
    max: usize,
) -> Result<SourcePage, EmbeddedError> {
    let Some(bucket_id) = bucket_id(connection, bucket)? else { return Ok(SourcePage::default()) };
    // The least key behind a key is itself and one zero byte.
    let after = after.map(|key| [key.as_str().as_bytes(), &[0]].concat()).unwrap_or_default();
    let start = after.max(prefix.as_bytes().to_vec());
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(&sources_sql())?;
    let mut rows = statement.query((bucket.as_str(), bucket_id, start, successor(prefix), limit))?;
    let mut page = SourcePage::default();
    let (mut looked_at, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        looked_at += 1;
        last = Some(row::key(row, 0)?);
        page.entries.extend(entry(connection, row, bucket)?);
    }
    page.next = last.filter(|_| looked_at == max);
    Ok(page)
}

/// One source; `None` when it is gone, or an object with provenance.
fn source(connection: &Connection, object: &ObjectRef) -> Result<Option<SourceEntry>, EmbeddedError> {
    let Some(bucket_id) = bucket_id(connection, &object.bucket)? else { return Ok(None) };
    let mut statement = connection.prepare_cached(&format!("{ENTRY} WHERE bucket_id = ?2 AND object.key = ?3"))?;
    let mut rows = statement.query((object.bucket.as_str(), bucket_id, row::key_bytes(object)))?;
    match rows.next()? {
        Some(row) => entry(connection, row, &object.bucket),
        None => Ok(None),
    }
}

/// A row of [`ENTRY`]; `None` for an object with provenance.
fn entry(connection: &Connection, row: &Row<'_>, bucket: &BucketName) -> Result<Option<SourceEntry>, EmbeddedError> {
    if row.get(6)? {
        return Ok(None);
    }
    let object = ObjectRef::new(bucket.clone(), row::key(row, 0)?);
    let sequencer = row::sequencer(row, 1)?;
    let attributes: Attributes = row::json(row, 5)?;
    let recorded = row.get::<_, Option<i64>>(7)?.map(|_| row::sequencer(row, 7)).transpose()?;
    let mut outcomes = outcomes(row, 8)?;
    for (rule, outcome) in &mut outcomes {
        if outcome.recipe.is_none() && !outcome.failed {
            outcome.recipe = variants_recipe(connection, &object, rule)?;
        }
    }
    let jobs: BTreeMap<String, u8> = row::json(row, 12)?;
    let dead_or_alive = |(rule, dead)| (rule, if dead == 0 { QueuedJob::Alive } else { QueuedJob::Dead });
    Ok(Some(SourceEntry {
        sequencer,
        etag: row.get(2)?,
        size_bytes: row::unsigned(row, 3)?,
        modified_at: row::timestamp(row, 4)?,
        user_metadata: attributes.user,
        image: if recorded == Some(sequencer) { image_facts(row)? } else { None },
        recorded,
        outcomes,
        jobs: jobs.into_iter().map(dead_or_alive).collect(),
        object,
    }))
}

fn image_facts(row: &Row<'_>) -> Result<Option<ImageFacts>, EmbeddedError> {
    let Some(format) = row.get::<_, Option<String>>(9)? else { return Ok(None) };
    let name = serde_json::Value::String(format);
    let format =
        serde_json::from_value(name).map_err(|error| EmbeddedError::corrupt(format!("the format of a record: {error}")))?;
    Ok(Some(ImageFacts { format, width: row::number(row, 10)?, height: row::number(row, 11)? }))
}

fn outcomes(row: &Row<'_>, column: usize) -> Result<BTreeMap<String, RecordedOutcome>, EmbeddedError> {
    let stored: Option<Outcomes> = row::optional_json(row, column)?;
    let read = |(rule, RuleOutcome { state, recipe })| (rule, RecordedOutcome { failed: state == OutcomeState::Failed, recipe });
    Ok(stored.unwrap_or_default().into_iter().map(read).collect())
}

/// The recipe that a rule's variants of a source carry, for records that do not tell.
fn variants_recipe(connection: &Connection, source: &ObjectRef, rule: &str) -> Result<Option<String>, EmbeddedError> {
    let sql = "SELECT attributes ->> '$.user.\"minilab-recipe\"' FROM object
               WHERE source_bucket = ?1 AND source_key = ?2 AND source_rule = ?3 LIMIT 1";
    let parameters = (source.bucket.as_str(), row::key_bytes(source), rule);
    Ok(row::first(connection, sql, parameters, |row| row.get::<_, Option<String>>(0))?.flatten())
}

/// Variants by source and rule. The index of sources gives them in this order, so that a page costs what it shows.
const VARIANTS: &str = "SELECT source_bucket, source_key, source_rule FROM object
    WHERE source_bucket IS NOT NULL AND (source_bucket, source_key, source_rule) > (?1, ?2, ?3)
    GROUP BY source_bucket, source_key, source_rule ORDER BY source_bucket, source_key, source_rule LIMIT ?4";
const RECORDS: &str = "SELECT bucket, key, outcomes FROM image WHERE (bucket, key) > (?1, ?2) ORDER BY bucket, key LIMIT ?3";

fn made(connection: &Connection, after: Option<&MadeCursor>, max: usize) -> Result<MadePage, EmbeddedError> {
    let limit = i64::try_from(max).unwrap_or(i64::MAX);
    let start = Place::Variants { bucket: String::new(), key: Vec::new(), rule: String::new() };
    match after.map_or(&start, |MadeCursor(place)| place) {
        Place::Variants { bucket, key, rule } => {
            let pairs = row::all(connection, VARIANTS, (bucket, key, rule, limit), |row| {
                Ok((ObjectRef::new(row::bucket_name(row, 0)?, row::key(row, 1)?), row.get::<_, String>(2)?))
            })?;
            let next = match pairs.last().filter(|_| pairs.len() == max) {
                Some((source, rule)) => Place::Variants {
                    bucket: source.bucket.as_str().to_owned(),
                    key: row::key_bytes(source).to_owned(),
                    rule: rule.clone(),
                },
                None => Place::Records { bucket: String::new(), key: Vec::new() },
            };
            let entries = pairs.iter().map(|(source, rule)| made_of(connection, source, rule)).collect::<Result<_, _>>()?;
            Ok(MadePage { entries, next: Some(MadeCursor(next)) })
        }
        Place::Records { bucket, key } => {
            let records = row::all(connection, RECORDS, (bucket, key, limit), |row| {
                let source = ObjectRef::new(row::bucket_name(row, 0)?, row::key(row, 1)?);
                Ok((source, outcomes(row, 2)))
            })?;
            let mut page = MadePage::default();
            if let Some((source, _)) = records.last().filter(|_| records.len() == max) {
                let (bucket, key) = (source.bucket.as_str().to_owned(), row::key_bytes(source).to_owned());
                page.next = Some(MadeCursor(Place::Records { bucket, key }));
            }
            for (source, outcomes) in records {
                for rule in outcomes?.keys() {
                    let made = made_of(connection, &source, rule)?;
                    // Those with variants have been listed with them.
                    page.entries.extend(Some(made).filter(|made| made.variants == 0));
                }
            }
            Ok(page)
        }
    }
}

/// What one rule has made of one source.
pub(crate) fn made_of(connection: &Connection, source_object: &ObjectRef, rule: &str) -> Result<Made, EmbeddedError> {
    let (bucket, key) = (source_object.bucket.as_str(), row::key_bytes(source_object));
    let sql = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM object
               WHERE source_bucket = ?1 AND source_key = ?2 AND source_rule = ?3";
    let count = |row: &Row<'_>| Ok((row::unsigned(row, 0)?, row::unsigned(row, 1)?));
    let (variants, variant_bytes) = row::first(connection, sql, (bucket, key, rule), count)?.unwrap_or_default();
    let sql = "SELECT outcomes FROM image WHERE bucket = ?1 AND key = ?2";
    let recorded = row::first(connection, sql, (bucket, key), |row| Ok(outcomes(row, 0)))?.transpose()?.unwrap_or_default();
    let sql = "SELECT 1 FROM event JOIN job USING (sequencer) WHERE bucket = ?1 AND key = ?2 AND rule = ?3 AND state <> 'dead'";
    let job_alive = row::first(connection, sql, (bucket, key, rule), |_| Ok(()))?.is_some();
    Ok(Made {
        source: source_object.clone(),
        rule: rule.to_owned(),
        variants,
        variant_bytes,
        recorded: recorded.contains_key(rule),
        job_alive,
        entry: source(connection, source_object)?,
    })
}

fn head(
    connection: &Connection,
    blobs: &Path,
    object: &ObjectRef,
    max: usize,
) -> Result<Option<(Sequencer, Vec<u8>)>, EmbeddedError> {
    let Some(bucket_id) = bucket_id(connection, &object.bucket)? else { return Ok(None) };
    let sql = "SELECT sequencer, body_id FROM object WHERE bucket_id = ?1 AND key = ?2";
    let found = row::first(connection, sql, (bucket_id, row::key_bytes(object)), |row| {
        Ok((row::sequencer(row, 0)?, row.get::<_, i64>(1)?))
    })?;
    let Some((sequencer, body_id)) = found else { return Ok(None) };
    let mut bytes = Vec::with_capacity(max);
    for segment in segments(connection, body_id)? {
        let wanted = max - bytes.len();
        match segment.content {
            Content::Inline(inline) => bytes.extend_from_slice(&inline[..inline.len().min(wanted)]),
            Content::Blob(name) => {
                let read = File::open(name.path_below(blobs)).and_then(|file| file.take(wanted as u64).read_to_end(&mut bytes));
                read.map_err(EmbeddedError::io(format!("reading {object}")))?;
            }
        }
        if bytes.len() == max {
            break;
        }
    }
    Ok(Some((sequencer, bytes)))
}

fn bucket_id(connection: &Connection, name: &BucketName) -> Result<Option<i64>, EmbeddedError> {
    match bucket::id(connection, name) {
        Ok(id) => Ok(Some(id)),
        Err(EmbeddedError::NoSuchBucket(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    #[test]
    fn a_page_costs_by_what_it_shows() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection, Path::new("memory")).unwrap();
        connection.execute("INSERT INTO bucket (id, name, created_ms) VALUES (1, 'photos', 0)", ()).unwrap();
        let fill = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
            INSERT INTO object (bucket_id, key, sequencer, etag, size_bytes, modified_ms, body_id, attributes, provenance,
                source_bucket, source_key, source_rule, source_sequencer)
            SELECT 1, CAST(printf('%06d', i) AS BLOB), i, 'e', 1, 0, 1, '{}', i % 2,
                iif(i % 2, 'photos', NULL), iif(i % 2, CAST(printf('%06d', i / 4 * 4) AS BLOB), NULL), iif(i % 2, 'r', NULL), 0
            FROM n";
        connection.execute(fill, ()).unwrap();
        let records = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
            INSERT INTO image (bucket, key, sequencer, state, size_bytes, created_ms, format, outcomes, record)
            SELECT 'photos', CAST(printf('%06d', i) AS BLOB), i, 'processed', 1, 0, 'png', '{\"s\": {\"state\": \"failed\"}}',
                '{\"width\": 3, \"height\": 2}' FROM n";
        connection.execute(records, ()).unwrap();
        let photos = BucketName::new("photos").unwrap();
        let middle = ObjectKey::new("050000").unwrap();
        let page = sources(&connection, &photos, "", Some(&middle), 10).unwrap();
        let keys: Vec<&str> = page.entries.iter().map(|entry| entry.object.key.as_str()).collect();
        assert_eq!((keys, page.next.unwrap().as_str()), (vec!["050002", "050004", "050006", "050008", "050010"], "050010"));
        assert_eq!(page.entries[0].image, Some(ImageFacts { format: minilab_model::Format::Png, width: 3, height: 2 }));
        let cursor = |place| Some(MadeCursor(place));
        let (bucket, key) = ("photos".to_owned(), b"050000".to_vec());
        let after = cursor(Place::Variants { bucket: bucket.clone(), key: key.clone(), rule: "r".to_owned() });
        let page = made(&connection, after.as_ref(), 10).unwrap();
        assert_eq!((page.entries.len(), page.entries[0].source.key.as_str(), page.entries[0].variants), (10, "050004", 2));
        let page = made(&connection, cursor(Place::Records { bucket, key }).as_ref(), 10).unwrap();
        assert_eq!((page.entries.len(), page.entries[0].rule.as_str()), (10, "s"));
        for sql in [&sources_sql(), VARIANTS, RECORDS] {
            let steps = connection.prepare_cached(sql).unwrap().get_status(StatementStatus::VmStep);
            assert!((1..2000).contains(&steps), "{steps} steps for {sql}");
        }
    }
}
