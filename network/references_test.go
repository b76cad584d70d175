package network_test

import (
	"context"
	"encoding/json"
	"testing"

	"postern/network"
	"postern/network/vpc"
	"postern/record"
)

// peered is a harness with a second VPC, peered and routed both ways, and a node in each.
type peered struct {
	*harness
	vpcB, groupB, pcx string
	near, far         *network.Interface
}

func newPeered(t *testing.T) *peered {
	l := &peered{harness: newHarness(t, network.Limits{})}
	l.vpcB = must(l.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: cidr("10.1.0.0/16")}))(t).ID
	l.groupB = must(l.CreateSecurityGroup(l.ctx, here, network.CreateSecurityGroupInput{
		VPC: l.vpcB, Name: "b", Description: "b",
	}))(t).ID
	subnet := must(l.CreateSubnet(l.ctx, here, network.CreateSubnetInput{VPC: l.vpcB, CIDR: cidr("10.1.1.0/24")}))(t).ID
	l.near = l.node("i-1")
	l.far = must(l.CreateInterface(l.ctx, here, network.CreateInterfaceInput{
		Subnet: subnet, Owner: "i-2", Groups: []string{l.groupB},
	}))(t)
	l.peer()
	must(l.Authorize(l.ctx, here, l.nodes, false, []network.SecurityGroupRule{{
		Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, Group: l.groupB,
	}}, nil))(t)
	return l
}

// peer peers the two VPCs and points their routes at the peering.
func (l *peered) peer() {
	l.t.Helper()
	l.pcx = must(l.CreatePeering(l.ctx, here, network.CreatePeeringInput{Requester: l.vpcB, Accepter: l.vpc}))(l.t).ID
	must(l.AcceptPeering(l.ctx, here, l.pcx))(l.t)
	for rt := range l.State().RouteTables(here) {
		to := cidr("10.0.0.0/16")
		if rt.VPC == l.vpc {
			to = cidr("10.1.0.0/16")
		}
		r := network.Route{Destination: to, Target: vpc.Target{Kind: vpc.ViaPeering, ID: l.pcx}}
		set := l.CreateRoute
		if len(rt.Routes) > 0 {
			set = l.ReplaceRoute
		}
		if err := set(l.ctx, here, rt.ID, r); err != nil {
			l.t.Fatal(err)
		}
	}
}

// want judges a flow from the far node to the near one, which the rule is about.
func (l *peered) want(what string, allow bool, reason vpc.Reason) {
	l.t.Helper()
	if v := l.Snapshot().Decide(https(l.far, l.near.Addresses[0])); v.Allow != allow || v.Reason != reason {
		l.t.Errorf("%s: %v", what, v)
	}
}

// TestReferenceEnds: a flow that a rule allows by a group of the other VPC stops when the peering or the group goes,
// begins again with another peering, and the judge names the stale rule.
func TestReferenceEnds(t *testing.T) {
	l := newPeered(t)
	l.want("peered", true, 0)
	if err := l.DeletePeering(l.ctx, here, l.pcx); err != nil {
		t.Fatal(err)
	}
	l.want("without a peering", false, vpc.ReasonBlackhole)
	l.peer()
	l.want("peered again", true, 0)
	other := must(l.CreateSecurityGroup(l.ctx, here, network.CreateSecurityGroupInput{
		VPC: l.vpcB, Name: "c", Description: "c",
	}))(t).ID
	if err := l.ModifyInterface(l.ctx, here, l.far.ID, network.InterfaceChange{Groups: []string{other}}); err != nil {
		t.Fatal(err)
	}
	l.want("from a node that is not in the group", false, vpc.ReasonNoRule)
	if err := l.DeleteSecurityGroup(l.ctx, here, l.groupB); err != nil {
		t.Fatal(err)
	}
	l.want("without the group", false, vpc.ReasonStaleRule)
}

// TestReferenceStoredBefore: rules of a store that does not know what their groups in other VPCs are learn it when it
// is read, and outlive those groups like others.
func TestReferenceStoredBefore(t *testing.T) {
	l := newPeered(t)
	feed, err := l.store.Since(l.ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	old := new(record.Memory)
	for i := range feed.Changes {
		r := &feed.Changes[i]
		if r.Kind == "security-group" {
			var g map[string]any
			if err := json.Unmarshal(r.Body, &g); err != nil {
				t.Fatal(err)
			}
			for _, rule := range g["Rules"].([]any) {
				delete(rule.(map[string]any), "Peer")
			}
			if r.Body, err = json.Marshal(g); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := old.Commit(context.Background(), record.Commit{Changes: feed.Changes}); err != nil {
		t.Fatal(err)
	}
	s := must(network.New(l.ctx, network.Config{Store: old}))(t)
	g := must(s.State().SecurityGroup(here, l.nodes))(t)
	for i := range g.Rules {
		if g.Rules[i].Group != l.groupB {
			continue
		}
		got, ok := s.State().Reference(g, &g.Rules[i])
		want := network.Reference{
			PeerGroup: network.PeerGroup{
				VPC: l.vpcB, Account: here.Account, Name: "b", Peering: l.pcx,
			}, Status: network.PeeringActive,
		}
		if !ok || got != want {
			t.Errorf("the rule's reference is %+v, want %+v", got, want)
		}
	}
}
