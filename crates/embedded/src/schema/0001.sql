-- The first schema. Times are milliseconds since the epoch; keys are bytes, so that they sort as S3 sorts them.

CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last sequencer given out. Never reused: it grows in the transaction that uses it.
INSERT INTO counter (name, value) VALUES ('sequencer', 0);

CREATE TABLE bucket (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL
) STRICT;

-- Contents. Exactly one of: inline (the bytes), blob (the name of a file), segments (rows below).
CREATE TABLE body (
    id         INTEGER PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    sha256     BLOB,              -- NULL until somebody needs it, for bodies of several segments
    use_count  INTEGER NOT NULL, -- objects that share it
    segments   INTEGER NOT NULL,  -- number of rows in segment; 0 for the other two kinds
    blob       BLOB,
    inline     BLOB
) STRICT;
CREATE UNIQUE INDEX body_blob ON body (blob) WHERE blob IS NOT NULL;

-- The parts of a multipart object, in order.
CREATE TABLE segment (
    id         INTEGER PRIMARY KEY,
    body_id    INTEGER NOT NULL,
    number     INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256     BLOB NOT NULL,
    blob       BLOB,
    inline     BLOB
) STRICT;
CREATE UNIQUE INDEX segment_place ON segment (body_id, number);
CREATE UNIQUE INDEX segment_blob ON segment (blob) WHERE blob IS NOT NULL;

CREATE TABLE object (
    bucket_id        INTEGER NOT NULL,
    key              BLOB NOT NULL,
    sequencer        INTEGER NOT NULL,
    etag             TEXT NOT NULL,
    size_bytes       INTEGER NOT NULL,
    modified_ms      INTEGER NOT NULL,
    body_id          INTEGER NOT NULL,
    attributes       TEXT NOT NULL,    -- JSON
    checksum         TEXT,             -- JSON
    provenance       INTEGER NOT NULL, -- 1: its user metadata marks it as a variant, it starts no job
    -- What it is a variant of; only where the store itself wrote it as one.
    source_bucket    TEXT,
    source_key       BLOB,
    source_rule      TEXT,
    source_sequencer INTEGER,
    PRIMARY KEY (bucket_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX object_source ON object (source_bucket, source_key, source_rule) WHERE source_bucket IS NOT NULL;

-- When a key that is not there was last removed, so that a late job about an earlier removal can be told apart.
CREATE TABLE removal (
    bucket     TEXT NOT NULL,
    key        BLOB NOT NULL,
    sequencer  INTEGER NOT NULL,
    removed_ms INTEGER NOT NULL,
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX removal_age ON removal (removed_ms);

-- Blob files that no row names any more, until they are unlinked.
CREATE TABLE garbage (
    blob      BLOB PRIMARY KEY,
    queued_ms INTEGER NOT NULL,
    condemned INTEGER NOT NULL DEFAULT 0 -- 1: this row is known to be on the disk, so the file may go
) STRICT, WITHOUT ROWID;
CREATE INDEX garbage_age ON garbage (queued_ms);

-- Events with unfinished jobs.
CREATE TABLE event (
    sequencer INTEGER PRIMARY KEY,
    bucket    TEXT NOT NULL,
    key       BLOB NOT NULL,
    event     TEXT NOT NULL -- JSON
) STRICT;
CREATE INDEX event_object ON event (bucket, key, sequencer);

CREATE TABLE job (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    idempotency_key TEXT NOT NULL UNIQUE,
    sequencer       INTEGER NOT NULL, -- of its event
    rule            TEXT NOT NULL,
    action          TEXT NOT NULL CHECK (action IN ('process', 'remove')),
    state           TEXT NOT NULL CHECK (state IN ('ready', 'leased', 'waiting', 'dead')),
    due_ms          INTEGER NOT NULL, -- leased: end of the lease; waiting: when to try again; dead: when it died
    token           INTEGER NOT NULL DEFAULT 0,
    attempt         INTEGER NOT NULL DEFAULT 0,
    attempts        TEXT NOT NULL DEFAULT '[]', -- JSON
    created_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX job_event ON job (sequencer, rule);
-- One for each state, so that no query for a few jobs goes through the many that are ready.
CREATE INDEX job_ready ON job (id) WHERE state = 'ready';
CREATE INDEX job_leased ON job (due_ms) WHERE state = 'leased';
CREATE INDEX job_waiting ON job (due_ms) WHERE state = 'waiting';
CREATE INDEX job_dead ON job (due_ms) WHERE state = 'dead';

-- Records of source images.
CREATE TABLE image (
    bucket     TEXT NOT NULL,
    key        BLOB NOT NULL,
    sequencer  INTEGER NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('processed', 'failed')),
    size_bytes INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    format     TEXT,
    outcomes   TEXT NOT NULL, -- JSON: rule to outcome, of the rules that have run on this version
    record     TEXT NOT NULL, -- JSON
    PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_size ON image (bucket, size_bytes, key) WHERE state = 'processed';
CREATE INDEX image_age ON image (bucket, created_ms, key);

-- Rules that recorded an image and have not yet heard that it was removed.
CREATE TABLE removed_image (
    bucket     TEXT NOT NULL,
    key        BLOB NOT NULL,
    sequencer  INTEGER NOT NULL,
    rule       TEXT NOT NULL,
    removed_ms INTEGER NOT NULL,
    PRIMARY KEY (bucket, key, rule)
) STRICT, WITHOUT ROWID;
CREATE INDEX removed_image_age ON removed_image (removed_ms);

-- Totals over image, kept in the transactions that change it.
CREATE TABLE statistic (
    bucket TEXT PRIMARY KEY,
    count  INTEGER NOT NULL,
    bytes  INTEGER NOT NULL,
    failed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE format_statistic (
    bucket TEXT NOT NULL,
    format TEXT NOT NULL,
    count  INTEGER NOT NULL,
    PRIMARY KEY (bucket, format)
) STRICT, WITHOUT ROWID;

CREATE TABLE notification (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id   TEXT NOT NULL,
    notification TEXT NOT NULL, -- JSON
    state        TEXT NOT NULL CHECK (state IN ('waiting', 'dead')),
    due_ms       INTEGER NOT NULL, -- dead: when it was given up
    attempt      INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT,
    created_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX notification_due ON notification (state, due_ms, id);

CREATE TABLE upload (
    id         TEXT PRIMARY KEY,
    bucket_id  INTEGER NOT NULL,
    key        BLOB NOT NULL,
    attributes TEXT NOT NULL, -- JSON
    checksum   TEXT,          -- JSON: algorithm and type
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX upload_object ON upload (bucket_id, key, id);

CREATE TABLE part (
    id          INTEGER PRIMARY KEY,
    upload_id   TEXT NOT NULL,
    number      INTEGER NOT NULL,
    md5         BLOB NOT NULL,
    size_bytes  INTEGER NOT NULL,
    sha256      BLOB NOT NULL,
    checksum    TEXT, -- JSON
    modified_ms INTEGER NOT NULL,
    blob        BLOB,
    inline      BLOB
) STRICT;
CREATE UNIQUE INDEX part_place ON part (upload_id, number);
CREATE UNIQUE INDEX part_blob ON part (blob) WHERE blob IS NOT NULL;

-- Uploads that are complete, so that completing one again succeeds.
CREATE TABLE finished_upload (
    id          TEXT PRIMARY KEY,
    object      TEXT NOT NULL, -- JSON: the answer that was given
    finished_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX finished_upload_age ON finished_upload (finished_ms);
