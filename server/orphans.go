package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"postern/aws/fault"
)

const (
	// orphanAge is how long an interface may belong to an instance that has no record yet: the interface comes first.
	orphanAge = time.Minute
	// registerTime is how long a machine may be in the network without registering as a node.
	registerTime = time.Hour
)

// releaseOrphans lets go of the interfaces of instances that are no more, or that a crash kept from ever being.
func (s *Server) releaseOrphans(ctx context.Context) error {
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
			if s.config.Now().Sub(n.Attachment.Since) > orphanAge {
				failed = errors.Join(failed, s.network.ReleaseOwner(ctx, owner))
				break
			}
		}
	}
	return failed
}

// abandonMachines puts out the machines that joined and never registered: after a time, and at once where their
// activation is gone or has expired, for then they cannot.
func (s *Server) abandonMachines(ctx context.Context) error {
	now := s.config.Now()
	failed := s.machines.Abandon(ctx, now.Add(-registerTime))
	looked := map[string]bool{}
	for _, m := range s.machines.All() {
		if m.Node != "" || looked[m.Activation] {
			continue
		}
		looked[m.Activation] = true
		switch a, err := s.nodes.Activation(ctx, m.Activation); {
		case fault.Is(err, fault.NotFound), err == nil && a.Expired(now):
			failed = errors.Join(failed, s.machines.Expel(ctx, m.Activation))
		default:
			failed = errors.Join(failed, err)
		}
	}
	s.bus.Publish(topicNodes)
	return failed
}
