package vpc_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// TestSnapshotFindsByID: what is there is found by its id, and under that of another kind of resource nothing is.
func TestSnapshotFindsByID(t *testing.T) {
	n := withInternet(both(withResolver, withService))
	s := snapshot(t, n)
	service := n.EndpointServices[0].Name
	for _, tt := range []struct {
		kind, id string
		find     func(id string) (string, bool)
	}{
		{"VPC", vpctest.VPC, func(id string) (string, bool) { v, ok := s.VPC(id); return v.ID, ok }},
		{"subnet", vpctest.SubnetA, func(id string) (string, bool) { v, ok := s.Subnet(id); return v.ID, ok }},
		{"interface", node, func(id string) (string, bool) { v, ok := s.Interface(id); return v.ID, ok }},
		{"endpoint", "vpce-ssm", func(id string) (string, bool) { v, ok := s.Endpoint(id); return v.ID, ok }},
		{"group", vpctest.NodeGroup, func(id string) (string, bool) { v, ok := s.SecurityGroup(id); return v.ID, ok }},
		{"Resolver endpoint", "rslvr-out-1",
			func(id string) (string, bool) { v, ok := s.ResolverEndpoint(id); return v.ID, ok }},
		{"NAT gateway", "nat-1", func(id string) (string, bool) { v, ok := s.NATGateway(id); return v.ID, ok }},
		{"service", service, func(name string) (string, bool) { v, ok := s.EndpointService(name); return v.Name, ok }},
		{"address of a service", "198.18.0.2", func(a string) (string, bool) {
			v, ok := s.PublicServiceAt(netip.MustParseAddr(a))
			return v.Address.String(), ok
		}},
	} {
		if got, ok := tt.find(tt.id); !ok || got != tt.id {
			t.Errorf("%s: found %q %v, want %q", tt.kind, got, ok, tt.id)
		}
		for _, other := range []string{vpctest.ACL, "x-9"} {
			if tt.kind == "address of a service" {
				other = "198.18.0.99"
			}
			if got, ok := tt.find(other); ok {
				t.Errorf("%s: %s is found as %q", tt.kind, other, got)
			}
		}
	}
}

// TestNamesOfValues: every value has its name, and one that does not exist its number.
func TestNamesOfValues(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{vpc.StepSource.String(), "source"}, {vpc.StepIngress.String(), "ingress"},
		{(vpc.StepIngress + 1).String(), "step(10)"},
		{vpc.ReasonNone.String(), "none"}, {vpc.ReasonNothingThere.String(), "nothing-there"},
		{(vpc.ReasonNothingThere + 1).String(), "reason(33)"},
		{vpc.ToNowhere.String(), "nowhere"}, {vpc.ToGateway.String(), "gateway"},
		{(vpc.ToGateway + 1).String(), "destination(6)"},
		{vpc.TCP.String(), "tcp"}, {vpc.AllProtocols.String(), "all"}, {vpc.Protocol(47).String(), "protocol 47"},
		{vpc.Inbound.String(), "inbound"}, {vpc.Outbound.String(), "outbound"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

// TestGatewaysAreOfTheirVPC: a gateway is of the VPC that it stands in or whose routes lead to it.
func TestGatewaysAreOfTheirVPC(t *testing.T) {
	s := snapshot(t, withInternet(both(withS3, func(n *vpc.Network) {
		n.Endpoints[3].RouteTables[0], n.RouteTables[0].Routes = "rtb-private", nil
	})))
	for id, want := range map[string]string{
		"nat-1": vpctest.VPC, "igw-1": vpctest.VPC, "vpce-s3": vpctest.VPC, "igw-2": "", node: "",
	} {
		if got := s.GatewayVPC(id); got != want || s.HasGateway(id) != (want != "") {
			t.Errorf("%s is of %q (%v), want %q", id, got, s.HasGateway(id), want)
		}
	}
	if _, ok := snapshot(t, vpctest.Sample()).PublicServiceAt(vpctest.PublicSSM); ok {
		t.Error("a service is found on an Internet that nothing is known of")
	}
}

// TestTargetsOfAService: the targets of an endpoint's zone are near, those of another far, and another port's neither.
func TestTargetsOfAService(t *testing.T) {
	mine := both(withService, func(n *vpc.Network) {
		v := &n.EndpointServices[0]
		n.Endpoints[0].Service = v.Name
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: "eni-svc-a", VPC: vpctest.VPC, Subnet: vpctest.SubnetA, Kind: vpc.ServiceInterface, Owner: v.ID,
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.60")},
		})
		v.Targets = append(v.Targets,
			vpc.ServiceTarget{Port: 443, TargetPort: 1, Interface: node, From: "eni-svc-a"},
			vpc.ServiceTarget{Port: 443, TargetPort: 2, Host: netip.MustParseAddr("192.0.2.1")},
			vpc.ServiceTarget{Port: 22, TargetPort: 3, Interface: node, From: "eni-svc-a"})
	})
	s := snapshot(t, sample(mine))
	ports := func(targets []vpc.ServiceTarget) (out []int) {
		for _, t := range targets {
			out = append(out, int(t.TargetPort))
		}
		return out
	}
	for _, tt := range []struct {
		at        string
		port      uint16
		near, far []int
	}{
		{"eni-ssm-a", 443, []int{1, 2}, []int{8443}},
		{"eni-ssm-b", 443, []int{8443, 2}, []int{1}},
		{"eni-ssm-a", 22, []int{3}, nil},
		{"eni-ssm-a", 80, nil, nil},
		{"eni-ssmmessages-a", 443, nil, nil}, // Amazon's
		{node, 443, nil, nil},
		{"eni-9", 443, nil, nil},
	} {
		near, far := s.TargetsOf(tt.at, tt.port)
		if !slices.Equal(ports(near), tt.near) || !slices.Equal(ports(far), tt.far) {
			t.Errorf("%s port %d: near %v, far %v", tt.at, tt.port, near, far)
		}
	}
	v, _ := s.EndpointService("com.amazonaws.vpce.us-east-1.vpce-svc-1")
	if got := v.Ports(); !slices.Equal(got, []uint16{22, 443}) {
		t.Errorf("ports %v", got)
	}
	e := s.Explain(tcp(node, nodeHTTP, "10.0.1.10:80"))
	if r := e.Refusal(); r == nil || r.Why != "endpoint vpce-ssm takes tcp 22, tcp 443 only, not tcp 80" {
		t.Errorf("%v", e)
	}
}

// TestPortRangesAreChecked: a range is one of its protocol: ports of TCP and UDP, type and code of ICMP, -1 for any.
func TestPortRangesAreChecked(t *testing.T) {
	for _, tt := range []struct {
		protocol vpc.Protocol
		from, to int32
		valid    bool
	}{
		{vpc.TCP, 0, 65535, true}, {vpc.TCP, 443, 443, true}, {vpc.TCP, -1, 443, false}, {vpc.TCP, 2, 1, false},
		{vpc.UDP, 0, 65536, false}, {vpc.UDP, 65535, 65535, true}, {vpc.ICMP, -1, -1, true}, {vpc.ICMP, 255, 255, true},
		{vpc.ICMP, 8, -1, true}, {vpc.ICMP, 256, -1, false}, {vpc.ICMP, 0, 256, false}, {vpc.ICMP, -2, -1, false},
		{vpc.ICMP, 3, -2, false}, {vpc.ICMPv6, 128, 0, true}, {vpc.ICMPv6, 256, 0, false},
		{vpc.AllProtocols, -7, -7, true}, {47, 3, 1, true},
	} {
		_, err := vpc.NewSnapshot(1, sample(withEgress(vpc.Rule{
			ID: "sgr-x", Egress: true, Protocol: tt.protocol, CIDR: prefix("10.0.0.0/8"),
			Ports: vpc.PortRange{From: tt.from, To: tt.to},
		})))
		if (err == nil) != tt.valid {
			t.Errorf("%s %d to %d: %v", tt.protocol, tt.from, tt.to, err)
		}
	}
}

// A said holds what the explanation of a name says first.
type said struct {
	service, endpoint, address string
	private                    bool
	why                        string
}

type saidRow struct {
	name string
	change
	vpc, asked string
	want       said
}

const ssmService = "com.amazonaws.us-east-1.ssm"

func checkSaid(t *testing.T, rows []saidRow) {
	t.Helper()
	for _, tt := range rows {
		x := snapshot(t, sample(tt.change)).ExplainName(tt.vpc, tt.asked)
		got := said{service: x.Service, endpoint: x.Endpoint, private: x.Private}
		if len(x.Addresses) > 0 {
			got.address = x.Addresses[0].String()
		}
		if len(x.Findings) > 0 {
			got.why = x.Findings[0].Why
		}
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(said{})); diff != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, diff)
		}
	}
}

// TestExplainNameSaysWhatItIs: whose a name is, and what it means.
func TestExplainNameSaysWhatItIs(t *testing.T) {
	checkSaid(t, []saidRow{
		{"an endpoint's private name", none, vpctest.VPC, "ssm.us-east-1.amazonaws.com",
			said{ssmService, "vpce-ssm", "10.0.1.10", true, ""}},
		{"an endpoint's own name", none, vpctest.VPC, "vpce-ssm-x.ssm.us-east-1.vpce.amazonaws.com",
			said{ssmService, "vpce-ssm", "10.0.1.10", true, ""}},
		{"a host", none, vpctest.VPC, "ip-10-0-1-20.ec2.internal", said{address: "10.0.1.20", private: true}},
		{"elsewhere", withPeer(true, "us-east-1"), "vpc-2", "ssm.us-east-1.amazonaws.com",
			said{ssmService, "", "", false, "no interface endpoint to " + ssmService + " stands in vpc-2; vpce-ssm stands " +
				"in vpc-1, and private names hold in the endpoint's own VPC only"}},
		{"nowhere", none, vpctest.VPC, "kms.us-east-1.amazonaws.com",
			said{"com.amazonaws.us-east-1.kms", "", "", false,
				"no interface endpoint to com.amazonaws.us-east-1.kms stands in vpc-1"}},
		{"no region", none, vpctest.VPC, "kms.east.amazonaws.com",
			said{why: "no endpoint and no interface that vpc-1 can see has this name"}},
	})
}

// TestExplainNameOfSeveralEndpoints: of endpoints that could have the name, the one that is available is explained.
func TestExplainNameOfSeveralEndpoints(t *testing.T) {
	second := func(available bool) change {
		return func(n *vpc.Network) {
			e := n.Endpoints[0]
			e.ID, e.Available, e.Interfaces = "vpce-second", available, nil
			n.Endpoints[0].Available = false
			n.Endpoints = append(n.Endpoints, e)
		}
	}
	unnamed := func(n *vpc.Network) {
		n.Endpoints[0].PrivateNames, n.Endpoints[0].PrivateDNS = nil, false
		n.Endpoints[1].PrivateNames = []string{"*.messages.example"}
	}
	checkSaid(t, []saidRow{
		{"the available of two", second(true), vpctest.VPC, "ssm.us-east-1.amazonaws.com",
			said{ssmService, "vpce-second", "", false, "endpoint vpce-second has no interface in any subnet"}},
		{"neither of two", second(false), vpctest.VPC, "ssm.us-east-1.amazonaws.com",
			said{ssmService, "vpce-ssm", "", false, "endpoint vpce-ssm is not available"}},
		{"by its form", unnamed, vpctest.VPC, "ssm.us-east-1.amazonaws.com",
			said{ssmService, "vpce-ssm", "", false,
				"private DNS is off on endpoint vpce-ssm, so ssm.us-east-1.amazonaws.com does not lead to it"}},
		{"another service's, by its form", unnamed, vpctest.VPC, "kms.us-east-1.amazonaws.com",
			said{"com.amazonaws.us-east-1.kms", "", "", false,
				"no interface endpoint to com.amazonaws.us-east-1.kms stands in vpc-1"}},
		{"below a wildcard", unnamed, vpctest.VPC, "a.messages.example",
			said{"com.amazonaws.us-east-1.ssmmessages", "vpce-ssmmessages", "10.0.1.11", true, ""}},
		{"a wildcard's base", unnamed, vpctest.VPC, "messages.example",
			said{why: "no endpoint and no interface that vpc-1 can see has this name"}},
	})
}
