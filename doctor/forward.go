package doctor

import (
	"fmt"
	"net/netip"

	"postern/network/vpc"
)

// inbound returns the VPC whose inbound Resolver endpoint has the address, and empty where none that was read has it.
func (a *assessment) inbound(server netip.Addr) string {
	for e := range a.snapshot.ResolverEndpoints() {
		if e.Direction != vpc.Inbound || !e.Available {
			continue
		}
		for _, id := range e.Interfaces {
			if c, ok := a.snapshot.Interface(id); ok && c.Addresses[0] == server {
				return e.VPC
			}
		}
	}
	return ""
}

// forwarded follows a name that a Resolver rule has asked for elsewhere. Where that is an inbound endpoint it knows the
// answer; what other servers answer is not judged. It returns what the name means there.
func (a *assessment) forwarded(x vpc.NameExplanation) vpc.NameExplanation {
	for range maxForwards {
		f := x.Forward
		if f == nil || len(x.Findings) > 0 {
			return x
		}
		next := ""
		for _, t := range f.Targets {
			if t.Port() == dnsPort && next == "" {
				next = a.inbound(t.Addr())
			}
		}
		if next == "" {
			a.check("name", Unknown, "rule %s has %s asked of %s", f.Rule, x.Name, f.Targets[0])
			a.find(Finding{
				ID: "dns/forward-not-judged", Resource: f.Rule,
				Wrong: fmt.Sprintf("it has %s asked of %s, and what is answered there is not judged here",
					x.Name, f.Targets[0]),
				Remedy: fmt.Sprintf("let that server know the name, or make a rule of type SYSTEM for %s", x.Name),
			})
			return x
		}
		a.check("resolver", Good, "rule %s has %s asked of %s, an inbound endpoint in %s",
			f.Rule, x.Name, f.Targets[0].Addr(), next)
		x = a.snapshot.ExplainName(next, a.target.name)
	}
	return x
}

// maxForwards limits how many rules are followed after each other: rules can lead in a circle.
const maxForwards = 8
