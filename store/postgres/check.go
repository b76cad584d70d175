package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"postern/aws/fault"
)

// oldest is the oldest version of PostgreSQL that is supported, as server_version_num has it.
const oldest = 140000

// ownTable is the table that goose keeps the version of the other tables in.
const ownTable = "goose_db_version"

// inspect looks at a database without changing it. It refuses one that PostgreSQL is too old for, that another program
// has tables in, or that a newer version of Postern has written; newest is the newest migration that this one has.
func inspect(ctx context.Context, db *sql.DB, newest int64) error {
	var version int
	var said string
	const ask = `SELECT current_setting('server_version_num')::int, current_setting('server_version')`
	if err := db.QueryRowContext(ctx, ask).Scan(&version, &said); err != nil {
		return err
	}
	if err := checkVersion(version, said); err != nil {
		return err
	}
	var own, foreign int
	err := db.QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE tablename = $1), count(*) FROM pg_tables
		WHERE schemaname = current_schema()`, ownTable).Scan(&own, &foreign)
	switch {
	case err != nil:
		return err
	case own == 0 && foreign > 0:
		return fault.New(fault.Conflict, "store.Open", "it has tables of another program: give Postern a database of its "+
			"own, such as one that createdb has made")
	case own == 0:
		return nil
	}
	var at int64
	if err := db.QueryRowContext(ctx, `SELECT max(version_id) FROM `+ownTable).Scan(&at); err != nil {
		return err
	}
	if at > newest {
		return fault.New(
			fault.Conflict,
			"store.Open",
			"a newer version of Postern has written it (its tables are of version "+
				"%d, and this one knows %d): start that version",
			at,
			newest,
		)
	}
	return nil
}

func checkVersion(version int, said string) error {
	if version < oldest {
		return fault.New(fault.Invalid, "store.Open", "PostgreSQL is of version %s, and %d is the oldest that will do", said,
			oldest/10000)
	}
	return nil
}

// openFault says why a database cannot be opened, and what would mend it. The URL is in none of it, only where the
// database is.
func openFault(err error, c *pgx.ConnConfig) error {
	where := fmt.Sprintf("the database %s on %s:%d", c.Database, c.Host, c.Port)
	if strings.HasPrefix(c.Host, "/") {
		where = fmt.Sprintf("the database %s by the socket in %s", c.Database, c.Host)
	}
	var refused *pgconn.PgError
	var unreached *pgconn.ConnectError
	switch {
	case errors.As(err, &refused):
		return fault.New(fault.Unavailable, "store.Open", "%s does not open: %s", where, refusal(refused))
	case errors.As(err, &unreached):
		return fault.New(fault.Unavailable, "store.Open", "%s is not reached: %w; is PostgreSQL running there, and does it "+
			"listen at that address?", where, rootCause(unreached))
	}
	return fmt.Errorf("%s: %w", where, err)
}

// remedies says what to do about PostgreSQL's refusals, by its code (Appendix A of its documentation).
var remedies = map[string]string{
	"28P01": ": check the user and the password in POSTERN_DATABASE or in ~/.pgpass",
	"28000": ": check the user, and what pg_hba.conf admits",
	"3D000": ": make it with createdb",
	"42501": ": let the user own the database",
	"53100": ": free space on the disk of the database's server",
	"53300": ": raise max_connections, or stop another client",
	"25006": ": it is read-only, as a standby is; give the URL of the one that takes writes",
}

// refusal tells what PostgreSQL says, and what to do about it.
func refusal(e *pgconn.PgError) string {
	return fmt.Sprintf("PostgreSQL says %q (%s)%s", e.Message, e.Code, remedies[e.Code])
}

// rootCause returns the innermost error: the outer ones repeat where and as whom the connection was tried, once for
// each address.
func rootCause(err error) error {
	for {
		switch e := err.(type) { //nolint:errorlint // it unwraps one error at a time itself
		case interface{ Unwrap() []error }:
			all := e.Unwrap()
			if len(all) == 0 {
				return err
			}
			err = all[len(all)-1]
		case interface{ Unwrap() error }:
			inner := e.Unwrap()
			if inner == nil {
				return err
			}
			err = inner
		default:
			return err
		}
	}
}
