package vpc

import "net/netip"

// Network holds everything the judge needs to know, as plain values. NewSnapshot checks and indexes it.
type Network struct {
	VPCs           []VPC
	Subnets        []Subnet
	RouteTables    []RouteTable
	ACLs           []ACL
	SecurityGroups []SecurityGroup
	PrefixLists    []PrefixList
	Interfaces     []Interface
	Endpoints      []Endpoint
	// EndpointServices lists the services that somebody of this network owns; Amazon's own are not among them.
	EndpointServices []EndpointService
	Peerings         []Peering
	// ResolverEndpoints and ResolverRules are Route 53 Resolver's.
	ResolverEndpoints []ResolverEndpoint
	ResolverRules     []ResolverRule
	NATGateways       []NATGateway
	// Internet says what lies behind Internet gateways; nil is an Internet that nothing is known of, where everything
	// answers.
	Internet *Internet
}

// VPC is one virtual private cloud. Address ranges of one VPC do not overlap.
type VPC struct {
	ID, Account, Region string
	CIDRs               []netip.Prefix
	// DNSSupport turns the VPC resolver on; DNSHostnames is needed beside it for endpoints' private DNS names.
	DNSSupport, DNSHostnames bool
}

// Subnet is a range of one VPC in one zone.
type Subnet struct {
	ID, VPC string
	// Zone is the zone's name, such as "us-east-1a".
	Zone string
	CIDR netip.Prefix
	// IPv6 is the subnet's IPv6 range; the zero Prefix where it has none.
	IPv6 netip.Prefix
}

// RouteTable holds the routes of the subnets associated with it; the Main table serves every other subnet of the VPC.
// The local routes (the VPC's own ranges) are implied and need not be listed. A subnet that no table serves has the
// local routes only.
type RouteTable struct {
	ID, VPC string
	Main    bool
	Subnets []string
	Routes  []Route
}

// Route sends a destination to a target. Exactly one of Destination and PrefixList is set. The longest prefix that
// matches decides; between equals the local route, then a route to a range, then one to a prefix list. A route whose
// target is gone is Blackhole.
type Route struct {
	Destination netip.Prefix
	PrefixList  string
	Target      Target
}

// TargetKind says what a route leads to.
type TargetKind uint8

// The route targets.
const (
	Local TargetKind = iota
	ViaPeering
	ViaInternetGateway
	ViaNATGateway
	ViaGatewayEndpoint
	ViaInterface
	Blackhole
	// ViaOther leads to something that is not judged here, such as a transit gateway; nothing is allowed through it.
	ViaOther
)

// Target is a route's target: its kind and the id of the peering, gateway, endpoint or interface.
type Target struct {
	Kind TargetKind
	ID   string
}

// ACL is a stateless network ACL. The Default ACL serves the VPC's subnets that no other one lists. A subnet that no
// ACL serves is not filtered.
type ACL struct {
	ID, VPC string
	Default bool
	Subnets []string
	Entries []ACLEntry
}

// ACLEntry is one numbered rule (1–32766); the lowest number that matches decides, and none that matches denies.
type ACLEntry struct {
	Number   int
	Egress   bool
	Allow    bool
	Protocol Protocol
	CIDR     netip.Prefix
	Ports    PortRange
}

// SecurityGroup is a stateful, allow-only set of rules for network interfaces.
type SecurityGroup struct {
	ID, VPC, Name string
	Rules         []Rule
}

// Rule allows traffic of one protocol and port range with one kind of peer: exactly one of CIDR, Group and PrefixList.
// A Group matches the addresses of the interfaces that are in it, in the same VPC or over an active peering within the
// region; a Group that is gone is stale and matches nothing, and so is one behind a peering that is gone.
type Rule struct {
	// ID is the rule's own id, "sgr-…".
	ID         string
	Egress     bool
	Protocol   Protocol
	Ports      PortRange
	CIDR       netip.Prefix
	Group      string
	PrefixList string
	// PeerVPC is the VPC of Group where it is not the rule's own.
	PeerVPC string
}

// PrefixList is a named set of ranges, one of AWS's own ("com.amazonaws.us-east-1.s3") or a managed one.
type PrefixList struct {
	ID, Name string
	CIDRs    []netip.Prefix
}

// InterfaceKind says what a network interface belongs to.
type InterfaceKind uint8

// The kinds of interface.
const (
	// InstanceInterface belongs to an instance.
	InstanceInterface InterfaceKind = iota
	// EndpointInterface is the address of an interface endpoint in one subnet.
	EndpointInterface
	// AttachedInterface belongs to a machine that is not an instance, joined over a tunnel.
	AttachedInterface
	// ServiceInterface is an endpoint service's own side in one subnet: what its endpoints take leaves from there to the
	// service's targets. It has no groups, starts connections and takes none.
	ServiceInterface
	// ResolverInterface is an address of a Route 53 Resolver endpoint.
	ResolverInterface
	// GatewayInterface belongs to a NAT gateway. It begins no conversation of its own and takes none.
	GatewayInterface
)

// Interface is an elastic network interface. Its first address is the primary one.
type Interface struct {
	ID, VPC, Subnet string
	Kind            InterfaceKind
	// Owner is the id of the instance, endpoint or managed node ("i-…", "vpce-…", "mi-…"); empty while detached.
	Owner     string
	Addresses []netip.Addr
	Groups    []string
	// AnySource lifts the source/destination check: the interface may then send from addresses that are not its own.
	AnySource bool
	// Public is the public IPv4 address that an Internet gateway translates the primary address to; the zero Addr
	// where there is none, and then no Internet gateway carries what the interface sends. What it sends from another
	// address is not carried either.
	Public netip.Addr
	// Name is the private host name without domain, such as "ip-10-0-1-20".
	Name string
}

// EndpointKind is the kind of a VPC endpoint.
type EndpointKind uint8

// The kinds of VPC endpoint.
const (
	InterfaceEndpoint EndpointKind = iota
	GatewayEndpoint
)

// Endpoint is a VPC endpoint to one service.
type Endpoint struct {
	ID, VPC string
	Kind    EndpointKind
	// Service is the service's name, such as "com.amazonaws.us-east-1.ssm".
	Service string
	// Available is false while the endpoint is pending, deleting or rejected: it then has no names and takes no flows.
	Available bool
	// Acceptance says why it is not available where the service's owner decides about that.
	Acceptance Acceptance
	// PrivateDNS asks that PrivateNames resolve to the endpoint's addresses inside the VPC. It takes effect only
	// while the VPC has DNS support and DNS hostnames.
	PrivateDNS bool
	// InboundOnly gives PrivateNames to those who ask through an inbound Resolver endpoint of the VPC, and not to the
	// VPC's own interfaces.
	InboundOnly bool
	// PrivateNames are the service's ordinary names, such as "ssm.us-east-1.amazonaws.com"; a leading "*." covers
	// one or more labels.
	PrivateNames []string
	// Name is the endpoint's own regional name, "vpce-ID-SUFFIX.ssm.us-east-1.vpce.amazonaws.com". Its zonal names
	// carry "-ZONE" at the end of the first label. A leading "*." adds every name below each of them (S3).
	Name string
	// Interfaces are the endpoint's network interfaces, one a subnet (InterfaceEndpoint only).
	Interfaces []string
	// RouteTables lists the tables that carry the endpoint's route (GatewayEndpoint only). The route to the prefix list
	// whose name is the endpoint's Service is implied in them and need not be listed there.
	RouteTables []string
}

// Peering joins two VPCs. It is not transitive.
type Peering struct {
	ID, Requester, Accepter string
	Active                  bool
	// RequesterDNS lets the accepter resolve the requester's host names to private addresses, AccepterDNS the other way:
	// each side's option is about its own names (EC2 API, AllowDnsResolutionFromRemoteVpc).
	RequesterDNS, AccepterDNS bool
}
