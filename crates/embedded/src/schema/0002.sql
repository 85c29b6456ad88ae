-- Lanes, fair shares, causes of failure, and totals of the queue.

ALTER TABLE job ADD COLUMN lane TEXT NOT NULL DEFAULT 'small' CHECK (lane IN ('small', 'large'));
ALTER TABLE job ADD COLUMN priority TEXT NOT NULL DEFAULT 'foreground' CHECK (priority IN ('foreground', 'background'));
-- Its place among the ready; of no meaning in other states.
ALTER TABLE job ADD COLUMN flow INTEGER;
ALTER TABLE job ADD COLUMN share INTEGER;
ALTER TABLE job ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
-- Attempts of which is known how they ended. One less than those begun while a worker has the job.
ALTER TABLE job ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;
-- What kind of failure the last attempt ended with.
ALTER TABLE job ADD COLUMN cause TEXT;
-- What the source's header said, JSON.
ALTER TABLE job ADD COLUMN facts TEXT;

UPDATE job SET ended = CASE state WHEN 'leased' THEN attempt - 1 ELSE attempt END;
UPDATE job SET cause = 'unknown' WHERE state IN ('waiting', 'dead');

-- Those who take turns in a lane: requesters with ready jobs, and the background as one more.
CREATE TABLE flow (
    id        INTEGER PRIMARY KEY,
    lane      TEXT NOT NULL,
    priority  TEXT NOT NULL,
    requester TEXT NOT NULL,    -- '' when unknown, and in the background
    ready     INTEGER NOT NULL, -- its ready jobs; the row goes with the last one
    turn      INTEGER NOT NULL, -- the lane's time at which it is served next
    rank      INTEGER NOT NULL  -- its own time: the highest rank that has been claimed
) STRICT;
CREATE UNIQUE INDEX flow_name ON flow (lane, priority, requester);
CREATE INDEX flow_turn ON flow (lane, turn);

-- Places within a flow that have ready jobs: a bucket with the first two directories of the key, or '' for all jobs that
-- have been tried before.
CREATE TABLE share (
    id    INTEGER PRIMARY KEY,
    flow  INTEGER NOT NULL,
    name  TEXT NOT NULL,
    ready INTEGER NOT NULL, -- its ready jobs; the row goes with the last one
    rank  INTEGER NOT NULL  -- of its last job
) STRICT;
CREATE UNIQUE INDEX share_name ON share (flow, name);

-- The time of each lane: the turn that was served last.
CREATE TABLE lane_clock (
    lane TEXT PRIMARY KEY,
    turn INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO lane_clock (lane, turn) VALUES ('small', 0), ('large', 0);

-- Number of jobs, kept by every change of a job.
CREATE TABLE queue_count (
    lane  TEXT NOT NULL,
    state TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (lane, state)
) STRICT, WITHOUT ROWID;
INSERT INTO queue_count (lane, state, count)
SELECT lane.column1, state.column1, (SELECT count(*) FROM job WHERE job.lane = lane.column1 AND job.state = state.column1)
FROM (VALUES ('small'), ('large')) AS lane, (VALUES ('ready'), ('leased'), ('waiting'), ('dead')) AS state;

-- Jobs that were ready before there were shares are one share, in their order.
INSERT INTO flow (id, lane, priority, requester, ready, turn, rank)
SELECT 1, 'small', 'foreground', '', count(*), 1, min(id) - 1 FROM job WHERE state = 'ready' HAVING count(*) > 0;
INSERT INTO share (id, flow, name, ready, rank)
SELECT 1, 1, '', count(*), max(id) FROM job WHERE state = 'ready' HAVING count(*) > 0;
UPDATE job SET flow = 1, share = 1, rank = id WHERE state = 'ready';

DROP INDEX job_ready;
DROP INDEX job_leased;
DROP INDEX job_waiting;
DROP INDEX job_dead;
-- What is claimed next: a seek, however many are ready.
CREATE INDEX job_ready ON job (flow, rank) WHERE state = 'ready';
-- What is due next, and how long the oldest has been ready (ready: since when).
CREATE INDEX job_due ON job (state, lane, due_ms);
-- Pages of jobs by number.
CREATE INDEX job_state ON job (state);
CREATE INDEX job_cause ON job (cause, state) WHERE cause IS NOT NULL;
