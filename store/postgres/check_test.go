package postgres_test

import (
	"database/sql"
	"net"
	"net/url"
	"strings"
	"testing"

	"postern/aws/fault"
	"postern/store/postgres"
	"postern/store/postgres/postgrestest"
)

func run(t *testing.T, url string, statements ...string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// What cannot be used is refused before anything is written into it, with what to do, and without the password.
func TestOpenRefuses(t *testing.T) {
	const password = "swordfish"
	empty, foreign, newer := postgrestest.URL(t), postgrestest.URL(t), postgrestest.URL(t)
	run(t, foreign, `CREATE TABLE customers (name text)`)
	open(t, newer).Close()
	run(t, newer, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
	withPassword := func(address string) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("password", password)
		u.RawQuery = q.Encode()
		return u.String()
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unreached := free.Addr().String()
	free.Close()
	for _, row := range []struct {
		name, url, says string
	}{
		{"unreached", "postgres://me:" + password + "@" + unreached + "/a", "is not reached"},
		{"no such host", "postgres://me:" + password + "@nowhere.invalid/a", "is not reached"},
		{"no such database", strings.Replace(withPassword(empty), "/test", "/none", 1), "createdb"},
		{"no such user", strings.Replace(withPassword(empty), "user=postgres", "user=nobody", 1), "28000"},
		{"another program's", withPassword(foreign), "tables of another program"},
		{"a newer version's", withPassword(newer), "a newer version of Postern"},
		{"no URL", "postgres://me:" + password + "@host:port/a", "cannot be read"},
	} {
		t.Run(row.name, func(t *testing.T) {
			db, err := postgres.Open(t.Context(), postgres.Options{URL: row.url})
			if err == nil {
				db.Close()
				t.Fatal("it opens")
			}
			if text := fault.Text(err) + err.Error(); !strings.Contains(text, row.says) || strings.Contains(text, password) {
				t.Errorf("%q, want %q and no password", text, row.says)
			}
		})
	}
	if err := open(t, empty).Close(); err != nil {
		t.Error(err)
	}
	db, err := sql.Open("pgx", foreign)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var tables int
	if err := db.QueryRow(`SELECT count(*) FROM pg_tables WHERE schemaname = 'public'`).Scan(&tables); err != nil ||
		tables != 1 {
		t.Errorf("the other program's database has %d tables, %v", tables, err)
	}
}
