package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
)

var errRefused = errors.New("refused")

// fakeConn is a driver's connection that notes what it is asked.
type fakeConn struct {
	sqliteConn

	plain bool // its statements take no context
	said  []string
}

func (c *fakeConn) PrepareContext(_ context.Context, text string) (driver.Stmt, error) {
	c.said = append(c.said, "prepare "+text)
	if strings.Contains(text, "wrong") {
		return nil, errRefused
	}
	if c.plain {
		return struct{ driver.Stmt }{&fakeStatement{text: text, conn: c}}, nil
	}
	return &fakeStatement{text: text, conn: c}, nil
}

func (c *fakeConn) ExecContext(_ context.Context, text string, _ []driver.NamedValue) (driver.Result, error) {
	c.said = append(c.said, "exec "+text)
	return driver.ResultNoRows, nil
}

func (c *fakeConn) QueryContext(_ context.Context, text string, _ []driver.NamedValue) (driver.Rows, error) {
	c.said = append(c.said, "query "+text)
	return fakeRows{}, nil
}

func (c *fakeConn) Close() error { c.said = append(c.said, "close"); return errRefused }

type fakeStatement struct {
	driver.Stmt

	text string
	conn *fakeConn
}

func (s *fakeStatement) ExecContext(context.Context, []driver.NamedValue) (driver.Result, error) {
	s.conn.said = append(s.conn.said, "kept "+s.text)
	return driver.ResultNoRows, nil
}

func (s *fakeStatement) QueryContext(context.Context, []driver.NamedValue) (driver.Rows, error) {
	s.conn.said = append(s.conn.said, "kept "+s.text)
	if strings.Contains(s.text, "refused") {
		return nil, errRefused
	}
	return fakeRows{}, nil
}

func (s *fakeStatement) Close() error {
	s.conn.said = append(s.conn.said, "close "+s.text)
	return nil
}

type fakeRows struct{}

func (fakeRows) Columns() []string         { return nil }
func (fakeRows) Close() error              { return errRefused }
func (fakeRows) Next([]driver.Value) error { return io.EOF }

// TestStatementsAreKept: what comes again is prepared once for each connection, unless its rows are being read.
func TestStatementsAreKept(t *testing.T) {
	inner := &fakeConn{}
	c := &conn{sqliteConn: inner, kept: map[string]*statement{}}
	ctx := t.Context()
	exec := func(text string) {
		t.Helper()
		_, err := c.ExecContext(ctx, text, nil)
		if want := strings.Contains(text, "wrong"); errors.Is(err, errRefused) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	query := func(text string) driver.Rows {
		t.Helper()
		rows, err := c.QueryContext(ctx, text, nil)
		if want := strings.Contains(text, "wrong") || strings.Contains(text, "refused"); errors.Is(err, errRefused) != want {
			t.Errorf("%s: %v", text, err)
		}
		return rows
	}
	expect := func(want ...string) {
		t.Helper()
		if got := strings.Join(inner.said, ", "); got != strings.Join(want, ", ") {
			t.Errorf("the driver was asked %q, want %q", got, want)
		}
		inner.said = nil
	}
	exec("INSERT 1")
	exec("INSERT 1")
	expect("prepare INSERT 1", "kept INSERT 1", "kept INSERT 1")
	exec("CREATE 1")
	query("PRAGMA 1")
	expect("exec CREATE 1", "query PRAGMA 1")
	exec("UPDATE wrong")
	query("SELECT wrong")
	query("SELECT refused")
	query("SELECT refused")
	expect("prepare UPDATE wrong", "prepare SELECT wrong", "prepare SELECT refused", "kept SELECT refused",
		"kept SELECT refused")
	first := query("SELECT 1")
	query("SELECT 1") // while the rows of the first are being read
	if err := first.Close(); !errors.Is(err, errRefused) {
		t.Errorf("close: %v", err)
	}
	query("SELECT 1")
	expect("prepare SELECT 1", "kept SELECT 1", "query SELECT 1", "kept SELECT 1")
	for n := len(c.kept); n < maxStatements; n++ {
		exec(fmt.Sprint("DELETE ", n))
	}
	inner.said = nil
	exec("DELETE last")
	exec("INSERT 1")
	expect("exec DELETE last", "kept INSERT 1")
	if err := c.Close(); !errors.Is(err, errRefused) {
		t.Errorf("close: %v", err)
	}
	if n := len(inner.said); n != maxStatements+1 || inner.said[n-1] != "close" {
		t.Errorf("closed %d things, the last one being %s", n, inner.said[n-1])
	}
}

// TestPlainStatements: a driver's statement that takes no context is not run.
func TestPlainStatements(t *testing.T) {
	inner := &fakeConn{plain: true}
	c := &conn{sqliteConn: inner, kept: map[string]*statement{}}
	if _, err := c.ExecContext(t.Context(), "INSERT 1", nil); err != nil {
		t.Error(err)
	}
	if _, err := c.QueryContext(t.Context(), "INSERT 1", nil); err != nil {
		t.Error(err)
	}
	if got := strings.Join(inner.said, ", "); got != "prepare INSERT 1, exec INSERT 1, query INSERT 1" {
		t.Errorf("the driver was asked %q", got)
	}
}

type fakeConnector struct {
	driver.Connector

	conn driver.Conn
	err  error
}

func (c fakeConnector) Connect(context.Context) (driver.Conn, error) { return c.conn, c.err }

func TestConnectorRefuses(t *testing.T) {
	if _, err := (connector{fakeConnector{err: errRefused}}).Connect(t.Context()); !errors.Is(err, errRefused) {
		t.Errorf("%v", err)
	}
	lacking := fakeConnector{conn: struct{ driver.Conn }{}}
	_, err := connector{lacking}.Connect(t.Context())
	if err == nil || !strings.Contains(err.Error(), "lacks a method") {
		t.Errorf("%v", err)
	}
}
