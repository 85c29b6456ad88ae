//! Totals over the images of a bucket, kept up to date by every write of a record.

use crate::EmbeddedError;
use crate::writer::Transaction;
use minilab_model::{BucketName, Format, ImageRecord, ImageState};

/// What one record adds to its bucket's totals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    processed: bool,
    size_bytes: u64,
    format: Option<Format>,
}

impl From<&ImageRecord> for Share {
    fn from(record: &ImageRecord) -> Self {
        let format = record.metadata.as_ref().map(|metadata| metadata.format);
        Self { processed: record.state == ImageState::Processed, size_bytes: record.size_bytes, format }
    }
}

/// Takes `old` out of the totals and `new` in.
pub(crate) fn exchange(
    transaction: &Transaction<'_>,
    bucket: &BucketName,
    old: Option<Share>,
    new: Option<Share>,
) -> Result<(), EmbeddedError> {
    if old == new {
        return Ok(());
    }
    let (mut count, mut bytes, mut failed) = (0_i64, 0_i64, 0_i64);
    for (sign, share) in [(-1, old), (1, new)] {
        match share {
            Some(Share { processed: true, size_bytes, format }) => {
                count += sign;
                bytes += sign * size_bytes as i64;
                if let Some(format) = format {
                    exchange_format(transaction, bucket, format, sign)?;
                }
            }
            Some(Share { processed: false, .. }) => failed += sign,
            None => {}
        }
    }
    let sql = "INSERT INTO statistic (bucket, count, bytes, failed) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (bucket) DO UPDATE SET count = count + ?2, bytes = bytes + ?3, failed = failed + ?4";
    transaction.execute(sql, (bucket.as_str(), count, bytes, failed))?;
    Ok(())
}

fn exchange_format(transaction: &Transaction<'_>, bucket: &BucketName, format: Format, sign: i64) -> Result<(), EmbeddedError> {
    let sql = "INSERT INTO format_statistic (bucket, format, count) VALUES (?1, ?2, ?3)
               ON CONFLICT (bucket, format) DO UPDATE SET count = count + ?3";
    transaction.execute(sql, (bucket.as_str(), format.as_str(), sign))?;
    let sql = "DELETE FROM format_statistic WHERE bucket = ?1 AND format = ?2 AND count = 0";
    transaction.execute(sql, (bucket.as_str(), format.as_str()))?;
    Ok(())
}
