-- +goose Up
-- A set is what one service keeps: its records, each with the version of the commit that wrote it last. What was deleted
-- leaves a row behind until the set has forgotten it.
CREATE TABLE sets (
    name      TEXT PRIMARY KEY,
    version   BIGINT NOT NULL,
    forgotten BIGINT NOT NULL
);
CREATE TABLE records (
    set_name TEXT NOT NULL,
    kind     TEXT NOT NULL,
    id       TEXT NOT NULL,
    groups   TEXT NOT NULL,
    version  BIGINT NOT NULL,
    deleted  SMALLINT NOT NULL,
    body     BLOB NOT NULL,
    PRIMARY KEY (set_name, kind, id)
);
CREATE INDEX records_by_version ON records (set_name, version);
CREATE INDEX records_deleted ON records (set_name, version) WHERE deleted = 1;

-- Some books never counted their versions, so each begins with one more than it says. What groups their records belong to
-- is in bodies that only their services read: a record has its groups from its next change on, and only changes are held
-- against what others have read.
INSERT INTO sets (name, version, forgotten)
    SELECT name, version + 1, 0 FROM books WHERE EXISTS (SELECT 1 FROM book_records WHERE book = books.name);
INSERT INTO records (set_name, kind, id, groups, version, deleted, body)
    SELECT book, kind, id, '', books.version + 1, 0, body FROM book_records JOIN books ON books.name = book;
DROP TABLE book_records;
DROP TABLE books;

INSERT INTO sets (name, version, forgotten) SELECT 'ssm', 1, 0 WHERE EXISTS (SELECT 1 FROM ssm_records);
INSERT INTO records (set_name, kind, id, groups, version, deleted, body)
    SELECT 'ssm', kind, id, char(10) || account || '/' || region || char(10), 1, 0, body FROM ssm_records;
DROP TABLE ssm_records;
