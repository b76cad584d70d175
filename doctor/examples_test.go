package doctor_test

import (
	"net/netip"
	"slices"
	"strings"

	"postern/doctor"
	"postern/network/vpc"
	"postern/network/vpc/vpctest"
)

// example turns the healthy network into one that shows a finding, when asked for a service or address ("ssm"
// where it is empty).
type example struct {
	changes []func(*doctor.Facts)
	to      string
	// feature says what is wanted, in place of a service.
	feature string
}

func with(changes ...func(*doctor.Facts)) example { return example{changes: changes} }

func asked(to string, changes ...func(*doctor.Facts)) example {
	return example{changes: changes, to: to}
}

func wanted(feature string, changes ...func(*doctor.Facts)) example {
	return example{changes: changes, feature: feature}
}

const (
	anywhere = "203.0.113.9"
	// farAddress is that of the peered VPC's interface, nobodysAddress of none.
	farAddress     = "10.1.1.20"
	nobodysAddress = "10.0.1.99"
)

// examples has one network for each kind of finding.
var examples = map[doctor.ID]example{
	"node/no-interface": with(func(f *doctor.Facts) { f.Node.Interface = "" }),
	"node/not-running":  with(func(f *doctor.Facts) { f.Node.State = "stopped" }),
	"node/metadata-off": with(func(f *doctor.Facts) { f.Node.Metadata = &doctor.Metadata{Off: true} }),
	"node/agent-silent": with(func(f *doctor.Facts) { f.Node.Status = "ConnectionLost" }),

	"dns/support-off":        with(func(f *doctor.Facts) { f.Network.VPCs[0].DNSSupport = false }),
	"dns/hostnames-off":      with(func(f *doctor.Facts) { f.Network.VPCs[0].DNSHostnames = false }),
	"dns/private-dns-off":    with(func(f *doctor.Facts) { f.Network.Endpoints[0].PrivateDNS = false }),
	"dns/unknown-name":       asked("nosuch.example.com"),
	"dns/server-unreached":   with(dnsServer("10.0.1.30", false)),
	"dns/server-not-judged":  with(dnsServer("10.0.1.30", true)),
	"dns/forward-unreached":  asked("kms", withHub, func(f *doctor.Facts) { group(f, "sg-out").Rules = nil }),
	"dns/forward-not-judged": asked("kms", withHub, forwardElsewhere),
	"dns/resolver-unavailable": asked("kms", withHub,
		func(f *doctor.Facts) { f.Network.ResolverEndpoints[1].Available = false }),
	"dns/resolver-port":    asked("10.0.1.54:53", withHub),
	"dns/resolver-outside": asked("10.1.0.2:53", withPeer),

	"endpoint/missing":        with(withoutEndpoint),
	"endpoint/unavailable":    with(func(f *doctor.Facts) { f.Network.Endpoints[0].Available = false }),
	"endpoint/no-interface":   with(withoutEndpointInterfaces),
	"endpoint/port":           asked("10.0.1.10:22"),
	"endpoint/policy":         with(withEndpointPolicy),
	"endpoint/no-principal":   with(machine, perimeter),
	"endpoint/starts-nothing": with(func(f *doctor.Facts) { f.Node.Interface = "eni-ssm-a" }),
	"endpoint/service-side":   asked("10.0.1.230:443", withOwnService),

	"egress/no-rule":     with(func(f *doctor.Facts) { group(f, vpctest.NodeGroup).Rules = nil }),
	"egress/stale-rule":  asked(farAddress, withPeer, staleRule(vpctest.NodeGroup, true)),
	"ingress/no-rule":    with(func(f *doctor.Facts) { group(f, vpctest.EndpointGroup).Rules = nil }),
	"ingress/stale-rule": asked("10.0.1.10", withPeer, fromFar, staleRule(vpctest.EndpointGroup, false)),
	"acl-out/denied":     asked("10.0.2.10", withACL(vpctest.SubnetA)),
	"acl-in/denied":      asked("10.0.2.10", withACL(vpctest.SubnetB)),

	"route/missing":          asked(anywhere),
	"route/blackhole":        asked(anywhere, routeTo(vpc.Blackhole, "nat-gone")),
	"route/not-judged":       asked(anywhere, routeTo(vpc.ViaOther, "tgw-1")),
	"route/loop":             asked(anywhere, routeTo(vpc.ViaInterface, vpctest.Node), forwarding),
	"route/not-forwarding":   asked(anywhere, routeTo(vpc.ViaInterface, vpctest.Attached)),
	"peering/inactive":       asked(farAddress, withPeer, func(f *doctor.Facts) { f.Network.Peerings[0].Active = false }),
	"peering/not-transitive": asked(anywhere, withPeer, routeTo(vpc.ViaPeering, "pcx-1")),

	"nat/unavailable": asked(anywhere, byNAT, func(f *doctor.Facts) { f.Network.NATGateways[0].Available = false }),
	"nat/private":     asked(anywhere, byNAT, func(f *doctor.Facts) { f.Network.NATGateways[0].Private = true }),
	"nat/no-route":    asked(anywhere, byNAT),
	"nat/acl-denied":  asked(anywhere, byNAT, withACL(vpctest.SubnetB)),
	"nat/own-interface": asked("10.0.2.250", func(f *doctor.Facts) {
		f.Network.NATGateways = []vpc.NATGateway{{
			ID: "nat-1", VPC: vpctest.VPC, Subnet: vpctest.SubnetB, Interface: "eni-nat", Available: true,
		}}
		addInterface(f, "eni-nat", vpctest.SubnetB, "10.0.2.250", vpc.GatewayInterface, "nat-1")
	}),
	"internet/no-public-address": asked(anywhere, routeTo(vpc.ViaInternetGateway, "igw-1")),
	"internet/not-public":        asked("192.168.9.9", routeTo(vpc.ViaInternetGateway, "igw-1")),
	"internet/nothing-there":     asked(anywhere, routeTo(vpc.ViaInternetGateway, "igw-1"), withInternet),

	"address/unassigned": asked(nobodysAddress),
	"address/detached": asked("10.0.2.31", func(f *doctor.Facts) {
		addInterface(f, "eni-spare", vpctest.SubnetB, "10.0.2.31", vpc.InstanceInterface, "")
	}),
	"address/unusable": asked("2001:db8::1"),
	"link-local/port":  asked("10.0.0.2:443"),
	"link-local/not-an-instance": asked("169.254.169.254:80",
		func(f *doctor.Facts) { f.Node.Interface = vpctest.Attached }),

	"role/missing":     with(func(f *doctor.Facts) { f.Roles = nil }),
	"role/not-trusted": with(func(f *doctor.Facts) { f.Roles[0].Trust = strings.Replace(trustEC2, "ec2", "lambda", 1) }),
	"role/not-allowed": with(func(f *doctor.Facts) { f.Roles[0].Policies = nil }),
	"role/denied":      with(withDeny),
	"role/boundary":    with(withBoundary),

	"bucket/role":            wanted("patch", withS3),
	"bucket/endpoint-policy": wanted("patch", withS3, readsBuckets, keepsSnapshots),
}

func group(f *doctor.Facts, id string) *vpc.SecurityGroup {
	i := slices.IndexFunc(f.Network.SecurityGroups, func(g vpc.SecurityGroup) bool { return g.ID == id })
	return &f.Network.SecurityGroups[i]
}

func addInterface(f *doctor.Facts, id, subnet, address string, kind vpc.InterfaceKind, owner string) {
	f.Network.Interfaces = append(f.Network.Interfaces, vpc.Interface{
		ID: id, VPC: vpctest.VPC, Subnet: subnet, Kind: kind, Owner: owner,
		Addresses: []netip.Addr{netip.MustParseAddr(address)},
	})
}

// routeTo gives the VPC's main route table a default route.
func routeTo(kind vpc.TargetKind, id string) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		f.Network.RouteTables[0].Routes = append(f.Network.RouteTables[0].Routes,
			vpc.Route{Destination: prefix("0.0.0.0/0"), Target: vpc.Target{Kind: kind, ID: id}})
	}
}

// forwarding lets the node's interface forward, as an instance that routes for others does.
func forwarding(f *doctor.Facts) { f.Network.Interfaces[0].AnySource = true }

// withACL gives a subnet a network ACL that allows nothing.
func withACL(subnet string) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		f.Network.ACLs = append(f.Network.ACLs, vpc.ACL{ID: "acl-own", VPC: vpctest.VPC, Subnets: []string{subnet}})
	}
}

// withPeer peers the VPC with another one, which has an interface.
func withPeer(f *doctor.Facts) {
	n := &f.Network
	via := vpc.Target{Kind: vpc.ViaPeering, ID: "pcx-1"}
	n.VPCs = append(n.VPCs, vpc.VPC{
		ID: "vpc-2", Account: f.Account, Region: f.Region, CIDRs: []netip.Prefix{prefix("10.1.0.0/16")}, DNSSupport: true,
	})
	n.Subnets = append(n.Subnets,
		vpc.Subnet{ID: "subnet-far", VPC: "vpc-2", Zone: "us-east-1a", CIDR: prefix("10.1.1.0/24")})
	n.Peerings = append(n.Peerings, vpc.Peering{ID: "pcx-1", Requester: "vpc-2", Accepter: vpctest.VPC, Active: true})
	n.RouteTables[0].Routes = append(n.RouteTables[0].Routes, vpc.Route{Destination: prefix("10.1.0.0/16"), Target: via})
	n.RouteTables = append(n.RouteTables, vpc.RouteTable{
		ID: "rtb-far", VPC: "vpc-2", Main: true, Routes: []vpc.Route{{Destination: prefix("10.0.0.0/16"), Target: via}},
	})
	n.SecurityGroups = append(n.SecurityGroups, vpc.SecurityGroup{ID: "sg-far", VPC: "vpc-2", Rules: []vpc.Rule{
		{ID: "sgr-far-out", Egress: true, Protocol: vpc.AllProtocols, CIDR: prefix("0.0.0.0/0")},
	}})
	n.Interfaces = append(n.Interfaces, vpc.Interface{
		ID: "eni-far", VPC: "vpc-2", Subnet: "subnet-far", Owner: "i-far", Groups: []string{"sg-far"},
		Addresses: []netip.Addr{netip.MustParseAddr(farAddress)},
	})
}

// fromFar asks about the peered VPC's interface.
func fromFar(f *doctor.Facts) { f.Node.Interface = "eni-far" }

// staleRule leaves a group with one rule, which names a group of the peered VPC that is gone.
func staleRule(id string, egress bool) func(*doctor.Facts) {
	return func(f *doctor.Facts) {
		group(f, id).Rules = []vpc.Rule{{
			ID: "sgr-stale", Egress: egress, Protocol: vpc.TCP, Ports: vpc.PortRange{From: 443, To: 443},
			Group: "sg-gone", PeerVPC: "vpc-2",
		}}
	}
}

// forwardElsewhere lets the hub's rule name a server that is no inbound endpoint.
func forwardElsewhere(f *doctor.Facts) {
	f.Network.ResolverRules[0].Targets = []netip.AddrPort{netip.MustParseAddrPort("10.0.2.30:53")}
	g := group(f, vpctest.NodeGroup)
	g.Rules = append(slices.Clone(g.Rules), vpc.Rule{
		ID: "sgr-in", Protocol: vpc.UDP, Ports: vpc.PortRange{From: 53, To: 53}, CIDR: prefix("10.0.0.0/8"),
	})
}

func withoutEndpointInterfaces(f *doctor.Facts) {
	f.Network.Endpoints[0].Interfaces = nil
	f.Network.Interfaces = slices.DeleteFunc(f.Network.Interfaces,
		func(c vpc.Interface) bool { return c.Owner == "vpce-ssm" })
}

func withOwnService(f *doctor.Facts) {
	f.Network.EndpointServices = []vpc.EndpointService{{
		ID: "vpce-svc-1", Name: "com.amazonaws.vpce.us-east-1.vpce-svc-1", Account: f.Account,
		Targets: []vpc.ServiceTarget{{Port: 443, TargetPort: 443, Interface: vpctest.Attached, From: "eni-service"}},
	}}
	addInterface(f, "eni-service", vpctest.SubnetA, "10.0.1.230", vpc.ServiceInterface, "vpce-svc-1")
}

// withInternet sets what lies behind the gateways, and gives the node a public address.
func withInternet(f *doctor.Facts) {
	f.Network.Internet = vpctest.Internet()
	f.Network.Interfaces[0].Public = netip.MustParseAddr("198.19.0.2")
}

func withEndpointPolicy(f *doctor.Facts) {
	f.EndpointPolicies = map[string]string{
		"vpce-ssm": `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"ssm:GetParameter","Resource":"*"}]}`,
	}
}

// machine makes a machine of the node that is no instance.
func machine(f *doctor.Facts) {
	f.Node.ID, f.Node.State = "mi-1", ""
	f.Roles[0].Service, f.Roles[0].By = "ssm.amazonaws.com", "its activation"
	f.Roles[0].Trust = strings.Replace(trustEC2, "ec2", "ssm", 1)
}

// perimeter has the endpoint's policy let in principals of an organization only.
func perimeter(f *doctor.Facts) {
	f.EndpointPolicies = map[string]string{
		"vpce-ssm": `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",` +
			`"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorgid"}}}]}`,
	}
}

// readsBuckets lets the role read everything in S3.
func readsBuckets(f *doctor.Facts) {
	f.Roles[0].Policies = append(f.Roles[0].Policies, doctor.Document{
		Name: "s3",
		JSON: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`,
	})
}

// keepsSnapshots has the S3 endpoint's policy leave the buckets of patch baselines' snapshots out.
func keepsSnapshots(f *doctor.Facts) {
	f.EndpointPolicies = map[string]string{
		"vpce-s3": `{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":[` +
			`"arn:aws:s3:::aws-ssm-us-east-1/*","arn:aws:s3:::aws-patch-manager-us-east-1-1970c647d/*"]}]}`,
	}
}

func withDeny(f *doctor.Facts) {
	f.Roles[0].Policies = append(f.Roles[0].Policies, doctor.Document{
		Name: "no", JSON: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ssm:*","Resource":"*"}]}`,
	})
}

func withBoundary(f *doctor.Facts) {
	f.Roles[0].Boundary = &doctor.Document{
		Name: "limit", JSON: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
	}
}
