-- +goose Up
-- A book is what one service keeps whole in memory: its records, and the version that they stand at.
CREATE TABLE books (
    name    TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);
CREATE TABLE book_records (
    book TEXT NOT NULL REFERENCES books (name),
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (book, kind, id)
);
INSERT INTO books (name, version) VALUES ('network', 0), ('identity', 0), ('compute', 0), ('machines', 0);
