package identity

import (
	"context"
	"time"

	"postern/record"
)

// revocation ends everything that was issued to an instance or node up to a moment.
type revocation struct {
	Subject string
	Before  time.Time
}

var (
	revocationsByTime = &record.Index[revocation]{Terms: func(r *revocation) []record.Term {
		return []record.Term{{Sort: record.Instant(r.Before)}}
	}}
	revocations = &record.Kind[revocation]{
		Name:    "revocation",
		Key:     func(r *revocation) string { return r.Subject },
		Groups:  func(*revocation) []string { return nil },
		Indexes: []*record.Index[revocation]{revocationsByTime},
	}
)

// Revoke ends all credentials that were issued to an instance or node, by its id, up to now.
func (s *Service) Revoke(ctx context.Context, subject string) error {
	now := s.now().UTC()
	return s.change(ctx, "", func(p *plan) error {
		// What was issued before has long ended by itself.
		for r := range revocationsByTime.Until(p.Tables, "", record.Instant(now.Add(-2*maxMaxSession))) {
			revocations.Delete(p.Plan, r.Subject, false)
		}
		revocations.Put(p.Plan, &revocation{Subject: subject, Before: now}, false)
		return nil
	})
}
