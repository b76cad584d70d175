-- +goose Up
-- Names are compared by their bytes, as SQLite does.
CREATE TABLE settings (
    name  TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

-- A set is what one service keeps: its records, each with the version of the commit that wrote it last. What was deleted
-- leaves a row behind until the set has forgotten it. Writers of a set wait for each other at its row.
CREATE TABLE sets (
    name      TEXT COLLATE "C" PRIMARY KEY,
    version   BIGINT NOT NULL,
    forgotten BIGINT NOT NULL
);
CREATE TABLE records (
    set_name TEXT COLLATE "C" NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL,
    id       TEXT COLLATE "C" NOT NULL,
    groups   TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL,
    deleted  SMALLINT NOT NULL,
    body     BYTEA NOT NULL,
    PRIMARY KEY (set_name, kind, id)
);
CREATE INDEX records_by_version ON records (set_name, version);
CREATE INDEX records_deleted ON records (set_name, version) WHERE deleted = 1;

CREATE TABLE commands (
    id        TEXT COLLATE "C" PRIMARY KEY,
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    requested BIGINT NOT NULL,
    body      BYTEA NOT NULL
);
CREATE INDEX commands_by_time ON commands (account, region, requested DESC, id);
CREATE INDEX commands_by_age ON commands (requested);

CREATE TABLE invocations (
    command_id TEXT COLLATE "C" NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
    node       TEXT COLLATE "C" NOT NULL,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    requested  BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    stage      BIGINT NOT NULL,
    details    TEXT NOT NULL,
    due        BIGINT NOT NULL,
    body       BYTEA NOT NULL,
    PRIMARY KEY (command_id, node)
);
CREATE INDEX invocations_by_node ON invocations (node, requested DESC, command_id, place);
CREATE INDEX invocations_by_time ON invocations (requested DESC, command_id, place);
-- What has ended is never asked for by stage or by the clock, so these stay small.
CREATE INDEX invocations_under_way ON invocations (stage) WHERE stage < 4;
CREATE INDEX invocations_due ON invocations (due) WHERE due > 0;
