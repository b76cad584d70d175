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

	"github.com/pressly/goose/v3"

	"postern/aws/fault"
)

// checkAtOnce is the size in bytes up to which a database is read through before it is opened: a tenth of a second. A
// larger one is read through beside the work.
const checkAtOnce = 32 << 20

// inspected holds the findings of inspect.
type inspected struct {
	// last is the number of the last commit.
	last uint64
	// large says that the database was not read through.
	large bool
}

// inspect reads a database without changing it, before anything else is done with it. It refuses one that is damaged or
// older than it was, that another program has made, or that a newer version of Postern has written.
func inspect(ctx context.Context, o Options) (found inspected, err error) {
	path := o.Path
	info, err := os.Stat(path)
	if err != nil {
		return found, err
	}
	acknowledged, err := readSequence(path)
	if err != nil {
		return found, err
	}
	found.large = info.Size() > checkAtOnce
	if info.Size() > 0 || acknowledged > 0 {
		if found.last, err = o.examine(ctx, !found.large); err != nil {
			return found, err
		}
	}
	if found.last < acknowledged {
		return found, fault.New(
			fault.Conflict,
			"store.Open",
			"the state in %s is older than it was: it ends with commit %d, and %d were acknowledged. Its write-ahead log "+
				"%s-wal is missing or was cut, or the file is an older copy. Put back what belongs together; to go on "+
				"without what is lost, delete %s",
			path, found.last, acknowledged, path, sequencePath(path),
		)
	}
	return found, nil
}

// examine opens the file for reading only: SQLite does not write a log back into the file then, and not remove it.
func (o Options) examine(ctx context.Context, whole bool) (last uint64, err error) {
	path := o.Path
	db, err := o.open("file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if whole {
		if err := check(ctx, db, path); err != nil {
			return 0, err
		}
	}
	if ours, err := checkOrigin(ctx, db, path); err != nil || !ours {
		return 0, err
	}
	var text string
	err = db.QueryRowContext(ctx, `SELECT CAST(value AS TEXT) FROM settings WHERE name = $1`, sequenceSetting).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if last, err = strconv.ParseUint(text, 10, 64); err != nil {
		return 0, damaged(path, fmt.Sprintf("its number of commits is %q", text))
	}
	return last, nil
}

// checkOrigin refuses a database that another program has tables in, or that a newer version of Postern has written.
// It reports whether there are tables of Postern's.
func checkOrigin(ctx context.Context, db *sql.DB, path string) (ours bool, err error) {
	const tables = `SELECT count(*) FILTER (WHERE name = $1), count(*) FILTER (WHERE name = 'settings'), count(*)
		FROM sqlite_schema WHERE type = 'table'`
	var versions, settings, all int
	if err := db.QueryRowContext(ctx, tables, goose.DefaultTablename).Scan(&versions, &settings, &all); err != nil {
		return false, err
	}
	if versions == 0 && all > 0 {
		return false, fault.New(fault.Conflict, "store.Open", "%s has tables of another program: give Postern a data "+
			"directory of its own", path)
	}
	if settings == 0 { // it is empty, or the first server ended while it made it
		return false, nil
	}
	newest, err := newestMigration()
	if err != nil {
		return false, err
	}
	var at int64
	err = db.QueryRowContext(ctx, `SELECT max(version_id) FROM `+goose.DefaultTablename).Scan(&at)
	if err == nil && at > newest {
		err = fault.New(
			fault.Conflict,
			"store.Open",
			"a newer version of Postern has written %s (its tables are of version %d, and this one knows %d): start that "+
				"version",
			path, at, newest,
		)
	}
	return err == nil, err
}

// check reads every page and looks whether they fit together. What is wrong within a value it cannot see.
func check(ctx context.Context, db *sql.DB, path string) error {
	var said string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return damaged(path, said[strings.LastIndexByte(said, '\n')+1:]) // a heading stands above
	}
	return nil
}
