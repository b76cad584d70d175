package identity

import "context"

// Kind is a sort of record in the Store.
type Kind string

// The kinds. They stand in databases and do not change.
const (
	KindAccount    Kind = "account"
	KindUser       Kind = "user"
	KindRole       Kind = "role"
	KindProfile    Kind = "instance-profile"
	KindPolicy     Kind = "policy"
	KindAccessKey  Kind = "access-key"
	KindRevocation Kind = "revocation"
)

// Record is one stored record. Kind and ID together are unique; Body is JSON that only this package reads. Secrets in it
// are sealed.
type Record struct {
	Kind Kind
	ID   string
	Body []byte
}

// Change puts a record (a new one, or in the place of the one with its kind and id), or deletes it. To delete what is
// not there is no error.
type Change struct {
	Record
	// Delete removes the record; Body is then nil.
	Delete bool
}

// Store keeps who there is. Its methods may be called at once from several goroutines and, where several servers share
// one store, from several processes.
//
// The whole has one version, 0 in a new store. It grows with every commit.
type Store interface {
	// Load returns every record, in any order, and the version they stand at: one consistent view.
	Load(ctx context.Context) (records []Record, version uint64, err error)
	// Commit applies all changes, in order, or none, if the store still stands at version base; it then stands at
	// base+1. The changes are durable when Commit returns nil. A fault of kind Conflict says that another server
	// committed in between: the caller loads again. A fault of kind Unavailable says that the store cannot take it.
	Commit(ctx context.Context, base uint64, changes []Change) error
}
