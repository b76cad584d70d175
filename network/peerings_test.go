package network_test

import (
	"testing"
	"time"

	"postern/aws/scope"
	"postern/network"
	"postern/network/vpc"
)

// peers asks for peerings and keeps them by a name. Its VPC may be peered with other, overlaps with same, and theirs is
// in another account and region.
type peers struct {
	*harness
	far                 scope.Scope
	other, same, theirs string
	made                map[string]*network.Peering
}

func newPeers(t *testing.T) *peers {
	t.Helper()
	l := &peers{
		harness: newHarness(t, network.Limits{}), far: scope.Scope{Account: "111111111111", Region: "eu-west-1"},
		made: map[string]*network.Peering{},
	}
	make := func(c scope.Scope, block string) string {
		return must(l.CreateVpc(l.ctx, c, network.CreateVpcInput{CIDR: cidr(block)}))(t).ID
	}
	l.other, l.same, l.theirs = make(here, "10.1.0.0/16"), make(here, "10.0.0.0/16"), make(l.far, "10.2.0.0/16")
	return l
}

func (l *peers) ask(name, requester, accepter string, peer scope.Scope) func() error {
	return func() (err error) {
		l.made[name], err = l.CreatePeering(l.ctx, here, network.CreatePeeringInput{
			Requester: requester, Accepter: accepter, Peer: peer,
		})
		return err
	}
}

func (l *peers) accept(c scope.Scope, name string) func() error {
	return func() error { return second(l.AcceptPeering(l.ctx, c, l.made[name].ID)) }
}

func (l *peers) options(c scope.Scope, name string, dns network.PeeringDNS) func() error {
	return func() error { return second(l.ModifyPeering(l.ctx, c, l.made[name].ID, dns)) }
}

func (l *peers) status(name string, want network.PeeringStatus) func() error {
	return func() error {
		p, err := l.State().PeeringOf(here, l.made[name].ID)
		if err == nil && p.Status != want {
			l.t.Errorf("%s is %s, want %s", name, p.Status, want)
		}
		return err
	}
}

func TestRefusePeering(t *testing.T) {
	l := newPeers(t)
	yes := true
	check(t, []row{
		{"with itself", l.ask("x", l.vpc, l.vpc, scope.Scope{}), "InvalidParameter"},
		{"from nothing", l.ask("x", "vpc"+noSuch, l.other, scope.Scope{}), "InvalidVpcID.NotFound"},
		{"to nothing", l.ask("x", l.vpc, "vpc"+noSuch, scope.Scope{}), "InvalidVpcID.NotFound"},
		{"another's VPC as one's own", l.ask("x", l.vpc, l.theirs, scope.Scope{}), "InvalidVpcID.NotFound"},
		{"overlap", l.ask("overlap", l.vpc, l.same, scope.Scope{}), ""},
		{"it failed", l.status("overlap", network.PeeringFailed), ""},
		{"accept what failed", l.accept(here, "overlap"), "InvalidStateTransition"},
		{"peer", l.ask("peer", l.vpc, l.other, scope.Scope{}), ""},
		{"again, the other way", l.ask("x", l.other, l.vpc, scope.Scope{}), "VpcPeeringConnectionAlreadyExists"},
		{
			"options before it is active", l.options(here, "peer", network.PeeringDNS{Requester: &yes}),
			"OperationNotPermitted",
		},
		{"accept", l.accept(here, "peer"), ""},
		{"accept again", l.accept(here, "peer"), "InvalidStateTransition"},
		{"options", l.options(here, "peer", network.PeeringDNS{Requester: &yes, Accepter: &yes}), ""},
		{
			"a range that the peer has",
			func() error { return second(l.AssociateCidrBlock(l.ctx, here, l.vpc, cidr("10.1.4.0/24"))) }, "CidrConflict",
		},
		{"VPC with a peering", func() error { return l.DeleteVpc(l.ctx, here, l.other) }, "DependencyViolation"},
		{"delete", func() error { return l.DeletePeering(l.ctx, here, l.made["peer"].ID) }, ""},
		{"delete again", func() error { return l.DeletePeering(l.ctx, here, l.made["peer"].ID) }, "InvalidStateTransition"},
		{"it is deleted", l.status("peer", network.PeeringDeleted), ""},
	})
}

func TestRefusePeeringAcrossAccounts(t *testing.T) {
	l := newPeers(t)
	check(t, []row{
		{"across accounts and regions", l.ask("far", l.vpc, l.theirs, l.far), ""},
		{"accept one's own request", l.accept(here, "far"), "OperationNotPermitted"},
		{"a stranger", func() error {
			return second(l.AcceptPeering(l.ctx, scope.Scope{Account: "222222222222", Region: "eu-west-1"}, l.made["far"].ID))
		}, "InvalidVpcPeeringConnectionID.NotFound"},
		{"reject", func() error { return l.RejectPeering(l.ctx, l.far, l.made["far"].ID) }, ""},
		{"it is rejected", l.status("far", network.PeeringRejected), ""},
		{"VPC with a rejected one", func() error { return l.DeleteVpc(l.ctx, l.far, l.theirs) }, ""},
		{"seen after it", l.status("far", network.PeeringRejected), ""},
		{
			"delete what is rejected", func() error { return l.DeletePeering(l.ctx, here, l.made["far"].ID) },
			"InvalidStateTransition",
		},
	})
}

func TestPeeringExpires(t *testing.T) {
	l := newPeers(t)
	check(t, []row{
		{"ask once more", l.ask("late", l.vpc, l.other, scope.Scope{}), ""},
		{"a week goes by", func() error { l.clock = l.clock.Add(8 * 24 * time.Hour); return nil }, ""},
		{"accept too late", l.accept(here, "late"), "InvalidStateTransition"},
		{"reconcile", func() error { return l.Reconcile(l.ctx) }, ""},
		{"it has expired", l.status("late", network.PeeringExpired), ""},
	})
}

// TestPeeredEndpoint sees a node of a peered VPC reach an interface endpoint, as long as the peering is there.
func TestPeeredEndpoint(t *testing.T) {
	l := newHarness(t, network.Limits{})
	l.hostnames()
	e := l.endpoint("ssm", l.nodes)
	must(l.Authorize(l.ctx, here, l.nodes, false, []network.SecurityGroupRule{{
		Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, CIDR: cidr("10.1.0.0/16"),
	}}, nil))(t)
	other := must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t).ID
	subnet := must(l.CreateSubnet(l.ctx, here, network.CreateSubnetInput{VPC: other, CIDR: cidr("10.1.1.0/24")}))(t).ID
	node := must(l.CreateInterface(l.ctx, here, network.CreateInterfaceInput{Subnet: subnet, Owner: "i-9"}))(t)
	nic := must(l.State().Interface(here, e.Interfaces[0]))(t).Addresses[0]
	pcx := must(l.CreatePeering(l.ctx, here, network.CreatePeeringInput{Requester: other, Accepter: l.vpc}))(t).ID
	for rt := range l.State().RouteTables(here) {
		to := "10.0.0.0/16"
		if rt.VPC == l.vpc {
			to = "10.1.0.0/16"
		}
		if err := l.CreateRoute(l.ctx, here, rt.ID, network.Route{
			Destination: cidr(to), Target: vpc.Target{Kind: vpc.ViaPeering, ID: pcx},
		}); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, allow bool, reason vpc.Reason) {
		t.Helper()
		if v := l.Snapshot().Decide(https(node, nic)); v.Allow != allow || v.Reason != reason {
			t.Errorf("%s: %+v", what, v)
		}
	}
	want("not accepted", false, vpc.ReasonBlackhole)
	must(l.AcceptPeering(l.ctx, here, pcx))(t)
	want("accepted", true, 0)
	if err := l.DeletePeering(l.ctx, here, pcx); err != nil {
		t.Fatal(err)
	}
	want("deleted", false, vpc.ReasonBlackhole)
}

// TestPeeringDNS: a side that allows DNS resolution from the remote VPC has its own host names resolved there, and not
// the other way (EC2 API reference, PeeringConnectionOptionsRequest).
func TestPeeringDNS(t *testing.T) {
	l := newHarness(t, network.Limits{})
	far := scope.Scope{Account: here.Account, Region: "eu-west-1"}
	other := must(l.CreateVpc(l.ctx, far, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t).ID
	subnet := must(l.CreateSubnet(l.ctx, far, network.CreateSubnetInput{VPC: other, CIDR: cidr("10.1.1.0/24")}))(t).ID
	there := must(l.CreateInterface(l.ctx, far, network.CreateInterfaceInput{Subnet: subnet, Owner: "i-9"}))(t)
	node := l.node("i-1")
	pcx := must(l.CreatePeering(l.ctx, here, network.CreatePeeringInput{
		Requester: l.vpc, Accepter: other, Peer: far,
	}))(t).ID
	must(l.AcceptPeering(l.ctx, far, pcx))(t)
	resolves := func(asker string, n *network.Interface) bool {
		name := network.HostName(n.Addresses[0]) + "." + network.HostDomain(n.Region)
		return l.Snapshot().Resolve(asker, name, vpc.TypeA).Status == vpc.NameFound
	}
	yes, no := true, false
	for _, tt := range []struct {
		what      string
		c         scope.Scope
		dns       network.PeeringDNS
		here, far bool // who resolves the other's names
	}{
		{"neither", here, network.PeeringDNS{Requester: &no}, false, false},
		{"the requester's", here, network.PeeringDNS{Requester: &yes}, false, true},
		{"both", far, network.PeeringDNS{Accepter: &yes}, true, true},
		{"the accepter's", here, network.PeeringDNS{Requester: &no}, true, false},
	} {
		must(l.ModifyPeering(l.ctx, tt.c, pcx, tt.dns))(t)
		if got := resolves(l.vpc, there); got != tt.here {
			t.Errorf("%s: the requester resolves the accepter's names: %t", tt.what, got)
		}
		if got := resolves(other, node); got != tt.far {
			t.Errorf("%s: the accepter resolves the requester's names: %t", tt.what, got)
		}
	}
}

// TestPeeringSeenAfterItsEnd: who ended a peering connection sees it for two hours, the other side for two days; within
// one account two hours are all (VPC peering guide, "VPC peering connection lifecycle"). Its VPCs may go before.
func TestPeeringSeenAfterItsEnd(t *testing.T) {
	far := scope.Scope{Account: "111111111111", Region: here.Region}
	for _, tt := range []struct {
		name string
		peer scope.Scope
		end  func(l *harness, id string) error
		// here and far are how long each side sees it.
		here, far time.Duration
	}{
		{
			"within one account", here, func(l *harness, id string) error { return l.DeletePeering(l.ctx, here, id) },
			2 * time.Hour,
			2 * time.Hour,
		},
		{
			"deleted by the requester", far, func(l *harness, id string) error { return l.DeletePeering(l.ctx, here, id) },
			2 * time.Hour, 48 * time.Hour,
		},
		{
			"deleted by the accepter", far, func(l *harness, id string) error { return l.DeletePeering(l.ctx, far, id) },
			48 * time.Hour, 2 * time.Hour,
		},
		{
			"rejected", far, func(l *harness, id string) error { return l.RejectPeering(l.ctx, far, id) }, 48 * time.Hour,
			2 * time.Hour,
		},
		{
			"expired", far,
			func(l *harness, _ string) error { l.clock = l.clock.Add(7 * 24 * time.Hour); return l.Reconcile(l.ctx) },
			48 * time.Hour, 48 * time.Hour,
		},
	} {
		l := newHarness(t, network.Limits{})
		other := must(l.CreateVpc(l.ctx, tt.peer, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t).ID
		id := must(l.CreatePeering(l.ctx, here, network.CreatePeeringInput{
			Requester: l.vpc, Accepter: other, Peer: tt.peer,
		}))(t).ID
		if err := tt.end(l, id); err != nil {
			t.Fatal(tt.name, err)
		}
		if err := l.DeleteVpc(l.ctx, tt.peer, other); err != nil {
			t.Fatal(tt.name, err)
		}
		began := l.clock
		for _, after := range []time.Duration{
			0, 2*time.Hour - time.Second, 2 * time.Hour, 48*time.Hour - time.Second, 48 * time.Hour,
		} {
			l.clock = began.Add(after)
			if err := l.Reconcile(l.ctx); err != nil {
				t.Fatal(tt.name, err)
			}
			for c, until := range map[scope.Scope]time.Duration{here: tt.here, tt.peer: tt.far} {
				if _, err := l.State().PeeringOf(c, id); (err == nil) != (after < until) {
					t.Errorf("%s, after %s: %s sees %v", tt.name, after, c.Account, err)
				}
			}
		}
	}
}
