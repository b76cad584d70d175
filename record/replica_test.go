package record_test

import (
	"context"

	"postern/record"
)

// nothing is a store without records.
type nothing struct{ record.Store }

func (nothing) Since(context.Context, uint64) (record.Feed, error) { return record.Feed{}, nil }
