//! Image records, totals and the queue.

use super::FsckReport;
use crate::{EmbeddedError, row};
use minilab_model::{CollectionStatistics, Event, ImageRecord, ImageState, SizedKey};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Counts the records of every bucket again, and compares each with its row, its source and its variants.
pub(super) fn check(connection: &Connection, report: &mut FsckReport) -> Result<(), EmbeddedError> {
    let mut counted: BTreeMap<String, CollectionStatistics> = BTreeMap::new();
    let sql = "SELECT bucket, CAST(key AS TEXT), sequencer, state, size_bytes, record FROM image ORDER BY bucket, key";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        report.images += 1;
        let name = format!("{}/{}", row.get::<_, String>(0)?, row.get::<_, String>(1)?);
        let record: ImageRecord = match row::json(row, 5) {
            Ok(record) => record,
            Err(error) => {
                report.serious(format!("record {name}"), format!("cannot be read: {error}"));
                continue;
            }
        };
        let state = if record.state == ImageState::Failed { "failed" } else { "processed" };
        let same = (row::sequencer(row, 2)?, row.get::<_, String>(3)?, row::unsigned(row, 4)?)
            == (record.sequencer, state.to_owned(), record.size_bytes);
        if !same || name != format!("{}/{}", record.bucket, record.key) {
            report.serious(format!("record {name}"), "its columns are not what it says itself");
        }
        count(counted.entry(record.bucket.as_str().to_owned()).or_default(), &record);
        check_record(connection, &record, &name, report)?;
    }
    check_totals(connection, &counted, report)
}

/// Checks that every job has its event and the other way round.
pub(super) fn check_queue(connection: &Connection, report: &mut FsckReport) -> Result<(), EmbeddedError> {
    let sql = "SELECT id FROM job WHERE sequencer NOT IN (SELECT sequencer FROM event)";
    for id in row::all(connection, sql, (), |row| row.get::<_, i64>(0))? {
        report.serious(format!("job {id}"), "its event is missing");
    }
    for (sequencer, event) in row::all(connection, "SELECT sequencer, event FROM event", (), |row| {
        Ok((row.get::<_, i64>(0)?, row::json::<Event>(row, 1)))
    })? {
        if let Err(error) = event {
            report.serious(format!("event {sequencer}"), format!("cannot be read: {error}"));
        }
    }
    let sql = "SELECT sequencer FROM event WHERE sequencer NOT IN (SELECT sequencer FROM job)";
    for sequencer in row::all(connection, sql, (), |row| row.get::<_, i64>(0))? {
        report.minor(format!("event {sequencer}"), "has no job");
    }
    check_shares(connection, report)
}

/// Counts the ready jobs of every flow and share again, and the jobs of every lane and state. An index that an older
/// version has left has none of these.
fn check_shares(connection: &Connection, report: &mut FsckReport) -> Result<(), EmbeddedError> {
    if crate::schema::version(connection)? < 2 {
        return Ok(());
    }
    for (sql, problem) in [
        (
            "SELECT 'flow ' || id FROM flow WHERE ready <> (SELECT count(*) FROM job WHERE job.flow = flow.id AND state = 'ready')",
            "counts its ready jobs wrong",
        ),
        (
            "SELECT 'share ' || share.id FROM share LEFT JOIN (SELECT share, count(*) AS jobs FROM job WHERE state = 'ready' GROUP BY share)
                 AS counted ON counted.share = share.id WHERE ready <> coalesce(jobs, 0)",
            "counts its ready jobs wrong",
        ),
        (
            "SELECT 'job ' || id FROM job WHERE state = 'ready' AND (flow IS NULL OR share IS NULL OR flow NOT IN (SELECT id FROM flow)
                 OR share NOT IN (SELECT id FROM share))",
            "is ready and stands in no share, so that it would not be claimed",
        ),
        (
            "SELECT 'the ' || state || ' jobs of lane ' || lane FROM queue_count WHERE count <>
                 (SELECT count(*) FROM job WHERE job.lane = queue_count.lane AND job.state = queue_count.state)",
            "are counted wrong",
        ),
    ] {
        for subject in row::all(connection, sql, (), |row| row.get::<_, String>(0))? {
            report.serious(subject, problem);
        }
    }
    Ok(())
}

fn count(totals: &mut CollectionStatistics, record: &ImageRecord) {
    if record.state == ImageState::Failed {
        totals.failed += 1;
        return;
    }
    totals.count += 1;
    totals.bytes += record.size_bytes;
    if let Some(metadata) = &record.metadata {
        *totals.types.entry(metadata.format.as_str().to_owned()).or_default() += 1;
    }
    let sized = || Some(SizedKey { key: record.key.clone(), size_bytes: record.size_bytes });
    // Records come by rising key, so that the first among equals stays.
    if totals.largest.as_ref().is_none_or(|largest| record.size_bytes > largest.size_bytes) {
        totals.largest = sized();
    }
    if totals.smallest.as_ref().is_none_or(|smallest| record.size_bytes < smallest.size_bytes) {
        totals.smallest = sized();
    }
}

fn check_totals(
    connection: &Connection,
    counted: &BTreeMap<String, CollectionStatistics>,
    report: &mut FsckReport,
) -> Result<(), EmbeddedError> {
    let sql = "SELECT bucket FROM statistic UNION SELECT bucket FROM format_statistic UNION SELECT DISTINCT bucket FROM image";
    for bucket in row::all(connection, sql, (), |row| row::bucket_name(row, 0))? {
        let kept = crate::catalog::statistics(connection, &bucket)?;
        let expected = counted.get(bucket.as_str()).cloned().unwrap_or_default();
        if kept != expected {
            let say = |totals: &CollectionStatistics| serde_json::to_string(totals).unwrap_or_default();
            report.serious(
                format!("statistics of bucket {bucket}"),
                format!("say {}, the records give {}", say(&kept), say(&expected)),
            );
        }
    }
    Ok(())
}

/// Compares a record with its source. One that is behind has a job that will bring it up to date, or should have.
fn check_record(connection: &Connection, record: &ImageRecord, name: &str, report: &mut FsckReport) -> Result<(), EmbeddedError> {
    let (bucket, key) = (record.bucket.as_str(), record.key.as_str().as_bytes());
    let sql = "SELECT 1 FROM event WHERE bucket = ?1 AND key = ?2 AND sequencer > ?3 LIMIT 1";
    let behind = row::first(connection, sql, (bucket, key, record.sequencer.0 as i64), |_| Ok(()))?.is_some();
    let there = object_sequencer(connection, bucket, key)?;
    if !behind && there != Some(record.sequencer.0) {
        let problem = match there {
            None => "its source is gone, and no job is there to remove it",
            Some(_) => "its source has been written again, and no job is there to read it",
        };
        report.minor(format!("record {name}"), problem);
    }
    for variant in &record.variants {
        if object_sequencer(connection, variant.bucket.as_str(), variant.key.as_str().as_bytes())?.is_none() && !behind {
            let problem = format!("its variant {}/{} is gone", variant.bucket, variant.key);
            report.minor(format!("record {name}"), problem);
        }
    }
    Ok(())
}

fn object_sequencer(connection: &Connection, bucket: &str, key: &[u8]) -> Result<Option<u64>, EmbeddedError> {
    let sql = "SELECT sequencer FROM object JOIN bucket ON bucket.id = bucket_id WHERE bucket.name = ?1 AND key = ?2";
    row::first(connection, sql, (bucket, key), |row| row::unsigned(row, 0))
}
