//! Taking away what belongs to no rule any more.

use super::object::remove;
use super::statistics::exchange;
use crate::EmbeddedError;
use crate::backfill::{RemovedOrphan, made_of};
use crate::row::{self, key_bytes};
use crate::writer::{Command, Transaction};
use minilab_model::{ImageRecord, ImageState, ObjectRef, RuleSet};
use minilab_pipeline::plan::{Ownership, Sniffed, ownership};
use minilab_pipeline::record::{Outcomes, Share};
use rusqlite::params;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Removes a rule's variants of a source and takes the rule out of its record, if they are orphans by `rules`.
pub(crate) struct RemoveOrphan {
    pub(crate) source: ObjectRef,
    pub(crate) rule: String,
    pub(crate) rules: Arc<RuleSet>,
    pub(crate) sniffed: Option<Sniffed>,
}

impl Command for RemoveOrphan {
    type Output = Option<RemovedOrphan>;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Option<RemovedOrphan>, EmbeddedError> {
        let made = made_of(transaction.connection(), &self.source, &self.rule)?;
        if !matches!(ownership(&self.rules, &made, self.sniffed), Ownership::Orphan(_)) {
            return Ok(None);
        }
        let removed = self.remove_variants(transaction)?;
        self.take_out_of_record(transaction, &removed)?;
        Ok(Some(RemovedOrphan { variants: made.variants, bytes: made.variant_bytes }))
    }
}

impl RemoveOrphan {
    fn remove_variants(&self, transaction: &Transaction<'_>) -> Result<BTreeSet<ObjectRef>, EmbeddedError> {
        let sql = "SELECT bucket.name, key, bucket_id, body_id FROM object JOIN bucket ON bucket.id = bucket_id
                   WHERE source_bucket = ?1 AND source_key = ?2 AND source_rule = ?3";
        let parameters = (self.source.bucket.as_str(), key_bytes(&self.source), &self.rule);
        let variants = transaction.all(sql, parameters, |row| {
            let object = ObjectRef::new(row::bucket_name(row, 0)?, row::key(row, 1)?);
            Ok((object, row.get::<_, i64>(2)?, row.get::<_, i64>(3)?))
        })?;
        let mut removed = BTreeSet::new();
        for (object, bucket_id, body_id) in variants {
            remove(transaction, bucket_id, &object.key, body_id)?;
            removed.insert(object);
        }
        Ok(removed)
    }

    fn take_out_of_record(&self, transaction: &Transaction<'_>, removed: &BTreeSet<ObjectRef>) -> Result<(), EmbeddedError> {
        let (bucket, key) = (self.source.bucket.as_str(), key_bytes(&self.source));
        let sql = "SELECT outcomes, record FROM image WHERE bucket = ?1 AND key = ?2";
        let read = |row: &rusqlite::Row<'_>| Ok((row::json(row, 0)?, row::json(row, 1)?));
        let stored: Option<(Outcomes, ImageRecord)> = transaction.first(sql, (bucket, key), read)?;
        let Some((mut outcomes, former)) = stored else { return Ok(()) };
        outcomes.remove(&self.rule);
        let mut record = former.clone();
        record.variants.retain(|variant| variant.rule != self.rule);
        record.failures.retain(|failure| failure.rule != self.rule);
        record.state = if record.failures.is_empty() { ImageState::Processed } else { ImageState::Failed };
        let old = Some(Share::from(&former));
        if outcomes.is_empty() {
            transaction.execute("DELETE FROM image WHERE bucket = ?1 AND key = ?2", (bucket, key))?;
            return exchange(transaction, &self.source.bucket, old, None);
        }
        // A rule that shared a key with the orphan has lost its variant: without an outcome, it is made again.
        for variant in &record.variants {
            if removed.contains(&ObjectRef::new(variant.bucket.clone(), variant.key.clone())) {
                outcomes.remove(&variant.rule);
            }
        }
        let state = if record.state == ImageState::Failed { "failed" } else { "processed" };
        let sql = "UPDATE image SET state = ?3, outcomes = ?4, record = ?5 WHERE bucket = ?1 AND key = ?2";
        transaction.execute(sql, params![bucket, key, state, row::to_json(&outcomes)?, row::to_json(&record)?])?;
        exchange(transaction, &self.source.bucket, old, Some(Share::from(&record)))
    }
}
