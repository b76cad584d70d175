package network

import (
	"cmp"
	"iter"
	"slices"

	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
)

// PeerGroup holds what a rule keeps of the group that it names in another VPC. The group and the peering connection may
// go before the rule does, and the rule still says what it was about.
type PeerGroup struct {
	VPC, Account, Name string
	// Peering is the peering connection that was active when the rule was made.
	Peering string
}

// Reference is a rule's reference to a group of another VPC as it stands.
type Reference struct {
	PeerGroup
	Status PeeringStatus
	// Stale says that the group is gone, or that no active peering connection joins the two VPCs any more: the rule
	// matches nothing until it is revoked, or the VPCs are peered again (VPC peering guide, "Work with stale security
	// group rules").
	Stale bool
}

// Reference says where a rule of g stands that names a group of another VPC; the others have no such reference.
func (s *State) Reference(g *SecurityGroup, r *SecurityGroupRule) (Reference, bool) {
	if r.Peer == nil {
		return Reference{}, false
	}
	out := Reference{PeerGroup: *r.Peer, Status: PeeringDeleted}
	pcx, ok := peeringKind.Get(s.Tables, out.Peering)
	if !ok || !pcx.Active {
		if other, found := s.activePeering(g.VPC, out.VPC); found {
			pcx, ok = other, true
		}
	}
	if ok {
		out.Peering, out.Status = pcx.ID, pcx.Status
	}
	_, there := groupKind.Get(s.Tables, r.Group)
	out.Stale = !there || out.Status != PeeringActive
	return out, true
}

func (s *State) activePeering(a, b string) (*Peering, bool) {
	for pcx := range peeringKind.In(s.Tables, a) {
		if pcx.Active && pcx.joins(a, b) {
			return pcx, true
		}
	}
	return nil, false
}

// StaleGroups are the groups of a VPC that have a stale rule, in the order of their ids.
func (s *State) StaleGroups(c scope.Scope, vpcID string) iter.Seq[*SecurityGroup] {
	return where(groupKind.In(s.Tables, vpcID), func(g *SecurityGroup) bool {
		return g.scope() == c && slices.ContainsFunc(g.Rules, func(r SecurityGroupRule) bool { return s.stale(g, &r) })
	})
}

func (s *State) stale(g *SecurityGroup, r *SecurityGroupRule) bool {
	reference, ok := s.Reference(g, r)
	return ok && reference.Stale
}

// GroupReference says that rules of a VPC name a group of another one, over an active peering connection.
type GroupReference struct{ Group, VPC, Peering string }

// References are the VPCs whose rules name one of the groups over a peering connection, whoever owns them.
func (s *State) References(groups []string) []GroupReference {
	var out []GroupReference
	for _, id := range groups {
		for g := range groupsReferring.Find(s.Tables, id) {
			for i := range g.Rules {
				r := &g.Rules[i]
				if reference, ok := s.Reference(g, r); ok && !reference.Stale && r.Group == id {
					out = append(out, GroupReference{r.Group, g.VPC, reference.Peering})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b GroupReference) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.VPC, b.VPC), cmp.Compare(a.Peering, b.Peering))
	})
	return slices.Compact(out)
}

// refer checks the group that a rule of g names, and keeps what it is where it is in another VPC: groups of the same
// VPC may be named, and those of VPCs with an active peering connection in the same region. What the request itself
// says of the group has to be true.
func (p *plan) refer(g *SecurityGroup, r *SecurityGroupRule) error {
	claimed := PeerGroup{}
	if r.Peer != nil {
		claimed, r.Peer = *r.Peer, nil
	}
	other, ok := groupKind.Get(p.Tables, r.Group)
	if !ok || claimed.Account != "" && claimed.Account != other.Account {
		return groupKind.unknown(r.Group)
	}
	if claimed.VPC != "" && claimed.VPC != other.VPC {
		return invalidParameter("Security group %s does not belong to VPC %s.", r.Group, claimed.VPC)
	}
	if other.VPC == g.VPC {
		if claimed.Peering != "" {
			return invalidParameter("Security group %s is in %s itself, not behind %s.", r.Group, g.VPC, claimed.Peering)
		}
		return nil
	}
	pcx, joined := p.activePeering(g.VPC, other.VPC)
	if !joined || other.Region != g.Region {
		return refuse(fault.NotFound, "InvalidGroup.NotFound",
			"You have specified two resources that belong to different networks.")
	}
	if claimed.Peering != "" && claimed.Peering != pcx.ID {
		return invalidParameter("Security group %s is behind %s, not behind %s.", r.Group, pcx.ID, claimed.Peering)
	}
	r.Peer = &PeerGroup{VPC: other.VPC, Account: other.Account, Name: other.Name, Peering: pcx.ID}
	return nil
}

// completeReferences gives rules that were stored without it what they keep of groups in other VPCs.
func completeReferences(p *record.Plan) {
	s := &State{p.Tables}
	for g := range groupKind.All(p.Tables) {
		var rules []SecurityGroupRule
		for j, r := range g.Rules {
			other, ok := groupKind.Get(p.Tables, r.Group)
			if r.Peer != nil || !ok || other.VPC == g.VPC {
				continue
			}
			if rules == nil {
				rules = slices.Clone(g.Rules)
			}
			rules[j].Peer = &PeerGroup{VPC: other.VPC, Account: other.Account, Name: other.Name}
			if pcx, joined := s.activePeering(g.VPC, other.VPC); joined {
				rules[j].Peer.Peering = pcx.ID
			}
		}
		if rules != nil {
			changed := *g
			changed.Rules = rules
			groupKind.Put(p, &changed, true)
		}
	}
}
