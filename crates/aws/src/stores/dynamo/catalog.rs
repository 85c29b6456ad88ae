//! The catalog: records, totals and what is told of them, in one transaction.

use super::Table;
use super::image::Image;
use super::item::s;
use super::source::Source;
use crate::stores::error::{TableError, Tries, passes, random_name};
use crate::table;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use minilab_model::{BucketName, CollectionStatistics, ImageRecord, Notification, ObjectRef};
use minilab_pipeline::record::{Decision, Difference, Share, Stored, decide};
use minilab_pipeline::{Catalog, CatalogError, CatalogWrite, Commit, RecordChange, SourceInfo, SourceState};
use std::time::SystemTime;

/// For how long a notification is kept for those who look; the stream has told it at once.
const NOTIFICATION_S: i64 = 7 * 86_400;
/// Most parts of a transaction (DynamoDB, "TransactWriteItems").
const PARTS: usize = 100;

/// The catalog on DynamoDB. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DynamoCatalog {
    table: Table,
}

impl DynamoCatalog {
    /// A catalog in this table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    async fn write(&self, write: &CatalogWrite) -> Result<Commit, TableError> {
        let object = &write.source.object;
        if matches!(write.change, RecordChange::Dropped) {
            return Ok(Commit::Applied);
        }
        let mut tries = Tries::default();
        let mut seen = match write.change {
            RecordChange::Removed => None,
            _ => self.table.seen().present(&write.source),
        };
        loop {
            let from_memory = seen.is_some();
            let source = async {
                match seen.take() {
                    Some(source) => Ok(source),
                    None => self.table.source(object).await,
                }
            };
            let (image, source) = tokio::try_join!(self.table.stored(object), source)?;
            let parts = match &write.change {
                RecordChange::Removed => self.removal(write, image.as_ref(), &source)?,
                _ => self.update(write, image.as_ref(), &source)?,
            };
            let Some(parts) = parts else { return Ok(Commit::Superseded) };
            match parts.is_empty() {
                // Nothing is written whose condition could fail.
                true if from_memory => continue,
                true => return Ok(Commit::Applied),
                false if self.transact(parts).await? => {
                    if !source.untold.is_empty() {
                        self.table.forget(object);
                    }
                    return Ok(Commit::Applied);
                }
                false => self.table.forget(object),
            }
            tries.wait(format!("the record of {object}, or its bucket's statistics")).await?;
        }
    }

    /// What a rule has found out about the current version, or takes back; `None` for an older version.
    fn update(
        &self,
        write: &CatalogWrite,
        image: Option<&Image>,
        source: &Source,
    ) -> Result<Option<Vec<TransactWriteItem>>, TableError> {
        let object = &write.source.object;
        if !source.is(write.source.sequencer, SourceState::Present) {
            return Ok(None);
        }
        let former = image.map(|image| &image.stored);
        let mut parts = Vec::new();
        let mut untold = source.untold.clone();
        let tell = match decide(former, write, &info(source, former)) {
            Decision::Superseded => return Ok(None),
            Decision::Keep { tell: false } => return Ok(Some(parts)),
            Decision::Keep { tell: true } => true,
            Decision::Replace { stored, tell } => {
                if !matches!(write.change, RecordChange::Skipped) {
                    untold.clear();
                }
                self.exchange(object, image, Some(&stored), &mut parts)?;
                tell
            }
            Decision::Remove => {
                self.exchange(object, image, None, &mut parts)?;
                false
            }
        };
        parts.push(self.table.write_untold(object, source, untold)?);
        self.tell(write, tell, &mut parts)?;
        Ok(Some(parts))
    }

    /// The end of a source that is gone. Rules that had recorded it and have not said so yet are remembered, so that each
    /// of them tells of the removal once.
    fn removal(
        &self,
        write: &CatalogWrite,
        image: Option<&Image>,
        source: &Source,
    ) -> Result<Option<Vec<TransactWriteItem>>, TableError> {
        let object = &write.source.object;
        let newest = image.map_or(source.sequencer, |image| source.sequencer.max(image.stored.record.sequencer));
        if newest > write.source.sequencer {
            return Ok(None);
        }
        let mut parts = Vec::new();
        let mut untold = source.untold.clone();
        if let Some(image) = image {
            self.exchange(object, Some(image), None, &mut parts)?;
            untold.extend(image.stored.outcomes.keys().cloned());
        }
        let tell = untold.remove(&write.rule);
        if image.is_some() || tell {
            parts.push(self.table.write_untold(object, source, untold)?);
        }
        self.tell(write, tell, &mut parts)?;
        Ok(Some(parts))
    }

    /// The parts that store `new` in the place of `former` and bring the totals up to date.
    fn exchange(
        &self,
        object: &ObjectRef,
        former: Option<&Image>,
        new: Option<&Stored>,
        parts: &mut Vec<TransactWriteItem>,
    ) -> Result<(), TableError> {
        let share = |stored: &Stored| Share::from(&stored.record);
        let difference = Difference::between(former.map(|former| share(&former.stored)), new.map(share));
        parts.push(self.table.write_image(object, former, new)?);
        if !difference.is_none() {
            parts.push(self.table.write_statistics(object, &difference)?);
        }
        Ok(())
    }

    fn tell(&self, write: &CatalogWrite, tell: bool, parts: &mut Vec<TransactWriteItem>) -> Result<(), TableError> {
        if tell {
            let free = PARTS.saturating_sub(parts.len());
            if write.notifications.len() > free {
                tracing::error!(
                    free,
                    wanted = write.notifications.len(),
                    "too many targets for one transaction; the last go untold"
                );
            }
            for notification in write.notifications.iter().take(free) {
                parts.push(self.notification(notification)?);
            }
        }
        Ok(())
    }

    fn notification(&self, notification: &Notification) -> Result<TransactWriteItem, TableError> {
        let id = format!("{}notification#{}", table::INTERNAL, random_name()?);
        let json = serde_json::to_string(notification)
            .map_err(|_| TableError::Corrupt { key: id.clone(), attribute: table::NOTIFICATION })?;
        let expires = minilab_model::Timestamp::from(SystemTime::now()).as_millis() / 1000 + NOTIFICATION_S;
        let put = Put::builder()
            .table_name(self.table.name())
            .item(self.table.key_name(), s(id))
            .item(table::KIND, s(table::NOTIFICATION_KIND))
            .item(table::NOTIFICATION, s(json))
            .item(table::EXPIRES, super::item::n(expires))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Carries out a transaction; `false` when somebody else was there first.
    async fn transact(&self, parts: Vec<TransactWriteItem>) -> Result<bool, TableError> {
        let request = self.table.client().transact_write_items().set_transact_items(Some(parts));
        let error = match request.send().await {
            Ok(_) => return Ok(true),
            Err(error) => error,
        };
        if passes(&error) || error.as_service_error().is_some_and(lost_race) {
            return Ok(false);
        }
        Err(error.into())
    }
}

/// Reasons for which a cancelled transaction is worth another look.
const RACES: [&str; 5] =
    ["None", "ConditionalCheckFailed", "TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"];

fn lost_race(error: &aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError) -> bool {
    use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException;
    match error {
        TransactionCanceledException(cancelled) => {
            cancelled.cancellation_reasons().iter().all(|reason| reason.code().is_none_or(|code| RACES.contains(&code)))
        }
        _ => false,
    }
}

/// What is known of the current version without asking S3, for a job that could not read it.
fn info(source: &Source, former: Option<&Stored>) -> SourceInfo {
    let former = former.filter(|former| former.record.sequencer == source.sequencer).map(|former| &former.record);
    SourceInfo {
        size_bytes: source.present.as_ref().map_or(0, |present| present.size_bytes),
        etag: source.present.as_ref().map(|present| present.etag.clone()).unwrap_or_default(),
        sha256: former.map(|record| record.sha256.clone()).unwrap_or_default(),
        content_type: former.map(|record| record.content_type.clone()),
        user_metadata: std::collections::BTreeMap::new(),
        created_at: source.present.as_ref().map_or(minilab_model::Timestamp::from_millis(0), |present| present.created_at),
    }
}

impl Catalog for DynamoCatalog {
    async fn commit(&self, write: CatalogWrite) -> Result<Commit, CatalogError> {
        Ok(self.write(&write).await?)
    }

    async fn image(&self, source: &ObjectRef) -> Result<Option<ImageRecord>, CatalogError> {
        Ok(self.table.stored(source).await?.map(|image| image.stored.record))
    }

    async fn statistics(&self, bucket: &BucketName) -> Result<CollectionStatistics, CatalogError> {
        Ok(self.table.totals(bucket).await?)
    }
}
