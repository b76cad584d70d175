package fabric_test

import (
	"net/netip"
	"testing"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// TestFlowLogOfConversationsThatAreRefused: under new rules a network ACL refuses what it let pass before.
func TestFlowLogOfConversationsThatAreRefused(t *testing.T) {
	var records []fabric.Record
	l := newHarness(t, fabric.Options{FlowLog: func(r []fabric.Record) { records = append(records, r...) }})
	w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	l.Attach(vpctest.Node, w)
	l.Attach(vpctest.Attached, far)
	l.apply(open)
	from, to := netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80)
	w.Put(udp(from, to, "12345"))
	l.apply(func(n *vpc.Network) { n.ACLs[0].Entries = nil })
	w.Put(udp(from, to, "12345"), udp(from, to, "12345"))
	l.Close()
	refused := uint64(0)
	for _, r := range records {
		if !r.Accept && r.Source == from && r.Destination == to && r.Reason == vpc.ReasonACLDenied &&
			r.Resource == vpctest.ACL {
			refused += r.Packets
		}
	}
	if refused != 2 {
		t.Errorf("%d refused packets are recorded, want 2: %+v", refused, records)
	}
}

// TestFlowLogOff: what passes while nobody wants records is not recorded later.
func TestFlowLogOff(t *testing.T) {
	var records []fabric.Record
	l := newHarness(t, fabric.Options{FlowLog: func(r []fabric.Record) { records = append(records, r...) }})
	w, far := fabrictest.NewWire(1500), fabrictest.NewWire(1500)
	l.Attach(vpctest.Node, w)
	l.Attach(vpctest.Attached, far)
	l.apply(open)
	l.LogFlows(false)
	from, to := netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80)
	w.Put(udp(from, to, "before"), udp(from, netip.MustParseAddrPort("10.0.2.99:80"), "refused"))
	l.LogFlows(true)
	w.Put(udp(from, to, "after!"))
	l.Close()
	if len(records) != 2 {
		t.Fatalf("%d records, want one at each end: %+v", len(records), records)
	}
	for _, r := range records {
		if r.Packets != 1 || !r.Accept {
			t.Errorf("recorded %+v, want the last packet alone", r)
		}
	}
}
