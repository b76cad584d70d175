// Package ssmtest is what tests of Systems Manager's rooms share: records in memory, and the suite that every
// ssm.Records must pass.
package ssmtest

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"postern/aws/scope"
	"postern/ssm"
)

// Records is an ssm.Records in memory. Its zero value is empty and ready.
type Records struct {
	mu      sync.Mutex // guards what follows
	records map[ssm.Key]ssm.Record
	fail    error
}

var _ ssm.Records = (*Records)(nil)

// Fail makes every further Update return err; nil ends it.
func (r *Records) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// Find implements ssm.Records.
func (r *Records) Find(_ context.Context, keys ...ssm.Key) ([]ssm.Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.findLocked(keys), nil
}

func (r *Records) findLocked(keys []ssm.Key) []ssm.Record {
	var found []ssm.Record
	for _, k := range keys {
		if record, ok := r.records[k]; ok {
			record.Body = slices.Clone(record.Body)
			found = append(found, record)
		}
	}
	return found
}

// List implements ssm.Records.
func (r *Records) List(_ context.Context, kind ssm.Kind, in scope.Scope, after string, limit int) ([]ssm.Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []ssm.Record
	for k, record := range r.records {
		if k.Kind == kind && k.ID > after && (in == scope.Scope{} || record.Scope == in) {
			record.Body = slices.Clone(record.Body)
			found = append(found, record)
		}
	}
	slices.SortFunc(found, func(a, b ssm.Record) int { return cmp.Compare(a.ID, b.ID) })
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return found, nil
}

// Update implements ssm.Records.
func (r *Records) Update(ctx context.Context, keys []ssm.Key, change func([]ssm.Record) ([]ssm.Change, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	changes, err := change(r.findLocked(keys))
	if err != nil {
		return err
	}
	if r.fail != nil {
		return r.fail
	}
	if r.records == nil {
		r.records = map[ssm.Key]ssm.Record{}
	}
	for _, c := range changes {
		key := ssm.Key{Kind: c.Kind, ID: c.ID}
		if c.Delete {
			delete(r.records, key)
			continue
		}
		c.Record.Body = slices.Clone(c.Body)
		r.records[key] = c.Record
	}
	return nil
}
