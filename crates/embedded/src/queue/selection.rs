//! Which jobs: pages of them, and changes to many at once.

use super::{CHUNK, JobInfo, JobState};
use crate::commands::queue::{self, DiscardJobs, RetryJobs, read_job};
use crate::list::successor;
use crate::{Embedded, EmbeddedError, row};
use minilab_model::{BucketName, FailureCause};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};

/// Up to so many events of a bucket or prefix are looked up by key; of more, jobs are gone through by number, since one in
/// a few is wanted then.
const FEW_EVENTS: i64 = 10_000;

/// What a job has to be like. The default is every job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobMatch {
    /// Only this state.
    pub state: Option<JobState>,
    /// Only jobs whose last attempt failed in this way.
    pub cause: Option<FailureCause>,
    /// Only jobs about objects of this bucket.
    pub bucket: Option<BucketName>,
    /// Only jobs about keys that begin so.
    pub prefix: Option<String>,
    /// Only jobs of this rule.
    pub rule: Option<String>,
}

/// Which jobs are wanted, a page at a time. The default is the first 100 jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFilter {
    /// Only this state.
    pub state: Option<JobState>,
    /// Only jobs whose last attempt failed in this way.
    pub cause: Option<FailureCause>,
    /// Only jobs about objects of this bucket.
    pub bucket: Option<BucketName>,
    /// Only jobs about keys that begin so.
    pub prefix: Option<String>,
    /// Only jobs of this rule.
    pub rule: Option<String>,
    /// Only jobs with a larger number, to page through them.
    pub after: Option<i64>,
    /// Most jobs.
    pub max: usize,
}

impl Default for JobFilter {
    fn default() -> Self {
        Self { state: None, cause: None, bucket: None, prefix: None, rule: None, after: None, max: 100 }
    }
}

/// Jobs that are to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobSelection {
    /// These; numbers without a job are passed over.
    Ids(Vec<i64>),
    /// All that are like this.
    Matching(JobMatch),
}

impl Embedded {
    /// A page of jobs in the order in which they came. One with fewer than `max` jobs is the last.
    ///
    /// State and cause are looked up in an index, so is a bucket or prefix with few unfinished events; what else is asked
    /// for is compared job by job.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn jobs(&self, filter: JobFilter) -> Result<Vec<JobInfo>, EmbeddedError> {
        let JobFilter { state, cause, bucket, prefix, rule, after, max } = filter;
        let matching = JobMatch { state, cause, bucket, prefix, rule };
        let page = Page { after: after.unwrap_or(0), until: i64::MAX, max };
        self.inner.readers.read(move |connection| select(connection, JOB, &matching, page, read_info)).await
    }

    /// A job by its number.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn job(&self, id: i64) -> Result<Option<JobInfo>, EmbeddedError> {
        let page = Page { after: id.saturating_sub(1), until: id, max: 1 };
        let find = move |connection: &Connection| select(connection, JOB, &JobMatch::default(), page, read_info);
        Ok(self.inner.readers.read(find).await?.pop())
    }

    /// Makes dead letters and waiting jobs ready now, with all attempts before them: how many were. Others stay as they
    /// are. Many jobs are many transactions: after an error, those before it are done.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`], or when the index cannot be read.
    pub async fn retry_jobs(&self, selection: JobSelection) -> Result<u64, EmbeddedError> {
        self.change(selection, |ids, _| RetryJobs(ids)).await
    }

    /// Forgets jobs: how many. Workers that hold any lose their leases. Many jobs are many transactions: after an error,
    /// those before it are done.
    ///
    /// # Errors
    /// [`EmbeddedError::Stopped`], or when the index cannot be read.
    pub async fn discard_jobs(&self, selection: JobSelection) -> Result<u64, EmbeddedError> {
        self.change(selection, |ids, state| DiscardJobs { ids, state }).await
    }

    async fn change<C: crate::writer::Command<Output = u64>>(
        &self,
        selection: JobSelection,
        command: impl Fn(Vec<i64>, Option<JobState>) -> C,
    ) -> Result<u64, EmbeddedError> {
        let mut changed = 0;
        let matching = match selection {
            JobSelection::Ids(ids) => {
                for chunk in ids.chunks(CHUNK) {
                    changed += self.write_own(command(chunk.to_vec(), None)).await?;
                }
                return Ok(changed);
            }
            JobSelection::Matching(matching) => matching,
        };
        // Jobs that come meanwhile are none of those that were meant.
        let newest = |connection: &Connection| row::first(connection, "SELECT coalesce(max(id), 0) FROM job", (), |row| row.get(0));
        let until: i64 = self.inner.readers.read(newest).await?.unwrap_or(0);
        let mut after = 0;
        loop {
            let (wanted, page) = (matching.clone(), Page { after, until, max: CHUNK });
            let find = move |connection: &Connection| select(connection, "job.id", &wanted, page, |row| row.get::<_, i64>(0));
            let ids = self.inner.readers.read(find).await?;
            let Some(last) = ids.last() else { return Ok(changed) };
            after = *last;
            changed += self.write_own(command(ids, matching.state)).await?;
        }
    }
}

/// A stretch of job numbers.
#[derive(Debug, Clone, Copy)]
struct Page {
    /// The number before the first.
    after: i64,
    /// The last number.
    until: i64,
    max: usize,
}

const JOB: &str = "event, rule, action, job.id, state, created_ms, due_ms, attempt, attempts, cause, facts, lane, priority";

fn read_info(row: &Row<'_>) -> rusqlite::Result<JobInfo> {
    let job = read_job(row, 0)?;
    let state = JobState::parse(row.get_ref(4)?.as_str()?);
    // A cause that a newer version has written is there, but unknown.
    let cause = row.get_ref(9)?.as_str_or_null()?.map(|cause| cause.parse().unwrap_or_default());
    Ok(JobInfo {
        id: row.get(3)?,
        idempotency_key: job.idempotency_key(),
        job,
        state,
        lane: queue::lane(row, 11)?,
        priority: queue::priority(row, 12)?,
        created_at: row::timestamp(row, 5)?,
        due_at: (state != JobState::Ready).then_some(row::timestamp(row, 6)?),
        attempt: row::number(row, 7)?,
        attempts: row::json(row, 8)?,
        cause,
        facts: row::optional_json(row, 10)?,
    })
}

fn select<T>(
    connection: &Connection,
    columns: &str,
    matching: &JobMatch,
    page: Page,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, EmbeddedError> {
    let (sql, parameters) = query(connection, columns, matching, page)?;
    row::all(connection, &sql, params_from_iter(parameters), read)
}

fn query(connection: &Connection, columns: &str, matching: &JobMatch, page: Page) -> Result<(String, Vec<Value>), EmbeddedError> {
    let JobMatch { state, cause, bucket, prefix, rule } = matching;
    let max = i64::try_from(page.max).unwrap_or(i64::MAX);
    let mut parameters = vec![Value::from(page.after), Value::from(page.until), Value::from(max)];
    let mut sql = String::new();
    let mut add = |condition: &str, value: Value| {
        parameters.push(value);
        sql.push_str(&format!(" AND {condition} ?{}", parameters.len()));
    };
    if let Some(cause) = cause {
        add("cause =", cause.as_str().to_owned().into());
    }
    if let Some(rule) = rule {
        add("rule =", rule.clone().into());
    }
    if let Some(bucket) = bucket {
        add("bucket =", bucket.as_str().to_owned().into());
    }
    if let Some(prefix) = prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        add("key >=", prefix.as_bytes().to_vec().into());
        if let Some(end) = successor(prefix) {
            add("key <", end.into());
        }
    }
    if let Some(state) = state {
        // In the text, so that an index on part of the rows can be used.
        sql.push_str(&format!(" AND state = '{}'", state.as_str()));
    }
    // Joined in the order as written.
    let tables = match bucket {
        Some(bucket) if are_few(connection, bucket, prefix.as_deref().unwrap_or_default())? => "event CROSS JOIN job",
        _ => "job CROSS JOIN event",
    };
    let sql = format!(
        "SELECT {columns} FROM {tables} USING (sequencer) WHERE job.id > ?1 AND job.id <= ?2{sql} ORDER BY job.id LIMIT ?3"
    );
    Ok((sql, parameters))
}

/// Whether a bucket has few events with unfinished jobs under a prefix.
fn are_few(connection: &Connection, bucket: &BucketName, prefix: &str) -> Result<bool, EmbeddedError> {
    let sql = "SELECT count(*) FROM (SELECT 1 FROM event WHERE bucket = ?1 AND key >= ?2 AND (?3 IS NULL OR key < ?3) LIMIT ?4)";
    let parameters = (bucket.as_str(), prefix.as_bytes(), successor(prefix), FEW_EVENTS + 1);
    let count: i64 = row::first(connection, sql, parameters, |row| row.get(0))?.unwrap_or(0);
    Ok(count <= FEW_EVENTS)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::queue::report::{COUNTS, OLDEST_WAITING, READY_SINCE, report};
    use minilab_model::Timestamp;
    use rusqlite::StatementStatus;

    /// 30,000 ready jobs, and among them every 3,000th waits and every 5,000th is dead.
    fn filled() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.set_prepared_statement_cache_capacity(100);
        crate::schema::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
        let event = r#"{"kind": "s3:ObjectCreated:Put", "bucket": "photos", "key": "a", "sequencer": "0000000000000001", "etag": "", "size_bytes": 0,
                        "time": "2026-11-20T12:00:00Z"}"#;
        connection
            .execute_batch(&format!(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
                 INSERT INTO job (id, idempotency_key, sequencer, rule, action, state, due_ms, created_ms, cause)
                 SELECT i, 'k' || i, i, 'r', 'process', iif(i % 3000 = 0, 'waiting', iif(i % 5000 = 0, 'dead', 'ready')), i, i,
                     iif(i % 3000 = 0, 'unavailable', iif(i % 5000 = 0, 'damaged', NULL)) FROM n;
                 INSERT INTO event SELECT id, 'photos', CAST(iif(id % 100 = 0, 'few/', 'many/') || printf('%06d', id) AS BLOB), '{event}' FROM job;
                 UPDATE queue_count SET count = (SELECT count(*) FROM job WHERE job.lane = queue_count.lane AND job.state = queue_count.state);"
            ))
            .unwrap();
        connection
    }

    #[test]
    fn what_is_found_by_an_index_costs_by_what_is_found() {
        let connection = filled();
        let check = |matching: JobMatch, max: usize, expected: usize, most: i32| {
            let page = Page { after: 10, until: i64::MAX, max };
            assert_eq!(select(&connection, JOB, &matching, page, read_info).unwrap().len(), expected, "{matching:?}");
            let (sql, _) = query(&connection, JOB, &matching, page).unwrap();
            let steps = connection.prepare_cached(&sql).unwrap().get_status(StatementStatus::VmStep);
            assert!((1..most).contains(&steps), "{steps} steps for {matching:?}: {sql}");
        };
        let all = || JobMatch { bucket: None, ..JobMatch::default() };
        let photos = || Some("photos".parse().unwrap());
        check(all(), 10, 10, 500);
        check(JobMatch { state: Some(JobState::Ready), ..all() }, 10, 10, 500);
        check(JobMatch { state: Some(JobState::Waiting), ..all() }, 100, 10, 1_000);
        check(JobMatch { state: Some(JobState::Dead), ..all() }, 100, 4, 500);
        check(JobMatch { cause: Some(FailureCause::Damaged), ..all() }, 100, 4, 500);
        check(JobMatch { cause: Some(FailureCause::Damaged), state: Some(JobState::Dead), ..all() }, 100, 4, 500);
        check(JobMatch { bucket: photos(), prefix: Some("few/0299".to_owned()), ..all() }, 100, 1, 500);
        check(JobMatch { bucket: photos(), prefix: Some("many/".to_owned()), ..all() }, 10, 10, 500);
        check(JobMatch { bucket: photos(), state: Some(JobState::Dead), ..all() }, 100, 4, 500);
    }

    #[test]
    fn a_report_costs_the_same_for_many_jobs() {
        let connection = filled();
        let report = report(&connection, Timestamp::from_millis(40_000)).unwrap();
        let [(_, small), (_, large)] = report.lanes;
        assert_eq!(
            (small.ready, small.leased, small.waiting, small.dead, large),
            (29_986, 0, 10, 4, super::super::QueueCounts::default())
        );
        assert_eq!(report.oldest_ready.unwrap().as_millis(), 39_999);
        assert_eq!(report.oldest_waiting.unwrap().as_millis(), 37_000);
        for sql in [COUNTS, READY_SINCE, OLDEST_WAITING] {
            let steps = connection.prepare_cached(sql).unwrap().get_status(StatementStatus::VmStep);
            assert!((1..200).contains(&steps), "{steps} steps for {sql}");
        }
    }
}
