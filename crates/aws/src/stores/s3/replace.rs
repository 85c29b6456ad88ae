//! Replacing a rule's variants of a source, in steps of which each can be the last one that is carried out.
//!
//! 1. What is in the way is found: nothing is written before.
//! 2. The note in the source's item becomes the union of the keys that it names and those to be written.
//! 3. Each destination is claimed in its owner item, then written under a condition on what was seen there.
//! 4. What the note names beyond the new set is left: marked, deleted, given up.
//! 5. The note becomes the new set.
//!
//! Whoever dies in between leaves a note that names all there may be. Whoever meets somebody else (a condition does not
//! hold) looks again; after some rounds the job is left to be tried later.

use super::S3Store;
use super::object::{There, Written, expected_etag};
use super::refusal::unavailable;
use crate::stores::dynamo::{Owner, Right, Source, current, last_seen, now_ms, superseded};
use crate::stores::error::Tries;
use futures::{StreamExt as _, TryStreamExt as _};
use minilab_model::{ObjectRef, SourceVersion};
use minilab_pipeline::{NewVariant, SourceState, StoreError};
use std::collections::BTreeSet;

/// Destinations that are worked on at once.
const AT_ONCE: usize = 8;

/// Whose variants are replaced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replacement<'a> {
    pub source: &'a SourceVersion,
    pub state: SourceState,
    pub rule: &'a str,
}

/// How one destination stands after an attempt at it.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It is as it should be.
    Done,
    /// It belongs to another source or rule.
    Another,
    /// Somebody else was there in between.
    Met,
}

/// A destination as it was found.
struct Place {
    there: Option<There>,
    owner: Option<Owner>,
}

impl S3Store {
    pub(super) async fn replace(&self, work: Replacement<'_>, variants: Vec<NewVariant>) -> Result<(), StoreError> {
        let mut tries = Tries::default();
        while !self.attempt(work, &variants).await? {
            // It is not as it was seen, or somebody else's destinations are not.
            self.table().forget(&work.source.object);
            tries.wait(format!("the variants of {}", work.source.object)).await?;
        }
        Ok(())
    }

    /// One round; `false` when somebody else was met.
    async fn attempt(&self, work: Replacement<'_>, variants: &[NewVariant]) -> Result<bool, StoreError> {
        let mut source = match work.state {
            SourceState::Present => last_seen(self.table(), work.source).await?,
            SourceState::Gone => current(self.table(), work.source, work.state).await?,
        };
        if work.state == SourceState::Gone && self.look(&work.source.object).await?.is_some() {
            // It was uploaded again; the event is on the way.
            return Err(superseded(work.source));
        }
        // Of several variants at one key, the last one counts, as if they were written in turn.
        let mut wanted: Vec<(&NewVariant, Place)> = Vec::with_capacity(variants.len());
        let mut looks = Vec::with_capacity(variants.len());
        for variant in last_of_each(variants) {
            looks.push(self.find(variant));
        }
        let mut looks = futures::stream::iter(looks).buffered(AT_ONCE);
        let mut met = false;
        while let Some((variant, place)) = looks.try_next().await? {
            match place.check(work, &variant.destination)? {
                Right::Ours => wanted.push((variant, place)),
                Right::Another => {}
                Right::Superseded => return Err(superseded(work.source)),
                Right::Leaving => met = true,
            }
        }
        drop(looks);
        if met {
            return Ok(false);
        }
        let noted = source.note(work.rule);
        let new: BTreeSet<ObjectRef> = wanted.iter().map(|(variant, _)| variant.destination.clone()).collect();
        let union: BTreeSet<ObjectRef> = noted.union(&new).cloned().collect();
        if union != noted {
            source = match self.table().write_note(&work.source.object, source, work.rule, &union).await? {
                Some(source) => source,
                None => return Ok(false),
            };
        } else if work.state == SourceState::Present {
            // No condition has been met that the source is still as it was seen.
            source = current(self.table(), work.source, work.state).await?;
            if source.note(work.rule) != noted {
                return Ok(false);
            }
        }
        let mut writes = Vec::with_capacity(wanted.len());
        for (variant, place) in wanted {
            writes.push(self.write_one(work, variant, place, &source));
        }
        let written: Vec<Outcome> = futures::stream::iter(writes).buffer_unordered(AT_ONCE).try_collect().await?;
        if written.contains(&Outcome::Met) {
            return Ok(false);
        }
        let mut leave = Vec::new();
        for destination in union.difference(&new) {
            leave.push(self.leave_one(work, destination));
        }
        let left: Vec<Outcome> = futures::stream::iter(leave).buffer_unordered(AT_ONCE).try_collect().await?;
        if left.contains(&Outcome::Met) {
            return Ok(false);
        }
        Ok(union == new || self.table().write_note(&work.source.object, source, work.rule, &new).await?.is_some())
    }

    async fn find<'a>(&self, variant: &'a NewVariant) -> Result<(&'a NewVariant, Place), StoreError> {
        self.check_bucket(&variant.destination.bucket).await?;
        Ok((variant, self.place(&variant.destination).await?))
    }

    async fn place(&self, destination: &ObjectRef) -> Result<Place, StoreError> {
        let owner = async { Ok::<_, StoreError>(self.table().owner(destination).await?) };
        let (there, owner) = tokio::try_join!(self.look(destination), owner)?;
        Ok(Place { there, owner })
    }

    async fn write_one(
        &self,
        work: Replacement<'_>,
        variant: &NewVariant,
        place: Place,
        source: &Source,
    ) -> Result<Outcome, StoreError> {
        let destination = &variant.destination;
        let etag = expected_etag(variant, source);
        let claim = self.table().claim(destination, place.owner.as_ref(), work.source, work.rule, etag.clone());
        let Some(owner) = claim.await? else {
            return Ok(Outcome::Met);
        };
        match self.write(variant, etag.as_deref(), place.there.as_ref(), work.source, source).await? {
            Written::Changed => Ok(Outcome::Met),
            Written::Done(etag) => match self.table().written(destination, &owner, &etag).await? {
                true => Ok(Outcome::Done),
                false => Ok(Outcome::Met),
            },
        }
    }

    /// Deletes a variant that is not wanted any more, if it is still this source's and rule's.
    async fn leave_one(&self, work: Replacement<'_>, destination: &ObjectRef) -> Result<Outcome, StoreError> {
        let Place { there, owner } = self.place(destination).await?;
        let Some(owner) = owner.filter(|owner| owner.is(work.source, work.rule)) else { return Ok(Outcome::Another) };
        match owner.right(work.source, work.rule, now_ms()) {
            Right::Superseded => return Err(superseded(work.source)),
            Right::Leaving => return Ok(Outcome::Met),
            Right::Ours | Right::Another => {}
        }
        let Some(leaving) = self.table().leave(destination, &owner).await? else { return Ok(Outcome::Met) };
        if let Some(there) = there.filter(|there| made_by_rule(there, Some(&owner)))
            && !self.delete(destination, &there.etag).await?
        {
            // Somebody has put something there that is not ours to delete, or a write of ours came late: look again.
            let now = self.look(destination).await?;
            if now.is_some_and(|now| made_by_rule(&now, Some(&owner))) {
                return Err(unavailable(format!("{destination} was written while it was deleted")));
            }
        }
        match self.table().release(destination, &leaving).await? {
            true => Ok(Outcome::Done),
            false => Ok(Outcome::Met),
        }
    }
}

impl Place {
    /// Whose the destination is, for this source and rule.
    fn check(&self, work: Replacement<'_>, destination: &ObjectRef) -> Result<Right, StoreError> {
        if let Some(there) = &self.there
            && !made_by_rule(there, self.owner.as_ref())
        {
            return Err(StoreError::Occupied { object: destination.clone() });
        }
        Ok(self.owner.as_ref().map_or(Right::Ours, |owner| owner.right(work.source, work.rule, now_ms())))
    }
}

/// Whether a rule has made an object: its owner wrote this ETag, or it says so itself. The latter is how it is known after
/// a crash, and after a table was lost.
fn made_by_rule(there: &There, owner: Option<&Owner>) -> bool {
    owner.is_some_and(|owner| owner.etag.as_deref() == Some(there.etag.as_str())) || there.is_marked()
}

/// The last variant of each destination, in order.
fn last_of_each(variants: &[NewVariant]) -> Vec<&NewVariant> {
    let mut seen = BTreeSet::new();
    let mut last: Vec<_> = variants.iter().rev().filter(|variant| seen.insert(&variant.destination)).collect();
    last.reverse();
    last
}
