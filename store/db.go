package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"postern/aws/fault"
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
}

// DB is the open store. Its methods may be called at once from any number of goroutines.
type DB struct {
	write *sql.DB // one connection: SQLite has one writer
	read  *sql.DB

	mu     sync.RWMutex // guards closed against sends on queue
	closed bool
	queue  chan *change
	done   chan struct{}

	tally *tally // commitGroups' own
	// checking is the look through a large database; stopCheck ends it.
	checking  sync.WaitGroup
	stopCheck context.CancelFunc
}

// change is one caller's transaction, waiting for its group's commit.
type change struct {
	ctx    context.Context
	do     func(*sql.Tx) error
	result chan error
	err    error
}

// Open opens the store and brings its tables up to date. The caller closes it.
func Open(ctx context.Context, o Options) (*DB, error) {
	if err := keepPrivate(o.Path); err != nil {
		return nil, err
	}
	var last uint64
	if o.Path != "" {
		var err error
		if last, err = inspect(ctx, o.Path); err != nil {
			return nil, err
		}
	}
	write, read, err := connect(o)
	if err != nil {
		return nil, err
	}
	db := &DB{write: write, read: read, queue: make(chan *change, maxGroup), done: make(chan struct{})}
	if err := migrate(ctx, write); err != nil {
		write.Close()
		read.Close()
		return nil, fmt.Errorf("migrate %s: %w", o.Path, err)
	}
	if db.tally, err = openTally(o.Path, last); err != nil {
		write.Close()
		read.Close()
		return nil, err
	}
	db.checkBeside(o)
	go db.commitGroups()
	return db, nil
}

// checkBeside looks through a database that is too large to be waited for.
func (db *DB) checkBeside(o Options) {
	ctx, stop := context.WithCancel(context.Background())
	db.stopCheck = stop
	info, err := os.Stat(o.Path)
	if o.Path == "" || err != nil || info.Size() <= checkAtOnce {
		return
	}
	db.checking.Go(func() {
		if err := check(ctx, db.read, o.Path); err != nil && ctx.Err() == nil && o.Damaged != nil {
			o.Damaged(err)
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
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", tallyPath(path)} {
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
		write, err = open(":memory:?_pragma=temp_store(MEMORY)")
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
	write, err = open("file:" + (&url.URL{Path: o.Path}).EscapedPath() + "?" + params.Encode())
	if err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(1)
	params.Set("_txlock", "deferred")
	params.Add("_pragma", "query_only(1)")
	read, err = open("file:" + (&url.URL{Path: o.Path}).EscapedPath() + "?" + params.Encode())
	if err != nil {
		write.Close()
		return nil, nil, err
	}
	read.SetMaxOpenConns(maxReaders)
	read.SetMaxIdleConns(maxReaders)
	return write, read, nil
}

// Close waits for the writes under way and closes the store. Later writes are refused as unavailable.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		return nil
	}
	db.closed = true
	close(db.queue)
	db.mu.Unlock()
	<-db.done
	db.stopCheck()
	db.checking.Wait()
	return errors.Join(db.read.Close(), db.write.Close(), db.tally.close())
}

// update runs do in a transaction and returns when it is durable. An error of do undoes its changes alone and is
// returned as it is; an error of the disk undoes the whole group and is a fault of kind Unavailable.
//
// do may run more than once, so it must have no effect but on the transaction and on variables that it sets afresh.
func (db *DB) update(ctx context.Context, do func(*sql.Tx) error) error {
	c := &change{ctx: ctx, do: do, result: make(chan error, 1)}
	db.mu.RLock()
	if db.closed {
		db.mu.RUnlock()
		return fault.New(fault.Unavailable, "store.update", "the server is stopping")
	}
	select {
	case db.queue <- c:
	case <-ctx.Done():
		db.mu.RUnlock()
		return ctx.Err()
	}
	db.mu.RUnlock()
	// From here on the change may be committed whatever happens to ctx, so the true result is waited for.
	return <-c.result
}

// commitGroups is the one writer: it commits whatever has queued up while the previous group was being synced.
func (db *DB) commitGroups() {
	defer close(db.done)
	group := make([]*change, 0, maxGroup)
	for first := range db.queue {
		group = append(group[:0], first)
		for len(group) < maxGroup {
			next, ok := db.tryNext()
			if !ok {
				break
			}
			group = append(group, next)
		}
		if err := db.commit(group); err != nil {
			err = storageFault(err)
			for _, c := range group {
				if c.err == nil {
					c.err = err
				}
			}
		}
		for _, c := range group {
			c.result <- c.err
		}
	}
}

func (db *DB) tryNext() (*change, bool) {
	select {
	case c, ok := <-db.queue:
		return c, ok
	default:
		return nil, false
	}
}

// commit runs the group's changes in one transaction, each in its own savepoint when there are several.
func (db *DB) commit(group []*change) error {
	tx, err := db.write.BeginTx(context.Background(), nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback() // no effect after Commit
	if len(group) == 1 {
		if group[0].err = runChange(tx, group[0]); group[0].err != nil {
			return nil
		}
		return db.end(tx)
	}
	for _, c := range group {
		if _, err := tx.Exec("SAVEPOINT one"); err != nil {
			return fmt.Errorf("savepoint: %w", err)
		}
		c.err = runChange(tx, c)
		if c.err != nil {
			if _, err := tx.Exec("ROLLBACK TO one"); err != nil {
				// A full disk may end the whole transaction (sqlite.org/lang_transaction.html): what it said comes first.
				return errors.Join(c.err, fmt.Errorf("roll back to savepoint: %w", err))
			}
		}
		if _, err := tx.Exec("RELEASE one"); err != nil {
			return fmt.Errorf("release savepoint: %w", err)
		}
	}
	return db.end(tx)
}

// end commits, and counts.
func (db *DB) end(tx *sql.Tx) error {
	if err := db.tally.next(tx); err != nil {
		return fmt.Errorf("count the commit: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	db.tally.committed()
	return nil
}

func runChange(tx *sql.Tx, c *change) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	// The one writer goes on for all others, whatever is wrong with this change: it is undone like any that fails.
	err := fault.Contain("store.update", func() error { return c.do(tx) })
	var onDisk *sqlite.Error
	if errors.As(err, &onDisk) {
		return storageFault(err)
	}
	return err
}

// storageFault says in one plain line what the disk would not do.
func storageFault(err error) error {
	var onDisk *sqlite.Error
	if errors.As(err, &onDisk) && onDisk.Code()&0xff == sqlite3.SQLITE_FULL {
		return fault.New(fault.Unavailable, "store", "the data directory's disk is full; free space on it: %w", err)
	}
	return fault.New(fault.Unavailable, "store", "the state could not be written: %w", err)
}

// each asks a query that needs no other beside it: one statement sees one state by itself.
func (db *DB) each(ctx context.Context, q *query, scan func(*sql.Rows) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return q.each(db.read, scan)
}

// view runs read in a transaction that sees one consistent state.
func (db *DB) view(ctx context.Context, read func(*sql.Tx) error) error {
	tx, err := db.read.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // a reading transaction has nothing to commit
	return read(tx)
}
