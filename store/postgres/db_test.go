package postgres_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"postern/aws/fault"
	"postern/record"
	"postern/record/recordtest"
	"postern/store/postgres"
	"postern/store/postgres/postgrestest"
	shared "postern/store/sql"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		postgrestest.Stop()
		os.Exit(code)
	}))
}

func open(t *testing.T, url string) *shared.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestSet(t *testing.T) {
	url := postgrestest.URL(t)
	db := open(t, url)
	recordtest.TestStore(t, func(t *testing.T) record.Store { return db.Set(t.Name()) })
	recordtest.TestFinder(t, func(t *testing.T) recordtest.FinderStore { return db.Set(t.Name()) })
}

// hinted waits for a hint.
func hinted(t *testing.T, hints <-chan struct{}) time.Duration {
	t.Helper()
	start := time.Now()
	select {
	case <-hints:
	case <-time.After(10 * time.Second):
		t.Fatal("no hint came")
	}
	return time.Since(start)
}

func put(t *testing.T, db *shared.DB, set, id string) {
	t.Helper()
	err := db.Set(set).Update(t.Context(), nil, func([]record.Record) ([]record.Change, error) {
		return []record.Change{recordtest.Put("vpc", id, "1")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What one replica commits, the other is hinted of at once, and nobody else is.
func TestReplicasAreHinted(t *testing.T) {
	url := postgrestest.URL(t)
	one, other := open(t, url), open(t, url)
	own, _ := one.Watch("network")
	hints, cancel := other.Watch("network")
	aside, _ := other.Watch("identity")
	for n := range 20 {
		put(t, one, "network", fmt.Sprint(n))
		if took := hinted(t, hints); took > time.Second {
			t.Errorf("the hint took %v", took)
		}
		if f, err := other.Set("network").Since(t.Context(), uint64(n)); err != nil || f.Version != uint64(n+1) {
			t.Errorf("hinted of version %d: %+v, %v", n+1, f, err)
		}
	}
	cancel()
	put(t, one, "network", "more")
	put(t, other, "network", "back")
	hinted(t, own) // it comes after whatever was sent before
	for _, c := range []<-chan struct{}{hints, aside, own} {
		select {
		case <-c:
			t.Error("somebody was hinted of what does not concern it")
		default:
		}
	}
}

// A broken connection loses hints, so whoever watches is told to look when there is a new one; what is asked for
// meanwhile is refused as unavailable or answered, and nothing is lost.
func TestBrokenConnections(t *testing.T) {
	url := postgrestest.URL(t)
	lost := make(chan error, 10)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: url, Lost: func(err error) { lost <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	hints, _ := db.Watch("network")
	put(t, db, "network", "before")
	postgrestest.Cut(t, url)
	if err := <-lost; err == nil || !strings.Contains(err.Error(), "57P01") ||
		strings.Contains(err.Error(), "postgres://") {
		t.Errorf("lost: %v, want PostgreSQL's reason", err)
	}
	hinted(t, hints)
	for n := 0; ; n++ {
		f, err := db.Set("network").Since(t.Context(), 0)
		if err == nil {
			if len(f.Changes) != 1 {
				t.Errorf("%+v", f)
			}
			break
		}
		if !fault.Is(err, fault.Unavailable) || n == 100 {
			t.Fatalf("after %d tries: %v", n, err)
		}
	}
	put(t, db, "network", "after")
}

// TestNoNewConnection: why no new connection is made is told once, and when there is one everybody is hinted.
func TestNoNewConnection(t *testing.T) {
	url := postgrestest.URL(t)
	lost := make(chan error, 10)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: url, Lost: func(err error) { lost <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	hints, _ := db.Watch("network")
	address, host, _ := strings.Cut(url, "?")
	name, admin := strings.TrimPrefix(address, "postgres:///"), "postgres:///postgres?"+host
	run(t, admin, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false")
	postgrestest.Cut(t, url)
	if err := <-lost; err == nil || !strings.Contains(err.Error(), "57P01") {
		t.Errorf("lost: %v", err)
	}
	if err := <-lost; err == nil || !strings.Contains(err.Error(), "not currently accepting connections") {
		t.Errorf("lost: %v, want why it does not connect again", err)
	}
	select {
	case err := <-lost:
		t.Errorf("told again: %v", err)
	case <-time.After(1500 * time.Millisecond): // more than the time between two attempts
	}
	run(t, admin, "ALTER DATABASE "+name+" ALLOW_CONNECTIONS true")
	hinted(t, hints)
}

// TestReadOnly: of a standby is said that it is one.
func TestReadOnly(t *testing.T) {
	url := postgrestest.URL(t)
	open(t, url).Close()
	db := open(t, with(t, url, "default_transaction_read_only", "on"))
	err := db.PutSetting(t.Context(), "x", nil)
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "(25006): it is read-only, as a standby is") {
		t.Errorf("%v", err)
	}
}

// TestRestart: a server that crashes and comes back has everything that was acknowledged, and is used again.
func TestRestart(t *testing.T) {
	url := postgrestest.URL(t)
	lost := make(chan error, 10)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: url, Lost: func(err error) { lost <- err }})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	r, err := record.Open(t.Context(), db.Set("things"), things, record.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	hints, _ := db.Watch("things")
	add := func(id string) error {
		_, err := r.Change(t.Context(), "", func(p *record.Plan) error {
			named.Put(p, &thing{ID: id}, false)
			return nil
		})
		return err
	}
	if err := add("before"); err != nil {
		t.Fatal(err)
	}
	postgrestest.Restart(t)
	<-lost
	hinted(t, hints)
	for n := 0; ; n++ { // connections of before the crash may be met, each once
		err := add("after")
		if err == nil {
			break
		}
		if !fault.Is(err, fault.Unavailable) || n == 100 {
			t.Fatalf("after %d tries: %v", n, err)
		}
	}
	other, err := record.Open(t.Context(), open(t, url).Set("things"), things, record.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	if n := named.Len(other.Tables()); n != 2 || other.Tables().Version() != r.Tables().Version() {
		t.Errorf("%d records at version %d, here %d", n, other.Tables().Version(), r.Tables().Version())
	}
}

type thing struct{ ID string }

var (
	named = &record.Kind[thing]{
		Name: "thing", Key: func(x *thing) string { return x.ID }, Groups: func(*thing) []string { return nil },
	}
	things = record.NewSet(named)
)

// TestFrozenNetwork: where nothing comes back any more nobody waits for ever, and what is asked is refused.
func TestFrozenNetwork(t *testing.T) {
	url, freeze := postgrestest.Proxy(t, postgrestest.URL(t))
	lost := make(chan error, 10)
	db, err := postgres.Open(t.Context(), postgres.Options{
		URL: url, Patience: 300 * time.Millisecond, Lost: func(err error) { lost <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	put(t, db, "things", "before")
	for range 3 { // it is asked, and answers
		select {
		case err := <-lost:
			t.Errorf("lost: %v", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
	freeze()
	s := db.Set("things")
	change := []record.Change{recordtest.Put("vpc", "a", "1")}
	_, listed := s.List(t.Context(), record.Listing{Kind: "vpc"})
	_, _, set := db.Setting(t.Context(), "x")
	for what, err := range map[string]error{
		"Commit": second(s.Commit(t.Context(), record.Commit{Base: 1, Changes: change})),
		"Since":  second(s.Since(t.Context(), 0)),
		"Find":   second(s.Find(t.Context(), record.Key{Kind: "vpc", ID: "a"})),
		"Update": s.Update(t.Context(), nil, func([]record.Record) ([]record.Change, error) { return change, nil }),
		"List":   listed, "Setting": set,
	} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v, want Unavailable", what, err)
		}
	}
	if err := <-lost; err == nil || !strings.Contains(err.Error(), "nothing was heard for 300ms, and the server does not "+
		"answer") {
		t.Errorf("lost: %v, want why no hints come", err)
	}
}

func second[T any](_ T, err error) error { return err }

// No error tells the password.
func TestPasswordIsNotTold(t *testing.T) {
	for _, url := range []string{
		"postgres://user:hunter2@127.0.0.1:1/db?sslmode=disable&connect_timeout=2",
		"postgres://user:hunter2@host:port/db",
		"postgres://user:hunter2%zz@host/db",
		"user=user password=hunter2 host=127.0.0.1 port=one",
		"postgres://user@127.0.0.1:1/db?password=hunter2&sslmode=none",
	} {
		_, err := postgres.Open(t.Context(), postgres.Options{URL: url})
		if err == nil || strings.Contains(err.Error(), "hunter2") ||
			strings.Contains(fmt.Sprintf("%+v %#v", err, err), "hunter2") {
			t.Errorf("opened %s with %v", url, err)
		}
	}
}

func TestClosed(t *testing.T) {
	db := open(t, postgrestest.URL(t))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.PutSetting(t.Context(), "x", nil); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a write after Close: %v, want Unavailable", err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}
