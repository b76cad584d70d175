package recordtest

import (
	"context"

	"postern/aws/fault"
	"postern/record"
)

// Between is a Store that lets something else happen between a plan and its commit. One goroutine uses it.
type Between struct {
	record.Store
	// Next, if set, is called once, before the next commit.
	Next func()
	// Conflicts counts the commits that conflicted.
	Conflicts int
}

// Commit implements record.Store.
func (b *Between) Commit(ctx context.Context, c record.Commit) (uint64, error) {
	if next := b.Next; next != nil {
		b.Next = nil
		next()
	}
	version, err := b.Store.Commit(ctx, c)
	if fault.Is(err, fault.Conflict) {
		b.Conflicts++
	}
	return version, err
}
