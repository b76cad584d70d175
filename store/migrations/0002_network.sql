-- +goose Up
CREATE TABLE network_records (
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE TABLE network_version (
    only    INTEGER PRIMARY KEY CHECK (only = 1),
    version BIGINT NOT NULL
);
INSERT INTO network_version (only, version) VALUES (1, 0);
