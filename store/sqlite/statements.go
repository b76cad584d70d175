package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"modernc.org/sqlite"
)

// maxStatements bounds what one connection keeps; how many conditions a query has depends on what is asked.
const maxStatements = 128

// open opens a database whose connections keep the statements they have prepared: to read a statement takes SQLite
// longer than to run most of ours.
func (o Options) open(dsn string) (*sql.DB, error) {
	connect := o.connector
	if connect == nil {
		connect = sqlite.NewConnector
	}
	base, err := connect(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector{base}), nil
}

type connector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	whole, ok := inner.(sqliteConn)
	if !ok {
		return nil, fmt.Errorf("the driver's connection is a %T, which lacks a method", inner)
	}
	return &conn{sqliteConn: whole, kept: map[string]*statement{}}, nil
}

// sqliteConn has the methods of the driver's connection that database/sql uses.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// conn is a connection with the statements it keeps. database/sql uses it from one goroutine at a time.
type conn struct {
	sqliteConn
	kept map[string]*statement
}

// statement is one that is kept. While its rows are being read it cannot run again.
type statement struct {
	driver.Stmt
	busy bool
}

// statement returns the kept statement for a text, or nil where the text is to be run without.
func (c *conn) statement(ctx context.Context, text string) (*statement, error) {
	if s := c.kept[text]; s != nil {
		if s.busy {
			return nil, nil
		}
		return s, nil
	}
	if len(c.kept) == maxStatements || !keepable(text) {
		return nil, nil
	}
	inner, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s := &statement{Stmt: inner}
	c.kept[text] = s
	return s, nil
}

// keepable reports whether a text comes again and again: migrations do not.
func keepable(text string) bool {
	verb, _, _ := strings.Cut(text, " ")
	switch verb {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "SAVEPOINT", "RELEASE", "ROLLBACK":
		return true
	}
	return false
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	if s != nil {
		if run, ok := s.Stmt.(driver.StmtExecContext); ok {
			return run.ExecContext(ctx, args)
		}
	}
	return c.sqliteConn.ExecContext(ctx, text, args)
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	if s != nil {
		if run, ok := s.Stmt.(driver.StmtQueryContext); ok {
			found, err := run.QueryContext(ctx, args)
			if err != nil {
				return nil, err
			}
			s.busy = true
			return &rows{found, s}, nil
		}
	}
	return c.sqliteConn.QueryContext(ctx, text, args)
}

// Close implements driver.Conn.
func (c *conn) Close() error {
	for _, s := range c.kept {
		_ = s.Close() // the connection's end is the statement's, too
	}
	return c.sqliteConn.Close()
}

// rows reads the rows of a kept statement.
type rows struct {
	driver.Rows
	of *statement
}

// Close implements driver.Rows.
func (r *rows) Close() error {
	r.of.busy = false
	return r.Rows.Close()
}
