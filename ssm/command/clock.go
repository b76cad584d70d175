package command

import (
	"context"
	"time"

	"postern/aws/fault"
)

// watchClock lets time pass for what is due, and forgets what is old.
func (s *Service) watchClock(ctx context.Context) error {
	ticker := time.NewTicker(s.config.Tick)
	defer ticker.Stop()
	var forgotten, redelivered time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := s.config.Now()
		if err := fault.Contain("command.expire", func() error { return s.expire(ctx, now) }); err != nil &&
			ctx.Err() == nil {
			s.config.Log.Error("time-outs could not be applied", "error", err)
		}
		if now.Sub(redelivered) >= redeliverEvery {
			if err := fault.Contain("command.redeliver", func() error { return s.redeliver(ctx) }); err != nil &&
				ctx.Err() == nil {
				s.config.Log.Error("what waits could not be sent", "error", err)
			}
			s.hintAll()
			redelivered = now
		}
		if now.Sub(forgotten) >= time.Hour {
			if err := s.config.Store.Forget(ctx, now.Add(-s.config.History)); err != nil && ctx.Err() == nil {
				s.config.Log.Error("old commands could not be forgotten", "error", err)
			}
			forgotten = now
		}
	}
}

// expire is a reconciler: it applies the clock to every invocation that is due.
func (s *Service) expire(ctx context.Context, now time.Time) error {
	var after Place
	for {
		rows, err := s.config.Store.Rows(ctx, Query{DueBy: now, After: after, Limit: maxBatch})
		if err != nil || len(rows) == 0 {
			return err
		}
		var keys []Key
		for _, r := range rows {
			after = Place{r.Requested, r.CommandID, r.Order}
			if s.mayStillReport(r, now) {
				continue
			}
			keys = append(keys, r.Key())
		}
		if err := s.change(ctx, keys, func(i *Invocation) { i.tick(now) }); err != nil {
			return err
		}
		if len(rows) < maxBatch {
			return nil
		}
	}
}

// mayStillReport spares what ran while the server was away: its node has had no chance to report.
func (s *Service) mayStillReport(r Row, now time.Time) bool {
	return now.Sub(s.started) < s.config.ReturnGrace && (r.Stage == Running || r.Stage == Cancelling) &&
		r.Due.Before(s.started)
}
