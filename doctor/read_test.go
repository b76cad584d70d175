package doctor_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/aws/fault"
	"postern/doctor"
	"postern/network/vpc"
)

// wantNetwork is the network that the answers of cloud describe.
var wantNetwork = vpc.Network{
	VPCs: []vpc.VPC{
		{ID: "vpc-7", Account: "444455556666", Region: "eu-west-1", CIDRs: []netip.Prefix{prefix("10.7.0.0/16")}},
		{
			ID:           "vpc-1",
			Account:      "111122223333",
			Region:       "us-east-1",
			CIDRs:        []netip.Prefix{prefix("10.0.0.0/16"), prefix("2001:db8:1::/56")},
			DNSSupport:   true,
			DNSHostnames: true,
		},
	},
	Subnets: []vpc.Subnet{
		{ID: "subnet-1", VPC: "vpc-1", Zone: "us-east-1a", CIDR: prefix("10.0.1.0/24"), IPv6: prefix("2001:db8:1:1::/64")},
	},
	RouteTables: []vpc.RouteTable{{ID: "rtb-1", VPC: "vpc-1", Main: true, Subnets: []string{
		"subnet-1",
	}, Routes: []vpc.Route{
		{Destination: prefix("172.16.0.0/12"), Target: vpc.Target{Kind: vpc.ViaOther, ID: "tgw-1"}},
		{Destination: prefix("192.168.0.0/16"), Target: vpc.Target{Kind: vpc.ViaOther, ID: "vgw-1"}},
		{Destination: prefix("10.7.0.0/16"), Target: vpc.Target{Kind: vpc.ViaPeering, ID: "pcx-1"}},
		{Destination: prefix("10.8.0.0/16"), Target: vpc.Target{Kind: vpc.Blackhole, ID: "pcx-gone"}},
		{PrefixList: "pl-s3", Target: vpc.Target{Kind: vpc.ViaGatewayEndpoint, ID: "vpce-s3"}},
		{Destination: prefix("10.6.0.0/16"), Target: vpc.Target{Kind: vpc.ViaOther, ID: "eni-unseen"}},
		{Destination: prefix("::/0"), Target: vpc.Target{Kind: vpc.ViaNATGateway, ID: "eigw-1"}},
		{Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: vpc.ViaInternetGateway, ID: "igw-1"}},
	}}},
	ACLs: []vpc.ACL{{ID: "acl-1", VPC: "vpc-1", Default: true, Subnets: []string{"subnet-1"}, Entries: []vpc.ACLEntry{
		{Number: 100, Allow: true, Protocol: vpc.TCP, CIDR: prefix("0.0.0.0/0"), Ports: vpc.PortRange{From: 443, To: 443}},
		{Number: 110, Protocol: vpc.ICMP, CIDR: prefix("0.0.0.0/0"), Ports: vpc.PortRange{From: 8, To: -1}},
		{Number: 120, Allow: true, Protocol: vpc.AllProtocols, CIDR: prefix("::/0")},
	}}},
	SecurityGroups: []vpc.SecurityGroup{{ID: "sg-1", VPC: "vpc-1", Name: "nodes", Rules: []vpc.Rule{
		{ID: "sgr-1", Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443}, Group: "sg-1"},
		{ID: "sgr-2", Protocol: vpc.ICMP, Ports: vpc.PortRange{From: 8, To: -1}, CIDR: prefix("10.0.0.0/8")},
		{ID: "sgr-3", Protocol: 50, Ports: vpc.PortRange{From: -1, To: -1}, CIDR: prefix("::/0")},
		{
			ID:         "sgr-4",
			Egress:     true,
			Protocol:   vpc.AllProtocols,
			Ports:      vpc.PortRange{From: -1, To: -1},
			PrefixList: "pl-shared",
		},
	}}},
	PrefixLists: []vpc.PrefixList{
		{ID: "pl-s3", Name: "com.amazonaws.us-east-1.s3", CIDRs: []netip.Prefix{prefix("52.216.0.0/15")}}, {ID: "pl-shared"},
	},
	Interfaces: []vpc.Interface{
		{
			ID:        "eni-1",
			VPC:       "vpc-1",
			Subnet:    "subnet-1",
			Owner:     "i-1",
			Groups:    []string{"sg-1"},
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.20"), netip.MustParseAddr("2001:db8:1:1::20")},
			Public:    netip.MustParseAddr("198.51.100.7"),
		},
		{
			ID:        "eni-lb",
			VPC:       "vpc-1",
			Subnet:    "subnet-1",
			Owner:     "network_load_balancer",
			Groups:    []string{"sg-1"},
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.30")},
		},
		{
			ID:        "eni-mi",
			VPC:       "vpc-1",
			Subnet:    "subnet-1",
			Kind:      vpc.AttachedInterface,
			Owner:     "mi-1",
			Groups:    []string{"sg-1"},
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.40")},
		},
		{
			ID:        "eni-e",
			VPC:       "vpc-1",
			Subnet:    "subnet-1",
			Kind:      vpc.EndpointInterface,
			Owner:     "vpce-1",
			Groups:    []string{"sg-1"},
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.1.10")},
		},
	},
	Endpoints: []vpc.Endpoint{
		{
			ID:           "vpce-1",
			VPC:          "vpc-1",
			Service:      "com.amazonaws.us-east-1.ssm",
			Available:    true,
			PrivateDNS:   true,
			Interfaces:   []string{"eni-e"},
			Name:         "vpce-1-x.ssm.us-east-1.vpce.amazonaws.com",
			PrivateNames: []string{"ssm.us-east-1.amazonaws.com", "ssm.us-east-1.api.aws"},
		},
		{ID: "vpce-s3", VPC: "vpc-1", Kind: vpc.GatewayEndpoint, Service: "com.amazonaws.us-east-1.s3", Available: true},
	},
	Peerings: []vpc.Peering{{ID: "pcx-1", Requester: "vpc-1", Accepter: "vpc-7", Active: true, RequesterDNS: true}},
}

func TestReadNetwork(t *testing.T) {
	f := read(t, &cloud{profile: true}, "i-1")
	same := cmp.Options{
		cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
		cmp.Comparer(slices.Equal[[]string]),
	}
	if diff := cmp.Diff(wantNetwork, f.Network, same); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if len(f.DNSServers) != 0 || len(f.Unchecked) != 2 {
		t.Errorf("DNS servers %v, unchecked %q", f.DNSServers, f.Unchecked)
	}
	if _, err := doctor.Assess(f, "ssm"); err != nil {
		t.Error(err)
	}
}

// TestReadPeerGroups: a rule that names a group of another VPC can be found stale only where that VPC's groups can be
// read; what is not seen is not gone.
func TestReadPeerGroups(t *testing.T) {
	for seen, want := range map[bool]string{false: "", true: "vpc-7"} {
		rules := read(t, &cloud{profile: true, peers: true, seen: seen}, "i-1").Network.SecurityGroups[0].Rules
		if got := rules[len(rules)-1]; got.Group != "sg-gone" || got.PeerVPC != want {
			t.Errorf("with the other VPC's groups seen %t the rule is %+v", seen, got)
		}
	}
}

func TestReadNode(t *testing.T) {
	roles := func(f doctor.Facts) (names []string) {
		for _, r := range f.Roles {
			names = append(names, r.Name+" by "+r.By+" of "+r.Service)
			if r.Trust != trustEC2 || len(r.Policies) != 2 || r.Policies[0].JSON != `{"v":"v2"}` ||
				r.Policies[1].JSON != `{"a":"+"}` || r.Boundary == nil {
				t.Errorf("%+v", r)
			}
		}
		return names
	}
	const host = "host-management by default host management of ssm.amazonaws.com"
	for _, tt := range []struct {
		name, from string
		cloud      cloud
		eni        string
		roles      []string
	}{
		{"profile", "i-1", cloud{profile: true}, "eni-1",
			[]string{"node-role by instance profile nodes of ec2.amazonaws.com", host}},
		{"no profile", "i-1", cloud{}, "eni-1", []string{host}},
		{"managed node", "mi-1", cloud{}, "eni-mi", []string{"hybrid by its activation of ssm.amazonaws.com"}},
		{"interface", "eni-1", cloud{}, "eni-1", nil},
	} {
		f := read(t, &tt.cloud, tt.from)
		if m := f.Node.Metadata; tt.from == "i-1" && (m == nil || !m.Off || m.HopLimit != 1) {
			t.Errorf("%s: metadata %+v", tt.name, m)
		}
		if got := roles(f); !slices.Equal(got, tt.roles) || f.Node.Interface != tt.eni || f.Account != "111122223333" {
			t.Errorf("%s: roles %q, interface %s, account %s", tt.name, got, f.Node.Interface, f.Account)
		}
	}
	if f := read(t, &cloud{profile: true, denied: true},
		"i-1"); f.RolesUnread != "the node's role cannot be read (AccessDenied)" ||
		!slices.Equal(roles(f), []string{host}) {
		t.Errorf("denied: %q %v", f.RolesUnread, f.Roles)
	}
	for from, kind := range map[string]fault.Kind{
		"i-2": fault.NotFound, "eni-9": fault.NotFound, "x": fault.Invalid, "": fault.Invalid,
	} {
		if _, err := doctor.Read(t.Context(), (&cloud{}).clients(), "us-east-1", from, "ssm"); !fault.Is(err, kind) {
			t.Errorf("%q: %v", from, err)
		}
	}
}
