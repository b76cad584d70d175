package network_test

import (
	"testing"

	"postern/network"
	"postern/network/vpc"
)

func TestRefuseNetworkACL(t *testing.T) {
	l := newHarness(t, network.Limits{ACLsPerVPC: 2})
	other := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t)
	make := func(vpc string) func() error {
		return func() error { return second(l.CreateNetworkACL(l.ctx, here, network.CreateNetworkACLInput{VPC: vpc})) }
	}
	a := must(l.CreateNetworkACL(l.ctx, here, network.CreateNetworkACLInput{VPC: l.vpc, Token: "t"}))(t).ID
	again := must(l.CreateNetworkACL(l.ctx, here, network.CreateNetworkACLInput{VPC: l.vpc, Token: "t"}))(t)
	if again.ID != a {
		t.Errorf("the same token made %s", again.ID)
	}
	var byDefault, theirs *network.NetworkACL
	for acl := range l.State().NetworkACLs(here) {
		if acl.Default && acl.VPC == l.vpc {
			byDefault = acl
		} else if acl.VPC == other.ID {
			theirs = acl
		}
	}
	remove := func(id string) func() error { return func() error { return l.DeleteNetworkACL(l.ctx, here, id) } }
	move := func(association, acl string) func() error {
		return func() error { return second(l.ReplaceACLAssociation(l.ctx, here, association, acl)) }
	}
	check(t, []row{
		{"one too many", make(l.vpc), "NetworkAclLimitExceeded"},
		{"no VPC", make("vpc" + noSuch), "InvalidVpcID.NotFound"},
		{"malformed", remove("acl-1"), "InvalidNetworkAclId.Malformed"},
		{"the default one", remove(byDefault.ID), "InvalidParameterValue"},
		{"no such association", move("aclassoc"+noSuch, a), "InvalidAssociationID.NotFound"},
		{"to another VPC", move(byDefault.Associations[0].ID, theirs.ID), "InvalidParameter"},
		{"to nothing", move(byDefault.Associations[0].ID, "acl"+noSuch), "InvalidNetworkAclID.NotFound"},
		{"move", move(byDefault.Associations[0].ID, a), ""},
		{"its old association", move(byDefault.Associations[0].ID, a), "InvalidAssociationID.NotFound"},
		{"in use", remove(a), "DependencyViolation"},
		{"back", func() error {
			mine := must(l.State().NetworkACL(here, a))(t)
			return second(l.ReplaceACLAssociation(l.ctx, here, mine.Associations[0].ID, byDefault.ID))
		}, ""},
		{"unused", remove(a), ""},
	})
}

func TestRefuseACLEntry(t *testing.T) {
	l := newHarness(t, network.Limits{EntriesPerACL: 2})
	a := must(l.CreateNetworkACL(l.ctx, here, network.CreateNetworkACLInput{VPC: l.vpc}))(t).ID
	good := network.ACLEntry{
		Number: 100, Allow: true, Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, CIDR: cidr("10.0.0.1/16"),
	}
	add := func(change func(*network.ACLEntry)) func() error {
		e := good
		change(&e)
		return func() error { return l.CreateACLEntry(l.ctx, here, a, e) }
	}
	as := func(number int) func(*network.ACLEntry) { return func(e *network.ACLEntry) { e.Number = number } }
	check(t, []row{
		{"number 0", add(as(0)), "InvalidParameterValue"},
		{"the last number", add(as(32767)), "InvalidParameterValue"},
		{"no range", add(func(e *network.ACLEntry) { e.CIDR = network.Route{}.Destination }), "MissingParameter"},
		{
			"ports reversed", add(func(e *network.ACLEntry) { e.Ports = vpc.PortRange{From: 2, To: 1} }),
			"InvalidParameterValue",
		},
		{"entry", add(as(100)), ""},
		{"the same number", add(as(100)), "NetworkAclEntryAlreadyExists"},
		{"the same number, outbound", add(func(e *network.ACLEntry) { e.Egress = true }), ""},
		{"second", add(as(200)), ""},
		{"third", add(as(300)), "NetworkAclEntryLimitExceeded"},
		{"replace", func() error { return l.ReplaceACLEntry(l.ctx, here, a, good) }, ""},
		{"replace what is not", func() error {
			return l.ReplaceACLEntry(l.ctx, here, a, network.ACLEntry{
				Number: 9, CIDR: cidr("10.0.0.0/8"), Protocol: vpc.AllProtocols,
			})
		}, "InvalidNetworkAclEntry.NotFound"},
		{"delete an entry", func() error { return l.DeleteACLEntry(l.ctx, here, a, false, 200) }, ""},
		{
			"delete it again", func() error { return l.DeleteACLEntry(l.ctx, here, a, false, 200) },
			"InvalidNetworkAclEntry.NotFound",
		},
		{
			"entry of nothing", func() error { return l.CreateACLEntry(l.ctx, here, "acl"+noSuch, good) },
			"InvalidNetworkAclID.NotFound",
		},
	})
}

// TestACLIsStateless sees the judge ask the ACL of a subnet for every packet of both directions.
func TestACLIsStateless(t *testing.T) {
	l := newHarness(t, network.Limits{})
	acl := must(l.CreateNetworkACL(l.ctx, here, network.CreateNetworkACLInput{VPC: l.vpc}))(t)
	var association string
	for a := range l.State().NetworkACLs(here) {
		for _, x := range a.Associations {
			if x.Subnet == l.a {
				association = x.ID
			}
		}
	}
	must(l.ReplaceACLAssociation(l.ctx, here, association, acl.ID))(t)
	rule := network.SecurityGroupRule{Protocol: vpc.AllProtocols, CIDR: cidr("10.0.0.0/16")}
	must(l.Authorize(l.ctx, here, l.nodes, false, []network.SecurityGroupRule{rule}, nil))(t)
	from := l.node("i-1")
	to := must(l.CreateInterface(l.ctx, here, network.CreateInterfaceInput{
		Subnet: l.b, Owner: "i-2", Groups: []string{l.nodes},
	}))(t)
	out := https(from, to.Addresses[0])
	back := vpc.Flow{From: to.ID, Protocol: vpc.TCP, Source: out.Destination, Destination: out.Source}
	entry := func(egress bool, from, to int32) {
		t.Helper()
		e := network.ACLEntry{
			Number: 100, Egress: egress, Allow: true, Protocol: vpc.TCP, Ports: vpc.PortRange{From: from, To: to},
			CIDR: cidr("10.0.0.0/16"),
		}
		if err := l.CreateACLEntry(l.ctx, here, acl.ID, e); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, v vpc.Verdict, allow bool, step vpc.Step) {
		t.Helper()
		if v.Allow != allow || !allow && (v.Step != step || v.Resource != acl.ID) {
			t.Errorf("%s: %+v", what, v)
		}
	}
	want("an empty ACL", l.Snapshot().Decide(out), false, vpc.StepACLOut)
	entry(true, 443, 443)
	want("out", l.Snapshot().Decide(out), true, 0)
	want("back without ephemeral ports", l.Snapshot().DecideTracked(back), false, vpc.StepACLIn)
	entry(false, 1024, 65535)
	want("back", l.Snapshot().DecideTracked(back), true, 0)
}
