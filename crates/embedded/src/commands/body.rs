//! Contents: shared by copies, collected when nobody refers to them.

use crate::blob::StagedContent;
use crate::writer::Transaction;
use crate::{BlobName, EmbeddedError, StagedBody};
use rusqlite::params;

/// Writes the row of a new content that one object refers to; its id.
pub(crate) fn insert(transaction: &mut Transaction<'_>, body: StagedBody) -> Result<i64, EmbeddedError> {
    let StagedBody { size_bytes, sha256, content, .. } = body;
    let sql = "INSERT INTO body (size_bytes, sha256, use_count, segments, blob, inline) VALUES (?1, ?2, 1, 0, ?3, ?4)";
    match content {
        StagedContent::Inline(bytes) => transaction.insert(sql, params![size_bytes as i64, sha256, None::<&[u8]>, &bytes[..]]),
        StagedContent::File(guard) => {
            let id = transaction.insert(sql, params![size_bytes as i64, sha256, guard.name().0, None::<&[u8]>])?;
            transaction.adopt(guard);
            Ok(id)
        }
    }
}

/// One more object refers to it.
pub(crate) fn share(transaction: &Transaction<'_>, id: i64) -> Result<(), EmbeddedError> {
    match transaction.execute("UPDATE body SET use_count = use_count + 1 WHERE id = ?1", [id])? {
        1 => Ok(()),
        _ => Err(EmbeddedError::corrupt(format!("body {id} is missing"))),
    }
}

/// One object fewer refers to it; the last one's files become garbage.
pub(crate) fn release(transaction: &Transaction<'_>, id: i64) -> Result<(), EmbeddedError> {
    let sql = "UPDATE body SET use_count = use_count - 1 WHERE id = ?1 RETURNING use_count, segments, blob";
    let left = transaction.first(sql, [id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, blob_name(row, 2)?)))?;
    let Some((use_count, segments, blob)) = left else {
        return Err(EmbeddedError::corrupt(format!("body {id} is missing")));
    };
    if use_count > 0 {
        return Ok(());
    }
    transaction.execute("DELETE FROM body WHERE id = ?1", [id])?;
    if let Some(blob) = blob {
        discard(transaction, blob)?;
    }
    if segments > 0 {
        let sql = "INSERT INTO garbage (blob, queued_ms) SELECT blob, ?2 FROM segment WHERE body_id = ?1 AND blob IS NOT NULL";
        transaction.execute(sql, (id, transaction.now.as_millis()))?;
        transaction.execute("DELETE FROM segment WHERE body_id = ?1", [id])?;
    }
    Ok(())
}

/// Nothing refers to this file any more: it is unlinked after the grace period.
pub(crate) fn discard(transaction: &Transaction<'_>, blob: BlobName) -> Result<(), EmbeddedError> {
    transaction.execute("INSERT INTO garbage (blob, queued_ms) VALUES (?1, ?2)", (blob.0, transaction.now.as_millis()))?;
    Ok(())
}

/// The name in a column that may be empty.
pub(crate) fn blob_name(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<BlobName>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(BlobName))
}
