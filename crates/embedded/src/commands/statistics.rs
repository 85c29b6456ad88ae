//! Totals over the images of a bucket, kept up to date by every write of a record.

use crate::EmbeddedError;
use crate::writer::Transaction;
use minilab_model::{BucketName, Format};
use minilab_pipeline::record::{Difference, Share};

/// Takes `old` out of the totals and `new` in.
pub(crate) fn exchange(
    transaction: &Transaction<'_>,
    bucket: &BucketName,
    old: Option<Share>,
    new: Option<Share>,
) -> Result<(), EmbeddedError> {
    let Difference { count, bytes, failed, formats } = Difference::between(old, new);
    for (format, change) in formats {
        exchange_format(transaction, bucket, format, change)?;
    }
    if (count, bytes, failed) == (0, 0, 0) {
        return Ok(());
    }
    let sql = "INSERT INTO statistic (bucket, count, bytes, failed) VALUES (?1, ?2, ?3, ?4)
               ON CONFLICT (bucket) DO UPDATE SET count = count + ?2, bytes = bytes + ?3, failed = failed + ?4";
    transaction.execute(sql, (bucket.as_str(), count, bytes, failed))?;
    Ok(())
}

fn exchange_format(transaction: &Transaction<'_>, bucket: &BucketName, format: Format, change: i64) -> Result<(), EmbeddedError> {
    let sql = "INSERT INTO format_statistic (bucket, format, count) VALUES (?1, ?2, ?3)
               ON CONFLICT (bucket, format) DO UPDATE SET count = count + ?3";
    transaction.execute(sql, (bucket.as_str(), format.as_str(), change))?;
    let sql = "DELETE FROM format_statistic WHERE bucket = ?1 AND format = ?2 AND count = 0";
    transaction.execute(sql, (bucket.as_str(), format.as_str()))?;
    Ok(())
}
