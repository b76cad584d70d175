package ssm

import (
	"context"

	"postern/aws/scope"
)

// Kind is a sort of record in Records.
type Kind string

// The kinds. They stand in databases and do not change.
const (
	KindNode       Kind = "node"
	KindActivation Kind = "activation"
	KindSetting    Kind = "setting"
	KindDocument   Kind = "document"
	// A parameter, one of its older versions, and how many parameters a scope has.
	KindParameter        Kind = "parameter"
	KindParameterVersion Kind = "parameter-version"
	KindParameterCount   Kind = "parameter-count"
)

// Record is one stored record. Kind and ID together are unique over all scopes; Body is JSON that only the room which
// wrote it reads.
type Record struct {
	Kind  Kind
	ID    string
	Scope scope.Scope
	Body  []byte
}

// Key names a record.
type Key struct {
	Kind Kind
	ID   string
}

// Change puts a record (a new one, or in the place of the one with its kind and id), or deletes it. To delete what is
// not there is no error.
type Change struct {
	Record
	Delete bool
}

// Records keeps what is small and seldom asked for in other ways than by id or by scope. Its methods may be called at
// once from several goroutines and, where several servers share one store, from several processes.
type Records interface {
	// Find returns those of the records that exist, in any order.
	Find(ctx context.Context, keys ...Key) ([]Record, error)
	// List returns the records of a kind in a scope whose id is greater than after, in the order of their ids (bytes),
	// at most limit of them. An empty Scope means every scope, a limit of 0 all.
	List(ctx context.Context, kind Kind, scope scope.Scope, after string, limit int) ([]Record, error)
	// Update is one transaction: it reads those of the keys' records that exist, in any order, gives them to change,
	// and applies all that change returns, or nothing when change returns an error, which Update returns as it is.
	// Nobody else changes these records meanwhile. change may be called more than once, so it has no effect but its
	// result. What Update returned nil for is durable. A fault of kind Unavailable says that the store cannot take it.
	Update(ctx context.Context, keys []Key, change func(found []Record) ([]Change, error)) error
}
