package store

import (
	"context"

	"postern/aws/scope"
	"postern/record"
	"postern/ssm"
	"postern/store/sql"
)

// Records keeps Systems Manager's small records.
type Records struct{ set sql.Set }

var _ ssm.Records = Records{}

// RecordsOf returns the part of the store that keeps Systems Manager's small records.
func RecordsOf(db *DB) Records { return Records{db.Set("ssm")} }

// Find implements ssm.Records.
func (r Records) Find(ctx context.Context, keys ...ssm.Key) ([]ssm.Record, error) {
	found, err := r.set.Find(ctx, keysOf(keys)...)
	return ssmRecords(found), err
}

func keysOf(keys []ssm.Key) []record.Key {
	out := make([]record.Key, len(keys))
	for i, k := range keys {
		out[i] = record.Key{Kind: string(k.Kind), ID: k.ID}
	}
	return out
}

func ssmRecords(found []record.Record) []ssm.Record {
	out := make([]ssm.Record, len(found))
	for i, r := range found {
		out[i] = ssm.Record{Kind: ssm.Kind(r.Kind), ID: r.ID, Body: r.Body}
		for _, g := range r.Groups {
			out[i].Scope, _, _ = scope.Parse(g + "/")
		}
	}
	return out
}

// List implements ssm.Records.
func (r Records) List(ctx context.Context, kind ssm.Kind, in scope.Scope, after string, limit int) ([]ssm.Record, error) {
	l := record.Listing{Kind: string(kind), After: after, Limit: limit}
	if in != (scope.Scope{}) {
		l.Group = in.String()
	}
	list, err := r.set.List(ctx, l)
	return ssmRecords(list), err
}

// Update implements ssm.Records.
func (r Records) Update(ctx context.Context, keys []ssm.Key, change func([]ssm.Record) ([]ssm.Change, error)) error {
	return r.set.Update(ctx, keysOf(keys), func(found []record.Record) ([]record.Change, error) {
		changes, err := change(ssmRecords(found))
		var out []record.Change
		for _, c := range changes {
			key := record.Key{Kind: string(c.Kind), ID: c.ID}
			to := record.Change{Record: record.Record{Key: key, Body: c.Body}, Delete: c.Delete}
			if c.Scope != (scope.Scope{}) {
				to.Groups = []string{c.Scope.String()}
			}
			out = append(out, to)
		}
		return out, err
	})
}
