//! Totals of a data directory that may be in use.

use crate::{EmbeddedError, OpenError, QueueCounts, catalog, index, queue, row, schema};
use minilab_model::{BucketName, CollectionStatistics};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Totals of one bucket.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BucketStatistics {
    /// The bucket.
    pub bucket: BucketName,
    /// Objects in it, variants included.
    pub objects: u64,
    /// Their bytes in all.
    pub object_bytes: u64,
    /// The images among them that rules matched.
    pub images: CollectionStatistics,
}

/// Totals of a data directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct StoreStatistics {
    /// By bucket, in order of names.
    pub buckets: Vec<BucketStatistics>,
    /// The queue.
    pub jobs: QueueCounts,
}

/// Reads the totals of a data directory, which may be in use: it takes no lock. Objects are counted one by one.
///
/// # Errors
/// [`OpenError`] when the directory is no store or cannot be read.
pub fn read_statistics(data_dir: &Path) -> Result<StoreStatistics, OpenError> {
    let path = index::path(data_dir);
    if !path.exists() {
        return Err(OpenError::NoStore { data_dir: data_dir.to_owned() });
    }
    let failed = |source| OpenError::Sqlite { path: path.clone(), source };
    let mut connection = index::open_reading(&path).map_err(failed)?;
    let found = schema::version(&connection).map_err(failed)?;
    if found > schema::NEWEST {
        return Err(OpenError::NewerSchema { found, known: schema::NEWEST });
    }
    let snapshot = connection.transaction_with_behavior(TransactionBehavior::Deferred).map_err(failed)?;
    totals(&snapshot).map_err(|error| match error {
        EmbeddedError::Sqlite(source) => failed(source),
        other => OpenError::Io { what: "reading", path: path.clone(), source: std::io::Error::other(other) },
    })
}

fn totals(connection: &Connection) -> Result<StoreStatistics, EmbeddedError> {
    let sql = "SELECT name, (SELECT count(*) FROM object WHERE bucket_id = bucket.id),
                   (SELECT coalesce(sum(size_bytes), 0) FROM object WHERE bucket_id = bucket.id) FROM bucket ORDER BY name";
    let buckets =
        row::all(connection, sql, (), |row| Ok((row::bucket_name(row, 0)?, row::unsigned(row, 1)?, row::unsigned(row, 2)?)))?;
    let buckets = buckets.into_iter().map(|(bucket, objects, object_bytes)| {
        let images = catalog::statistics(connection, &bucket)?;
        Ok(BucketStatistics { bucket, objects, object_bytes, images })
    });
    Ok(StoreStatistics { buckets: buckets.collect::<Result<_, EmbeddedError>>()?, jobs: queue::recount(connection)? })
}
