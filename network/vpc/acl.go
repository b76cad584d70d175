package vpc

import (
	"cmp"
	"net/netip"
	"slices"
)

// acl is a network ACL with its entries in the order of evaluation.
type acl struct {
	ACL
	in, out []ACLEntry
}

func newACL(a ACL) *acl {
	c := &acl{ACL: a}
	for _, e := range a.Entries {
		if e.Egress {
			c.out = append(c.out, e)
		} else {
			c.in = append(c.in, e)
		}
	}
	byNumber := func(a, b ACLEntry) int { return cmp.Compare(a.Number, b.Number) }
	slices.SortFunc(c.in, byNumber)
	slices.SortFunc(c.out, byNumber)
	return c
}

// decide returns the first of the entries that matches the flow, or nil; address is the far end's.
func decide(entries []ACLEntry, f *Flow, address netip.Addr) *ACLEntry {
	port := f.portOf()
	for i := range entries {
		if e := &entries[i]; e.matches(f.Protocol, port) && e.CIDR.Contains(address) {
			return e
		}
	}
	return nil
}

func (e *ACLEntry) matches(p Protocol, port uint16) bool {
	if e.Protocol == AllProtocols {
		return true
	}
	low, high := e.Ports.bounds(p)
	return e.Protocol == p && low <= port && port <= high
}
