package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"postern/record"
	shared "postern/store/sql"
	"postern/store/sqlite"
)

// former makes a database as an earlier version of the program left it, with these rows.
func former(t *testing.T, version int64, statements ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return path
}

// A database of before sets has everything in it afterwards, and goes on from there.
func TestFormerDatabase(t *testing.T) {
	path := former(t, 3,
		`UPDATE books SET version = 41 WHERE name = 'network'`,
		`INSERT INTO book_records VALUES ('network', 'vpc', 'vpc-1', '{"ID":"vpc-1"}')`,
		`INSERT INTO book_records VALUES ('network', 'subnet', 'subnet-1', '{}')`,
		`INSERT INTO book_records VALUES ('compute', 'instance', 'i-1', '{"ID":"i-1"}')`,
		`INSERT INTO ssm_records VALUES ('node', 'mi-1', '111122223333', 'eu-west-1', '{"n":1}')`,
		`INSERT INTO commands VALUES ('c-1', '111122223333', 'eu-west-1', 1000000, '{}')`,
		`INSERT INTO settings VALUES ('name', 'value')`,
	)
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, tt := range []struct {
		set     string
		version uint64
		want    string
	}{
		{"network", 42, "subnet subnet-1 {}, vpc vpc-1 {\"ID\":\"vpc-1\"}"},
		{"compute", 1, "instance i-1 {\"ID\":\"i-1\"}"},
		{"ssm", 1, "node mi-1 {\"n\":1} 111122223333/eu-west-1"},
		{"identity", 0, ""},
		{"machines", 0, ""},
	} {
		f, err := db.Set(tt.set).Since(t.Context(), 0)
		if err != nil || f.Version != tt.version {
			t.Errorf("%s is at version %d, %v; want %d", tt.set, f.Version, err, tt.version)
		}
		var got []string
		for _, c := range f.Changes {
			got = append(got, strings.Join(append([]string{c.Kind, c.ID, string(c.Body)}, c.Groups...), " "))
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, ", ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.set, diff)
		}
	}
	commitOverFormer(t, db)
	if commands, err := db.Commands().Commands(t.Context(), "c-1"); err != nil || len(commands) != 1 {
		t.Errorf("commands: %v, %v", commands, err)
	}
	if value, ok, err := db.Setting(t.Context(), "name"); string(value) != "value" || !ok || err != nil {
		t.Errorf("setting: %q, %v, %v", value, ok, err)
	}
}

// commitOverFormer: records that were stored without groups are held against what others read, once they change.
func commitOverFormer(t *testing.T, db *shared.DB) {
	t.Helper()
	s := db.Set("network")
	change := record.Change{
		Record: record.Record{Key: record.Key{Kind: "subnet", ID: "subnet-1"}, Groups: []string{"vpc-1"}},
		Delete: true,
	}
	if _, err := s.Commit(t.Context(), record.Commit{Base: 42, Changes: []record.Change{change}}); err != nil {
		t.Fatal(err)
	}
	stale := record.Commit{Base: 42, Reads: []record.Read{{Kind: "subnet", Group: "vpc-1"}}}
	if _, err := s.Commit(t.Context(), stale); err == nil {
		t.Error("a commit went through that had read the deleted subnet's group")
	}
	f, err := s.Since(t.Context(), 42)
	if err != nil || len(f.Changes) != 1 || !f.Changes[0].Delete || f.Version != 43 {
		t.Errorf("since 42: %+v, %v", f, err)
	}
}
