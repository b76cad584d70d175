// Package sqlite runs the store's transactions on SQLite in one file, or in memory.
//
// A write that returned without error is on the disk: transactions are committed with a full sync, and many writers
// share one commit (group commit), so that durability costs one sync for all who wait.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"
	"time"

	shared "postern/store/sql"
)

// maxGroup is how many waiting writes share one commit at the most. A larger group makes the first of them wait longer
// for little gain: the sync is a small part of a commit of this size.
const maxGroup = 256

// maxReaders is how many read at once. Each keeps its connection: to open one takes longer than most of what is read.
const maxReaders = 4

// Options says where the state is kept.
type Options struct {
	// Path is the database file. Empty keeps the state in memory only, and nothing on disk.
	Path string
	// MaxPages bounds the file's size in pages of 4 KiB; 0 is no bound.
	MaxPages int
	// Damaged is told, once, that a large database turned out to be damaged while it was in use; nil tells nobody.
	Damaged func(error)

	// connector, if set, takes the place of SQLite's, for tests.
	connector func(dsn string) (driver.Connector, error)
}

// engine is the open database.
type engine struct {
	write *sql.DB // one connection: SQLite has one writer
	read  *sql.DB

	queue chan *change
	done  chan struct{}

	sequence *sequence // commitGroups' own
	// checking is the look through a large database; stopCheck ends it.
	checking  sync.WaitGroup
	stopCheck context.CancelFunc
}

// change is one caller's transaction, waiting for its group's commit.
type change struct {
	shared.Transaction

	ctx    context.Context
	result chan error
	err    error
}

var _ shared.Engine = (*engine)(nil)

// Open opens the store and brings its tables up to date. The caller closes it.
func Open(ctx context.Context, o Options) (*shared.DB, error) {
	db, err := openEngine(ctx, o)
	if err != nil {
		return nil, openFault(err, o.Path)
	}
	return shared.New(db), nil
}

func openEngine(ctx context.Context, o Options) (*engine, error) {
	if err := keepPrivate(o.Path); err != nil {
		return nil, err
	}
	var found inspected
	if o.Path != "" {
		var err error
		if found, err = inspect(ctx, o); err != nil {
			return nil, err
		}
	}
	write, read, err := connect(o)
	if err != nil {
		return nil, err
	}
	db := &engine{write: write, read: read, queue: make(chan *change, maxGroup), done: make(chan struct{})}
	if err = migrate(ctx, write); err == nil {
		db.sequence, err = openSequence(o.Path, found.last)
	}
	if err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	checking, stop := context.WithCancel(context.Background())
	db.stopCheck = stop
	if found.large {
		db.checkBeside(checking, o)
	}
	go db.commitGroups()
	return db, nil
}

// Patience implements sql.Engine: a disk is waited for.
func (db *engine) Patience() time.Duration { return 0 }

// Fault implements sql.Engine.
func (db *engine) Fault(err error) error { return storageFault(err) }

// Dialect implements sql.Engine.
func (db *engine) Dialect() shared.Dialect {
	return shared.Dialect{FirstGroup: `substr(groups, 2, instr(substr(groups, 2), char(10)) - 1)`}
}

// Reader implements sql.Engine.
func (db *engine) Reader() *sql.DB { return db.read }

// Watch implements sql.Engine: nobody else has the file open.
func (db *engine) Watch(string) (<-chan struct{}, func()) { return nil, func() {} }

// checkBeside looks through a database that is too large to be waited for.
func (db *engine) checkBeside(ctx context.Context, o Options) {
	db.checking.Go(func() {
		err := check(ctx, db.read, o.Path)
		if err != nil && ctx.Err() == nil && o.Damaged != nil {
			o.Damaged(openFault(err, o.Path))
		}
	})
}

// keepPrivate sees to it that only the owner can read the database: SQLite makes its files as the umask says, and those
// beside the first with its mode.
func keepPrivate(path string) error {
	if path == "" {
		return nil
	}
	// One that is there is not opened: closing it would let go of SQLite's locks (fcntl(2)).
	switch f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); {
	case err == nil:
		if err := f.Close(); err != nil {
			return fmt.Errorf("make the database file: %w", err)
		}
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("make the database file: %w", err)
	default:
		if info, err := os.Stat(path); err != nil {
			return err
		} else if !info.Mode().IsRegular() {
			return errors.New("it is no file")
		}
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", sequencePath(path)} {
		if err := os.Chmod(name, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("keep the state to its owner: %w", err)
		}
	}
	return nil
}

// connect opens the one writing connection and the readers beside it. The writer begins every transaction as a write
// (immediate), because upgrading a reading one fails when another writer came between.
func connect(o Options) (write, read *sql.DB, err error) {
	if o.Path == "" {
		// A private in-memory database lives as long as its only connection, so readers share the writer's.
		write, err = o.open(":memory:?_pragma=temp_store(MEMORY)")
		if err != nil {
			return nil, nil, err
		}
		write.SetMaxOpenConns(1)
		return write, write, nil
	}
	params := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "busy_timeout(10000)", "foreign_keys(1)",
		"cache_size(-4096)", "temp_store(MEMORY)", "journal_size_limit(16777216)",
	}}
	if o.MaxPages > 0 {
		params.Add("_pragma", fmt.Sprintf("max_page_count(%d)", o.MaxPages))
	}
	params.Set("_txlock", "immediate")
	write, err = o.open("file:" + (&url.URL{Path: o.Path}).EscapedPath() + "?" + params.Encode())
	if err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	params.Set("_txlock", "deferred")
	params.Add("_pragma", "query_only(1)")
	read, err = o.open("file:" + (&url.URL{Path: o.Path}).EscapedPath() + "?" + params.Encode())
	if err != nil {
		write.Close()
		return nil, nil, err
	}
	read.SetMaxOpenConns(maxReaders)
	read.SetMaxIdleConns(maxReaders)
	return write, read, nil
}

// Close implements sql.Engine.
func (db *engine) Close() error {
	close(db.queue)
	<-db.done
	db.stopCheck()
	db.checking.Wait()
	return errors.Join(db.read.Close(), db.write.Close(), db.sequence.close())
}

// View implements sql.Engine.
func (db *engine) View(ctx context.Context, read func(context.Context, *sql.Tx) error) error {
	tx, err := db.read.BeginTx(ctx, nil)
	if err != nil {
		return storageFault(err)
	}
	defer tx.Rollback() // a reading transaction has nothing to commit
	return storageFault(read(ctx, tx))
}
