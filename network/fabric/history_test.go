package fabric_test

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/network/fabric"
	"postern/network/fabric/fabrictest"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// history holds what a fabric must remember, told plainly: which flows began, while the rules change under them.
type history struct {
	fabric   *fabric.Fabric
	wires    map[string]*fabrictest.Wire
	network  vpc.Network
	snapshot *vpc.Snapshot
	version  uint64
	last     fabric.Trace
	// flows are the first packets of those that go on.
	flows map[vpc.Flow]bool
	// What is switched on, of the things that a step may switch.
	rule, acl, there bool
}

func (h *history) apply(t *rapid.T) {
	n := vpctest.Sample()
	open(&n)
	if !h.rule {
		n.SecurityGroups[0].Rules = n.SecurityGroups[0].Rules[:1]
	}
	if !h.acl {
		n.ACLs[0].Entries = append(n.ACLs[0].Entries, vpc.ACLEntry{
			Number: 1, Protocol: vpc.UDP, CIDR: netip.MustParsePrefix("10.0.2.0/24"), Ports: vpc.PortRange{From: 2, To: 65535},
		})
	}
	if !h.there {
		n.Interfaces = append(n.Interfaces[:1:1], n.Interfaces[2:]...)
	}
	h.version++
	s, err := vpc.NewSnapshot(h.version, n)
	if err != nil {
		t.Fatal(err)
	}
	h.network, h.snapshot = n, s
	h.fabric.Apply(s)
	for f := range h.flows {
		_, from := s.Interface(f.From)
		_, to := s.InterfaceAt(vpctest.VPC, f.Destination.Addr())
		if !from || !to {
			delete(h.flows, f)
		}
	}
}

// reverse is the first packet of an answer.
func (h *history) reverse(f vpc.Flow) vpc.Flow {
	f.Source, f.Destination = f.Destination, f.Source
	f.From = map[netip.Addr]string{nodeAddress: vpctest.Node, farAddress: vpctest.Attached}[f.Source.Addr()]
	return f
}

// expect says whether a packet passes, and remembers what follows.
func (h *history) expect(f vpc.Flow) bool {
	for _, tracked := range []vpc.Flow{f, h.reverse(f)} {
		if !h.flows[tracked] {
			continue
		}
		v := h.snapshot.DecideTracked(f)
		if !v.Allow && (v.Step == vpc.StepSource || v.Step == vpc.StepTarget) {
			delete(h.flows, tracked)
		}
		return v.Allow
	}
	allowed := h.snapshot.Decide(f).Allow
	if allowed {
		h.flows[f] = true
	}
	return allowed
}

// Whatever the order of packets and changes: what has begun goes on until an ACL, a route or an end of it forbids, and
// nothing begins that the groups do not allow.
func TestConversationsWhileRulesChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := &clock{time.Unix(1000, 0)}
		h := &history{wires: map[string]*fabrictest.Wire{}, flows: map[vpc.Flow]bool{}, rule: true, acl: true, there: true}
		h.fabric = fabric.New(fabric.Options{Now: at.now, Watch: func(s fabric.Trace) { h.last = s }})
		defer h.fabric.Close()
		for _, eni := range []string{vpctest.Node, vpctest.Attached} {
			h.wires[eni] = fabrictest.NewWire(1500)
			h.fabric.Attach(eni, h.wires[eni])
		}
		h.apply(t)
		toggle := func(what *bool) func(*rapid.T) {
			return func(t *rapid.T) {
				*what = !*what
				h.apply(t)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"packet": func(t *rapid.T) {
				port := func(label string) uint16 { return uint16(rapid.IntRange(1, 3).Draw(t, label)) }
				f := vpc.Flow{
					From: vpctest.Node, Protocol: vpc.UDP,
					Source: netip.AddrPortFrom(nodeAddress, port("from")), Destination: netip.AddrPortFrom(farAddress, port("to")),
				}
				if rapid.Bool().Draw(t, "back") {
					f = h.reverse(f)
				}
				want := h.expect(f)
				h.wires[f.From].Put(udp(f.Source, f.Destination, "payload"))
				if got := h.last.Drop == fabric.Carried; got != want {
					t.Fatalf("%v: the fabric says %s, the history %t", f, h.last.Drop, want)
				}
				if n := h.fabric.Stats().Flows; n != len(h.flows) {
					t.Fatalf("%d flows, want %d", n, len(h.flows))
				}
			},
			"rule":      toggle(&h.rule),
			"acl":       toggle(&h.acl),
			"interface": toggle(&h.there),
		})
	})
}
