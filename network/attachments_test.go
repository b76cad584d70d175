package network_test

import (
	"net/netip"
	"testing"

	"postern/aws/fault"
	"postern/network"
	"postern/network/vpc"
)

func TestRefuseAttachment(t *testing.T) {
	l := newHarness(t, network.Limits{NICsPerInstance: 3, AddressesPerNIC: 4})
	l.hostnames()
	e := l.endpoint("ssm", l.nodes)
	primary := l.node("i-1")
	free := func() *network.Interface {
		return must(l.CreateInterface(l.ctx, here, network.CreateInterfaceInput{Subnet: l.a, Groups: []string{l.nodes}}))(t)
	}
	one, two, three := free(), free(), free()
	attach := func(id, owner, zone string, index int) func() error {
		return func() error {
			return second(l.AttachInterface(l.ctx, here, network.AttachInput{
				Interface: id, Owner: owner, Zone: zone, Index: index,
			}))
		}
	}
	attachment := func(id string) string { return must(l.State().Interface(here, id))(t).Attachment.ID }
	detach := func(id func() string) func() error {
		return func() error { return second(l.DetachInterface(l.ctx, here, id())) }
	}
	check(t, []row{
		{"nothing", attach("eni"+noSuch, "i-1", "", 1), "InvalidNetworkInterfaceID.NotFound"},
		{"another zone", attach(one.ID, "i-1", "us-east-1b", 1), "InvalidParameterCombination"},
		{"an index that is taken", attach(one.ID, "i-1", "us-east-1a", 0), "InvalidParameterValue"},
		{"a negative index", attach(one.ID, "i-1", "", -1), "InvalidParameterValue"},
		{"an index too high", attach(one.ID, "i-1", "", 3), "AttachmentLimitExceeded"},
		{"attach", attach(one.ID, "i-1", "us-east-1a", 1), ""},
		{"attach again", attach(one.ID, "i-2", "", 1), "InvalidNetworkInterface.InUse"},
		{"another at the same index", attach(two.ID, "i-1", "", 1), "InvalidParameterValue"},
		{"a third", attach(two.ID, "i-1", "", 2), ""},
		{"one too many", attach(three.ID, "i-1", "", 2), "InvalidParameterValue"},
		{"delete what is attached", func() error { return l.DeleteInterface(l.ctx, here, one.ID) }, "InvalidParameterValue"},
		{"detach the primary one", detach(func() string { return attachment(primary.ID) }), "OperationNotPermitted"},
		{"detach an endpoint's", detach(func() string { return attachment(e.Interfaces[0]) }), "OperationNotPermitted"},
		{"detach nothing", detach(func() string { return "eni-attach" + noSuch }), "InvalidAttachmentID.NotFound"},
		{"detach a bad id", detach(func() string { return "x" }), "InvalidNetworkInterfaceAttachmentId.Malformed"},
		{"detach", detach(func() string { return attachment(one.ID) }), ""},
		{"delete", func() error { return l.DeleteInterface(l.ctx, here, one.ID) }, ""},
	})
}

func TestRefuseAddresses(t *testing.T) {
	l := newHarness(t, network.Limits{AddressesPerNIC: 4})
	l.hostnames()
	e := l.endpoint("ssm", l.nodes)
	one, two := l.node("i-1"), l.node("i-2")
	joined := must(l.CreateInterface(l.ctx, here, network.CreateInterfaceInput{
		Subnet: l.a, Kind: vpc.AttachedInterface, Owner: "mi-1",
	}))(t)
	assign := func(in network.AssignInput) func() error {
		return func() error { _, _, err := l.AssignAddresses(l.ctx, here, in); return err }
	}
	named := func(id string, reassign bool, a ...string) network.AssignInput {
		in := network.AssignInput{Interface: id, Reassign: reassign}
		for _, text := range a {
			in.Addresses = append(in.Addresses, netip.MustParseAddr(text))
		}
		return in
	}
	unassign := func(id string, a ...string) func() error {
		return func() error { return second(l.UnassignAddresses(l.ctx, here, id, named(id, false, a...).Addresses)) }
	}
	if err := assign(network.AssignInput{Interface: joined.ID, Count: 1})(); !fault.Is(err, fault.NotImplemented) {
		t.Errorf("a joined machine's: %v", err)
	}
	check(t, []row{
		{
			"of nothing", assign(network.AssignInput{Interface: "eni" + noSuch, Count: 1}), "InvalidNetworkInterfaceID.NotFound",
		},
		{"an endpoint's", assign(network.AssignInput{Interface: e.Interfaces[0], Count: 1}), "OperationNotPermitted"},
		{"outside", assign(named(one.ID, false, "10.0.2.200")), "InvalidParameterValue"},
		{"reserved", assign(named(one.ID, false, "10.0.1.3")), "InvalidParameterValue"},
		{"in use", assign(named(one.ID, false, two.Addresses[0].String())), "InvalidIPAddress.InUse"},
		{"another's primary one", assign(named(one.ID, true, two.Addresses[0].String())), "InvalidParameterValue"},
		{"by name", assign(named(one.ID, false, "10.0.1.200")), ""},
		{"by name again", assign(named(one.ID, false, "10.0.1.200")), ""},
		{"in use as a secondary one", assign(named(two.ID, false, "10.0.1.200")), "InvalidIPAddress.InUse"},
		{"reassigned", assign(named(two.ID, true, "10.0.1.200", "10.0.1.201")), ""},
		{"and gone from the first", unassign(one.ID, "10.0.1.200"), "InvalidParameterValue"},
		{"three more", assign(network.AssignInput{Interface: one.ID, Count: 3}), ""},
		{"one too many", assign(network.AssignInput{Interface: one.ID, Count: 1}), "PrivateIpAddressLimitExceeded"},
		{"the primary one", unassign(two.ID, two.Addresses[0].String()), "InvalidParameterValue"},
		{"take away", unassign(two.ID, "10.0.1.200"), ""},
		{"again", unassign(two.ID, "10.0.1.200"), "InvalidParameterValue"},
	})
	if got := len(must(l.State().Interface(here, one.ID))(t).Addresses); got != 4 {
		t.Errorf("the first has %d addresses", got)
	}
	if got := must(l.State().Interface(here, two.ID))(t).Addresses; len(got) != 2 || got[1].String() != "10.0.1.201" {
		t.Errorf("the second has %v", got)
	}
}
