package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"postern/aws/fault"
)

// checkAtOnce is the size in bytes up to which a database is read through before it is opened: a tenth of a second. A
// larger one is read through beside the work.
const checkAtOnce = 32 << 20

// inspect reads a database without changing it, before anything else is done with it, and returns the number of its
// last commit. It refuses one that is damaged, or older than it was.
func inspect(ctx context.Context, path string) (last uint64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("look at the state: %w", err)
	}
	acknowledged := readSequence(path)
	if info.Size() > 0 || acknowledged > 0 {
		if last, err = examine(ctx, path, info.Size() <= checkAtOnce); err != nil {
			return 0, err
		}
	}
	if last < acknowledged {
		return 0, fault.New(
			fault.Conflict,
			"store.Open",
			"the state in %s is older than it was: it ends with commit %d, and %d were acknowledged. Its write-ahead log "+
				"%s-wal is missing or was cut, or the file is an older copy. Put back what belongs together; to go on "+
				"without what is lost, delete %s",
			path, last, acknowledged, path, sequencePath(path),
		)
	}
	return last, nil
}

// examine opens the file for reading only: SQLite does not write a log back into the file then, and not remove it.
func examine(ctx context.Context, path string, whole bool) (last uint64, err error) {
	db, err := open("file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if whole {
		if err := check(ctx, db, path); err != nil {
			return 0, err
		}
	}
	var made int
	const settings = `SELECT count(*) FROM sqlite_schema WHERE name = 'settings'`
	if err := db.QueryRowContext(ctx, settings).Scan(&made); err != nil || made == 0 {
		return 0, damage(err, path)
	}
	var text string
	err = db.QueryRowContext(ctx, `SELECT CAST(value AS TEXT) FROM settings WHERE name = $1`, sequenceSetting).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, damage(err, path)
	}
	return strconv.ParseUint(text, 10, 64)
}

// check reads every page and looks whether they fit together. What is wrong within a value it cannot see.
func check(ctx context.Context, db *sql.DB, path string) error {
	var said string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&said); err != nil {
		return damage(err, path)
	}
	if said != "ok" {
		return damaged(path, said[strings.LastIndexByte(said, '\n')+1:]) // a heading stands above
	}
	return nil
}

// damage tells a damaged file from other failures.
func damage(err error, path string) error {
	var onDisk *sqlite.Error
	if errors.As(err, &onDisk) {
		switch onDisk.Code() & 0xff {
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return damaged(path, onDisk.Error())
		}
	}
	return err
}

func damaged(path, what string) error {
	return fault.New(
		fault.Conflict,
		"store.Open",
		"the state in %s is damaged: %s. Put a copy of it back, with its -wal and "+
			"-sequence files if it has them, or begin anew in another data directory",
		path, what,
	)
}
