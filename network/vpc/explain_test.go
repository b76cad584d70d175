package vpc_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// TestRefusals breaks the path in each way, and wants the reason and the remedy that the refusing step names.
func TestRefusals(t *testing.T) {
	rows := []struct {
		name string
		change
		flow   vpc.Flow
		reason vpc.Reason
		remedy string
	}{
		{"endpoint group's rule", func(n *vpc.Network) { n.SecurityGroups[1].Rules = nil }, tcp(node, nodeHTTP, ssmB),
			vpc.ReasonNoRule,
			"authorize inbound tcp 443 on sg-endpoints from sg-nodes or 10.0.1.0/24"},
		{"endpoint without group", func(n *vpc.Network) { n.Interfaces[2].Groups = nil }, tcp(node, nodeHTTP, ssmA),
			vpc.ReasonNoRule,
			"give eni-ssm-a a group with inbound tcp 443 from sg-nodes or 10.0.1.0/24"},
		{"node's egress", withEgress(), tcp(node, nodeHTTP, ssmB), vpc.ReasonNoRule,
			"authorize outbound tcp 443 on sg-nodes to sg-endpoints or 10.0.2.0/24"},
		{"node's egress to S3", both(withS3, withEgress()), tcp(node, nodeHTTP, "52.216.1.1:443"), vpc.ReasonNoRule,
			"authorize outbound tcp 443 on sg-nodes to prefix list pl-s3"},
		{"ACL", withACL(), tcp(node, nodeHTTP, ssmB), vpc.ReasonACLDenied,
			"add an entry to acl-b that allows inbound tcp 443 from 10.0.1.0/24"},
		{"ACL entry", withACL(vpc.ACLEntry{Number: 9, Protocol: vpc.AllProtocols, CIDR: prefix("10.0.0.0/8")}),
			tcp(node, nodeHTTP, ssmB), vpc.ReasonACLDenied,
			"delete entry 9 of acl-b, or add one with a lower number that allows inbound tcp 443 from 10.0.1.0/24"},
		{"ACL on the way back",
			withACL(vpc.ACLEntry{Number: 9, Allow: true, Protocol: vpc.AllProtocols, CIDR: prefix("0.0.0.0/0")}),
			tcp(node, nodeHTTP, ssmB), vpc.ReasonACLDenied,
			"add an entry to acl-b that allows outbound tcp 1024-65535 to 10.0.1.0/24"},
		{"endpoint pending", func(n *vpc.Network) { n.Endpoints[0].Available = false }, tcp(node, nodeHTTP, ssmB),
			vpc.ReasonEndpointUnavailable,
			"wait until vpce-ssm is available, or create the endpoint again"},
		{"no Internet", none, tcp(node, nodeHTTP, "1.1.1.1:443"), vpc.ReasonNoRoute,
			"use a VPC endpoint, or add a route to an Internet or NAT gateway in rtb-1"},
		{"gateway endpoint over peering", both(withS3, withPeer(true, "us-east-1")),
			tcp("eni-far", "10.1.1.20:40000", "52.216.1.1:443"), vpc.ReasonNotTransitive,
			"create a gateway endpoint for com.amazonaws.us-east-1.s3 in vpc-2"},
		{"peering", withPeer(false, "us-east-1"), tcp("eni-far", "10.1.1.20:40000", ssmA), vpc.ReasonPeeringInactive,
			"accept pcx-1, or request a new peering"},
		{"DNS support", func(n *vpc.Network) { n.VPCs[0].DNSSupport = false }, udp(node, "10.0.1.20:5000", "10.0.0.2:53"),
			vpc.ReasonDNSOff,
			"set enableDnsSupport of vpc-1 to true"},
		{"spoofed", none, tcp(node, "10.0.2.30:40000", ssmB), vpc.ReasonSpoofed,
			"send from 10.0.1.20, or turn eni-node's source/destination check off"},
	}
	for _, tt := range rows {
		e := snapshot(t, sample(tt.change)).Explain(tt.flow)
		r := e.Refusal()
		switch {
		case e.Works() || r == nil:
			t.Errorf("%s: works:\n%v", tt.name, e)
		case r.Reason != tt.reason || r.Remedy != tt.remedy:
			t.Errorf("%s: %s %q, want %s %q\n%v", tt.name, r.Reason, r.Remedy, tt.reason, tt.remedy, e)
		}
	}
}

func TestExplanationString(t *testing.T) {
	for _, tt := range []struct {
		name string
		change
		flow vpc.Flow
		want string
	}{
		{"works", none, tcp(node, nodeHTTP, ssmB), `
tcp 10.0.1.20:40000 → 10.0.2.10:443: allowed to the interface eni-ssm-b
  ✓ source   10.0.1.20 is an address of eni-node of i-1
  – service  10.0.2.10 is not a link-local service of the sender's VPC
  ✓ egress   rule sgr-nodes-out of sg-nodes (nodes) allows outbound all to 0.0.0.0/0
  ✓ acl-out  entry 100 of acl-1 allows outbound all of 0.0.0.0/0
  ✓ route    10.0.0.0/16 is inside vpc-1
  – peering  no peering is on the way
  ✓ target   10.0.2.10 is eni-ssm-b of endpoint vpce-ssm (com.amazonaws.us-east-1.ssm)
  ✓ acl-in   entry 100 of acl-1 allows inbound all of 0.0.0.0/0
  ✓ ingress  rule sgr-https of sg-endpoints (endpoints) allows inbound tcp 443 from sg-nodes
what comes back: tcp 10.0.2.10:443 → 10.0.1.20:40000: allowed to the interface eni-node
  ✓ source   10.0.2.10 is an address of eni-ssm-b of endpoint vpce-ssm (com.amazonaws.us-east-1.ssm)
  – service  10.0.1.20 is not a link-local service of the sender's VPC
  – egress   security groups are stateful: they let an allowed conversation pass both ways
  ✓ acl-out  entry 100 of acl-1 allows outbound all of 0.0.0.0/0
  ✓ route    10.0.0.0/16 is inside vpc-1
  – peering  no peering is on the way
  ✓ target   10.0.1.20 is eni-node of i-1
  ✓ acl-in   entry 100 of acl-1 allows inbound all of 0.0.0.0/0
  – ingress  security groups are stateful: they let an allowed conversation pass both ways
`},
		{"refused", func(n *vpc.Network) { n.SecurityGroups[1].Rules = nil }, tcp(node, nodeHTTP, ssmA), `
tcp 10.0.1.20:40000 → 10.0.1.10:443: refused at ingress by sg-endpoints (no-rule)
  ✓ source   10.0.1.20 is an address of eni-node of i-1
  – service  10.0.1.10 is not a link-local service of the sender's VPC
  ✓ egress   rule sgr-nodes-out of sg-nodes (nodes) allows outbound all to 0.0.0.0/0
  – acl-out  both ends are in subnet-a
  ✓ route    10.0.0.0/16 is inside vpc-1
  – peering  no peering is on the way
  ✓ target   10.0.1.10 is eni-ssm-a of endpoint vpce-ssm (com.amazonaws.us-east-1.ssm)
  – acl-in   both ends are in subnet-a
  ✗ ingress  no rule of sg-endpoints (endpoints) allows inbound tcp 443 from 10.0.1.20 (sg-nodes (nodes))
             remedy: authorize inbound tcp 443 on sg-endpoints from sg-nodes or 10.0.1.0/24
`},
		{"resolver", none, udp(node, "10.0.1.20:5000", "10.0.0.2:53"), `
udp 10.0.1.20:5000 → 10.0.0.2:53: allowed to the resolver vpc-1
  ✓ source   10.0.1.20 is an address of eni-node of i-1
  ✓ service  10.0.0.2 is the resolver of vpc-1
  – egress   groups, ACLs and routes do not filter the link-local services
  – acl-out  groups, ACLs and routes do not filter the link-local services
  – route    groups, ACLs and routes do not filter the link-local services
  – peering  groups, ACLs and routes do not filter the link-local services
  – target   groups, ACLs and routes do not filter the link-local services
  – acl-in   groups, ACLs and routes do not filter the link-local services
  – ingress  groups, ACLs and routes do not filter the link-local services
`},
	} {
		got := "\n" + snapshot(t, sample(tt.change)).Explain(tt.flow).String()
		if diff := cmp.Diff(strings.Split(tt.want, "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

// TestExplanationJSON: the names that programs read.
func TestExplanationJSON(t *testing.T) {
	e := snapshot(t, sample(func(n *vpc.Network) { n.SecurityGroups[1].Rules = nil })).Explain(tcp(node, nodeHTTP, ssmA))
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"flow":{"from":"eni-node","protocol":"tcp","source":"10.0.1.20:40000","destination":"10.0.1.10:443"}`,
		`"verdict":{"allow":false,"step":"ingress","reason":"no-rule","resource":"sg-endpoints","kind":"nowhere"}`,
		`{"step":"source","outcome":"passed","resource":"eni-node","why":"10.0.1.20 is an address of eni-node of i-1"}`,
		`{"step":"ingress","outcome":"refused","resource":"sg-endpoints","why":"no rule of`,
		`"reason":"no-rule"}]}`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in\n%s", want, b)
		}
	}
}

func TestExplainName(t *testing.T) {
	const name = "ssm.us-east-1.amazonaws.com"
	v := func(f func(*vpc.VPC)) change { return func(n *vpc.Network) { f(&n.VPCs[0]) } }
	e := func(f func(*vpc.Endpoint)) change { return func(n *vpc.Network) { f(&n.Endpoints[0]) } }
	noSupport := v(func(v *vpc.VPC) { v.DNSSupport = false })
	noHostnames := v(func(v *vpc.VPC) { v.DNSHostnames = false })
	noPrivate := e(func(e *vpc.Endpoint) { e.PrivateDNS = false })
	pending := e(func(e *vpc.Endpoint) { e.Available = false })
	gone := func(n *vpc.Network) {
		n.Endpoints = slices.Delete(n.Endpoints, 0, 1)
		n.Interfaces = slices.DeleteFunc(n.Interfaces, func(c vpc.Interface) bool { return c.Owner == "vpce-ssm" })
	}
	for _, tt := range []struct {
		name string
		change
		vpc, asked string
		causes     []vpc.NameCause
		resource   string
	}{
		{"resolves", none, "vpc-1", name, nil, ""},
		{"as Amazon writes it", none, "vpc-1", "SSM.us-east-1.amazonaws.com.", nil, ""},
		{"support off", noSupport, "vpc-1", name, []vpc.NameCause{vpc.CauseDNSSupportOff}, "vpc-1"},
		{"hostnames off", noHostnames, "vpc-1", name, []vpc.NameCause{vpc.CauseDNSHostnamesOff}, "vpc-1"},
		{"private DNS off", noPrivate, "vpc-1", name, []vpc.NameCause{vpc.CausePrivateDNSOff}, "vpce-ssm"},
		{"pending", pending, "vpc-1", name, []vpc.NameCause{vpc.CauseUnavailable}, "vpce-ssm"},
		{"no endpoint", gone, "vpc-1", name, []vpc.NameCause{vpc.CauseNoEndpoint}, "vpc-1"},
		{"never had one", none, "vpc-1", "kms.us-east-1.amazonaws.com", []vpc.NameCause{vpc.CauseNoEndpoint}, "vpc-1"},
		{
			"endpoint in another VPC", withPeer(true, "us-east-1"), "vpc-2", name, []vpc.NameCause{vpc.CauseNoEndpoint}, "vpc-2",
		},
		{
			"several", both(noSupport, noHostnames, pending), "vpc-1", name,
			[]vpc.NameCause{vpc.CauseDNSSupportOff, vpc.CauseUnavailable, vpc.CauseDNSHostnamesOff}, "vpc-1",
		},
		{"no interface", both(e(func(e *vpc.Endpoint) { e.Interfaces = nil }), func(n *vpc.Network) {
			n.Interfaces = slices.DeleteFunc(n.Interfaces, func(c vpc.Interface) bool { return c.Owner == "vpce-ssm" })
		}), "vpc-1", name, []vpc.NameCause{vpc.CauseNoInterface}, "vpce-ssm"},
		{"no such name", none, "vpc-1", "example.com", []vpc.NameCause{vpc.CauseUnknownName}, "vpc-1"},
		{"no such VPC", none, "vpc-9", name, []vpc.NameCause{vpc.CauseNoVPC}, "vpc-9"},
	} {
		x := snapshot(t, sample(tt.change)).ExplainName(tt.vpc, tt.asked)
		var causes []vpc.NameCause
		for _, f := range x.Findings {
			causes = append(causes, f.Cause)
			if f.Why == "" || f.Remedy == "" || f.Resource == "" {
				t.Errorf("%s: finding %+v is not whole", tt.name, f)
			}
		}
		if !slices.Equal(causes, tt.causes) || x.Private != (tt.causes == nil) {
			t.Errorf("%s: %+v, want %v", tt.name, x, tt.causes)
		} else if len(causes) > 0 && x.Findings[0].Resource != tt.resource {
			t.Errorf("%s: blames %s, want %s", tt.name, x.Findings[0].Resource, tt.resource)
		}
	}
}

func TestOrigin(t *testing.T) {
	s := snapshot(t, sample(withPeer(true, "us-east-1")))
	source := tcp(node, nodeHTTP, ssmA).Source
	for _, tt := range []struct {
		from, at string
		want     vpc.Origin
	}{
		{node, "eni-ssm-b", vpc.Origin{
			Account: "000000000000", Region: "us-east-1", VPC: "vpc-1", Subnet: "subnet-a", Interface: node, Owner: "i-1",
			Endpoint: "vpce-ssm", Service: "com.amazonaws.us-east-1.ssm", EndpointVPC: "vpc-1", EndpointAccount: "000000000000",
			Source: source,
		}},
		{"eni-far", "eni-ssm-a", vpc.Origin{
			Region: "us-east-1", VPC: "vpc-2", Subnet: "subnet-far", Interface: "eni-far", Owner: "i-far",
			Endpoint: "vpce-ssm", Service: "com.amazonaws.us-east-1.ssm", EndpointVPC: "vpc-1", EndpointAccount: "000000000000",
			Source: source,
		}},
		{"eni-x", node, vpc.Origin{Source: source}},
	} {
		if diff := cmp.Diff(tt.want, s.Origin(tt.from, tt.at, source), cmp.Comparer(func(a, b vpc.Origin) bool {
			return a == b
		})); diff != "" {
			t.Errorf("%s at %s: -want +got\n%s", tt.from, tt.at, diff)
		}
	}
	if s.ResolverAddress(vpctest.VPC).String() != "10.0.0.2" {
		t.Errorf("resolver of vpc-1 is %s", s.ResolverAddress(vpctest.VPC))
	}
}
