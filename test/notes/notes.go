// Package notes is the smallest service there can be: the example of docs/adding-a-service.md, which tests add to a
// server. It keeps texts by name.
package notes

import (
	"context"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
)

// Note is a text.
type Note struct {
	Scope scope.Scope
	Name  string
	Text  string
}

// noteKind declares the records that the service keeps; there is one kind.
var noteKind = &record.Kind[Note]{
	Name:   "note",
	Key:    func(n *Note) string { return id(n.Scope, n.Name) },
	Groups: func(n *Note) []string { return []string{n.Scope.String()} },
}

var kinds = record.NewSet(noteKind)

func id(in scope.Scope, name string) string { return in.String() + "/" + name }

// maxNotes is how many notes an account may have in a region.
const maxNotes = 10_000

// Service keeps notes.
type Service struct{ replica *record.Replica }

// Open reads the notes of a store.
func Open(ctx context.Context, store record.Store) (*Service, error) {
	replica, err := record.Open(ctx, store, kinds, record.Hooks{})
	if err != nil {
		return nil, err
	}
	return &Service{replica}, nil
}

// Refresh reads what other replicas have changed.
func (s *Service) Refresh(ctx context.Context) error { return s.replica.Refresh(ctx) }

// Put keeps a text under a name, in place of the one that was there.
func (s *Service) Put(ctx context.Context, n Note) error {
	_, err := s.replica.Change(ctx, n.Scope.String(), func(p *record.Plan) error {
		if _, there := noteKind.Get(p.Tables, id(n.Scope, n.Name)); !there &&
			!noteKind.Fits(p.Tables, n.Scope.String(), 1, maxNotes) {
			return fault.New(fault.Limit, "notes.Put", "there are %d notes, which is the most", maxNotes)
		}
		noteKind.Put(p, &n, false)
		return nil
	})
	return err
}

// Get returns the note with a name.
func (s *Service) Get(in scope.Scope, name string) (*Note, error) {
	n, ok := noteKind.Get(s.replica.Tables(), id(in, name))
	if !ok {
		return nil, fault.New(fault.NotFound, "notes.Get", "there is no note %s", name)
	}
	return n, nil
}

// Count returns how many notes there are.
func (s *Service) Count(in scope.Scope) int { return noteKind.Count(s.replica.Tables(), in.String()) }
