package vpc_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// The addresses of the sample's Resolver endpoints, and of a DNS server on the attached machine.
const (
	inboundA  = "10.0.1.53:53"
	outboundB = "10.0.2.54"
	target    = "10.0.2.30:53"
)

// withResolver gives the sample an inbound and an outbound endpoint, and rules.
func withResolver(n *vpc.Network) {
	nic := func(id, subnet, owner, address, group string) {
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: id, VPC: vpctest.VPC, Subnet: subnet, Kind: vpc.ResolverInterface, Owner: owner, Groups: []string{group},
			Addresses: []netip.Addr{netip.MustParseAddr(address)},
		})
	}
	nic("eni-in-a", vpctest.SubnetA, "rslvr-in-1", "10.0.1.53", "sg-dns")
	nic("eni-out-b", vpctest.SubnetB, "rslvr-out-1", outboundB, "sg-dns")
	n.SecurityGroups = append(n.SecurityGroups, vpc.SecurityGroup{ID: "sg-dns", VPC: vpctest.VPC, Name: "dns",
		Rules: []vpc.Rule{
			{ID: "sgr-dns-udp", Protocol: vpc.UDP, Ports: vpc.PortRange{From: 53, To: 53}, CIDR: prefix("10.0.0.0/8")},
			{
				ID: "sgr-dns-out", Egress: true, Protocol: vpc.UDP, Ports: vpc.PortRange{From: 53, To: 53},
				CIDR: prefix("10.0.0.0/16"),
			},
		}})
	n.SecurityGroups[0].Rules = append(slices.Clone(n.SecurityGroups[0].Rules),
		vpc.Rule{ID: "sgr-nodes-dns", Protocol: vpc.UDP, Ports: vpc.PortRange{From: 53, To: 53}, Group: "sg-dns"})
	n.ResolverEndpoints = []vpc.ResolverEndpoint{
		{ID: "rslvr-in-1", VPC: vpctest.VPC, Direction: vpc.Inbound, Available: true, Interfaces: []string{"eni-in-a"}},
		{ID: "rslvr-out-1", VPC: vpctest.VPC, Direction: vpc.Outbound, Available: true, Interfaces: []string{"eni-out-b"}},
	}
	n.ResolverRules = []vpc.ResolverRule{
		{
			ID: "rslvr-rr-corp", Domain: "corp.example", Forward: true, Endpoint: "rslvr-out-1",
			Targets: []netip.AddrPort{netip.MustParseAddrPort(target)}, VPCs: []string{vpctest.VPC},
		},
		{ID: "rslvr-rr-lab", Domain: "lab.corp.example", VPCs: []string{vpctest.VPC}},
	}
}

func TestResolverEndpointsAreJudged(t *testing.T) {
	off := func(i int) change { return func(n *vpc.Network) { n.ResolverEndpoints[i].Available = false } }
	group := func(n *vpc.Network) { n.SecurityGroups[len(n.SecurityGroups)-1].Rules = nil }
	for _, tt := range []struct {
		name string
		change
		flow   vpc.Flow
		reason vpc.Reason
		to     string
		remedy string
	}{
		{"a question", none, udp(node, "10.0.1.20:5000", inboundA), vpc.ReasonNone, "eni-in-a", ""},
		{"over TCP, which the group does not allow", none, tcp(node, nodeHTTP, inboundA), vpc.ReasonNoRule, "",
			"authorize inbound tcp 53 on sg-dns from sg-nodes or 10.0.1.0/24"},
		{
			"another port", none, udp(node, "10.0.1.20:5000", "10.0.1.53:5353"), vpc.ReasonResolverPort, "",
			"use udp 53 or tcp 53",
		},
		{"the group's rule is gone", group, udp(node, "10.0.1.20:5000", inboundA), vpc.ReasonNoRule, "",
			"authorize inbound udp 53 on sg-dns from sg-nodes or 10.0.1.0/24"},
		{"pending", off(0), udp(node, "10.0.1.20:5000", inboundA), vpc.ReasonResolverUnavailable, "",
			"wait until rslvr-in-1 is operational, or create the endpoint again"},
		{
			"it begins nothing", none, udp("eni-in-a", inboundA, target), vpc.ReasonEndpointStarts, "",
			"start the connection at the node",
		},
		{"to the server", none, udp("eni-out-b", outboundB+":4000", target), vpc.ReasonNone, vpctest.Attached, ""},
		{"without a rule outbound", group, udp("eni-out-b", outboundB+":4000", target), vpc.ReasonNoRule, "",
			"authorize outbound udp 53 on sg-dns to sg-nodes or 10.0.2.0/24"},
		{"the outbound endpoint is pending", off(1), udp("eni-out-b", outboundB+":4000", target),
			vpc.ReasonResolverUnavailable, "",
			"wait until rslvr-out-1 is operational, or create the endpoint again"},
		{"an outbound endpoint takes nothing", none, udp(node, "10.0.1.20:5000", outboundB+":53"), vpc.ReasonResolverPort, "",
			"ask an inbound endpoint, or the sender's own resolver"},
		{"the resolver of another VPC", withPeer(true, "us-east-1"), udp("eni-far", "10.1.1.20:5000", "10.0.0.2:53"),
			vpc.ReasonResolverOutside, "",
			"ask Resolver inbound endpoint rslvr-in-1 at 10.0.1.53, or the sender's own resolver"},
		{"whose inbound endpoint is pending", both(withPeer(true, "us-east-1"), off(0)),
			udp("eni-far", "10.1.1.20:5000", "10.0.0.2:53"), vpc.ReasonResolverOutside, "",
			"ask the sender's own resolver, or a Resolver inbound endpoint"},
		{
			"its inbound endpoint", withPeer(true, "us-east-1"), udp("eni-far", "10.1.1.20:5000", inboundA), vpc.ReasonNone,
			"eni-in-a", "",
		},
	} {
		e := snapshot(t, sample(both(withResolver, tt.change))).Explain(tt.flow)
		if e.Verdict.Reason != tt.reason || e.Verdict.To != tt.to {
			t.Errorf("%s: %v", tt.name, e)
			continue
		}
		if r := e.Refusal(); r != nil && (r.Remedy != tt.remedy || !e.Verdict.Allow && r.Reason != tt.reason) {
			t.Errorf("%s: %q (%s), want %q", tt.name, r.Remedy, r.Reason, tt.remedy)
		}
		if e.Works() != (tt.reason == vpc.ReasonNone) {
			t.Errorf("%s: works %v\n%v", tt.name, e.Works(), e)
		}
	}
}

// TestRulesHaveAWSsOrder: the longest domain decides; of equals a rule goes before the network's own zone.
func TestRulesHaveAWSsOrder(t *testing.T) {
	rule := func(domain string, forward bool) change {
		return func(n *vpc.Network) {
			r := vpc.ResolverRule{ID: "rslvr-rr-x", Domain: domain, Forward: forward, VPCs: []string{vpctest.VPC}}
			if forward {
				r.Endpoint, r.Targets = "rslvr-out-1", []netip.AddrPort{netip.MustParseAddrPort(target)}
			}
			n.ResolverRules = append(n.ResolverRules, r)
		}
	}
	const forwarded = "rslvr-rr-x"
	for _, tt := range []struct {
		name string
		change
		asked, rule string
	}{
		{"the domain", none, "corp.example", "rslvr-rr-corp"},
		{"below it", none, "WWW.Corp.Example.", "rslvr-rr-corp"},
		{"beside it", none, "xcorp.example", ""},
		{"above it", none, "example", ""},
		{"a system rule undoes", none, "a.lab.corp.example", ""},
		{"a longer rule undoes that", rule("b.lab.corp.example", true), "a.b.lab.corp.example", forwarded},
		{"the root", rule("", true), "example.com", forwarded},
		{"the root, and a longer rule", rule("", true), "corp.example", "rslvr-rr-corp"},
		{"an endpoint's name below the root", rule("", true), "ssm.us-east-1.amazonaws.com", ""},
		{"an endpoint's name below amazonaws.com", rule("amazonaws.com", true), "ssm.us-east-1.amazonaws.com", ""},
		{"another name there", rule("amazonaws.com", true), "kms.us-east-1.amazonaws.com", forwarded},
		{
			"an endpoint's own public name", rule("amazonaws.com", true), "vpce-ssm-x.ssm.us-east-1.vpce.amazonaws.com",
			forwarded,
		},
		{
			"a rule for the endpoint's very name", rule("ssm.us-east-1.amazonaws.com", true), "ssm.us-east-1.amazonaws.com",
			forwarded,
		},
		{"a host below the root", rule("", true), "ip-10-0-1-20.ec2.internal", ""},
		{"a host below internal", rule("internal", true), "ip-10-0-1-20.ec2.internal", ""},
		{"an own internal domain", rule("corp.internal", true), "db.corp.internal", forwarded},
		{"a rule for hosts", rule("ec2.internal", true), "ip-10-0-1-20.ec2.internal", forwarded},
		{"a public host below the root", rule("", true), "ec2-1-2-3-4.compute-1.amazonaws.com", ""},
		{"localhost", rule("", true), "localhost", ""},
		{"a reverse name below the root", rule("", true), "20.1.0.10.in-addr.arpa", ""},
		{"a reverse rule as long as the zone", rule("10.in-addr.arpa", true), "20.1.0.10.in-addr.arpa", forwarded},
		{"a longer reverse rule", rule("0.10.in-addr.arpa", true), "20.1.0.10.in-addr.arpa", forwarded},
		{"a public reverse name", rule("", true), "1.1.1.1.in-addr.arpa", forwarded},
		{"a system rule for the root", rule("", false), "example.com", ""},
	} {
		s := snapshot(t, sample(both(withResolver, tt.change)))
		for _, qtype := range []uint16{vpc.TypeA, vpc.TypePTR, vpc.TypeANY} {
			a := s.Resolve(vpctest.VPC, tt.asked, qtype)
			got := ""
			if a.Status == vpc.NameForwarded {
				got = a.Rule.ID
			}
			if got != tt.rule {
				t.Errorf("%s: %s goes by %q, want %q", tt.name, tt.asked, got, tt.rule)
			}
		}
	}
}

// naiveRule finds by loops which rule sends a name on: of rules and the network's own zones the longest, a rule first.
func naiveRule(n vpc.Network, v vpc.VPC, name string) string {
	best, length := "", -1
	consider := func(domain, rule string) {
		at := len(domain)
		if domain == "" || name == domain || strings.HasSuffix(name, "."+domain) {
			if at > length {
				best, length = rule, at
			}
		}
	}
	for _, r := range n.ResolverRules {
		id := r.ID
		if !r.Forward {
			id = ""
		}
		if slices.Contains(r.VPCs, v.ID) {
			consider(r.Domain, id)
		}
	}
	for _, e := range n.Endpoints {
		if e.VPC == v.ID && e.Kind == vpc.InterfaceEndpoint && e.Available && e.PrivateDNS && !e.InboundOnly &&
			v.DNSHostnames {
			for _, name := range e.PrivateNames {
				consider(strings.TrimPrefix(name, "*."), "")
			}
		}
	}
	consider("ec2.internal", "")
	consider("10.in-addr.arpa", "")
	return best
}

func TestRulesAgreeWithThePlainReading(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := vpctest.Networks().Draw(t, "network")
		s := snapshot(t, n)
		for _, v := range n.VPCs {
			if !v.DNSSupport || v.Region != "us-east-1" {
				continue
			}
			for _, domain := range vpctest.ResolverDomains {
				name := strings.TrimSuffix("a."+domain, ".")
				for _, asked := range []string{domain, name} {
					a := s.Resolve(v.ID, asked, vpc.TypeA)
					got := ""
					if a.Status == vpc.NameForwarded {
						got = a.Rule.ID
					}
					if want := naiveRule(n, v, asked); got != want {
						t.Fatalf("%q in %s goes by %q, the plain reading says %q", asked, v.ID, got, want)
					}
					if x := s.ExplainName(v.ID, asked); (x.Forward != nil) != (got != "") {
						t.Fatalf("%q is explained as %+v", asked, x)
					}
				}
			}
		}
	})
}

func TestForwardedNamesAreExplained(t *testing.T) {
	x := snapshot(t, sample(withResolver)).ExplainName(vpctest.VPC, "db.corp.example")
	if x.Private || x.Forward == nil || x.Forward.Rule != "rslvr-rr-corp" || len(x.Forward.Paths) != 1 ||
		!x.Forward.Paths[0].Works() || len(x.Findings) > 0 {
		t.Errorf("%+v", x)
	}
	for _, tt := range []struct {
		name string
		change
		cause    vpc.NameCause
		resource string
		remedy   string
	}{
		{"the endpoint's group", func(n *vpc.Network) { n.SecurityGroups[len(n.SecurityGroups)-1].Rules = nil },
			vpc.CauseForwardRefused, "sg-dns",
			"authorize outbound udp 53 on sg-dns to sg-nodes or 10.0.2.0/24"},
		{"the server's group", func(n *vpc.Network) { n.SecurityGroups[0].Rules = n.SecurityGroups[0].Rules[:1] },
			vpc.CauseForwardRefused, vpctest.NodeGroup,
			"authorize inbound udp 53 on sg-nodes from sg-dns or 10.0.2.0/24"},
		{"the endpoint is pending", func(n *vpc.Network) { n.ResolverEndpoints[1].Available = false },
			vpc.CauseForwardUnavailable, "rslvr-out-1",
			"give rslvr-rr-corp an outbound endpoint that is operational"},
	} {
		x := snapshot(t, sample(both(withResolver, tt.change))).ExplainName(vpctest.VPC, "db.corp.example")
		if len(x.Findings) != 1 {
			t.Errorf("%s: %+v", tt.name, x.Findings)
			continue
		}
		if f := x.Findings[0]; f.Cause != tt.cause || f.Resource != tt.resource || f.Remedy != tt.remedy {
			t.Errorf("%s: %+v", tt.name, f)
		}
	}
}
