//! The one write that ends a job: record, statistics, notifications and the job's end.

use super::statistics::exchange;
use super::{bucket, notification, object, queue};
use crate::row::{self, key_bytes};
use crate::writer::{Command, Transaction};
use crate::{EmbeddedError, ObjectInfo};
use minilab_model::{ImageState, ObjectRef, Sequencer, SourceVersion};
use minilab_pipeline::record::{self, Decision, Share, Stored};
use minilab_pipeline::{CatalogWrite, Commit, RecordChange, SourceInfo};
use rusqlite::{Connection, params};

pub(crate) struct CommitJob(pub(crate) CatalogWrite);

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
            RecordChange::Removed => remove(transaction, write)?,
            RecordChange::Skipped | RecordChange::Processed { .. } | RecordChange::Failed { .. } => update(transaction, write)?,
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

/// Writes what a rule has found out about the current version of a source, or takes back what it had said.
fn update(transaction: &mut Transaction<'_>, write: &CatalogWrite) -> Result<Commit, EmbeddedError> {
    let source = &write.source.object;
    let Some(info) = current_source(transaction.connection(), &write.source)? else { return Ok(Commit::Superseded) };
    let former = stored(transaction.connection(), source)?;
    let tell = match record::decide(former.as_ref(), write, &info) {
        Decision::Superseded => return Ok(Commit::Superseded),
        Decision::Keep { tell } => tell,
        Decision::Replace { stored, tell } => {
            exchange_record(transaction, source, former.as_ref(), Some(&stored))?;
            if !matches!(write.change, RecordChange::Skipped) {
                let sql = "DELETE FROM removed_image WHERE bucket = ?1 AND key = ?2";
                transaction.execute(sql, (source.bucket.as_str(), key_bytes(source)))?;
            }
            tell
        }
        Decision::Remove => {
            exchange_record(transaction, source, former.as_ref(), None)?;
            false
        }
    };
    if tell {
        notification::insert(transaction, &write.notifications)?;
    }
    Ok(Commit::Applied)
}

/// Removes the record of a source that is gone. Rules that had recorded it and have not said so yet are remembered, so
/// that each of them tells of the removal once.
fn remove(transaction: &mut Transaction<'_>, write: &CatalogWrite) -> Result<Commit, EmbeddedError> {
    let SourceVersion { object: source, sequencer } = &write.source;
    let (bucket, key) = (source.bucket.as_str(), key_bytes(source));
    let there = current_version(transaction.connection(), source)?;
    let stored = stored(transaction.connection(), source)?;
    if there.is_some_and(|there| there > *sequencer) || stored.as_ref().is_some_and(|stored| stored.record.sequencer > *sequencer) {
        return Ok(Commit::Superseded);
    }
    if let Some(stored) = stored {
        exchange_record(transaction, source, Some(&stored), None)?;
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

/// Stores `new` in the place of `old`, and brings the totals up to date.
fn exchange_record(
    transaction: &Transaction<'_>,
    source: &ObjectRef,
    old: Option<&Stored>,
    new: Option<&Stored>,
) -> Result<(), EmbeddedError> {
    match new {
        Some(new) => store(transaction, new)?,
        None => {
            let sql = "DELETE FROM image WHERE bucket = ?1 AND key = ?2";
            transaction.execute(sql, (source.bucket.as_str(), key_bytes(source)))?;
        }
    }
    let share = |stored: &Stored| Share::from(&stored.record);
    exchange(transaction, &source.bucket, old.map(share), new.map(share))
}

fn store(transaction: &Transaction<'_>, stored: &Stored) -> Result<(), EmbeddedError> {
    let Stored { record, outcomes } = stored;
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
    let sql = "SELECT outcomes, record FROM image WHERE bucket = ?1 AND key = ?2";
    row::first(connection, sql, (source.bucket.as_str(), key_bytes(source)), |row| {
        Ok(Stored { outcomes: row::json(row, 0)?, record: row::json(row, 1)? })
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
