package vpc

import (
	"net/netip"
	"slices"
)

// A rule that names a group of another VPC becomes stale when that group is deleted, or when no active peering joins
// the two VPCs any more. It matches nothing then, and nobody has taken it away (VPC peering guide, "Work with stale
// security group rules").

// staleRef is the stale rule of a group that would allow; gone says that it is the group it names that is not there.
type staleRef struct {
	ruleRef
	gone bool
}

// noRule refuses a flow that no rule of the interface's groups allows. Where a stale rule would, that is the reason.
func (s *Snapshot) noRule(t *trace, step Step, c nic, far netip.Addr) bool {
	if !c.vpc.contains(far) {
		for _, id := range c.Groups {
			g := c.group(id)
			set := g.in
			if step == StepEgress {
				set = g.out
			}
			if i := s.staleRule(set, &t.flow, c.vpc, far); i >= 0 {
				rule := &g.Rules[i]
				t.stale = staleRef{ruleRef{g, rule}, s.group(rule.Group) == nil}
				return t.refuse(step, ReasonStaleRule, g.ID)
			}
		}
	}
	return t.refuse(step, ReasonNoRule, c.blamed())
}

// staleRule returns the index of a stale rule that would allow the flow with the far address, or -1.
func (s *Snapshot) staleRule(set ruleSet, f *Flow, home *Compiled, far netip.Addr) int32 {
	for i := range set {
		r := &set[i]
		if r.protocol != AllProtocols && r.protocol != f.Protocol {
			continue
		}
		for j := range r.peers {
			peer := &r.peers[j]
			if rule := peer.find(f.portOf()); rule >= 0 && s.staleReference(home, peer.vpc, peer.id, far) {
				return rule
			}
		}
	}
	return -1
}

// staleReference reports whether a reference to the group of the peer VPC is stale, and would be about the far address:
// the address is one of that VPC's, and where the group is there still, an interface in it has the address.
func (s *Snapshot) staleReference(home *Compiled, peerVPC, id string, far netip.Addr) bool {
	peer := s.Compiled(peerVPC)
	if peer == nil || !peer.contains(far) {
		return false
	}
	g := s.group(id)
	if g == nil {
		return true
	}
	if s.joined(home.VPC.ID, peerVPC) {
		return false
	}
	c := peer.nicAt(far)
	return !c.none() && slices.Contains(c.Groups, id)
}

// joined reports whether an active peering joins the two VPCs.
func (s *Snapshot) joined(a, b string) bool {
	for _, p := range s.bound(a).peerings {
		if p.Active && p.other(a) == b {
			return true
		}
	}
	return false
}

// refusedStale explains a stale rule. reason is why no other rule allows, remedy what would make one.
func (t *trace) refusedStale(home, reason, remedy string) (why, mended string) {
	rule := t.stale.rule
	why = reason + "; " + t.stale.title() + " would, but it is stale and matches nothing: "
	if t.stale.gone {
		return why + rule.Group + " of " + rule.PeerVPC + " is gone", remedy + ", and revoke " + t.stale.title()
	}
	return why + "no active peering joins " + home + " and " + rule.PeerVPC,
		"request a peering of " + home + " and " + rule.PeerVPC + " and accept it, or " + remedy
}
