//! Listing: pages in order of keys, cost by what is shown and not by what is stored.

use crate::commands::bucket;
use crate::object::{INFO_COLUMNS, read_info};
use crate::{Embedded, EmbeddedError, ObjectInfo, row};
use minilab_model::BucketName;
use rusqlite::Connection;

/// Which page of a bucket's objects is wanted.
#[derive(Debug, Clone)]
pub struct ListQuery {
    /// The bucket.
    pub bucket: BucketName,
    /// Only keys that start with this.
    pub prefix: String,
    /// Keys that hold this after the prefix are shown as one common prefix, which ends with it.
    pub delimiter: Option<String>,
    /// Where the page starts.
    pub after: Option<ListCursor>,
    /// Most entries and common prefixes together.
    pub max: usize,
}

/// The place in a listing that a page starts strictly after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListCursor {
    /// After this key.
    Key(String),
    /// After all keys that start with this.
    Prefix(String),
}

/// A page of objects, in order of the keys' bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListPage {
    /// The objects.
    pub entries: Vec<ObjectInfo>,
    /// The common prefixes.
    pub common_prefixes: Vec<String>,
    /// Where the next page starts; `None` when this is the last.
    pub next: Option<ListCursor>,
}

impl ListCursor {
    /// The place that a client means by a marker: a marker that lies within a common prefix stands for all of it, so
    /// that the prefix is not shown a second time.
    #[must_use]
    pub fn after_marker(marker: &str, prefix: &str, delimiter: Option<&str>) -> Self {
        if let (Some(delimiter), Some(rest)) = (delimiter.filter(|text| !text.is_empty()), marker.strip_prefix(prefix))
            && let Some(at) = rest.find(delimiter)
        {
            return Self::Prefix(marker[..prefix.len() + at + delimiter.len()].to_owned());
        }
        Self::Key(marker.to_owned())
    }

    /// The key or prefix, as a marker for clients.
    #[must_use]
    pub fn as_marker(&self) -> &str {
        match self {
            Self::Key(text) | Self::Prefix(text) => text,
        }
    }
}

impl Embedded {
    /// A page of a bucket's objects.
    ///
    /// # Errors
    /// [`EmbeddedError::NoSuchBucket`].
    pub async fn list_objects(&self, query: ListQuery) -> Result<ListPage, EmbeddedError> {
        self.inner.readers.read(move |connection| list(connection, &query)).await
    }
}

fn list(connection: &Connection, query: &ListQuery) -> Result<ListPage, EmbeddedError> {
    let bucket_id = bucket::id(connection, &query.bucket)?;
    let rollup = Rollup { prefix: &query.prefix, delimiter: query.delimiter.as_deref().filter(|text| !text.is_empty()) };
    let mut page = ListPage::default();
    if query.max == 0 {
        return Ok(page);
    }
    let mut start = rollup.start(query.after.as_ref());
    let end = successor(&query.prefix);
    let mut statement = connection.prepare_cached(&rows_sql())?;
    let mut last = None;
    // Each round reads rows until a common prefix, and the next starts behind all keys that share it.
    loop {
        let mut rows = statement.query((bucket_id, &start, &end))?;
        let mut skip = None;
        while let Some(row) = rows.next()? {
            if page.entries.len() + page.common_prefixes.len() == query.max {
                page.next = last;
                return Ok(page);
            }
            let key = row::bytes(row, 0)?;
            if let Some(common) = rollup.common_prefix(key) {
                skip = successor(&common);
                last = Some(ListCursor::Prefix(common.clone()));
                page.common_prefixes.push(common);
                break;
            }
            let (info, _) = read_info(row, &query.bucket)?;
            last = Some(ListCursor::Key(info.object.key.as_str().to_owned()));
            page.entries.push(info);
        }
        match skip {
            Some(next) => start = next,
            None => return Ok(page),
        }
    }
}

fn rows_sql() -> String {
    format!(
        "SELECT {INFO_COLUMNS} FROM object JOIN body ON body.id = object.body_id
         WHERE bucket_id = ?1 AND key >= ?2 AND (?3 IS NULL OR key < ?3) ORDER BY key"
    )
}

/// How keys are gathered under common prefixes.
pub(crate) struct Rollup<'a> {
    pub(crate) prefix: &'a str,
    /// Never empty.
    pub(crate) delimiter: Option<&'a str>,
}

impl Rollup<'_> {
    /// The first key that a page can show.
    pub(crate) fn start(&self, after: Option<&ListCursor>) -> Vec<u8> {
        let start = match after {
            None => Vec::new(),
            // The least key behind a key is itself and one zero byte.
            Some(ListCursor::Key(key)) => [key.as_bytes(), &[0]].concat(),
            Some(ListCursor::Prefix(prefix)) => successor(prefix).unwrap_or_default(),
        };
        start.max(self.prefix.as_bytes().to_vec())
    }

    /// The common prefix that a key is shown as, if any. The key must start with the prefix.
    pub(crate) fn common_prefix(&self, key: &[u8]) -> Option<String> {
        let delimiter = self.delimiter?;
        let key = std::str::from_utf8(key).ok()?;
        let rest = key.strip_prefix(self.prefix)?;
        let at = rest.find(delimiter)?;
        Some(key[..self.prefix.len() + at + delimiter.len()].to_owned())
    }
}

/// The least byte string behind all that start with `prefix`; `None` when there is none. UTF-8 holds no byte 255, so
/// that only the empty prefix has none.
pub(crate) fn successor(prefix: &str) -> Option<Vec<u8>> {
    let mut bytes = prefix.as_bytes().to_vec();
    let last = bytes.last_mut()?;
    *last += 1;
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    /// How many steps SQLite's machine takes for a page, and the page.
    fn cost(connection: &Connection, query: &ListQuery) -> (i32, ListPage) {
        let page = list(connection, query).unwrap();
        (connection.prepare_cached(&rows_sql()).unwrap().reset_status(StatementStatus::VmStep), page)
    }

    #[test]
    fn a_page_costs_by_what_it_shows() {
        let mut connection = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut connection, std::path::Path::new("memory")).unwrap();
        connection.execute("INSERT INTO bucket (id, name, created_ms) VALUES (1, 'photos', 0)", ()).unwrap();
        connection.execute("INSERT INTO body VALUES (1, 0, NULL, 200003, 0, NULL, x'')", ()).unwrap();
        let fill = "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 199999)
                    INSERT INTO object SELECT 1, CAST(printf('a/%06d', i) AS BLOB), i, 'e', 0, 0, 1, '{}', NULL, 0, NULL, NULL, NULL, NULL FROM n";
        connection.execute(fill, ()).unwrap();
        for key in ["A", "b/1", "c"] {
            let insert = "INSERT INTO object SELECT 1, CAST(?1 AS BLOB), 0, 'e', 0, 0, 1, '{}', NULL, 0, NULL, NULL, NULL, NULL";
            connection.execute(insert, [key]).unwrap();
        }
        let query = |prefix: &str, delimiter: Option<&str>, after, max| ListQuery {
            bucket: BucketName::new("photos").unwrap(),
            prefix: prefix.to_owned(),
            delimiter: delimiter.map(str::to_owned),
            after,
            max,
        };
        let (steps, page) = cost(&connection, &query("", Some("/"), None, 1000));
        let keys: Vec<_> = page.entries.iter().map(|info| info.object.key.as_str()).collect();
        assert_eq!((keys, page.common_prefixes), (vec!["A", "c"], vec!["a/".to_owned(), "b/".to_owned()]));
        assert!(steps < 1000, "{steps} steps for 4 entries");
        let (steps, page) = cost(&connection, &query("a/", Some("/"), Some(ListCursor::Key("a/150000".to_owned())), 10));
        assert_eq!(page.entries[0].object.key.as_str(), "a/150001");
        assert!(steps < 1000, "{steps} steps for 10 entries");
        let (all, page) = cost(&connection, &query("a/", None, None, 10_000));
        assert_eq!(page.entries.len(), 10_000);
        assert!(all > 100_000, "the counter counts");
    }

    #[test]
    fn a_marker_within_a_common_prefix_stands_for_all_of_it() {
        let check = |marker: &str, prefix: &str, delimiter: Option<&str>, expected: ListCursor| {
            assert_eq!(ListCursor::after_marker(marker, prefix, delimiter), expected, "{marker}");
        };
        check("a/b", "", Some("/"), ListCursor::Prefix("a/".to_owned()));
        check("a/", "", Some("/"), ListCursor::Prefix("a/".to_owned()));
        check("a/b", "a/", Some("/"), ListCursor::Key("a/b".to_owned()));
        check("a/b", "", None, ListCursor::Key("a/b".to_owned()));
        check("0", "a/", Some("/"), ListCursor::Key("0".to_owned()));
    }

    #[test]
    fn a_successor_stands_behind_all_with_the_prefix() {
        for prefix in ["a", "a/", "ä", "\u{10FFFF}", "\u{7F}"] {
            let successor = successor(prefix).unwrap_or_default();
            assert!(successor.as_slice() > format!("{prefix}\u{10FFFF}\u{10FFFF}").as_bytes());
            assert!(successor.as_slice() > prefix.as_bytes());
        }
        assert_eq!(successor(""), None);
    }
}
