package sql

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"postern/aws/fault"
)

// Engine runs transactions on one kind of database. Its methods may be called at once from any number of goroutines.
type Engine interface {
	// Update runs a transaction and returns when it is durable. An error of Do undoes its changes and is returned as it
	// is; what the database would not do is a fault of kind Unavailable.
	Update(ctx context.Context, t Transaction) error
	// View runs read in a transaction that sees one consistent state. What read asks is bounded by the context that it is
	// given.
	View(ctx context.Context, read func(context.Context, *sql.Tx) error) error
	// Reader answers a query that needs no other beside it: one statement sees one state by itself.
	Reader() *sql.DB
	// Patience bounds such a query; 0 is no bound.
	Patience() time.Duration
	// Fault says in one plain line what the database would not do, as Update and View do; other errors it returns as
	// they are.
	Fault(err error) error
	// Dialect returns how the engine's statements differ.
	Dialect() Dialect
	// Watch returns hints that other processes have changed a set. The channel holds at most one hint; after cancel no
	// further one is sent. An engine of one process sends none.
	Watch(set string) (hints <-chan struct{}, cancel func())
	// Close closes the database. It is called once, when no transaction or query is under way.
	Close() error
}

// Transaction is one caller's change of the database.
type Transaction struct {
	// Set is the set of records that it changes; empty for what is no set. Of one set a process runs one after the
	// other, or all in one goroutine, and so calls Applied in the order in which they were committed.
	Set string
	// Do makes the changes. It may run more than once, so it must have no effect but on the transaction and on variables
	// that it sets afresh.
	Do func(*Tx) error
	// Applied, if set, is called when they are durable.
	Applied func()
}

// Told calls Applied; the transaction is durable. What was committed stays so, whatever becomes of what follows from
// it.
func (t *Transaction) Told() error {
	if t.Applied == nil {
		return nil
	}
	return fault.Contain("store.Applied", func() error {
		t.Applied()
		return nil
	})
}

// Dialect tells how the statements of engines differ.
type Dialect struct {
	// FirstGroup is the expression of a record's first group, by which the index records_by_group orders them.
	FirstGroup string
	// ForUpdate follows a SELECT whose rows nobody else may change before the transaction has ended.
	ForUpdate string
	// Hint, if set, is the statement that tells other processes, when the transaction has been committed, that the set
	// which is its parameter has changed.
	Hint string
}

// DB is the open store. Its methods may be called at once from any number of goroutines.
type DB struct {
	Engine

	dialect Dialect
	work    work
	// closed is closed when the engine is; closeErr is what it said.
	closed   chan struct{}
	closeErr error
}

// New makes a store of an engine.
func New(e Engine) *DB { return &DB{Engine: e, dialect: e.Dialect(), closed: make(chan struct{})} }

// Close waits for the transactions and queries under way and closes the database. Later ones are refused as
// unavailable. Who closes it again waits as well, and is told the same.
func (db *DB) Close() error {
	if db.work.close() {
		db.closeErr = db.Engine.Close()
		close(db.closed)
	}
	<-db.closed
	return db.closeErr
}

// Update runs a transaction; see Engine.
func (db *DB) Update(ctx context.Context, t Transaction) error {
	if err := db.work.begin(); err != nil {
		return err
	}
	defer db.work.end()
	return db.Engine.Update(ctx, t)
}

// View runs a transaction that only reads; see Engine.
func (db *DB) View(ctx context.Context, read func(context.Context, *sql.Tx) error) error {
	if err := db.work.begin(); err != nil {
		return err
	}
	defer db.work.end()
	return db.Engine.View(ctx, read)
}

// work counts what is under way, and refuses more once it is closed.
type work struct {
	mu      sync.Mutex // guards closed, and running against an Add beside its Wait
	closed  bool
	running sync.WaitGroup
}

func (w *work) begin() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return fault.New(fault.Unavailable, "store", "the server is stopping")
	}
	w.running.Add(1)
	return nil
}

func (w *work) end() { w.running.Done() }

// close waits for what is under way, and reports whether it is the first call.
func (w *work) close() bool {
	w.mu.Lock()
	first := !w.closed
	w.closed = true
	w.mu.Unlock()
	w.running.Wait()
	return first
}

// update runs a transaction that changes no set.
func (db *DB) update(ctx context.Context, do func(*Tx) error) error {
	return db.Update(ctx, Transaction{Do: do})
}

// each asks a query that needs no other beside it.
func (db *DB) each(ctx context.Context, q *query, scan func(*sql.Rows) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := db.work.begin(); err != nil {
		return err
	}
	defer db.work.end()
	ctx, cancel := db.patient(ctx)
	defer cancel()
	return db.Fault(q.each(ctx, db.Reader(), scan))
}

func (db *DB) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if p := db.Patience(); p > 0 {
		return context.WithTimeout(ctx, p)
	}
	return ctx, func() {}
}
