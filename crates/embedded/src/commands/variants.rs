//! Writing the variants of a source, all at once.

use super::object::{NewObject, created, current, remove, removed, write};
use super::{body, bucket, notification};
use crate::row::{self, key_bytes};
use crate::writer::{Command, Durability, Transaction};
use crate::{Attributes, EmbeddedError, Origin, StagedBody};
use minilab_model::{BucketName, EventKind, ObjectKey, ObjectRef, Sequencer, SourceVersion};
use minilab_pipeline::SourceState;
use std::collections::BTreeSet;

pub(crate) struct ReplaceVariants {
    pub(crate) source: SourceVersion,
    pub(crate) state: SourceState,
    pub(crate) rule: String,
    pub(crate) variants: Vec<StagedVariant>,
}

pub(crate) struct StagedVariant {
    pub(crate) destination: ObjectRef,
    pub(crate) attributes: Attributes,
    /// `None` copies the source.
    pub(crate) body: Option<StagedBody>,
}

/// Why variants were not replaced, beside what can always go wrong.
pub(crate) enum Replaced {
    Done,
    Superseded,
    Occupied(ObjectRef),
}

/// Whose a destination is.
enum Place {
    /// This source's and rule's, or nobody's.
    Ours,
    /// That of a source written later.
    Another,
    /// Somebody put an object there.
    Occupied,
}

/// The content of a variant and the facts that go with it.
struct VariantContent {
    body_id: i64,
    etag: String,
    size_bytes: u64,
}

impl Command for ReplaceVariants {
    type Output = Replaced;
    // Until the catalog's write, which is durable, the job would run again and write the same.
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<Replaced, EmbeddedError> {
        let source = match self.check_source(transaction)? {
            Ok(source) => source,
            Err(superseded) => return Ok(superseded),
        };
        let mut kept = BTreeSet::new();
        let mut places = Vec::new();
        for variant in std::mem::take(&mut self.variants) {
            let bucket_id = bucket::id(transaction.connection(), &variant.destination.bucket)?;
            match self.claim(transaction, bucket_id, &variant.destination)? {
                Place::Ours => places.push((variant, bucket_id)),
                Place::Another => {}
                Place::Occupied => return Ok(Replaced::Occupied(variant.destination)),
            }
        }
        for (variant, bucket_id) in places {
            kept.insert((bucket_id, variant.destination.key.clone()));
            self.write(transaction, bucket_id, variant, source.as_ref())?;
        }
        self.remove_others(transaction, &kept)?;
        Ok(Replaced::Done)
    }
}

impl ReplaceVariants {
    /// The source's row, or its absence, where that is as the job expects it.
    fn check_source(&self, transaction: &Transaction<'_>) -> Result<Result<Option<SourceRow>, Replaced>, EmbeddedError> {
        let SourceVersion { object, sequencer } = &self.source;
        let there = find_source(transaction, object)?;
        let expected = match (self.state, &there) {
            (SourceState::Present, Some(there)) => there.sequencer == *sequencer,
            (SourceState::Present, None) => false,
            (SourceState::Gone, Some(_)) => false,
            (SourceState::Gone, None) => {
                let sql = "SELECT sequencer FROM removal WHERE bucket = ?1 AND key = ?2";
                let removed = transaction.first(sql, (object.bucket.as_str(), key_bytes(object)), |row| row::sequencer(row, 0))?;
                removed.is_none_or(|removed| removed <= *sequencer)
            }
        };
        Ok(if expected { Ok(there) } else { Err(Replaced::Superseded) })
    }

    /// Whose the destination is. Of several sources whose variants share it, the one that was written last has it; of
    /// several rules of one source, the last by name: so the order of jobs does not matter.
    fn claim(&self, transaction: &Transaction<'_>, bucket_id: i64, destination: &ObjectRef) -> Result<Place, EmbeddedError> {
        let sql = "SELECT source_bucket IS ?3 AND source_key IS ?4, source_sequencer, source_rule FROM object
                   WHERE bucket_id = ?1 AND key = ?2";
        let source = &self.source.object;
        let parameters = (bucket_id, key_bytes(destination), source.bucket.as_str(), key_bytes(source));
        let there = transaction.first(sql, parameters, |row| {
            let made = row.get::<_, Option<String>>(2)?.map(|rule| Ok::<_, rusqlite::Error>((row::sequencer(row, 1)?, rule)));
            Ok((row.get::<_, bool>(0)?, made.transpose()?))
        })?;
        Ok(match there {
            None => Place::Ours,
            Some((_, None)) => Place::Occupied,
            Some((true, Some((_, rule)))) if rule == self.rule => Place::Ours,
            Some((_, Some((sequencer, rule)))) if (sequencer, rule.as_str()) > (self.source.sequencer, &self.rule) => {
                Place::Another
            }
            Some(_) => Place::Ours,
        })
    }

    fn write(
        &self,
        transaction: &mut Transaction<'_>,
        bucket_id: i64,
        variant: StagedVariant,
        source: Option<&SourceRow>,
    ) -> Result<(), EmbeddedError> {
        let StagedVariant { destination, attributes, body } = variant;
        let replaced = current(transaction.connection(), bucket_id, &destination.key)?;
        let etag = match (&body, source) {
            (Some(body), _) => body.etag(),
            (None, Some(source)) => source.etag.clone(),
            (None, None) => return Err(EmbeddedError::corrupt("a copy of a source that is gone")),
        };
        if let Some(replaced) = &replaced
            && replaced.etag == etag
            && self.is_current(transaction, bucket_id, &destination, &attributes)?
        {
            return self.touch(transaction, bucket_id, &destination);
        }
        let content = new_content(transaction, body, source, etag)?;
        let new = NewObject {
            bucket_id,
            object: &destination,
            sequencer: transaction.next_sequencer(),
            etag: content.etag,
            size_bytes: content.size_bytes,
            body_id: content.body_id,
            attributes,
            checksum: None,
            variant_of: Some((&self.source, &self.rule)),
            replaced: replaced.as_ref(),
        };
        let info = write(transaction, new)?;
        notification::tell(transaction, &created(&info, EventKind::CreatedPut, Origin::default()))
    }

    /// Whether what stands there was made by the same recipe: then a job that runs again changes nothing.
    fn is_current(
        &self,
        transaction: &Transaction<'_>,
        bucket_id: i64,
        destination: &ObjectRef,
        attributes: &Attributes,
    ) -> Result<bool, EmbeddedError> {
        let sql = "SELECT attributes FROM object WHERE bucket_id = ?1 AND key = ?2";
        let there: Option<Attributes> = transaction.first(sql, (bucket_id, key_bytes(destination)), |row| row::json(row, 0))?;
        Ok(there.as_ref() == Some(attributes))
    }

    fn touch(&self, transaction: &Transaction<'_>, bucket_id: i64, destination: &ObjectRef) -> Result<(), EmbeddedError> {
        let sql = "UPDATE object SET source_sequencer = ?3 WHERE bucket_id = ?1 AND key = ?2 AND source_sequencer <> ?3";
        transaction.execute(sql, (bucket_id, key_bytes(destination), self.source.sequencer.0 as i64))?;
        Ok(())
    }

    /// Removes what earlier versions of the source left for the rule.
    fn remove_others(&self, transaction: &mut Transaction<'_>, kept: &BTreeSet<(i64, ObjectKey)>) -> Result<(), EmbeddedError> {
        let sql = "SELECT bucket_id, key, body_id FROM object WHERE source_bucket = ?1 AND source_key = ?2 AND source_rule = ?3";
        let source = &self.source.object;
        let parameters = (source.bucket.as_str(), key_bytes(source), &self.rule);
        let there = transaction.all(sql, parameters, |row| Ok(((row.get(0)?, row::key(row, 1)?), row.get::<_, i64>(2)?)))?;
        for (place, body_id) in there {
            if !kept.contains(&place) {
                remove(transaction, place.0, &place.1, body_id)?;
                tell_removed(transaction, place)?;
            }
        }
        Ok(())
    }
}

/// Tells whom the bucket's configuration names that a variant is gone.
fn tell_removed(transaction: &mut Transaction<'_>, (bucket_id, key): (i64, ObjectKey)) -> Result<(), EmbeddedError> {
    let sql = "SELECT name FROM bucket WHERE id = ?1";
    let Some(bucket): Option<BucketName> = transaction.first(sql, [bucket_id], |row| row::bucket_name(row, 0))? else {
        return Err(EmbeddedError::corrupt(format!("an object is in bucket {bucket_id}, which is missing")));
    };
    if bucket::notifications(transaction.connection(), &bucket)?.is_empty() {
        return Ok(());
    }
    let sequencer = transaction.next_sequencer();
    let event = removed(ObjectRef::new(bucket, key), sequencer, transaction.now, Origin::default());
    notification::tell(transaction, &event)
}

/// The source, for variants that copy it.
struct SourceRow {
    sequencer: Sequencer,
    etag: String,
    size_bytes: u64,
    body_id: i64,
}

fn find_source(transaction: &Transaction<'_>, object: &ObjectRef) -> Result<Option<SourceRow>, EmbeddedError> {
    let sql = "SELECT object.sequencer, etag, size_bytes, body_id FROM object JOIN bucket ON bucket.id = bucket_id
               WHERE bucket.name = ?1 AND key = ?2";
    transaction.first(sql, (object.bucket.as_str(), key_bytes(object)), |row| {
        Ok(SourceRow {
            sequencer: row::sequencer(row, 0)?,
            etag: row.get(1)?,
            size_bytes: row::unsigned(row, 2)?,
            body_id: row.get(3)?,
        })
    })
}

fn new_content(
    transaction: &mut Transaction<'_>,
    body: Option<StagedBody>,
    source: Option<&SourceRow>,
    etag: String,
) -> Result<VariantContent, EmbeddedError> {
    match (body, source) {
        (Some(body), _) => {
            let size_bytes = body.size_bytes;
            Ok(VariantContent { body_id: body::insert(transaction, body)?, etag, size_bytes })
        }
        (None, Some(source)) => {
            body::share(transaction, source.body_id)?;
            Ok(VariantContent { body_id: source.body_id, etag, size_bytes: source.size_bytes })
        }
        (None, None) => Err(EmbeddedError::corrupt("a copy of a source that is gone")),
    }
}

/// Remembers the hash of a multipart object that somebody has read as a whole.
pub(crate) struct RecordSha256 {
    pub(crate) source: SourceVersion,
    pub(crate) sha256: [u8; 32],
}

impl Command for RecordSha256 {
    type Output = ();
    const DURABILITY: Durability = Durability::Lazy;

    fn run(&mut self, transaction: &mut Transaction<'_>) -> Result<(), EmbeddedError> {
        if let Some(there) = find_source(transaction, &self.source.object)?
            && there.sequencer == self.source.sequencer
        {
            transaction.execute("UPDATE body SET sha256 = ?2 WHERE id = ?1 AND sha256 IS NULL", (there.body_id, self.sha256))?;
        }
        Ok(())
    }
}
