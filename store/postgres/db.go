// Package postgres runs the store's transactions on PostgreSQL, where several replicas share one state: one transaction
// for each request, run again where PostgreSQL says that it met another one.
package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"errors"
	"io"
	"io/fs"
	"net"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"postern/aws/fault"
	shared "postern/store/sql"
)

const (
	// maxConnections is how many connections a replica holds at the most, beside the one that it listens on.
	maxConnections = 16
	// usualPatience is how long one transaction may take before it is given up, and how long nothing is heard of other
	// replicas before the server is asked whether it is there.
	usualPatience = 30 * time.Second
	// connectTimeout is how long one attempt to connect may take.
	connectTimeout = 10 * time.Second
	// tries is how often a transaction is run that meets others.
	tries = 10
)

// Options says where the state is kept.
type Options struct {
	// URL is where the database is and who opens it: "postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full".
	// It is a secret, and stands in no error.
	URL string
	// Patience is how long one transaction may take before it is given up, and how long nothing is heard of other replicas
	// before the server is asked whether it is there; 0 is 30 s.
	Patience time.Duration
	// Lost is told why when the connection that other replicas' hints come by breaks, and when there is another reason
	// why no new one is made; nil tells nobody.
	Lost func(error)

	// connector, if set, is put between the database and its driver, for tests.
	connector func(driver.Connector) driver.Connector
}

// engine is the open database.
type engine struct {
	db       *sql.DB
	listener *listener
	patience time.Duration

	mu sync.Mutex // guards writing
	// writing has a channel for each set, which is full while somebody of this process writes it.
	writing map[string]chan struct{}
}

var _ shared.Engine = (*engine)(nil)

// Open opens the database and brings its tables up to date. The caller closes it.
func Open(ctx context.Context, o Options) (*shared.DB, error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil {
		// What the parser says may repeat the URL, and the password in it.
		return nil, fault.New(fault.Invalid, "store.Open", "the database's URL cannot be read: "+
			"give one such as postgres://USER:PASSWORD@HOST:5432/DATABASE, with %%-codes for what is special in the password")
	}
	if config.ConnectTimeout == 0 || config.ConnectTimeout > connectTimeout {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "postern"
	}
	connector := stdlib.GetConnector(*config)
	if o.connector != nil {
		connector = o.connector(connector)
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	if err := migrate(ctx, db); err != nil {
		db.Close()
		return nil, openFault(err, config)
	}
	e := &engine{db: db, patience: cmp.Or(o.Patience, usualPatience), writing: map[string]chan struct{}{}}
	e.listener, err = listen(ctx, config, uuid.NewString(), e.patience, o.Lost)
	if err != nil {
		db.Close()
		return nil, openFault(err, config)
	}
	return shared.New(e), nil
}

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables to the newest version, one replica at a time. Each migration is one file and is never
// changed after a release.
func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithSessionLocker(locker))
	if err != nil {
		return err
	}
	sources := provider.ListSources()
	if err := inspect(ctx, db, sources[len(sources)-1].Version); err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// Dialect implements sql.Engine.
func (e *engine) Dialect() shared.Dialect {
	return shared.Dialect{
		FirstGroup: `split_part(groups, E'\n', 2)`, ForUpdate: " FOR UPDATE",
		// The name of who hints is no secret and of a form that needs no quoting.
		Hint: `SELECT pg_notify('` + channel + `', '` + e.listener.own + ` ' || $1::text)`,
	}
}

// Patience implements sql.Engine.
func (e *engine) Patience() time.Duration { return e.patience }

// Fault implements sql.Engine.
func (e *engine) Fault(err error) error { return storageFault(err) }

// Reader implements sql.Engine.
func (e *engine) Reader() *sql.DB { return e.db }

// Watch implements sql.Engine.
func (e *engine) Watch(set string) (<-chan struct{}, func()) { return e.listener.watch(set) }

// Update implements sql.Engine. What it reads it has locked, so that it needs no more than READ COMMITTED.
func (e *engine) Update(ctx context.Context, t shared.Transaction) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	leave, err := e.enter(ctx, t.Set)
	if err != nil {
		return err
	}
	defer leave()
	// The transaction may be committed whatever happens to ctx, so the true result is waited for.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.patience)
	defer cancel()
	for n := 1; ; n++ {
		err := e.try(ctx, t)
		if err == nil {
			return t.Told()
		}
		if n == tries || !met(err) {
			return storageFault(err)
		}
	}
}

// enter waits until nobody else of this process writes the set: they would only wait in the database for each other,
// and would learn of their commits in any order.
func (e *engine) enter(ctx context.Context, set string) (leave func(), err error) {
	if set == "" {
		return func() {}, nil
	}
	e.mu.Lock()
	held := e.writing[set]
	if held == nil {
		held = make(chan struct{}, 1)
		e.writing[set] = held
	}
	e.mu.Unlock()
	select {
	case held <- struct{}{}:
		return func() { <-held }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (e *engine) try(ctx context.Context, t shared.Transaction) error {
	tx, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // no effect after Commit
	run := shared.NewTx(ctx, tx)
	if err := fault.Contain("store.Update", func() error { return t.Do(run) }); err != nil {
		return err
	}
	if err := run.Finish(); err != nil {
		return err
	}
	return tx.Commit()
}

// View implements sql.Engine.
func (e *engine) View(ctx context.Context, read func(context.Context, *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, e.patience)
	defer cancel()
	tx, err := e.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return storageFault(err)
	}
	defer tx.Rollback() // a reading transaction has nothing to commit
	return storageFault(read(ctx, tx))
}

// Close implements sql.Engine.
func (e *engine) Close() error {
	e.listener.close()
	return e.db.Close()
}

// met reports whether a transaction was undone because it met another one (PostgreSQL, Appendix A:
// serialization_failure and deadlock_detected).
func met(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && (said.Code == "40001" || said.Code == "40P01")
}

// storageFault says in one plain line what the database would not do. Other errors it returns as they are.
func storageFault(err error) error {
	var refused *pgconn.PgError
	var connecting *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil || errors.Is(err, context.Canceled) || fault.Is(err, fault.Unavailable):
		return err
	case met(err):
		return fault.New(fault.Unavailable, "store", "others change the same all the time; try again: %w", err)
	case errors.As(err, &refused):
		f := fault.New(fault.Unavailable, "store", "the database refuses: %s", refusal(refused))
		f.Err = err
		return f
	case errors.As(err, &connecting), errors.As(err, &network),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fault.New(fault.Unavailable, "store", "the database does not answer as it should: %w", err)
	}
	return err
}
