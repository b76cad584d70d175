// Package record keeps what services hold: records of declared kinds, each with a version of its own, in a Store
// that tells who reads it what has changed.
//
// A service that holds its records in memory reads them once with Since(0), changes them with Commit, and learns of the
// changes of other replicas with Since(version). Commit is conditional on what the change was planned from: it
// conflicts only where somebody else has changed one of the records, or one of the groups of records, that the plan has
// read.
package record

import "context"

// Key names a record within a set.
type Key struct {
	// Kind is the kind's name, such as "subnet". It stands in databases and does not change.
	Kind string
	// ID is unique within the kind.
	ID string
}

// Record is one stored record.
type Record struct {
	Key
	// Groups name what the record belongs to, beside its kind: first its scope ("111122223333/us-east-1"), then its VPC.
	// A key keeps its groups; a plan that has looked for records of a group conflicts with whoever adds, changes or
	// deletes one of that kind in it.
	Groups []string
	// Version is that of the commit which wrote the record last. Stores set it.
	Version uint64
	// Body is JSON that only the service reads which keeps the record.
	Body []byte
}

// Change puts a record (a new one, or in the place of the one with its key), or deletes it. To delete what is not there
// is no error. Groups are those of the record in either case.
type Change struct {
	Record
	// Delete removes the record; Body is then nil.
	Delete bool
}

// Read names a thing that a plan has looked at: one record by its key, there or not, or where ID is empty all records
// of the kind in Group, or where both are empty all records of the kind.
type Read struct {
	Kind, ID, Group string
}

// Conflicts reports whether a change makes what was read out of date.
func (r Read) Conflicts(c *Change) bool {
	switch {
	case r.Kind != c.Kind:
		return false
	case r.ID != "":
		return r.ID == c.ID
	case r.Group == "":
		return true
	}
	for _, g := range c.Groups {
		if g == r.Group {
			return true
		}
	}
	return false
}

// Commit is a set of changes that hold together.
type Commit struct {
	// Base is the version of the set that the plan was made from.
	Base uint64
	// Reads lists the things that the plan has looked at. The records that it changes count as read.
	Reads []Read
	// Changes are applied in order; of one record there is one at the most.
	Changes []Change
	// Applied, if set, is called once the changes are durable, with their version, before Commit returns. An engine of
	// one process calls it in the order of the versions. It must not wait for another commit.
	Applied func(version uint64)
}

// Feed tells what has changed in a set.
type Feed struct {
	// Version is the version that the set stands at.
	Version uint64
	// Changes are the last change of each record that was written or deleted after the version asked about, in the order
	// of their versions, and of one version in that of kinds and ids.
	Changes []Change
	// Whole says that Changes are all records instead, because deletions from that far back are forgotten.
	Whole bool
}

// Store keeps one set of records. Its methods may be called at once from several goroutines and, where several replicas
// share a store, from several processes.
//
// The set has a version, 0 in a new store, which every commit moves by one: who holds the records at one version and is
// told of a commit with the next one has missed nothing.
type Store interface {
	// Since returns what has changed after a version, as one consistent view. Since(0) returns every record, and no
	// deletions. A version that the set has not reached yet, as that of a store which was put back, is answered Whole.
	Since(ctx context.Context, version uint64) (Feed, error)
	// Commit applies all changes or none, and returns the version that they have. Where anything that was read or is to
	// be changed was changed by somebody else after Base, it is a fault of kind Conflict: the caller reads Since(Base)
	// and plans anew. The changes are durable when Commit returns nil. A fault of kind Unavailable says that the store
	// cannot take them.
	Commit(ctx context.Context, c Commit) (version uint64, err error)
}
