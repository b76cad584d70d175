package vpc_test

import (
	"slices"
	"strings"
	"testing"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// groupGone deletes the peer's group; its interface gets another one.
func groupGone(n *vpc.Network) {
	i := slices.IndexFunc(n.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.ID == "sg-far" })
	n.SecurityGroups[i].ID, n.Interfaces[len(n.Interfaces)-1].Groups = "sg-other", []string{"sg-other"}
}

// peeringGone deletes the peering; the routes by it lead nowhere.
func peeringGone(n *vpc.Network) {
	n.Peerings = nil
	for i := range n.RouteTables {
		n.RouteTables[i].Routes = slices.Clone(n.RouteTables[i].Routes)
		for j := range n.RouteTables[i].Routes {
			if r := &n.RouteTables[i].Routes[j]; r.Target.Kind == vpc.ViaPeering {
				r.Target.Kind = vpc.Blackhole
			}
		}
	}
}

// TestStaleRule: a rule whose group in a peer VPC is gone, or whose peering is, matches nothing and says so; other
// rules, and flows that it was never about, are refused as before.
func TestStaleRule(t *testing.T) {
	abroad := both(withPeer(true, "eu-west-1"), func(n *vpc.Network) {
		rules := n.SecurityGroups[1].Rules
		rules[len(rules)-1].PeerVPC = "vpc-2"
	})
	outward := withEgress(vpc.Rule{ID: "sgr-to-far", Egress: true, Protocol: vpc.TCP, Ports: vpc.PortRange{
		From: 443, To: 443,
	}, Group: "sg-far", PeerVPC: "vpc-2"})
	peer := both(withPeer(true, "us-east-1"), func(n *vpc.Network) {
		rules := n.SecurityGroups[1].Rules
		rules[len(rules)-1].PeerVPC = "vpc-2"
	}, outward)
	inward := tcp("eni-far", "10.1.1.20:40000", ssmA)
	away := tcp(node, nodeHTTP, "10.1.1.20:443")
	for _, tt := range []struct {
		name string
		change
		flow   vpc.Flow
		step   vpc.Step
		reason vpc.Reason
		says   string
	}{
		{"as it was made, inward", peer, inward, 0, 0, ""},
		{"as it was made, outward", peer, away, vpc.StepIngress, vpc.ReasonNoRule, ""},
		{
			"the group is gone, inward", both(peer, groupGone), inward, vpc.StepIngress, vpc.ReasonStaleRule,
			"sg-far of vpc-2 is gone",
		},
		{
			"the group is gone, outward", both(peer, groupGone), away, vpc.StepEgress, vpc.ReasonStaleRule,
			"sg-far of vpc-2 is gone",
		},
		{
			"another port", both(peer, groupGone), tcp("eni-far", "10.1.1.20:40000", "10.0.1.10:22"), vpc.StepTarget,
			vpc.ReasonEndpointPort, "",
		},
		{
			"an address of no peer", both(peer, groupGone), tcp(node, nodeHTTP, "10.9.1.20:443"), vpc.StepEgress,
			vpc.ReasonNoRule, "",
		},
		{
			"the peering is gone", both(peer, peeringGone), away, vpc.StepEgress, vpc.ReasonStaleRule,
			"no active peering joins vpc-1 and vpc-2",
		},
		{
			"the peering is gone, an address of no member", both(peer, peeringGone), tcp(node, nodeHTTP, "10.1.1.21:443"),
			vpc.StepEgress, vpc.ReasonNoRule, "",
		},
		{"the reference does not hold across regions", abroad, inward, vpc.StepIngress, vpc.ReasonNoRule, ""},
		{"the peering is there again", peer, inward, 0, 0, ""},
	} {
		n := vpctest.Sample()
		tt.change(&n)
		s := snapshot(t, n)
		v := s.Decide(tt.flow)
		e := s.Explain(tt.flow)
		if v.Allow != (tt.reason == 0) || v.Reason != tt.reason || v.Reason != 0 && v.Step != tt.step || e.Verdict != v {
			t.Errorf("%s: %v, explained as\n%v", tt.name, v, e)
		}
		if r := e.Refusal(); tt.says != "" && (r == nil || !strings.Contains(r.Why, tt.says) ||
			!strings.Contains(r.Why, "stale")) {
			t.Errorf("%s does not say %q:\n%v", tt.name, tt.says, e)
		}
	}
}
