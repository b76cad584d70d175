package record

import "context"

// Listing selects records of a kind.
type Listing struct {
	Kind string
	// Group, where it is not empty, selects those whose first group it is, which is their scope. No other is looked at.
	Group string
	// After selects those whose ids are greater (by their bytes).
	After string
	// Limit is the most to return; 0 is all.
	Limit int
}

// Finder reads and changes records where they are stored, for services whose records are too many, or asked for too
// seldom, to be held in memory. Its methods may be called at once from several goroutines and processes.
type Finder interface {
	// Find returns those of the records that exist, in any order.
	Find(ctx context.Context, keys ...Key) ([]Record, error)
	// List returns the records that a listing selects, in the order of their ids.
	List(ctx context.Context, l Listing) ([]Record, error)
	// Update is one transaction: it reads those of the keys' records that exist, in any order, gives them to plan, and
	// applies the changes that plan returns, or none where plan returns an error, which Update returns as it is. Nobody
	// else changes these records meanwhile, whether they exist or not. plan may be called more than once, so it has no
	// effect but its result. The changes are durable when Update returns nil. A fault of kind Unavailable says that the
	// store cannot take them.
	Update(ctx context.Context, keys []Key, plan func(found []Record) ([]Change, error)) error
}
