-- +goose Up
CREATE TABLE ssm_records (
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    account TEXT NOT NULL,
    region  TEXT NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (kind, id)
);

CREATE TABLE commands (
    id        TEXT PRIMARY KEY,
    account   TEXT NOT NULL,
    region    TEXT NOT NULL,
    requested BIGINT NOT NULL,
    body      BLOB NOT NULL
);
CREATE INDEX commands_by_time ON commands (account, region, requested DESC, id);
CREATE INDEX commands_by_age ON commands (requested);

CREATE TABLE invocations (
    command_id TEXT NOT NULL REFERENCES commands (id) ON DELETE CASCADE,
    node       TEXT NOT NULL,
    account    TEXT NOT NULL,
    region     TEXT NOT NULL,
    requested  BIGINT NOT NULL,
    place      BIGINT NOT NULL,
    stage      BIGINT NOT NULL,
    details    TEXT NOT NULL,
    due        BIGINT NOT NULL,
    body       BLOB NOT NULL,
    PRIMARY KEY (command_id, node)
);
CREATE INDEX invocations_by_node ON invocations (node, requested DESC, command_id, place);
CREATE INDEX invocations_by_time ON invocations (requested DESC, command_id, place);
-- What has ended is never asked for by stage or by the clock, so these stay small.
CREATE INDEX invocations_under_way ON invocations (stage) WHERE stage < 4;
CREATE INDEX invocations_due ON invocations (due) WHERE due > 0;
