package vpc

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// group is a security group with its rules compiled. It refers to nothing outside it but by id, so that the VPC can use
// it again when it is compiled anew.
type group struct {
	SecurityGroup
	in, out ruleSet
}

// prefixList is a prefix list made searchable.
type prefixList struct {
	PrefixList
	ranges prefixes[netip.Prefix]
}

// ruleSet is the rules of one direction, by protocol.
type ruleSet []protocolRules

type protocolRules struct {
	protocol Protocol
	ranges   prefixes[spans]
	groups   []groupSpans // sorted by id
	peers    []peerSpans  // those of groups that are in another VPC
	lists    []listSpans
}

type groupSpans struct {
	id string
	spans
}

// peerSpans are rules that name a group of another VPC.
type peerSpans struct {
	groupSpans
	vpc string
}

type listSpans struct {
	id string
	spans
}

// peer is the other end of a flow as a group's rules see it.
type peer struct {
	address netip.Addr
	// groups lists the groups of the interface that owns the address, where references to them hold.
	groups []string
}

// match returns the index of a rule of the set that allows the flow, or -1.
func (s *Snapshot) match(set ruleSet, f *Flow, p *peer) int32 {
	port := f.portOf()
	for i := range set {
		if r := &set[i]; r.protocol == AllProtocols || r.protocol == f.Protocol {
			if rule := s.matchPeer(r, port, p); rule >= 0 {
				return rule
			}
		}
	}
	return -1
}

func (s *Snapshot) matchPeer(r *protocolRules, port uint16, p *peer) int32 {
	n := r.ranges.family(p.address)
	for i := n.narrowest(keyOf(p.address)); i >= 0; i = n.wider(i) {
		if rule := n.nodes[i].value.find(port); rule >= 0 {
			return rule
		}
	}
	for _, member := range p.groups {
		if ports := r.reference(member); ports != nil {
			if rule := ports.find(port); rule >= 0 {
				return rule
			}
		}
	}
	for i := range r.lists {
		if rule := r.lists[i].find(port); rule >= 0 {
			if l, ok := s.lists.get(r.lists[i].id); ok && l.ranges.find(p.address) != nil {
				return rule
			}
		}
	}
	return -1
}

func (r *protocolRules) reference(id string) spans {
	low, high := 0, len(r.groups)
	for low < high {
		mid := int(uint(low+high) >> 1)
		switch c := strings.Compare(id, r.groups[mid].id); {
		case c < 0:
			high = mid
		case c > 0:
			low = mid + 1
		default:
			return r.groups[mid].spans
		}
	}
	return nil
}

func newGroup(g SecurityGroup) *group {
	in, out := make([]int32, 0, len(g.Rules)), make([]int32, 0, len(g.Rules))
	for i := range g.Rules {
		if g.Rules[i].Egress {
			out = append(out, int32(i))
		} else {
			in = append(in, int32(i))
		}
	}
	return &group{SecurityGroup: g, in: newRuleSet(g.Rules, in), out: newRuleSet(g.Rules, out)}
}

// newRuleSet compiles the rules that chosen lists.
func newRuleSet(rules []Rule, chosen []int32) ruleSet {
	slices.SortStableFunc(chosen, func(a, b int32) int { return compareRules(&rules[a], &rules[b]) })
	var set ruleSet
	for len(chosen) > 0 {
		protocol := rules[chosen[0]].Protocol
		r := protocolRules{protocol: protocol}
		var ranges []entry[spans]
		for len(chosen) > 0 && rules[chosen[0]].Protocol == protocol {
			rule := &rules[chosen[0]]
			n := samePeer(rules, chosen)
			ports := newSpans(rawSpans(rules, chosen[:n]))
			chosen = chosen[n:]
			switch {
			case rule.Group != "":
				r.groups = append(r.groups, groupSpans{rule.Group, ports})
				if rule.PeerVPC != "" {
					r.peers = append(r.peers, peerSpans{groupSpans{rule.Group, ports}, rule.PeerVPC})
				}
			case rule.PrefixList != "":
				r.lists = append(r.lists, listSpans{rule.PrefixList, ports})
			default:
				ranges = append(ranges, entry[spans]{rule.CIDR, ports})
			}
		}
		r.ranges = newPrefixes(ranges)
		set = append(set, r)
	}
	return set
}

// samePeer counts the rules at the head of chosen that have the protocol and peer of the first.
func samePeer(rules []Rule, chosen []int32) int {
	n := 1
	for n < len(chosen) && compareRules(&rules[chosen[0]], &rules[chosen[n]]) == 0 {
		n++
	}
	return n
}

func rawSpans(rules []Rule, chosen []int32) []span {
	raw := make([]span, len(chosen))
	for i, c := range chosen {
		low, high := rules[c].Ports.bounds(rules[c].Protocol)
		raw[i] = span{low, high, c}
	}
	return raw
}

// compareRules orders rules by protocol, then by peer.
func compareRules(a, b *Rule) int {
	if c := cmp.Compare(a.Protocol, b.Protocol); c != 0 {
		return c
	}
	if c := strings.Compare(a.Group, b.Group); c != 0 {
		return c
	}
	if c := strings.Compare(a.PrefixList, b.PrefixList); c != 0 {
		return c
	}
	return comparePrefixes(a.CIDR, b.CIDR)
}

func newPrefixList(l PrefixList) *prefixList {
	entries := make([]entry[netip.Prefix], len(l.CIDRs))
	for i, c := range l.CIDRs {
		entries[i] = entry[netip.Prefix]{c, c}
	}
	return &prefixList{l, newPrefixes(entries)}
}
