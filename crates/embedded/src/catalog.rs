//! The catalog: image records and totals, written with the end of the job that made them true.

use crate::commands::catalog::CommitJob;
use crate::{Embedded, EmbeddedError, row};
use minilab_model::{BucketName, CollectionStatistics, ImageRecord, ObjectRef, SizedKey};
use minilab_pipeline::{Catalog, CatalogError, CatalogWrite, Commit};
use rusqlite::Connection;

impl Catalog for Embedded {
    async fn commit(&self, write: CatalogWrite) -> Result<Commit, CatalogError> {
        self.write_own(CommitJob(write)).await.map_err(unavailable)
    }

    async fn image(&self, source: &ObjectRef) -> Result<Option<ImageRecord>, CatalogError> {
        let source = source.clone();
        let find = move |connection: &Connection| {
            let sql = "SELECT record FROM image WHERE bucket = ?1 AND key = ?2";
            row::first(connection, sql, (source.bucket.as_str(), row::key_bytes(&source)), |row| row::json(row, 0))
        };
        self.inner.readers.read(find).await.map_err(unavailable)
    }

    async fn statistics(&self, bucket: &BucketName) -> Result<CollectionStatistics, CatalogError> {
        let bucket = bucket.clone();
        self.inner.readers.read(move |connection| statistics(connection, &bucket)).await.map_err(unavailable)
    }
}

impl Embedded {
    /// The images of a bucket that were uploaded last, the newest first, failed ones included.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn recent_images(&self, bucket: &BucketName, limit: usize) -> Result<Vec<ImageRecord>, EmbeddedError> {
        let bucket = bucket.clone();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT record FROM image WHERE bucket = ?1 ORDER BY created_ms DESC, key DESC LIMIT ?2";
        let read = move |connection: &Connection| row::all(connection, sql, (bucket.as_str(), limit), |row| row::json(row, 0));
        self.inner.readers.read(read).await
    }
}

/// The first by key of the largest: both found by the index of sizes.
const LARGEST: &str = "SELECT key, size_bytes FROM image WHERE bucket = ?1 AND state = 'processed' AND size_bytes =
    (SELECT max(size_bytes) FROM image WHERE bucket = ?1 AND state = 'processed') ORDER BY key LIMIT 1";
const SMALLEST: &str =
    "SELECT key, size_bytes FROM image WHERE bucket = ?1 AND state = 'processed' ORDER BY size_bytes, key LIMIT 1";

/// The totals of a bucket: a few rows each found by an index, however many images there are.
pub(crate) fn statistics(connection: &Connection, bucket: &BucketName) -> Result<CollectionStatistics, EmbeddedError> {
    let bucket = bucket.as_str();
    let sql = "SELECT count, bytes, failed FROM statistic WHERE bucket = ?1";
    let read = |row: &rusqlite::Row<'_>| Ok((row::unsigned(row, 0)?, row::unsigned(row, 1)?, row::unsigned(row, 2)?));
    let (count, bytes, failed) = row::first(connection, sql, [bucket], read)?.unwrap_or_default();
    let sql = "SELECT format, count FROM format_statistic WHERE bucket = ?1";
    let types = row::all(connection, sql, [bucket], |row| Ok((row.get(0)?, row::unsigned(row, 1)?)))?;
    let sized = |row: &rusqlite::Row<'_>| Ok(SizedKey { key: row::key(row, 0)?, size_bytes: row::unsigned(row, 1)? });
    let largest = row::first(connection, LARGEST, [bucket], sized)?;
    let smallest = row::first(connection, SMALLEST, [bucket], sized)?;
    Ok(CollectionStatistics { count, bytes, largest, smallest, types: types.into_iter().collect(), failed })
}

fn unavailable(error: EmbeddedError) -> CatalogError {
    CatalogError(Box::new(error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    #[test]
    fn totals_cost_the_same_for_many_images() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
        let fill = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
                    INSERT INTO image SELECT 'photos', CAST(printf('%06d', i) AS BLOB), i, 'processed', 1 + i % 100, i, NULL, '{}', '{}' FROM n";
        connection.execute(fill, ()).unwrap();
        let bucket = BucketName::new("photos").unwrap();
        let totals = statistics(&connection, &bucket).unwrap();
        let found = |sized: Option<SizedKey>| sized.map(|sized| (sized.key.as_str().to_owned(), sized.size_bytes));
        assert_eq!(found(totals.largest), Some(("000099".to_owned(), 100)));
        assert_eq!(found(totals.smallest), Some(("000000".to_owned(), 1)));
        for sql in [LARGEST, SMALLEST] {
            let steps = connection.prepare_cached(sql).unwrap().get_status(StatementStatus::VmStep);
            assert!((1..100).contains(&steps), "{steps} steps for {sql}");
        }
    }
}
