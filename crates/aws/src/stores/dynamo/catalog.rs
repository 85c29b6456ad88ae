//! The catalog: records, totals and what is told of them, in one transaction.

use super::Table;
use minilab_model::{BucketName, CollectionStatistics, ImageRecord, ObjectRef};
use minilab_pipeline::{Catalog, CatalogError, CatalogWrite, Commit};

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
}

impl Catalog for DynamoCatalog {
    async fn commit(&self, write: CatalogWrite) -> Result<Commit, CatalogError> {
        let _ = (&self.table, write);
        Err(CatalogError("not yet".into()))
    }

    async fn image(&self, source: &ObjectRef) -> Result<Option<ImageRecord>, CatalogError> {
        let _ = source;
        Err(CatalogError("not yet".into()))
    }

    async fn statistics(&self, bucket: &BucketName) -> Result<CollectionStatistics, CatalogError> {
        let _ = bucket;
        Err(CatalogError("not yet".into()))
    }
}
