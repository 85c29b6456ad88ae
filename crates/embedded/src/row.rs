//! Rows to values and back.

use crate::EmbeddedError;
use minilab_model::{BucketName, ObjectKey, ObjectRef, Sequencer, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first row of a query, if any.
pub(crate) fn first<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, EmbeddedError> {
    Ok(connection.prepare_cached(sql)?.query_row(parameters, read).optional()?)
}

/// All rows of a query.
pub(crate) fn all<T>(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, EmbeddedError> {
    Ok(connection.prepare_cached(sql)?.query_map(parameters, read)?.collect::<Result<_, _>>()?)
}

/// A length or count: SQLite's integers are signed, ours never reach the sign.
pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

pub(crate) fn number<T: TryFrom<i64>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let value: i64 = row.get(column)?;
    T::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

pub(crate) fn sequencer(row: &Row<'_>, column: usize) -> rusqlite::Result<Sequencer> {
    unsigned(row, column).map(Sequencer)
}

pub(crate) fn timestamp(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

pub(crate) fn bucket_name(row: &Row<'_>, column: usize) -> rusqlite::Result<BucketName> {
    BucketName::new(row.get::<_, String>(column)?).map_err(|error| invalid(column, Type::Text, error))
}

pub(crate) fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<ObjectKey> {
    let text = String::from_utf8(row.get(column)?).map_err(|error| invalid(column, Type::Blob, error))?;
    ObjectKey::new(text).map_err(|error| invalid(column, Type::Blob, error))
}

pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| invalid(column, Type::Text, error))
}

pub(crate) fn optional_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    match row.get_ref(column)?.as_str_or_null()? {
        Some(text) => serde_json::from_str(text).map(Some).map_err(|error| invalid(column, Type::Text, error)),
        None => Ok(None),
    }
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, EmbeddedError> {
    serde_json::to_string(value).map_err(|error| EmbeddedError::corrupt(format!("a value has no JSON form: {error}")))
}

/// The bytes of a column, without a copy.
pub(crate) fn bytes<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a [u8]> {
    Ok(row.get_ref(column)?.as_blob()?)
}

/// A key as it is stored: bytes, so that it sorts as S3 sorts it.
pub(crate) fn key_bytes(object: &ObjectRef) -> &[u8] {
    object.key.as_str().as_bytes()
}

fn invalid(column: usize, kind: Type, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
}
