//! The tables of the index, and how an older index is brought up to them.

use crate::OpenError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// What brings an index from each schema to the next. The number of the newest is their count.
const MIGRATIONS: &[&str] = &[include_str!("0001.sql"), include_str!("0002.sql"), include_str!("0003.sql")];

/// The newest schema that this binary knows.
pub(crate) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// The schema of an index; 0 when it is new.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings an index to the newest schema, one transaction a step.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Sqlite { path: path.to_owned(), source };
    let found = version(connection).map_err(failed)?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    if done > MIGRATIONS.len() {
        return Err(OpenError::NewerSchema { found, known: NEWEST });
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(done) {
        let mut migrate = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "user_version", step as i64 + 1)?;
            transaction.commit()
        };
        migrate().map_err(failed)?;
    }
    Ok(())
}
