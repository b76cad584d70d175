package s3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/aws/fault"
)

// patience is how long a step of a bucket may take before Heal takes it for one that nobody works on any more.
const patience = time.Minute

// Heal brings to its end what was begun with buckets and interrupted: by a crash, or by an Upstream that did not
// answer. It is idempotent.
func (s *Service) Heal(ctx context.Context) error {
	var failed error
	for _, b := range slices.Collect(unsettled.Find(s.replica.Tables(), "step")) {
		if s.now().Sub(b.Since) < patience {
			continue
		}
		if err := s.heal(ctx, b); err != nil {
			failed = errors.Join(failed, fmt.Errorf("bucket %s, %s: %w", b.Name, b.Step, err))
		}
	}
	return failed
}

// heal ends one bucket's step. Who asked for it was not answered, so that either end is right: a bucket that is made is
// one that may be empty, and one that is not empty stays.
func (s *Service) heal(ctx context.Context, b *stored) error {
	switch b.Step {
	case making:
		if err := s.makeUpstream(ctx, b.Name); err != nil {
			return err
		}
	case versioning:
		if err := s.versionUpstream(ctx, b.Name, b.Versioning); err != nil {
			return err
		}
	case deleting:
		if err := s.finishDelete(ctx, b.Name); !fault.Is(err, fault.InUse) {
			return err
		}
		return nil
	}
	return s.settle(ctx, b.Name, b.Step, settle)
}
