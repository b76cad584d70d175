package record_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"postern/aws/fault"
	"postern/record"
)

// unreadable is a store whose Since fails while broken is set, and calls read, if it is set, once after it has read.
type unreadable struct {
	record.Store
	broken error
	read   func()
}

func (s *unreadable) Since(ctx context.Context, version uint64) (record.Feed, error) {
	if s.broken != nil {
		return record.Feed{}, s.broken
	}
	f, err := s.Store.Since(ctx, version)
	if read := s.read; read != nil {
		s.read = nil
		read()
	}
	return f, err
}

// TestUnseenCommit: a commit that was made beside others', which cannot be read, is an error that says so. It is not
// made again, whatever the cause, others are told of it, and the next plan sees it.
func TestUnseenCommit(t *testing.T) {
	for _, tt := range []struct {
		cause error
		want  fault.Kind
	}{
		{fault.New(fault.Unavailable, "test", "no answer came"), fault.Unavailable},
		{fault.New(fault.Conflict, "test", "it is older"), fault.Internal},
		{errors.New("broken"), fault.Internal},
	} {
		memory := new(record.Memory)
		store := &unreadable{Store: memory}
		told, plans := 0, 0
		r := replicaOf(t, store, record.Hooks{Changed: func() { told++ }})
		change(t, replicaOf(t, memory, record.Hooks{}), func(p *record.Plan) {
			things.Put(p, &thing{ID: "other", Scope: "b", VPC: "w"}, false)
		})
		store.broken = tt.cause
		put := func(p *record.Plan) error {
			plans++
			things.Put(p, &thing{ID: fmt.Sprint("own-", plans), Scope: "a", VPC: "v"}, false)
			return nil
		}
		version, err := r.Change(t.Context(), "a", put)
		if version != 2 || !fault.Is(err, tt.want) || !errors.Is(err, tt.cause) ||
			!strings.Contains(err.Error(), "was made, as version 2") {
			t.Errorf("%v: version %d, %v", tt.cause, version, err)
		}
		if plans != 1 || told != 1 || memory.Commits() != 2 || r.Tables().Version() != 0 {
			t.Errorf("%v: %d plans, told %d times, %d commits, tables of version %d", tt.cause, plans, told,
				memory.Commits(), r.Tables().Version())
		}
		if version, err := r.Change(t.Context(), "a", put); version != 0 || !errors.Is(err, tt.cause) || plans != 1 {
			t.Errorf("%v: planned %d times from tables that lack a commit: version %d, %v", tt.cause, plans, version, err)
		}
		store.broken = nil
		version, err = r.Change(t.Context(), "a", put)
		if version != 3 || err != nil || r.Tables().Len() != 3 || told != 2 {
			t.Errorf("%v: then version %d, %v, with %d records; told %d times", tt.cause, version, err, r.Tables().Len(), told)
		}
	}
}

// TestDoubtBesideAnother: a commit that falls into doubt while the store is asked about an earlier one is asked about,
// too.
func TestDoubtBesideAnother(t *testing.T) {
	answers := &lossy{Store: new(record.Memory)}
	store := &unreadable{Store: answers}
	r := replicaOf(t, store, record.Hooks{})
	lose := func(id string) {
		answers.lose = true
		_, err := r.Change(t.Context(), "a", func(p *record.Plan) error {
			things.Put(p, &thing{ID: id, Scope: "a", VPC: "v"}, false)
			return nil
		})
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", id, err)
		}
	}
	lose("first")
	store.read = func() { lose("second") }
	if _, err := r.Change(t.Context(), "a", func(p *record.Plan) error {
		for _, id := range []string{"first", "second"} {
			if _, ok := things.Get(p.Tables, id); !ok {
				t.Errorf("the plan does not see the %s commit", id)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	read := false
	store.read = func() { read = true }
	change(t, r, func(p *record.Plan) { things.Put(p, &thing{ID: "third", Scope: "a", VPC: "v"}, false) })
	if read {
		t.Error("the store was asked again although nothing is in doubt")
	}
}

// contested is a store in which every commit conflicts; meanwhile, if set, is called before.
type contested struct {
	record.Store
	commits   int
	meanwhile func()
}

func (s *contested) Commit(_ context.Context, c record.Commit) (uint64, error) {
	s.commits++
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return 0, c.Outdated(1)
}

// TestNothingChanged: an error of a change that was not made comes with version 0.
func TestNothingChanged(t *testing.T) {
	store := &contested{Store: new(record.Memory)}
	r := replicaOf(t, store, record.Hooks{})
	put := func(p *record.Plan) error {
		things.Put(p, &thing{ID: "t-1", Scope: "a", VPC: "v"}, false)
		return nil
	}
	version, err := r.Change(t.Context(), "a", put)
	if version != 0 || !fault.Is(err, fault.Unavailable) || store.commits != 1000 {
		t.Errorf("contested: version %d, %v after %d tries", version, err, store.commits)
	}
	ctx, cancel := context.WithCancel(t.Context())
	store.commits, store.meanwhile = 0, cancel
	if version, err = r.Change(ctx, "a", put); version != 0 || !errors.Is(err, context.Canceled) || store.commits != 1 {
		t.Errorf("given up: version %d, %v after %d tries", version, err, store.commits)
	}
	refused := errors.New("no")
	version, err = r.Change(t.Context(), "a", func(*record.Plan) error { return refused })
	if version != 0 || !errors.Is(err, refused) || store.commits != 1 {
		t.Errorf("refused: version %d, %v", version, err)
	}
	version, err = r.Change(t.Context(), "a", func(*record.Plan) error { return nil })
	if version != 0 || err != nil || store.commits != 1 {
		t.Errorf("nothing planned: version %d, %v", version, err)
	}
}
