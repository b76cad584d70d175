package fabric_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/fabric/internal/packet"
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

// TestFlowLogOnAgain: a flow log that is on already loses nothing when it is turned on, and one without a hook stays
// off.
func TestFlowLogOnAgain(t *testing.T) {
	for _, recorded := range []bool{true, false} {
		packets := uint64(0)
		o := fabric.Options{}
		if recorded {
			o.FlowLog = func(r []fabric.Record) {
				if len(r) == 0 {
					t.Error("the hook is given nothing")
				}
				for i := range r {
					packets += r[i].Packets
				}
			}
		}
		l := newHarness(t, o)
		w := fabrictest.NewWire(1500)
		l.Attach(vpctest.Node, w)
		l.Attach(vpctest.Attached, fabrictest.NewWire(1500))
		l.apply(open)
		from, to := netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80)
		w.Put(udp(from, to, "before"))
		l.LogFlows(true)
		w.Put(udp(from, to, "after!"), udp(from, netip.MustParseAddrPort("10.0.2.99:80"), "refused"))
		l.Close()
		if want := uint64(2 + 2 + 1); recorded && packets != want {
			t.Errorf("%d packets are recorded, want %d", packets, want)
		}
		if n := l.Stats().Packets; n != 2 {
			t.Errorf("%d packets were carried", n)
		}
	}
}

// TestFlowLogIsThatOfWhoRefused: a refused packet is in the log of the interface whose groups or whose subnet's ACL
// refused it.
func TestFlowLogIsThatOfWhoRefused(t *testing.T) {
	deny := func(egress bool) func(*vpc.Network) {
		return func(n *vpc.Network) {
			n.ACLs[0].Entries = slices.Concat(n.ACLs[0].Entries, []vpc.ACLEntry{
				{Number: 1, Egress: egress, Protocol: vpc.AllProtocols, CIDR: netip.MustParsePrefix("10.0.0.0/16")},
			})
		}
	}
	groups := func(rules ...vpc.Rule) func(*vpc.Network) {
		return func(n *vpc.Network) { n.SecurityGroups[0].Rules = rules }
	}
	out := vpc.Rule{ID: "sgr-out", Egress: true, Protocol: vpc.AllProtocols, CIDR: toEverybody}
	from, far := netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80)
	for _, tt := range []struct {
		change func(*vpc.Network)
		to     netip.AddrPort
		reason vpc.Reason
		step   vpc.Step
		on     string
	}{
		{groups(), far, vpc.ReasonNoRule, vpc.StepEgress, vpctest.Node},
		{deny(true), far, vpc.ReasonACLDenied, vpc.StepACLOut, vpctest.Node},
		{open, netip.MustParseAddrPort("192.0.2.1:80"), vpc.ReasonNoRoute, vpc.StepRoute, vpctest.Node},
		{open, netip.MustParseAddrPort("10.0.2.99:80"), vpc.ReasonNoInterface, vpc.StepTarget, vpctest.Node},
		{deny(false), far, vpc.ReasonACLDenied, vpc.StepACLIn, vpctest.Attached},
		{groups(out), far, vpc.ReasonNoRule, vpc.StepIngress, vpctest.Attached},
	} {
		var records []fabric.Record
		l := newHarness(t, fabric.Options{FlowLog: func(r []fabric.Record) { records = append(records, r...) }})
		w := fabrictest.NewWire(1500)
		l.Attach(vpctest.Node, w)
		l.apply(tt.change)
		w.Put(tcp(7, tt.to, synFlag, 1, 0, "x"), udp(from, tt.to, "x"), udp(from, tt.to, "xy"))
		l.Close()
		for _, r := range records {
			packets, bytes, flags := uint64(2), uint64(29+30), uint8(0)
			if r.Protocol == vpc.TCP {
				packets, bytes, flags = 1, 41, synFlag
			}
			if r.Accept || r.Interface != tt.on || r.Reason != tt.reason || r.Step != tt.step || r.Source != from ||
				r.Destination != tt.to || r.Packets != packets || r.Bytes != bytes || r.Flags != flags {
				t.Errorf("%s at %s: recorded %+v", tt.reason, tt.step, r)
			}
		}
		if len(records) != 2 {
			t.Errorf("%s at %s: %d records", tt.reason, tt.step, len(records))
		}
	}
}

// TestFlowLogOfAConversationThatGoesOn: each interval has what passed in it, while the conversation lives.
func TestFlowLogOfAConversationThatGoesOn(t *testing.T) {
	recorded, ended := make(chan uint64, 64), make(chan bool, 1)
	var last time.Time // the end of the interval before
	l := newHarness(t, fabric.Options{
		FlowLogInterval: time.Millisecond,
		FlowLog: func(r []fabric.Record) {
			for i := range r {
				if r[i].Start.Before(last) {
					t.Errorf("a record begins at %v, in an interval that began at %v", r[i].Start, last)
				}
				if r[i].Interface == vpctest.Node {
					recorded <- r[i].Packets
				}
			}
		},
		FlowLogEnd: func(from, to time.Time) {
			last = to
			select {
			case ended <- !to.Before(from):
			default:
			}
		},
	})
	w := fabrictest.NewWire(1500)
	l.Attach(vpctest.Node, w)
	l.Attach(vpctest.Attached, fabrictest.NewWire(1500))
	l.apply(open)
	for range 3 {
		w.Put(udp(netip.AddrPortFrom(nodeAddress, 7), netip.AddrPortFrom(farAddress, 80), "x"))
		if got := <-recorded; got != 1 {
			t.Errorf("%d packets in an interval with one", got)
		}
	}
	if s := l.Stats(); s.Flows != 1 || !<-ended {
		t.Errorf("%+v", s)
	}
}

// TestFlowLogOfAnEcho: an echo has no ports, and its identifier is none (VPC Flow Logs, "Flow log records").
func TestFlowLogOfAnEcho(t *testing.T) {
	var records []fabric.Record
	l := newHarness(t, fabric.Options{FlowLog: func(r []fabric.Record) { records = append(records, r...) }})
	w := fabrictest.NewWire(1500)
	l.Attach(vpctest.Node, w)
	l.Attach(vpctest.Attached, fabrictest.NewWire(1500))
	l.apply(open)
	w.Put(icmp(nodeAddress, farAddress, packet.Echo, 0, 0, 42, 0, 1))
	l.Close()
	for _, r := range records {
		if r.Protocol != vpc.ICMP || r.Source != netip.AddrPortFrom(nodeAddress, 0) ||
			r.Destination != netip.AddrPortFrom(farAddress, 0) || r.Packets != 1 {
			t.Errorf("recorded %+v", r)
		}
	}
	if len(records) != 2 {
		t.Errorf("%d records, want one at each end", len(records))
	}
}
