package sql

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"time"
)

// query is a SELECT whose conditions depend on what is asked. Conditions are written with ? and numbered as they are
// added, because $1 is what every engine understands.
type query struct {
	text strings.Builder
	args []any
	any  bool
}

func newQuery(text string) *query {
	q := new(query)
	q.text.WriteString(text)
	return q
}

// where adds a condition to the others.
func (q *query) where(condition string, args ...any) {
	if q.any {
		q.text.WriteString(" AND (")
	} else {
		q.text.WriteString(" WHERE (")
	}
	q.any = true
	q.add(condition, args)
	q.text.WriteByte(')')
}

func (q *query) add(text string, args []any) {
	for _, arg := range args {
		before, after, _ := strings.Cut(text, "?")
		q.args = append(q.args, arg)
		q.text.WriteString(before)
		q.text.WriteByte('$')
		q.text.WriteString(strconv.Itoa(len(q.args)))
		text = after
	}
	q.text.WriteString(text)
}

// end adds what follows the conditions. A limit of 0 is none.
func (q *query) end(text string, limit int) {
	q.text.WriteByte(' ')
	q.text.WriteString(text)
	if limit > 0 {
		q.add(" LIMIT ?", []any{limit})
	}
}

// source answers queries: a database, or a transaction.
type source interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// each runs the query and calls scan for every row.
func (q *query) each(ctx context.Context, from source, scan func(*sql.Rows) error) error {
	rows, err := from.QueryContext(ctx, q.text.String(), q.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// maxIn is how many values one IN list holds at the most; SQLite takes 32,766 parameters, PostgreSQL 65,535.
const maxIn = 1024

// in is a condition for a list of values that is neither empty nor longer than maxIn. The list is filled up with its
// last value to a power of two, so that there are few texts of which engines keep a prepared statement.
func in[T any](column string, values []T) (condition string, args []any) {
	n := 1
	for n < len(values) {
		n *= 2
	}
	args = make([]any, n)
	for i := range args {
		args[i] = values[min(i, len(values)-1)]
	}
	return column + " IN (" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")", args
}

// Moments are kept as microseconds since 1970; 0 is no moment.
func toMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
