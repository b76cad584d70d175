package record_test

import (
	"errors"
	"testing"

	"postern/record"
	"postern/record/recordtest"
)

// memories gives each test one Memory.
func memories[S any](as func(*record.Memory) S) func(t *testing.T) S {
	open := map[string]*record.Memory{}
	return func(t *testing.T) S {
		if open[t.Name()] == nil {
			open[t.Name()] = new(record.Memory)
		}
		return as(open[t.Name()])
	}
}

func TestMemory(t *testing.T) {
	recordtest.TestStore(t, memories(func(m *record.Memory) record.Store { return m }))
	recordtest.TestFinder(t, memories(func(m *record.Memory) recordtest.FinderStore { return m }))
}

// TestDeletionsAreForgotten: whoever asks from before is told everything, and a plan from before conflicts.
func TestDeletionsAreForgotten(t *testing.T) {
	m := new(record.Memory)
	for base, changes := range [][]record.Change{
		{recordtest.Put("vpc", "a", "1"), recordtest.Put("vpc", "b", "1")}, {recordtest.Delete("vpc", "a")},
	} {
		if _, err := m.Commit(t.Context(), record.Commit{Base: uint64(base), Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	m.Forget()
	for _, tt := range []struct {
		since   uint64
		whole   bool
		changes int
	}{{0, true, 1}, {1, true, 1}, {2, false, 0}} {
		f, err := m.Since(t.Context(), tt.since)
		if err != nil || f.Whole != tt.whole || len(f.Changes) != tt.changes || f.Version != 2 {
			t.Errorf("since %d: %+v, %v", tt.since, f, err)
		}
	}
	if _, err := m.Commit(t.Context(), record.Commit{Base: 1}); err == nil {
		t.Error("a commit from before what is forgotten was made")
	}
	if _, err := m.Commit(t.Context(), record.Commit{Base: 2}); err != nil {
		t.Error(err)
	}
}

func TestMemoryFailsWhenTold(t *testing.T) {
	m := new(record.Memory)
	broken := errors.New("no space")
	put := func() error {
		changes := []record.Change{recordtest.Put("vpc", "a", "1")}
		_, err := m.Commit(t.Context(), record.Commit{Base: uint64(m.Commits()), Changes: changes})
		return err
	}
	m.FailAfter(1, broken)
	for n, want := range []error{nil, broken, broken} {
		if err := put(); !errors.Is(err, want) {
			t.Errorf("commit %d: %v, want %v", n, err, want)
		}
	}
	m.Fail(nil)
	if err := put(); err != nil || m.Len() != 1 || m.Commits() != 2 {
		t.Errorf("%v; %d records, %d commits", err, m.Len(), m.Commits())
	}
}
