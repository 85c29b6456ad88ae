//! The one write that ends a job: record, statistics, notifications and the job's end.

use super::statistics::{Share, exchange};
use super::{bucket, notification, object, queue};
use crate::record::{self, OutcomeState, Outcomes, RuleOutcome};
use crate::row::{self, key_bytes};
use crate::writer::{Command, Transaction};
use crate::{EmbeddedError, ObjectInfo};
use minilab_model::{ImageRecord, ImageState, ObjectRef, Sequencer, SourceVersion};
use minilab_pipeline::{CatalogWrite, Commit, RecordChange, SourceInfo};
use rusqlite::{Connection, params};

pub(crate) struct CommitJob(pub(crate) CatalogWrite);

/// A record as it is stored.
struct Stored {
    sequencer: Sequencer,
    outcomes: Outcomes,
    record: ImageRecord,
}

impl Command for CommitJob {
    type Output = Commit;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Commit, EmbeddedError> {
        let write = &self.0;
        let held = match write.lease {
            None => None,
            Some(lease) => match queue::held(transaction, lease)? {
                Some(held) => Some((lease, held)),
                None => return Ok(Commit::LeaseLost),
            },
        };
        let commit = match &write.change {
            RecordChange::Dropped => Commit::Applied,
            RecordChange::Skipped => take_back(transaction, write)?,
            RecordChange::Removed => remove(transaction, write)?,
            RecordChange::Processed { .. } | RecordChange::Failed { .. } => update(transaction, write)?,
        };
        if let Some((lease, held)) = held {
            match (&write.change, commit) {
                (RecordChange::Failed { failure, facts, .. }, Commit::Applied) => {
                    queue::bury(transaction, held, failure, facts.as_ref())?;
                }
                _ => drop(queue::end_job(transaction, lease.job_id)?),
            }
        }
        Ok(commit)
    }
}

/// Writes what a rule has found out about the current version of a source.
fn update(transaction: &mut Transaction<'_>, write: &CatalogWrite) -> Result<Commit, EmbeddedError> {
    let source = &write.source;
    let Some(info) = current_source(transaction.connection(), source)? else { return Ok(Commit::Superseded) };
    let stored = stored(transaction.connection(), &source.object)?;
    if stored.as_ref().is_some_and(|stored| stored.sequencer > source.sequencer) {
        return Ok(Commit::Superseded);
    }
    let outcome = match &write.change {
        RecordChange::Processed { recipe, .. } => RuleOutcome { state: OutcomeState::Processed, recipe: Some(recipe.clone()) },
        _ => RuleOutcome { state: OutcomeState::Failed, recipe: None },
    };
    let same_version = stored.as_ref().filter(|stored| stored.sequencer == source.sequencer);
    let mut outcomes = same_version.map(|stored| stored.outcomes.clone()).unwrap_or_default();
    let former = stored.as_ref().map(|stored| &stored.record);
    let record = record::updated(former, &outcomes, source, &write.rule, &write.change, &info);
    let state = outcome.state;
    // The same end is told once, also when a newer recipe has led to it.
    let told = outcomes.insert(write.rule.clone(), outcome).is_some_and(|former| former.state == state);
    if stored.as_ref().is_none_or(|stored| stored.record != record || stored.outcomes != outcomes) {
        let old = stored.as_ref().map(|stored| Share::from(&stored.record));
        store(transaction, &record, &outcomes)?;
        exchange(transaction, &source.object.bucket, old, Some(Share::from(&record)))?;
        let sql = "DELETE FROM removed_image WHERE bucket = ?1 AND key = ?2";
        transaction.execute(sql, (source.object.bucket.as_str(), key_bytes(&source.object)))?;
    }
    if !told {
        notification::insert(transaction, &write.notifications)?;
    }
    Ok(Commit::Applied)
}

/// Takes out of the record what a rule has said that does not want this version. A record of an older version goes: what
/// it speaks of is no more, and rules that want the new version make another.
fn take_back(transaction: &mut Transaction<'_>, write: &CatalogWrite) -> Result<Commit, EmbeddedError> {
    let source = &write.source;
    if current_source(transaction.connection(), source)?.is_none() {
        return Ok(Commit::Superseded);
    }
    let Some(stored) = stored(transaction.connection(), &source.object)? else { return Ok(Commit::Applied) };
    if stored.sequencer > source.sequencer {
        return Ok(Commit::Superseded);
    }
    let mut outcomes = stored.outcomes;
    let known = outcomes.remove(&write.rule).is_some();
    let old = Share::from(&stored.record);
    let record = match stored.sequencer == source.sequencer {
        true if !known => return Ok(Commit::Applied),
        true => record::without(stored.record, &write.rule, &outcomes),
        false => None,
    };
    match &record {
        Some(record) => store(transaction, record, &outcomes)?,
        None => drop(transaction.execute(
            "DELETE FROM image WHERE bucket = ?1 AND key = ?2",
            (source.object.bucket.as_str(), key_bytes(&source.object)),
        )?),
    }
    exchange(transaction, &source.object.bucket, Some(old), record.as_ref().map(Share::from))?;
    Ok(Commit::Applied)
}

/// Removes the record of a source that is gone. Rules that had recorded it and have not said so yet are remembered, so
/// that each of them tells of the removal once.
fn remove(transaction: &mut Transaction<'_>, write: &CatalogWrite) -> Result<Commit, EmbeddedError> {
    let SourceVersion { object: source, sequencer } = &write.source;
    let (bucket, key) = (source.bucket.as_str(), key_bytes(source));
    let there = current_version(transaction.connection(), source)?;
    let stored = stored(transaction.connection(), source)?;
    if there.is_some_and(|there| there > *sequencer) || stored.as_ref().is_some_and(|stored| stored.sequencer > *sequencer) {
        return Ok(Commit::Superseded);
    }
    if let Some(stored) = stored {
        transaction.execute("DELETE FROM image WHERE bucket = ?1 AND key = ?2", (bucket, key))?;
        exchange(transaction, &source.bucket, Some(Share::from(&stored.record)), None)?;
        for rule in stored.outcomes.keys() {
            let sql = "INSERT INTO removed_image (bucket, key, sequencer, rule, removed_ms) VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT DO UPDATE SET sequencer = ?3, removed_ms = ?5";
            transaction.execute(sql, params![bucket, key, sequencer.0 as i64, rule, transaction.now.as_millis()])?;
        }
    }
    let sql = "DELETE FROM removed_image WHERE bucket = ?1 AND key = ?2 AND rule = ?3";
    if transaction.execute(sql, params![bucket, key, write.rule])? > 0 {
        notification::insert(transaction, &write.notifications)?;
    }
    Ok(Commit::Applied)
}

fn store(transaction: &Transaction<'_>, record: &ImageRecord, outcomes: &Outcomes) -> Result<(), EmbeddedError> {
    let state = match record.state {
        ImageState::Failed => "failed",
        ImageState::Processed | ImageState::Pending => "processed",
    };
    let sql = "INSERT INTO image (bucket, key, sequencer, state, size_bytes, created_ms, format, outcomes, record)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
               ON CONFLICT (bucket, key) DO UPDATE SET sequencer = ?3, state = ?4, size_bytes = ?5, created_ms = ?6,
                   format = ?7, outcomes = ?8, record = ?9";
    transaction.execute(
        sql,
        params![
            record.bucket.as_str(),
            record.key.as_str().as_bytes(),
            record.sequencer.0 as i64,
            state,
            record.size_bytes as i64,
            record.created_at.as_millis(),
            record.metadata.as_ref().map(|metadata| metadata.format.as_str()),
            row::to_json(outcomes)?,
            row::to_json(record)?,
        ],
    )?;
    Ok(())
}

fn stored(connection: &Connection, source: &ObjectRef) -> Result<Option<Stored>, EmbeddedError> {
    let sql = "SELECT sequencer, outcomes, record FROM image WHERE bucket = ?1 AND key = ?2";
    row::first(connection, sql, (source.bucket.as_str(), key_bytes(source)), |row| {
        Ok(Stored { sequencer: row::sequencer(row, 0)?, outcomes: row::json(row, 1)?, record: row::json(row, 2)? })
    })
}

/// The version that stands at a key now, if any.
fn current_version(connection: &Connection, object: &ObjectRef) -> Result<Option<Sequencer>, EmbeddedError> {
    let bucket_id = match bucket::id(connection, &object.bucket) {
        Ok(id) => id,
        Err(EmbeddedError::NoSuchBucket(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(object::current(connection, bucket_id, &object.key)?.map(|current| current.sequencer))
}

/// What is known of a source, if this version of it is the current one.
fn current_source(connection: &Connection, source: &SourceVersion) -> Result<Option<SourceInfo>, EmbeddedError> {
    match crate::object::find(connection, &source.object) {
        Ok((info, _)) if info.sequencer == source.sequencer => Ok(Some(source_info(&info))),
        Ok(_) | Err(EmbeddedError::NoSuchKey(_) | EmbeddedError::NoSuchBucket(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An object as the flow sees it. The hash is empty where it is not known.
pub(crate) fn source_info(info: &ObjectInfo) -> SourceInfo {
    SourceInfo {
        size_bytes: info.size_bytes,
        etag: info.etag.clone(),
        sha256: info.sha256.map(hex::encode).unwrap_or_default(),
        content_type: info.attributes.content_type.clone(),
        user_metadata: info.attributes.user.clone(),
        created_at: info.modified_at,
    }
}
