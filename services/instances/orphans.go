package instances

import (
	"context"
	"errors"
	"strings"
	"time"

	"postern/aws/fault"
)

// orphanAge is how long an interface may belong to an instance that has no record: the interface comes first.
const orphanAge = time.Minute

// ReleaseOrphans lets go of the interfaces of instances that are no more, or that a crash kept from ever being.
func (s *Service) ReleaseOrphans(ctx context.Context) error {
	s.launching.Lock()
	defer s.launching.Unlock()
	var failed error
	state := s.network.State()
	for _, owner := range state.Owners() {
		if !strings.HasPrefix(owner, "i-") {
			continue
		}
		if _, err := s.compute.ByID(owner); !fault.Is(err, fault.NotFound) {
			continue
		}
		for _, n := range state.InterfacesOf(owner) {
			if s.now().Sub(n.Attachment.Since) > orphanAge {
				failed = errors.Join(failed, s.network.ReleaseOwner(ctx, owner))
				break
			}
		}
	}
	return failed
}
