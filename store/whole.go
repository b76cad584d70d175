package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
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

// sequenceSetting is the setting that counts commits. It changes in each of them.
const sequenceSetting = "sequence"

// tally is the number of the last commit, in a file beside the database: SQLite takes a write-ahead log that is missing or
// was cut for a shorter one, and what was acknowledged in it would be gone without a word. The file is written after a
// commit is on the disk and not synced, so that it may be behind after a power cut, and is never ahead.
type tally struct {
	file *os.File
	// last is the number of the last commit.
	last uint64
}

// tallyPath is the file's name.
func tallyPath(path string) string { return path + "-sequence" }

const tallySize = 8 + 4 // the number and its checksum

func readTally(path string) uint64 {
	b, err := os.ReadFile(tallyPath(path))
	if err != nil || len(b) != tallySize || crc32.ChecksumIEEE(b[:8]) != binary.LittleEndian.Uint32(b[8:]) {
		return 0 // there is none yet, or the power went while it was written
	}
	return binary.LittleEndian.Uint64(b)
}

// openTally opens the file, to be written at the next commit. An empty path keeps none.
func openTally(path string, last uint64) (*tally, error) {
	t := &tally{last: last}
	if path == "" {
		return t, nil
	}
	var err error
	if t.file, err = os.OpenFile(tallyPath(path), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, fmt.Errorf("count the commits: %w", err)
	}
	return t, nil
}

// next writes the number of the commit that tx will be.
func (t *tally) next(tx *sql.Tx) error {
	if t.file == nil {
		return nil
	}
	_, err := tx.Exec(`INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
		sequenceSetting, strconv.FormatUint(t.last+1, 10))
	return err
}

// committed notes that it is one.
func (t *tally) committed() {
	if t.file == nil {
		return
	}
	t.last++
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, tallySize), t.last)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	_, _ = t.file.WriteAt(b, 0) // where that fails, less is noticed at the next start
}

func (t *tally) close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}

// inspect reads a database without changing it, before anything else is done with it, and returns the number of its last
// commit. It refuses one that is damaged, or older than it was.
func inspect(ctx context.Context, path string) (last uint64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fmt.Errorf("look at the state: %w", err)
	}
	acknowledged := readTally(path)
	if info.Size() > 0 || acknowledged > 0 {
		if last, err = examine(ctx, path, info.Size() <= checkAtOnce); err != nil {
			return 0, err
		}
	}
	if last < acknowledged {
		return 0, fault.New(fault.Conflict, "store.Open", "the state in %s is older than it was: it ends with commit %d, and %d were "+
			"acknowledged. Its write-ahead log %s-wal is missing or was cut, or the file is an older copy. Put back what belongs together; "+
			"to go on without what is lost, delete %s", path, last, acknowledged, path, tallyPath(path))
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
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'settings'`).Scan(&made); err != nil || made == 0 {
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
	return fault.New(fault.Conflict, "store.Open", "the state in %s is damaged: %s. Put a copy of it back, with its -wal and "+
		"-sequence files if it has them, or begin anew in another data directory", path, what)
}
