package join

import (
	"context"
	"errors"
	"time"

	"postern/aws/fault"
)

// registerTime is how long a machine may be in the network without registering as a node.
const registerTime = time.Hour

// Abandon puts out the machines that joined and never registered: after a time, and at once where their activation is
// gone or has expired, for then they cannot.
func (p *Policy) Abandon(ctx context.Context) error {
	now := p.Now()
	failed := p.Machines.Abandon(ctx, now.Add(-registerTime))
	looked := map[string]bool{}
	for _, m := range p.Machines.All() {
		if m.Node != "" || looked[m.Activation] {
			continue
		}
		looked[m.Activation] = true
		switch a, err := p.Nodes.Activation(ctx, m.Activation); {
		case fault.Is(err, fault.NotFound), err == nil && a.Expired(now):
			failed = errors.Join(failed, p.Machines.Expel(ctx, m.Activation))
		default:
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
