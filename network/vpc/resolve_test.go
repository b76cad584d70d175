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

var statusNames = map[vpc.NameStatus]string{
	vpc.NameNotOurs: "not ours", vpc.NameNoData: "no data", vpc.NameAbsent: "absent", vpc.NameSilent: "silent",
}

// say is an answer as one word or list, for rows.
func say(a vpc.Answer) string {
	if a.Status != vpc.NameFound {
		return strings.TrimSpace(statusNames[a.Status] + " " + a.Zone)
	}
	words := append([]string{}, a.Names...)
	for _, a := range a.Addresses {
		words = append(words, a.String())
	}
	return strings.Join(words, " ")
}

// withBuckets gives the ssm endpoint names as S3's has them: with every name below.
func withBuckets(n *vpc.Network) {
	e := &n.Endpoints[0]
	e.Name = "*.vpce-s3-x.s3.us-east-1.vpce.amazonaws.com"
	e.PrivateNames = []string{"s3.us-east-1.amazonaws.com", "*.s3.us-east-1.amazonaws.com"}
}

// withIPv6 gives vpc-1, subnet-b and the attached machine IPv6.
func withIPv6(n *vpc.Network) {
	n.VPCs[0].CIDRs = append(n.VPCs[0].CIDRs, prefix("2001:db8:1::/56"))
	n.Subnets[1].IPv6 = prefix("2001:db8:1:2::/64")
	n.Interfaces[1].Addresses = append(n.Interfaces[1].Addresses, netip.MustParseAddr("2001:db8:1:2::30"))
	n.Interfaces[1].Name = "Build-Host"
}

func peerDNS(n *vpc.Network) { n.Peerings[0].RequesterDNS = true }

const ssmName, ownName = "ssm.us-east-1.amazonaws.com", "vpce-ssm-x.ssm.us-east-1.vpce.amazonaws.com"

// ofVPC returns a change of the VPC.
func ofVPC(f func(*vpc.VPC)) change { return func(n *vpc.Network) { f(&n.VPCs[0]) } }

var (
	noHostnames = ofVPC(func(v *vpc.VPC) { v.DNSHostnames = false })
	noSupport   = ofVPC(func(v *vpc.VPC) { v.DNSSupport = false })
	west        = ofVPC(func(v *vpc.VPC) { v.Region = "eu-west-1" })
	pending     = func(n *vpc.Network) { n.Endpoints[0].Available = false }
	peer        = withPeer(true, "us-east-1")
	peerWest    = withPeer(true, "us-west-2")
)

// A nameCase is a question about a name in the sample network with a change, and the answer.
type nameCase struct {
	name string
	change
	asked string
	qtype uint16
	want  string
}

var privateNames = []nameCase{
	{"private name", none, ssmName, vpc.TypeA, "10.0.1.10 10.0.2.10"},
	{"case and dot", none, "Ssm.US-East-1.AmazonAWS.com.", vpc.TypeA, "10.0.1.10 10.0.2.10"},
	{"IPv6 of an IPv4 name", none, ssmName, vpc.TypeAAAA, "no data " + ssmName},
	{"other types", none, ssmName, 16, "no data " + ssmName},
	{"below a private name", none, "x." + ssmName, vpc.TypeA, "absent " + ssmName},
	{"hostnames off", noHostnames, ssmName, vpc.TypeA, "not ours"},
	{"pending", pending, ssmName, vpc.TypeA, "not ours"},
	{"private DNS off", func(n *vpc.Network) { n.Endpoints[0].PrivateDNS = false }, ssmName, vpc.TypeA, "not ours"},
	{"support off", noSupport, ssmName, vpc.TypeA, "silent"},
	{"bucket", withBuckets, "b.s3.us-east-1.amazonaws.com", vpc.TypeA, "10.0.1.10 10.0.2.10"},
	{"bucket with dots", withBuckets, "a.b.s3.us-east-1.amazonaws.com", vpc.TypeA, "10.0.1.10 10.0.2.10"},
	{"bucket's endpoint", withBuckets, "s3.us-east-1.amazonaws.com", vpc.TypeA, "10.0.1.10 10.0.2.10"},
	{
		"apex of buckets only",
		both(withBuckets, func(n *vpc.Network) { n.Endpoints[0].PrivateNames = n.Endpoints[0].PrivateNames[1:] }),
		"s3.us-east-1.amazonaws.com", vpc.TypeA, "no data s3.us-east-1.amazonaws.com",
	},
}

// ownNames are the names of endpoints.
var ownNames = []nameCase{
	{"own name", none, ownName, vpc.TypeA, "10.0.1.10 10.0.2.10"},
	{"own name, hostnames off", noHostnames, ownName, vpc.TypeA, "10.0.1.10 10.0.2.10"},
	{"own zonal name", none, "vpce-ssm-x-us-east-1b.ssm.us-east-1.vpce.amazonaws.com", vpc.TypeA, "10.0.2.10"},
	{
		"zone without it", none, "vpce-ssm-x-us-east-1c.ssm.us-east-1.vpce.amazonaws.com", vpc.TypeA,
		"absent vpce.amazonaws.com",
	},
	{"own name pending", pending, ownName, vpc.TypeA, "absent vpce.amazonaws.com"},
	{"below an own name", none, "x." + ownName, vpc.TypeA, "absent vpce.amazonaws.com"},
	{
		"bucket below an own name", withBuckets, "b.bucket.vpce-s3-x.s3.us-east-1.vpce.amazonaws.com", vpc.TypeA,
		"10.0.1.10 10.0.2.10",
	},
	{"between", none, "us-east-1.vpce.amazonaws.com", vpc.TypeA, "no data vpce.amazonaws.com"},
	{"zone itself", none, "vpce.amazonaws.com", vpc.TypeA, "no data vpce.amazonaws.com"},
}

var hostNames = []nameCase{
	{"host", none, "ip-10-0-1-20.ec2.internal", vpc.TypeA, "10.0.1.20"},
	{"host, IPv6", none, "ip-10-0-1-20.ec2.internal", vpc.TypeAAAA, "no data ec2.internal"},
	{"no host", none, "ip-10-0-1-21.ec2.internal", vpc.TypeA, "absent ec2.internal"},
	{"host of dots", none, "ip-10.0.1.20.ec2.internal", vpc.TypeA, "absent ec2.internal"},
	{"host of two numbers", none, "ip-10-0.ec2.internal", vpc.TypeA, "absent ec2.internal"},
	{"host of a number too large", none, "ip-10-0-1-276.ec2.internal", vpc.TypeA, "absent ec2.internal"},
	{"leading zero", none, "ip-10-0-01-20.ec2.internal", vpc.TypeA, "absent ec2.internal"},
	{"named host", withIPv6, "build-host.ec2.internal", vpc.TypeA, "10.0.2.30"},
	{"named host, IPv6", withIPv6, "build-host.ec2.internal", vpc.TypeAAAA, "2001:db8:1:2::30"},
	{"named host by address", withIPv6, "ip-10-0-2-30.ec2.internal", vpc.TypeA, "10.0.2.30"},
	{"domain", none, "ec2.internal", vpc.TypeA, "no data ec2.internal"},
	{"top", none, "internal", vpc.TypeA, "no data internal"},
	{"other region's domain", none, "ip-10-0-1-20.eu-west-1.compute.internal", vpc.TypeA, "absent internal"},
	{"regional host", west, "ip-10-0-1-20.eu-west-1.compute.internal", vpc.TypeA, "10.0.1.20"},
	{"regional between", west, "compute.internal", vpc.TypeA, "no data internal"},
	{"peer's host", peer, "ip-10-1-1-20.ec2.internal", vpc.TypeA, "absent ec2.internal"},
	{"peer's host with the option", both(peer, peerDNS), "ip-10-1-1-20.ec2.internal", vpc.TypeA, "10.1.1.20"},
	{
		"peer's host in its region", both(peerWest, peerDNS), "ip-10-1-1-20.us-west-2.compute.internal", vpc.TypeA,
		"10.1.1.20",
	},
}

var reverseNames = []nameCase{
	{"reverse", none, "20.1.0.10.in-addr.arpa", vpc.TypePTR, "ip-10-0-1-20.ec2.internal"},
	{"reverse, other type", none, "20.1.0.10.in-addr.arpa", vpc.TypeA, "no data 10.in-addr.arpa"},
	{"reverse of nobody", none, "21.1.0.10.in-addr.arpa", vpc.TypePTR, "absent 10.in-addr.arpa"},
	{"reverse of a name", withIPv6, "30.2.0.10.in-addr.arpa", vpc.TypePTR, "build-host.ec2.internal"},
	{"reverse of a range", none, "0.10.in-addr.arpa", vpc.TypePTR, "no data 10.in-addr.arpa"},
	{"reverse of another range", none, "9.10.in-addr.arpa", vpc.TypePTR, "absent 10.in-addr.arpa"},
	{"reverse of private space", none, "1.0.168.192.in-addr.arpa", vpc.TypePTR, "absent 168.192.in-addr.arpa"},
	{"reverse of 172.16/12", none, "1.0.31.172.in-addr.arpa", vpc.TypePTR, "absent 31.172.in-addr.arpa"},
	{"reverse of the Internet", none, "1.1.1.1.in-addr.arpa", vpc.TypePTR, "not ours"},
	{"reverse of nonsense", none, "x.1.0.10.in-addr.arpa", vpc.TypePTR, "not ours"},
	{"reverse of a peer", both(peer, peerDNS), "20.1.1.10.in-addr.arpa", vpc.TypePTR, "ip-10-1-1-20.ec2.internal"},
	{
		"reverse IPv6", withIPv6, "0.3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", vpc.TypePTR,
		"build-host.ec2.internal",
	},
	{
		"reverse IPv6 of nobody", withIPv6, "1.3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
		vpc.TypePTR, "absent 0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	},
	{
		"reverse IPv6 without a name", both(withIPv6, func(n *vpc.Network) { n.Interfaces[1].Name = "" }),
		"0.3.0.0.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", vpc.TypePTR,
		"absent 0.0.1.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	},
	{"reverse of local IPv6", none, "1.0.d.f.ip6.arpa", vpc.TypePTR, "absent d.f.ip6.arpa"},
}

// otherReverseNames are in no zone of the resolver.
var otherReverseNames = []nameCase{
	{"reverse of too many labels", none, "1.20.1.0.10.in-addr.arpa", vpc.TypePTR, "not ours"},
	{"reverse zone of IPv4", none, "in-addr.arpa", vpc.TypePTR, "not ours"},
	{"reverse zone of IPv6", none, "ip6.arpa", vpc.TypePTR, "not ours"},
	{"reverse IPv6 of half a label", none, "10.d.f.ip6.arpa", vpc.TypePTR, "not ours"},
	{"reverse IPv6 of no digit", none, "g.d.f.ip6.arpa", vpc.TypePTR, "not ours"},
	{
		"reverse IPv6 of too many labels", none, strings.Repeat("0.", 31) + "d.f.ip6.arpa", vpc.TypePTR, "not ours",
	},
}

var foreignNames = []nameCase{
	{"elsewhere", none, "example.com", vpc.TypeA, "not ours"},
	{"root", none, ".", vpc.TypeNS, "not ours"},
}

func TestResolve(t *testing.T) {
	for _, tt := range slices.Concat(
		privateNames, ownNames, hostNames, reverseNames, otherReverseNames, foreignNames,
	) {
		if got := say(snapshot(t, sample(tt.change)).Resolve(vpctest.VPC, tt.asked, tt.qtype)); got != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.name, tt.asked, got, tt.want)
		}
	}
}

// TestHostsOfSeveralAddresses: a name that is made of an address means that one, if it is the interface's, and any
// other name the first of each family.
func TestHostsOfSeveralAddresses(t *testing.T) {
	several := both(withIPv6, func(n *vpc.Network) {
		c := &n.Interfaces[1]
		c.Addresses = append(c.Addresses, netip.MustParseAddr("10.0.2.31"), netip.MustParseAddr("2001:db8:1:2::31"))
		n.Interfaces[0].Name = "ip-10-0-9-9" // of an address that nobody has
	})
	s := snapshot(t, sample(several))
	for _, tt := range []struct {
		asked string
		qtype uint16
		want  string
	}{
		{"build-host.ec2.internal", vpc.TypeANY, "10.0.2.30 2001:db8:1:2::30"},
		{"ip-10-0-2-30.ec2.internal", vpc.TypeANY, "10.0.2.30"},
		{"ip-10-0-2-31.ec2.internal", vpc.TypeANY, "10.0.2.31"},
		{"ip-10-0-9-9.ec2.internal", vpc.TypeA, "10.0.1.20"},
		{"31.2.0.10.in-addr.arpa", vpc.TypePTR, "ip-10-0-2-31.ec2.internal"},
		{"30.2.0.10.in-addr.arpa", vpc.TypePTR, "build-host.ec2.internal"},
		{"20.1.0.10.in-addr.arpa", vpc.TypePTR, "ip-10-0-9-9.ec2.internal"},
	} {
		if got := say(s.Resolve(vpctest.VPC, tt.asked, tt.qtype)); got != tt.want {
			t.Errorf("%s is %q, want %q", tt.asked, got, tt.want)
		}
	}
}

// TestHostsOfSeveralPeers: the names of every peer whose option is on are looked at, not only of the first.
func TestHostsOfSeveralPeers(t *testing.T) {
	third := func(n *vpc.Network) {
		n.VPCs = append(n.VPCs, vpc.VPC{ID: "vpc-3", Region: "us-east-1", CIDRs: []netip.Prefix{prefix("10.2.0.0/16")}})
		n.Subnets = append(n.Subnets, vpc.Subnet{ID: "subnet-3", VPC: "vpc-3", CIDR: prefix("10.2.1.0/24")})
		n.Interfaces = append(n.Interfaces, vpc.Interface{
			ID: "eni-3", VPC: "vpc-3", Subnet: "subnet-3", Addresses: []netip.Addr{netip.MustParseAddr("10.2.1.20")},
		})
		n.Peerings = append(n.Peerings,
			vpc.Peering{ID: "pcx-3", Requester: vpctest.VPC, Accepter: "vpc-3", Active: true, AccepterDNS: true})
	}
	s := snapshot(t, sample(both(withPeer(true, "us-east-1"), peerDNS, third)))
	for _, tt := range []struct{ vpc, asked, want string }{
		{vpctest.VPC, "ip-10-1-1-20.ec2.internal", "10.1.1.20"},
		{vpctest.VPC, "ip-10-2-1-20.ec2.internal", "10.2.1.20"},
		{"vpc-2", "ip-10-0-1-20.ec2.internal", "absent ec2.internal"},
		{"vpc-2", "ip-10-2-1-20.ec2.internal", "absent ec2.internal"}, // a peering is not transitive
	} {
		if got := say(s.Resolve(tt.vpc, tt.asked, vpc.TypeA)); got != tt.want {
			t.Errorf("%s in %s is %q, want %q", tt.asked, tt.vpc, got, tt.want)
		}
	}
}

// TestResolveNamesWhatItFinds: every name that an answer gives resolves back, and no private zone is called not ours.
func TestResolveNamesWhatItFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := vpctest.Networks().Draw(t, "network")
		n.ResolverRules = nil // they have names asked for elsewhere
		s := snapshot(t, n)
		for _, c := range n.Interfaces {
			v, _ := s.VPC(c.VPC)
			o := c.Addresses[0].As4()
			a := s.Resolve(c.VPC, netip.AddrFrom4([4]byte{o[3], o[2], o[1], o[0]}).String()+".in-addr.arpa", vpc.TypePTR)
			if !v.DNSSupport {
				if a.Status != vpc.NameSilent {
					t.Fatalf("%s answers without DNS support", v.ID)
				}
				continue
			}
			if a.Status != vpc.NameFound {
				t.Fatalf("%s of %s has no name: %+v", c.Addresses[0], c.ID, a)
			}
			if b := s.Resolve(c.VPC, a.Names[0], vpc.TypeA); b.Status != vpc.NameFound || b.Addresses[0] != c.Addresses[0] {
				t.Fatalf("%s of %s resolves to %+v", a.Names[0], c.ID, b)
			}
		}
		for _, e := range n.Endpoints {
			for _, v := range n.VPCs {
				checkEndpointNames(t, s, e, v)
			}
		}
	})
}

func checkEndpointNames(t *rapid.T, s *vpc.Snapshot, e vpc.Endpoint, v vpc.VPC) {
	if !v.DNSSupport || e.Kind != vpc.InterfaceEndpoint {
		return
	}
	found := e.Available && len(e.Interfaces) > 0
	if a := s.Resolve(v.ID, e.Name, vpc.TypeA); (a.Status == vpc.NameFound) != found || found && a.Endpoint != e.ID {
		t.Fatalf("%s in %s: %+v, available %v", e.Name, v.ID, a, found)
	}
	if e.VPC != v.ID {
		return
	}
	named := found && e.PrivateDNS && v.DNSHostnames
	private := named && !e.InboundOnly
	a, x := s.Resolve(v.ID, e.PrivateNames[0], vpc.TypeA), s.ExplainName(v.ID, e.PrivateNames[0])
	if (a.Status == vpc.NameFound && !a.Public) != private || x.Private != private || private != (len(x.Findings) == 0) {
		t.Fatalf("%s in %s: %+v, want private %v, explained %+v", e.PrivateNames[0], v.ID, a, private, x)
	}
	a = s.ResolveInbound(v.ID, e.PrivateNames[0], vpc.TypeA)
	if (a.Status == vpc.NameFound && !a.Public) != named {
		t.Fatalf("%s through an inbound endpoint of %s: %+v, want %v", e.PrivateNames[0], v.ID, a, named)
	}
}

// FuzzResolve: whatever name is asked, Resolve answers, and nothing below a private zone is called not ours.
func FuzzResolve(f *testing.F) {
	for _, name := range []string{
		"", ".", "..", "ssm.us-east-1.amazonaws.com.", "*.ec2.internal", "ip-10-0-1-20.ec2.internal",
		"ip-256-0-0-1.ec2.internal",
		"1.0.0.10.in-addr.arpa", "1.2.3.4.5.6.10.in-addr.arpa", "f.ip6.arpa", "....ip6.arpa", "vpce.amazonaws.com",
		"xvpce.amazonaws.com",
	} {
		f.Add(name, vpc.TypeA)
	}
	s := snapshot(f, sample(both(withBuckets, withIPv6)))
	f.Fuzz(func(t *testing.T, name string, qtype uint16) {
		a := s.Resolve(vpctest.VPC, name, qtype)
		if private := strings.HasSuffix(name, ".ec2.internal"); private && a.Status == vpc.NameNotOurs {
			t.Errorf("%q is not ours", name)
		}
		if a.Status == vpc.NameFound && len(a.Addresses)+len(a.Names) == 0 {
			t.Errorf("%q is found without data", name)
		}
		s.ExplainName(vpctest.VPC, name)
	})
}
