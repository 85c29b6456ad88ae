-- Notifications by target, their delivery log, and what buckets are asked to tell.

-- Rows of the version before hold messages that this one does not read; none of them could be sent.
DROP TABLE notification;

-- Where notifications go, with what stands below for each. Kept for good: there is one for each target that the
-- configuration has ever named.
CREATE TABLE notification_target (
    id              TEXT PRIMARY KEY,
    kind            TEXT NOT NULL,
    target          TEXT NOT NULL, -- JSON
    -- Rows by state; kept by the triggers below.
    waiting         INTEGER NOT NULL DEFAULT 0,
    delivered       INTEGER NOT NULL DEFAULT 0,
    dead            INTEGER NOT NULL DEFAULT 0,
    -- Ever: rows delivered, attempts that failed, rows given up.
    delivered_total INTEGER NOT NULL DEFAULT 0,
    failed_total    INTEGER NOT NULL DEFAULT 0,
    dead_total      INTEGER NOT NULL DEFAULT 0,
    urged_ms        INTEGER NOT NULL DEFAULT 0 -- when somebody last asked for a delivery now
) STRICT, WITHOUT ROWID;

CREATE TABLE notification (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL,
    target_id  TEXT NOT NULL,
    message    TEXT NOT NULL, -- JSON
    state      TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    due_ms     INTEGER NOT NULL, -- waiting: when to try; delivered, dead: when that came to be
    attempt    INTEGER NOT NULL DEFAULT 0,
    attempts   TEXT NOT NULL DEFAULT '[]', -- JSON
    created_ms INTEGER NOT NULL,
    queued_ms  INTEGER NOT NULL -- since when it is tried: created, or asked for again
) STRICT;
CREATE INDEX notification_due ON notification (target_id, due_ms, id) WHERE state = 'waiting';
CREATE INDEX notification_queued ON notification (target_id, queued_ms) WHERE state = 'waiting';
CREATE INDEX notification_delivered ON notification (due_ms) WHERE state = 'delivered';
CREATE INDEX notification_dead ON notification (due_ms) WHERE state = 'dead';
CREATE INDEX notification_log ON notification (target_id, state, id);
CREATE INDEX notification_message ON notification (message_id);

CREATE TRIGGER notification_inserted AFTER INSERT ON notification BEGIN
    UPDATE notification_target SET
        waiting = waiting + (NEW.state = 'waiting'),
        delivered = delivered + (NEW.state = 'delivered'),
        dead = dead + (NEW.state = 'dead')
    WHERE id = NEW.target_id;
END;
CREATE TRIGGER notification_moved AFTER UPDATE OF state ON notification WHEN NEW.state <> OLD.state BEGIN
    UPDATE notification_target SET
        waiting = waiting + (NEW.state = 'waiting') - (OLD.state = 'waiting'),
        delivered = delivered + (NEW.state = 'delivered') - (OLD.state = 'delivered'),
        dead = dead + (NEW.state = 'dead') - (OLD.state = 'dead')
    WHERE id = NEW.target_id;
END;
CREATE TRIGGER notification_deleted AFTER DELETE ON notification BEGIN
    UPDATE notification_target SET
        waiting = waiting - (OLD.state = 'waiting'),
        delivered = delivered - (OLD.state = 'delivered'),
        dead = dead - (OLD.state = 'dead')
    WHERE id = OLD.target_id;
END;

-- Messages sent to targets that take only so many an hour, one row for each whatever it told together.
CREATE TABLE sent_message (
    id        INTEGER PRIMARY KEY,
    target_id TEXT NOT NULL,
    sent_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX sent_message_time ON sent_message (target_id, sent_ms);

-- The bucket's notification configuration (JSON); NULL for none.
ALTER TABLE bucket ADD COLUMN notifications TEXT;
