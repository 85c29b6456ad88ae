//! The handle that store and catalog share.

use super::item::{Item, Placeholders, s};
use super::seen::Seen;
use crate::stores::error::{TableError, Tries, passes};
use crate::table;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValue};
use minilab_model::{BucketName, ObjectRef};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The table: a client and what is configured. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Table {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    options: TableOptions,
    /// Sources as they were when they were last seen here.
    seen: Mutex<Seen>,
}

/// What is configured of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableOptions {
    /// The table's name. Default [`table::DEFAULT_TABLE`].
    pub name: String,
    /// The partition key, a string. Default [`table::DEFAULT_KEY`].
    pub key: String,
    /// The bucket whose images' items are named by their keys alone.
    pub default_bucket: BucketName,
    /// Over how many items the statistics of a bucket are spread. Default 1. It may be raised, never lowered: what a
    /// higher shard holds would no longer be seen.
    pub shards: u16,
    /// How long the deletion of an object may take. A destination that is being left cannot be claimed for twice as long, for
    /// one whose owner has died in between. Default 5 s.
    pub deletion: Duration,
}

impl TableOptions {
    /// The defaults.
    #[must_use]
    pub fn new(default_bucket: BucketName) -> Self {
        Self {
            name: table::DEFAULT_TABLE.to_owned(),
            key: table::DEFAULT_KEY.to_owned(),
            default_bucket,
            shards: 1,
            deletion: Duration::from_secs(5),
        }
    }
}

/// Most keys in one request that reads many (DynamoDB, "BatchGetItem").
const BATCH: usize = 100;

impl Table {
    /// A handle on the table.
    #[must_use]
    pub fn new(client: Client, options: TableOptions) -> Self {
        Self { inner: Arc::new(Inner { client, options, seen: Mutex::default() }) }
    }

    /// How long the deletion of an object may take.
    pub(crate) fn deletion(&self) -> Duration {
        self.inner.options.deletion
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    pub(crate) fn name(&self) -> &str {
        &self.inner.options.name
    }

    pub(crate) fn key_name(&self) -> &str {
        &self.inner.options.key
    }

    pub(crate) fn default_bucket(&self) -> &BucketName {
        &self.inner.options.default_bucket
    }

    pub(crate) fn shards(&self) -> u16 {
        self.inner.options.shards.max(1)
    }

    /// A key, for a request.
    pub(super) fn key(&self, id: &str) -> HashMap<String, AttributeValue> {
        HashMap::from([(self.key_name().to_owned(), s(id))])
    }

    /// An item as it is now.
    pub(super) async fn get(&self, id: &str) -> Result<Option<Item>, TableError> {
        let mut tries = Tries::default();
        loop {
            let get = self.client().get_item().table_name(self.name()).set_key(Some(self.key(id))).consistent_read(true);
            match get.send().await {
                Ok(got) => return Ok(got.item),
                Err(error) if passes(&error) => tries.wait(format!("the item `{id}`")).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Those of these items that are there, as they are now, in no order.
    pub(super) async fn get_many(&self, ids: &[String]) -> Result<Vec<Item>, TableError> {
        let mut items = Vec::with_capacity(ids.len());
        for ids in ids.chunks(BATCH) {
            let keys: Vec<_> = ids.iter().map(|id| self.key(id)).collect();
            let mut wanted = Some(KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?);
            let mut tries = Tries::default();
            while let Some(keys) = wanted.take() {
                match self.client().batch_get_item().request_items(self.name(), keys.clone()).send().await {
                    Ok(got) => {
                        items.extend(got.responses.unwrap_or_default().remove(self.name()).unwrap_or_default());
                        // What did not fit into an answer is asked for again, at once unless nothing came.
                        wanted = got.unprocessed_keys.unwrap_or_default().remove(self.name());
                        if wanted.as_ref().is_some_and(|left| left.keys.len() == keys.keys.len()) {
                            tries.wait("a batch of items").await?;
                        }
                    }
                    Err(error) if passes(&error) => {
                        tries.wait("a batch of items").await?;
                        wanted = Some(keys);
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(items)
    }

    /// What is remembered of sources.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.inner.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what is remembered of a source.
    pub(crate) fn forget(&self, source: &ObjectRef) {
        self.seen().forget(source);
    }

    /// Changes an item under a condition; `false` when it does not hold.
    pub(super) async fn update(
        &self,
        id: &str,
        update: &str,
        condition: &str,
        placeholders: &Placeholders,
    ) -> Result<bool, TableError> {
        Ok(self.change(id, update, condition, placeholders, ReturnValue::None).await?.is_some())
    }

    /// Changes an item under a condition, and gives it as it is then; `None` when the condition does not hold.
    pub(super) async fn update_and_get(
        &self,
        id: &str,
        update: &str,
        condition: &str,
        placeholders: &Placeholders,
    ) -> Result<Option<Item>, TableError> {
        self.change(id, update, condition, placeholders, ReturnValue::AllNew).await
    }

    async fn change(
        &self,
        id: &str,
        update: &str,
        condition: &str,
        placeholders: &Placeholders,
        returned: ReturnValue,
    ) -> Result<Option<Item>, TableError> {
        let mut tries = Tries::default();
        loop {
            let request = self
                .client()
                .update_item()
                .table_name(self.name())
                .set_key(Some(self.key(id)))
                .update_expression(update)
                .condition_expression(condition)
                .set_expression_attribute_names(placeholders.names())
                .set_expression_attribute_values(placeholders.values())
                .return_values(returned.clone());
            match request.send().await {
                Ok(updated) => return Ok(Some(updated.attributes.unwrap_or_default())),
                Err(error) if passes(&error) => tries.wait(format!("the item `{id}`")).await?,
                Err(error) => match error.as_service_error() {
                    Some(refusal) if refusal.is_conditional_check_failed_exception() => return Ok(None),
                    _ => return Err(error.into()),
                },
            }
        }
    }

    /// Deletes an item under a condition; `false` when it does not hold.
    pub(super) async fn delete(&self, id: &str, condition: &str, placeholders: &Placeholders) -> Result<bool, TableError> {
        let mut tries = Tries::default();
        loop {
            let request = self
                .client()
                .delete_item()
                .table_name(self.name())
                .set_key(Some(self.key(id)))
                .condition_expression(condition)
                .set_expression_attribute_names(placeholders.names())
                .set_expression_attribute_values(placeholders.values());
            match request.send().await {
                Ok(_) => return Ok(true),
                Err(error) if passes(&error) => tries.wait(format!("the item `{id}`")).await?,
                Err(error) => match error.as_service_error() {
                    Some(refusal) if refusal.is_conditional_check_failed_exception() => return Ok(false),
                    _ => return Err(error.into()),
                },
            }
        }
    }
}
