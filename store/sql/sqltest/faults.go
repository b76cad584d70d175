// Package sqltest makes the steps of a database fail, one at a time, for tests that look at what becomes of it.
package sqltest

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
)

// ErrBroken is the error of a step that fails.
var ErrBroken = errors.New("the disk is gone")

// Faults makes one step of a database fail: a statement that is prepared or run, a row that is read, a transaction that
// is begun or committed. To roll back and to close are no steps. The zero value lets all succeed. Its methods may be
// called at once from any number of goroutines.
type Faults struct{ left atomic.Int64 }

// After lets n steps pass, counted from one, and the n-th fail; 0 lets all pass.
func (f *Faults) After(n int) { f.left.Store(int64(n)) }

// Failed reports whether the step failed that After announced.
func (f *Faults) Failed() bool { return f.left.Load() <= 0 }

func (f *Faults) step() error {
	if f.left.Add(-1) == 0 {
		return ErrBroken
	}
	return nil
}

// Connector is a driver's connector whose connections' steps fail as Faults say.
type Connector struct {
	driver.Connector
	*Faults
}

// Connect implements driver.Connector. It fails for a driver without the methods that take a context.
func (c Connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := inner.(fullConn)
	if !ok {
		return nil, fmt.Errorf("the driver's connection is a %T, which lacks a method", inner)
	}
	return &conn{whole, c.Faults}, nil
}

type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
}

type conn struct {
	fullConn
	*Faults
}

// BeginTx implements driver.ConnBeginTx.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	inner, err := c.fullConn.BeginTx(ctx, o)
	return &tx{inner, c.Faults}, err
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	inner, err := c.fullConn.PrepareContext(ctx, text)
	return &statement{inner, c.Faults}, err
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	inner, err := c.fullConn.ExecContext(ctx, text, args)
	return &result{inner, c.Faults}, err
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.step(); err != nil {
		return nil, err
	}
	inner, err := c.fullConn.QueryContext(ctx, text, args)
	return &rows{inner, c.Faults}, err
}

// IsValid implements driver.Validator, for drivers that do.
func (c *conn) IsValid() bool {
	v, ok := c.fullConn.(driver.Validator)
	return !ok || v.IsValid()
}

// CheckNamedValue implements driver.NamedValueChecker for drivers that do.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.fullConn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type statement struct {
	driver.Stmt
	*Faults
}

// ExecContext implements driver.StmtExecContext.
func (s *statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.step(); err != nil {
		return nil, err
	}
	inner, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	return &result{inner, s.Faults}, err
}

// QueryContext implements driver.StmtQueryContext.
func (s *statement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.step(); err != nil {
		return nil, err
	}
	inner, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	return &rows{inner, s.Faults}, err
}

type tx struct {
	driver.Tx
	*Faults
}

// Commit implements driver.Tx. One that fails has rolled back.
func (t *tx) Commit() error {
	if err := t.step(); err != nil {
		return errors.Join(err, t.Rollback())
	}
	return t.Tx.Commit()
}

type result struct {
	driver.Result
	*Faults
}

// RowsAffected implements driver.Result.
func (r *result) RowsAffected() (int64, error) {
	if err := r.step(); err != nil {
		return 0, err
	}
	return r.Result.RowsAffected()
}

type rows struct {
	driver.Rows
	*Faults
}

// Next implements driver.Rows.
func (r *rows) Next(to []driver.Value) error {
	if err := r.step(); err != nil {
		return err
	}
	return r.Rows.Next(to)
}
