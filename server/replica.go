package server

import (
	"context"
	"time"
)

// lookEvery is how often a replica looks at a shared database without a hint.
const lookEvery = 3 * time.Second

// replica is a set of records that a module holds in memory and that other servers on the same database change too.
type replica struct {
	// set is the set's name in the store.
	set string
	// refresh reads what others have changed.
	refresh func(context.Context) error
}

// The names of the sets of records that modules hold in memory. They stand in databases and do not change.
const (
	setIdentity = "identity"
	setCompute  = "compute"
	setMachines = "machines"
	setNetwork  = "network"
	setS3       = "s3"
)

// topicSet hints that another server has changed a set of records.
func topicSet(set string) string { return "set/" + set }

// reconciler makes the replica look, on a hint and by the clock.
func (r replica) reconciler() reconciler {
	return reconciler{name: "records of " + r.set, topics: []string{topicSet(r.set)}, every: lookEvery, run: r.refresh}
}

// follow begins to pass on the store's hints about a set, and returns what does so until its context ends.
func (m *backgroundModule) follow(set string) func(context.Context) {
	hints, cancel := m.state.Watch(set)
	return func(ctx context.Context) {
		defer cancel()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hints:
				m.hints.Publish(topicSet(set))
			}
		}
	}
}
