package server

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/services/compute"
	"postern/services/identity"
	"postern/store/postgres/postgrestest"
	"postern/test/notes"
)

// keys are the files that servers on one database have in common.
var keys = []string{"seal.key", "root-key.json", "ca.pem", "wireguard.key", "account"}

// second returns a data directory with the keys of another one.
func second(t testing.TB, first string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range keys {
		data, err := os.ReadFile(filepath.Join(first, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// slow is the longest that a change may take to be in force on another server: far beyond what it takes, and far below
// what the clock alone would need.
const slow = lookEvery / 2

// eventually waits until something holds, and returns how long that took.
func eventually(t testing.TB, what string, holds func() bool) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	began := time.Now()
	for !holds() {
		if ctx.Err() != nil {
			t.Fatalf("%s: not after %v", what, time.Since(began))
		}
		select {
		case <-time.After(time.Millisecond / 2):
		case <-ctx.Done():
		}
	}
	return time.Since(began)
}

// TestServersShareADatabase: what is written on one is in force on the other, and of what both write nothing is lost.
func TestServersShareADatabase(t *testing.T) {
	url, dir := postgrestest.URL(t), t.TempDir()
	one, first := openWithNotes(t, Config{DataDir: dir, Database: url})
	_, other := openWithNotes(t, Config{DataDir: second(t, dir), Database: url})
	in := scope.Scope{Account: DefaultAccount, Region: DefaultRegion}
	const rounds = 20
	var longest time.Duration
	for n := range rounds {
		name := fmt.Sprint("note", n)
		if status, body := callNotes(t, one, "PutNote", `{"Name":"`+name+`","Text":"a"}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		longest = max(longest, eventually(t, name, func() bool { _, err := other.Get(in, name); return err == nil }))
	}
	t.Logf("a change was in force on the other server after %v at the most", longest)
	if longest > slow {
		t.Errorf("it took %v, as if there were no hints", longest)
	}
	var writing sync.WaitGroup
	for _, m := range []*notesModule{first, other} {
		for n := range rounds {
			writing.Go(func() {
				note := notes.Note{Scope: in, Name: fmt.Sprintf("%p %d", m, n), Text: "b"}
				if err := m.Put(t.Context(), note); err != nil {
					t.Error(err)
				}
			})
		}
	}
	writing.Wait()
	for _, m := range []*notesModule{first, other} {
		eventually(t, "all notes", func() bool { return m.Count(in) == 3*rounds })
	}
}

// TestEveryReplicaFollows: each module that holds records of a shared database in memory reads what another server has
// written.
func TestEveryReplicaFollows(t *testing.T) {
	url, dir := postgrestest.URL(t), t.TempDir()
	one, _ := openWithNotes(t, Config{DataDir: dir, Database: url})
	two, _ := openWithNotes(t, Config{DataDir: second(t, dir), Database: url})
	if _, err := one.identity.CreateUser(t.Context(), identity.NewUser{Account: DefaultAccount, Name: "a"}); err != nil {
		t.Fatal(err)
	}
	in := scope.Scope{Account: DefaultAccount, Region: DefaultRegion}
	if _, _, err := one.compute.CreateKeyPair(t.Context(), compute.NewKeyPair{Scope: in, Name: "a"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the user", func() bool { _, err := two.identity.User(DefaultAccount, "a"); return err == nil })
	eventually(t, "the key pair", func() bool { return len(two.compute.KeyPairs(in)) == 1 })
}

// TestReplicasLookByTheClock: where hints do not come, a change is in force all the same.
func TestReplicasLookByTheClock(t *testing.T) {
	url, dir := postgrestest.URL(t), t.TempDir()
	_, first := openWithNotes(t, Config{DataDir: dir, Database: url})
	in := scope.Scope{Account: DefaultAccount, Region: DefaultRegion}
	_, other := openWithNotes(t, Config{DataDir: second(t, dir), Database: url})
	postgrestest.Cut(t, url) // and with it the connections that hints come by
	eventually(t, "a write after the cut", func() bool {
		return first.Put(t.Context(), notes.Note{Scope: in, Name: "a", Text: "b"}) == nil
	})
	eventually(t, "the note", func() bool { _, err := other.Get(in, "a"); return err == nil })
}

// A database belongs to the servers that have the key to what is sealed in it.
func TestADatabaseHasOneOwner(t *testing.T) {
	url, dir := postgrestest.URL(t), t.TempDir()
	start := func(c Config) error {
		c.Database = url
		s, err := Open(t.Context(), c)
		if err != nil {
			return err
		}
		return s.Close()
	}
	for range 2 {
		if err := start(Config{DataDir: dir}); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		c    Config
		says string
	}{
		{Config{DataDir: t.TempDir()}, "seal.key"},
		{Config{DataDir: t.TempDir(), Account: "123456789012"}, "the database is of account " + DefaultAccount},
		{Config{}, "--data"},
	} {
		if err := start(row.c); err == nil || !strings.Contains(fault.Text(err), row.says) {
			t.Errorf("%+v: %v, want %q", row.c, err, row.says)
		}
	}
}
