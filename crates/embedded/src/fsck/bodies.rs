//! Objects and their contents.

use super::{FsckProgress, FsckReport};
use crate::commands::body::blob_name;
use crate::{BlobName, EmbeddedError, row};
use rusqlite::{Connection, Row};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// A stretch of content as its row says.
struct Stored {
    /// The body it belongs to, unless it is a part of an unfinished upload.
    body_id: Option<i64>,
    /// What it is called where no object is known to hold it.
    name: String,
    size_bytes: u64,
    sha256: Option<Vec<u8>>,
    blob: Option<BlobName>,
    inline: Option<Vec<u8>>,
}

/// Hashes all contents again, and looks for blob files that are missing or that nothing names.
pub(super) fn check(
    connection: &Connection,
    data_dir: &Path,
    report: &mut FsckReport,
    mut progress: impl FnMut(FsckProgress),
) -> Result<(), EmbeddedError> {
    let mut files = blob_files(data_dir, report)?;
    report.blobs = files.len() as u64;
    let sql = "SELECT (SELECT coalesce(sum(size_bytes), 0) FROM body) + (SELECT coalesce(sum(size_bytes), 0) FROM part)";
    let total_bytes = row::first(connection, sql, (), |row| row::unsigned(row, 0))?.unwrap_or(0);
    for sql in [
        "SELECT id, 'body ' || id, size_bytes, sha256, blob, inline FROM body WHERE segments = 0",
        "SELECT body_id, 'part ' || number || ' of body ' || body_id, size_bytes, sha256, blob, inline FROM segment",
        "SELECT NULL, 'part ' || number || ' of upload ' || upload_id, size_bytes, sha256, blob, inline FROM part",
    ] {
        let mut statement = connection.prepare(sql)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let stored = read_stored(row)?;
            if let Some(name) = stored.blob {
                files.remove(&name);
            }
            report.bytes += stored.size_bytes;
            if let Err(problem) = verify(data_dir, &stored) {
                let subjects = holders(connection, &stored)?;
                subjects.into_iter().for_each(|subject| report.serious(subject, problem.clone()));
            }
            progress(FsckProgress { bytes: report.bytes, total_bytes });
        }
    }
    for name in row::all(connection, "SELECT blob FROM garbage", (), |row| row.get(0).map(BlobName))? {
        files.remove(&name);
    }
    for name in files {
        report.minor(format!("blob {name}"), "nothing refers to it; the next start removes it");
    }
    Ok(())
}

/// Checks that objects, bodies and segments fit together.
pub(super) fn check_references(connection: &Connection, report: &mut FsckReport) -> Result<(), EmbeddedError> {
    let sql = "SELECT count(*) FROM object";
    report.objects = row::first(connection, sql, (), |row| row::unsigned(row, 0))?.unwrap_or(0);
    // Of each object that is wrong: its name, and what is wrong with it.
    for (sql, problem) in [
        (
            "SELECT coalesce(bucket.name, '?') || '/' || CAST(key AS TEXT) FROM object LEFT JOIN bucket ON bucket.id = bucket_id
             WHERE NOT EXISTS (SELECT 1 FROM body WHERE body.id = body_id)",
            "its content's row is missing",
        ),
        (
            "SELECT CAST(key AS TEXT) FROM object WHERE NOT EXISTS (SELECT 1 FROM bucket WHERE bucket.id = bucket_id)",
            "its bucket is missing",
        ),
        (
            "SELECT coalesce(bucket.name, '?') || '/' || CAST(key AS TEXT) FROM object JOIN body ON body.id = body_id
             LEFT JOIN bucket ON bucket.id = bucket_id WHERE object.size_bytes <> body.size_bytes",
            "its length is not that of its content",
        ),
        (
            "SELECT coalesce(bucket.name, '?') || '/' || CAST(key AS TEXT) FROM object LEFT JOIN bucket ON bucket.id = bucket_id
             WHERE sequencer > (SELECT value FROM counter WHERE name = 'sequencer')",
            "its sequencer is larger than the last one given out",
        ),
    ] {
        for object in row::all(connection, sql, (), |row| row.get::<_, String>(0))? {
            report.serious(format!("object {object}"), problem);
        }
    }
    let sql = "SELECT body.id, use_count, coalesce(found, 0) FROM body
               LEFT JOIN (SELECT body_id, count(*) AS found FROM object GROUP BY body_id) ON body_id = body.id
               WHERE use_count <> coalesce(found, 0)";
    let counts = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
    for (id, counted, found) in row::all(connection, sql, (), counts)? {
        report.serious(format!("body {id}"), format!("{found} objects share it, its row says {counted}"));
    }
    let sql = "SELECT body.id FROM body LEFT JOIN segment ON segment.body_id = body.id WHERE segments > 0
               GROUP BY body.id HAVING segments <> count(segment.id) OR body.size_bytes <> sum(segment.size_bytes)
               UNION SELECT body_id FROM segment WHERE body_id NOT IN (SELECT id FROM body WHERE segments > 0)";
    for id in row::all(connection, sql, (), |row| row.get::<_, i64>(0))? {
        report.serious(format!("body {id}"), "its parts are not those that its row says");
    }
    Ok(())
}

fn read_stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        body_id: row.get(0)?,
        name: row.get(1)?,
        size_bytes: row::unsigned(row, 2)?,
        sha256: row.get(3)?,
        blob: blob_name(row, 4)?,
        inline: row.get(5)?,
    })
}

/// Whether the bytes are there and are those that were written; otherwise what is wrong.
fn verify(data_dir: &Path, stored: &Stored) -> Result<(), String> {
    let mut hash = Sha256::new();
    let length = match (&stored.blob, &stored.inline) {
        (None, Some(bytes)) => {
            hash.update(bytes);
            bytes.len() as u64
        }
        (Some(name), None) => match hash_file(&blob_path(data_dir, *name), &mut hash) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(format!("blob {name} is missing")),
            Err(error) => return Err(format!("blob {name} cannot be read: {error}")),
        },
        _ => return Err("its row says not where it is".to_owned()),
    };
    let place = stored.blob.map_or_else(|| "content".to_owned(), |name| format!("blob {name}"));
    if length != stored.size_bytes {
        return Err(format!("{place} has {length} bytes instead of {}", stored.size_bytes));
    }
    match stored.sha256.as_deref() {
        Some(expected) if expected == &hash.finalize()[..] => Ok(()),
        Some(_) => Err(format!("{place} is not what was written: its SHA-256 differs")),
        None => Err("its SHA-256 is not known".to_owned()),
    }
}

fn hash_file(path: &Path, hash: &mut Sha256) -> io::Result<u64> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 256 << 10];
    let mut length = 0;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(length),
            read => {
                hash.update(&buffer[..read]);
                length += read as u64;
            }
        }
    }
}

/// The objects that a stretch of content belongs to, or its own name.
fn holders(connection: &Connection, stored: &Stored) -> Result<Vec<String>, EmbeddedError> {
    let sql = "SELECT 'object ' || bucket.name || '/' || CAST(key AS TEXT) FROM object JOIN bucket ON bucket.id = bucket_id
               WHERE body_id = ?1";
    let objects = row::all(connection, sql, [stored.body_id], |row| row.get(0))?;
    Ok(if objects.is_empty() { vec![stored.name.clone()] } else { objects })
}

fn blob_path(data_dir: &Path, name: BlobName) -> std::path::PathBuf {
    let digits = name.to_string();
    data_dir.join("blobs").join(&digits[..2]).join(&digits)
}

/// All blob files; what else lies in their directories is a finding.
fn blob_files(data_dir: &Path, report: &mut FsckReport) -> Result<BTreeSet<BlobName>, EmbeddedError> {
    let mut names = BTreeSet::new();
    for first in 0..=u8::MAX {
        let directory = data_dir.join("blobs").join(format!("{first:02x}"));
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            // Made again by the next start; blobs that it held are found missing by their rows.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(EmbeddedError::io(format!("reading {}", directory.display()))(error)),
        };
        for entry in entries {
            let entry = entry.map_err(EmbeddedError::io(format!("reading {}", directory.display())))?;
            match entry.file_name().to_str().and_then(BlobName::parse).filter(|name| name.0[0] == first) {
                Some(name) => drop(names.insert(name)),
                None => report.minor(entry.path().display().to_string(), "is no blob"),
            }
        }
    }
    Ok(names)
}
