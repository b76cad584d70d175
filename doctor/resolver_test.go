package doctor_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"

	"postern/aws/service/route53resolver"
	"postern/aws/service/route53resolver/types"
	"postern/doctor"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// withHub gives the sample a peered hub with an inbound endpoint and an endpoint to kms, and an outbound endpoint of
// its own with a rule that has Amazon's names asked there.
func withHub(f *doctor.Facts) {
	n := &f.Network
	add := func(id, v, subnet, owner, address, group string, kind vpc.InterfaceKind) {
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID:        id,
			VPC:       v,
			Subnet:    subnet,
			Kind:      kind,
			Owner:     owner,
			Groups:    []string{group},
			Addresses: []netip.Addr{netip.MustParseAddr(address)},
		})
	}
	n.VPCs = append(n.VPCs, vpc.VPC{
		ID:           "vpc-hub",
		Region:       "us-east-1",
		CIDRs:        []netip.Prefix{prefix("10.1.0.0/16")},
		DNSSupport:   true,
		DNSHostnames: true,
	})
	n.Subnets = append(n.Subnets, vpc.Subnet{ID: "subnet-hub", VPC: "vpc-hub", CIDR: prefix("10.1.1.0/24")})
	n.Peerings = []vpc.Peering{{ID: "pcx-1", Requester: vpctest.VPC, Accepter: "vpc-hub", Active: true}}
	n.RouteTables = []vpc.RouteTable{
		{
			ID:     vpctest.RouteTable,
			VPC:    vpctest.VPC,
			Main:   true,
			Routes: []vpc.Route{{Destination: prefix("10.1.0.0/16"), Target: vpc.Target{Kind: vpc.ViaPeering, ID: "pcx-1"}}},
		},
		{
			ID:     "rtb-hub",
			VPC:    "vpc-hub",
			Main:   true,
			Routes: []vpc.Route{{Destination: prefix("10.0.0.0/16"), Target: vpc.Target{Kind: vpc.ViaPeering, ID: "pcx-1"}}},
		},
	}
	rule := func(id string, p vpc.Protocol, port int32, egress bool) vpc.Rule {
		return vpc.Rule{
			ID: id, Protocol: p, Ports: vpc.PortRange{From: port, To: port}, CIDR: prefix("10.0.0.0/8"), Egress: egress,
		}
	}
	n.SecurityGroups = append(slices.Clone(n.SecurityGroups),
		vpc.SecurityGroup{
			ID:    "sg-hub",
			VPC:   "vpc-hub",
			Rules: []vpc.Rule{rule("sgr-1", vpc.UDP, 53, false), rule("sgr-2", vpc.TCP, 443, false)},
		},
		vpc.SecurityGroup{ID: "sg-out", VPC: vpctest.VPC, Rules: []vpc.Rule{rule("sgr-3", vpc.UDP, 53, true)}})
	add("eni-in", "vpc-hub", "subnet-hub", "rslvr-in-1", "10.1.1.53", "sg-hub", vpc.ResolverInterface)
	add("eni-kms", "vpc-hub", "subnet-hub", "vpce-kms", "10.1.1.10", "sg-hub", vpc.EndpointInterface)
	add("eni-out", vpctest.VPC, vpctest.SubnetA, "rslvr-out-1", "10.0.1.54", "sg-out", vpc.ResolverInterface)
	n.Endpoints = append(slices.Clone(n.Endpoints), vpc.Endpoint{
		ID: "vpce-kms", VPC: "vpc-hub", Service: "com.amazonaws.us-east-1.kms", Available: true, PrivateDNS: true,
		PrivateNames: []string{"kms.us-east-1.amazonaws.com"},
		Name:         "vpce-kms-x.kms.us-east-1.vpce.amazonaws.com",
		Interfaces:   []string{"eni-kms"},
	})
	n.ResolverEndpoints = []vpc.ResolverEndpoint{
		{ID: "rslvr-in-1", VPC: "vpc-hub", Available: true, Interfaces: []string{"eni-in"}},
		{ID: "rslvr-out-1", VPC: vpctest.VPC, Direction: vpc.Outbound, Available: true, Interfaces: []string{"eni-out"}},
	}
	n.ResolverRules = []vpc.ResolverRule{{
		ID:       "rslvr-rr-1",
		Domain:   "amazonaws.com",
		Forward:  true,
		Endpoint: "rslvr-out-1",
		Targets:  []netip.AddrPort{netip.MustParseAddrPort("10.1.1.53:53")},
		VPCs:     []string{vpctest.VPC},
	}}
}

func TestForwardedNames(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*doctor.Facts)
		to     string
		want   []string
	}{
		{"the hub's endpoint", func(*doctor.Facts) {}, "kms", nil},
		{"the VPC's own endpoint", func(*doctor.Facts) {}, "ssm", nil},
		{"the outbound endpoint's group", func(f *doctor.Facts) { f.Network.SecurityGroups[3].Rules = nil }, "kms",
			[]string{"dns/forward-unreached sg-out broken"}},
		{"the inbound endpoint's group", func(f *doctor.Facts) {
			f.Network.SecurityGroups[2].Rules = f.Network.SecurityGroups[2].Rules[1:]
		}, "kms", []string{"dns/forward-unreached sg-hub broken"}},
		{"the outbound endpoint", func(f *doctor.Facts) { f.Network.ResolverEndpoints[1].Available = false }, "kms",
			[]string{"dns/resolver-unavailable rslvr-out-1 broken"}},
		{"another server", func(f *doctor.Facts) {
			f.Network.ResolverRules[0].Targets = []netip.AddrPort{netip.MustParseAddrPort("10.0.2.30:53")}
			f.Network.SecurityGroups[0].Rules = append(slices.Clone(f.Network.SecurityGroups[0].Rules),
				vpc.Rule{ID: "sgr-in", Protocol: vpc.UDP, Ports: vpc.PortRange{From: 53, To: 53}, CIDR: prefix("10.0.0.0/8")})
		}, "kms", []string{"dns/forward-not-judged rslvr-rr-1 unknown"}},
		{"the name's endpoint is gone", func(f *doctor.Facts) { f.Network.Endpoints[3].PrivateDNS = false }, "kms",
			[]string{"dns/private-dns-off vpce-kms broken"}},
		{"DHCP names the inbound endpoint", func(f *doctor.Facts) { f.DNSServers = []string{"10.1.1.53"} }, "kms", nil},
		{"whose group does not let it ask", func(f *doctor.Facts) {
			f.DNSServers = []string{"10.1.1.53"}
			f.Network.SecurityGroups[2].Rules = f.Network.SecurityGroups[2].Rules[1:]
		}, "kms", []string{"dns/server-unreached sg-hub broken"}},
		{"DHCP names another VPC's resolver", func(f *doctor.Facts) { f.DNSServers = []string{"10.1.0.2"} }, "ssm",
			[]string{"dns/server-unreached vpc-hub broken", "dns/server-not-judged vpc-1 unknown"}},
		{"rules in a circle", func(f *doctor.Facts) {
			f.Network.ResolverRules[0].VPCs = append(f.Network.ResolverRules[0].VPCs, "vpc-hub")
			f.Network.ResolverRules[0].Domain = "kms.us-east-1.amazonaws.com"
		}, "kms", nil},
	} {
		f := healthy(t)
		withHub(&f)
		tt.change(&f)
		r := assess(t, f, tt.to)
		var got []string
		for _, x := range r.Findings {
			got = append(got, one(x))
			if x.Wrong == "" || x.Remedy == "" {
				t.Errorf("%s: %+v is not whole", tt.name, x)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v\n%v", tt.name, got, tt.want, r)
		}
	}
	f := healthy(t)
	withHub(&f)
	r := assess(t, f, "kms")
	if len(r.Paths) != 1 || r.Paths[0].Flow.Destination.Addr().String() != "10.1.1.10" || !strings.Contains(r.String(),
		"rule rslvr-rr-1 has kms.us-east-1.amazonaws.com asked of 10.1.1.53, an inbound endpoint in vpc-hub") {
		t.Errorf("%v", r)
	}
}

// resolverAPI answers as Route 53 Resolver does.
type resolverAPI struct{ denied bool }

func (a *resolverAPI) ListResolverRuleAssociations(
	_ context.Context, in *route53resolver.ListResolverRuleAssociationsInput,
) (*route53resolver.ListResolverRuleAssociationsOutput, error) {
	if a.denied {
		return nil, &smithy.GenericAPIError{Code: "AccessDeniedException"}
	}
	held := func(rule string) types.ResolverRuleAssociation {
		return types.ResolverRuleAssociation{
			ResolverRuleId: &rule, VPCId: &in.Filters[0].Values[0], Status: types.ResolverRuleAssociationStatusComplete,
		}
	}
	return &route53resolver.ListResolverRuleAssociationsOutput{ResolverRuleAssociations: []types.ResolverRuleAssociation{
		held("rslvr-autodefined-rr-internet-resolver"), held("rslvr-rr-1"), held("rslvr-rr-2"),
	}}, nil
}

func (*resolverAPI) ListResolverRules(
	context.Context, *route53resolver.ListResolverRulesInput,
) (*route53resolver.ListResolverRulesOutput, error) {
	return &route53resolver.ListResolverRulesOutput{ResolverRules: []types.ResolverRule{
		{
			Id:         aws.String("rslvr-autodefined-rr-internet-resolver"),
			DomainName: aws.String("."),
			RuleType:   types.RuleTypeOptionRecursive,
		},
		{Id: aws.String("rslvr-rr-1"), DomainName: aws.String("Corp.example."), RuleType: types.RuleTypeOptionForward,
			ResolverEndpointId: aws.String("rslvr-out-1"),
			TargetIps: []types.TargetAddress{{Ip: aws.String("192.0.2.1")},
				{Ip: aws.String("192.0.2.2"), Port: aws.Int32(5353)}}},
		{Id: aws.String("rslvr-rr-2"), DomainName: aws.String("lab.corp.example."), RuleType: types.RuleTypeOptionSystem},
		{Id: aws.String("rslvr-rr-3"), DomainName: aws.String("other.example."), RuleType: types.RuleTypeOptionForward},
	}}, nil
}

func (*resolverAPI) ListResolverEndpoints(
	context.Context, *route53resolver.ListResolverEndpointsInput,
) (*route53resolver.ListResolverEndpointsOutput, error) {
	return &route53resolver.ListResolverEndpointsOutput{ResolverEndpoints: []types.ResolverEndpoint{
		{
			Id:        aws.String("rslvr-out-1"),
			HostVPCId: aws.String("vpc-1"),
			Direction: types.ResolverEndpointDirectionOutbound,
			Status:    types.ResolverEndpointStatusOperational,
		},
		{
			Id:        aws.String("rslvr-in-9"),
			HostVPCId: aws.String("vpc-9"),
			Direction: types.ResolverEndpointDirectionInbound,
			Status:    types.ResolverEndpointStatusOperational,
		},
	}}, nil
}

func (*resolverAPI) ListResolverEndpointIpAddresses(
	context.Context, *route53resolver.ListResolverEndpointIpAddressesInput,
) (*route53resolver.ListResolverEndpointIpAddressesOutput, error) {
	return &route53resolver.ListResolverEndpointIpAddressesOutput{IpAddresses: []types.IpAddressResponse{
		{SubnetId: aws.String("subnet-1"), Ip: aws.String("10.0.1.30")}, // what the EC2 API shows as eni-lb
	}}, nil
}

func TestReadResolver(t *testing.T) {
	c := &cloud{}
	clients := c.clients()
	clients.Resolver = new(resolverAPI)
	f, err := doctor.Read(t.Context(), clients, "us-east-1", "i-1", "ssm")
	if err != nil {
		t.Fatal(err)
	}
	rules := f.Network.ResolverRules
	if len(rules) != 2 || rules[0].Domain != "corp.example" || !rules[0].Forward || rules[1].Forward ||
		rules[0].Targets[0].String() != "192.0.2.1:53" || rules[0].Targets[1].Port() != 5353 {
		t.Errorf("%+v", rules)
	}
	if e := f.Network.ResolverEndpoints; len(e) != 1 || e[0].Direction != vpc.Outbound ||
		!slices.Equal(e[0].Interfaces, []string{"eni-lb"}) {
		t.Errorf("%+v", e)
	}
	if _, err := vpc.NewSnapshot(1, f.Network); err != nil {
		t.Error(err)
	}
	clients.Resolver = &resolverAPI{denied: true}
	if f, err = doctor.Read(t.Context(), clients, "us-east-1", "i-1", "ssm"); err != nil {
		t.Fatal(err)
	}
	if len(f.Network.ResolverRules) > 0 || !slices.Contains(f.Unchecked,
		"the Resolver rules of vpc-1 (AccessDeniedException)") {
		t.Errorf("%+v, unchecked %q", f.Network.ResolverRules, f.Unchecked)
	}
}
