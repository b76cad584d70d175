package network

import (
	"net/netip"
	"time"

	"postern/aws/iam"
	"postern/network/vpc"
)

// Records are immutable once they are in a State: a verb changes a copy.

// VPC is a virtual private cloud.
type VPC struct {
	Meta
	// Blocks are its address ranges; the first is the primary one. They do not overlap.
	Blocks []Block
	// Default marks the default VPC of its region.
	Default bool `json:",omitempty"`
	// DNSSupport turns the VPC resolver on, DNSHostnames is needed beside it for endpoints' private DNS names.
	DNSSupport, DNSHostnames bool
	// DhcpOptions is the id of its DHCP options set, or NoDhcpOptions; empty is the region's own set.
	DhcpOptions string `json:",omitempty"`
	// UsageMetrics is kept for its owner; nothing follows from it.
	UsageMetrics bool `json:",omitempty"`
}

// Block is one address range of a VPC, with the id of its association.
type Block struct {
	ID   string
	CIDR netip.Prefix
}

// CIDR is the VPC's primary address range.
func (v *VPC) CIDR() netip.Prefix { return v.Blocks[0].CIDR }

// Subnet is a range of a VPC in one zone.
type Subnet struct {
	Meta
	VPC  string
	Zone string
	CIDR netip.Prefix
	// Default marks a zone's default subnet.
	Default bool `json:",omitempty"`
	// PublicOnLaunch gives new instances a public address unless they ask for none.
	PublicOnLaunch bool `json:",omitempty"`
}

// RouteTable holds routes. The local routes, to the VPC's own ranges, are not among Routes: they follow from the VPC.
type RouteTable struct {
	Meta
	VPC          string
	Associations []Association
	Routes       []Route `json:",omitempty"`
}

// Association ties a route table to a subnet, or makes it the VPC's main table.
type Association struct {
	ID     string
	Subnet string `json:",omitempty"`
	Main   bool   `json:",omitempty"`
}

// Main reports whether the table serves every subnet of its VPC that no other table is tied to.
func (t *RouteTable) Main() bool {
	for _, a := range t.Associations {
		if a.Main {
			return true
		}
	}
	return false
}

// Route sends a destination, which is a range or a prefix list, to a target.
type Route struct {
	Destination netip.Prefix `json:",omitzero"`
	PrefixList  string       `json:",omitempty"`
	Target      vpc.Target
}

// InternetGateway is an Internet gateway, attached to one VPC or to none.
type InternetGateway struct {
	Meta
	VPC string `json:",omitempty"`
}

// NetworkACL is a stateless network ACL; the default one serves each subnet of the VPC that no other one lists.
type NetworkACL struct {
	Meta
	VPC          string
	Default      bool
	Entries      []ACLEntry
	Associations []Association
}

// ACLEntry is one numbered entry of a network ACL.
type ACLEntry vpc.ACLEntry

// SecurityGroup is a stateful set of rules that allow.
type SecurityGroup struct {
	Meta
	VPC, Name, Description string
	Rules                  []SecurityGroupRule
}

// SecurityGroupRule allows one protocol and port range with one kind of peer: exactly one of CIDR, Group, PrefixList.
type SecurityGroupRule struct {
	ID       string
	Egress   bool `json:",omitempty"`
	Protocol vpc.Protocol
	Ports    vpc.PortRange
	CIDR     netip.Prefix `json:",omitzero"`
	Group    string       `json:",omitempty"`
	// Peer is what Group is where it is in another VPC; nil for a group of the same one.
	Peer        *PeerGroup `json:",omitempty"`
	PrefixList  string     `json:",omitempty"`
	Description string     `json:",omitempty"`
	Tags        []Tag      `json:",omitempty"`
}

// Interface is an elastic network interface.
type Interface struct {
	Meta
	VPC, Subnet, Zone string
	Kind              vpc.InterfaceKind
	Description       string `json:",omitempty"`
	// Addresses are its private addresses; the first is the primary one and never changes.
	Addresses []netip.Addr
	MAC       string
	Groups    []string
	// AnySource lifts the source/destination check.
	AnySource bool `json:",omitempty"`
	// Public is its public address, nil while it has none.
	Public *PublicAssociation `json:",omitempty"`
	// Attachment is nil while the interface belongs to nothing; Detached is then the last one that it had.
	Attachment *Attachment `json:",omitempty"`
	Detached   *Attachment `json:",omitempty"`
}

// Attachment says what a network interface belongs to.
type Attachment struct {
	ID string
	// Owner is the id of the instance, endpoint or managed node.
	Owner string
	// Index is the device index at an instance; 0 is its primary interface.
	Index int `json:",omitempty"`
	Since time.Time
	// DeleteOnTermination releases the interface together with its owner.
	DeleteOnTermination bool
}

// Owner is the id of what the interface belongs to, or "".
func (n *Interface) Owner() string {
	if n.Attachment == nil {
		return ""
	}
	return n.Attachment.Owner
}

// Endpoint states, as the EC2 API spells them.
const (
	// PendingAcceptance is an endpoint that the owner of its service has not answered yet, Rejected one that was refused.
	PendingAcceptance = "pendingAcceptance"
	Rejected          = "rejected"
	Pending           = "pending"
	Available         = "available"
	Deleted           = "deleted"
)

// VpcEndpoint is a VPC endpoint.
type VpcEndpoint struct {
	Meta
	VPC  string
	Kind vpc.EndpointKind
	// Service is "com.amazonaws.REGION.SHORT", or "com.amazonaws.vpce.REGION.vpce-svc-…" of somebody's own.
	Service string
	State   string
	// Connection is the id of its connection to a service of somebody's own, "vpce-con-…".
	Connection string `json:",omitempty"`
	// Policy is the endpoint policy's text; empty is full access.
	Policy string `json:",omitempty"`
	// PrivateDNS asks for the service's ordinary names inside the VPC.
	PrivateDNS bool `json:",omitempty"`
	// Suffix is the second part of its own names, HostedZone the id of its private hosted zone.
	Suffix, HostedZone string
	// Interfaces are its network interfaces, one for each of Subnets.
	Subnets, Interfaces []string
	Groups              []string
	// RouteTables carry a gateway endpoint's route.
	RouteTables []string `json:",omitempty"`

	compiled     *iam.Policy
	compiledFrom string
	policyErr    error
}

// PrefixList is a managed prefix list.
type PrefixList struct {
	Meta
	Name       string
	MaxEntries int
	Version    int64
	Entries    []PrefixListEntry
	// Modified says that it has been changed since it was made: the EC2 API names the last thing done.
	Modified bool `json:",omitempty"`
}

// PrefixListEntry is one range of a prefix list.
type PrefixListEntry struct {
	CIDR        netip.Prefix
	Description string `json:",omitempty"`
}

// Peering is a peering connection between two VPCs. Its scope is the requester's.
type Peering struct {
	Meta
	Requester, Accepter string
	// Active follows from Status.
	Active bool
	// RequesterDNS lets the accepter resolve the requester's host names to private addresses, AccepterDNS the other way.
	RequesterDNS, AccepterDNS       bool
	AccepterAccount, AccepterRegion string
	Status                          PeeringStatus `json:",omitempty"`
	StatusText                      string
	// Expires is when a request ends that nobody has accepted.
	Expires time.Time `json:",omitzero"`
	// Ended is when it came to its end, EndedBy the account that did it; "" is nobody.
	Ended   time.Time `json:",omitzero"`
	EndedBy string    `json:",omitempty"`
	// Unseen is the account that does not see it any more.
	Unseen string `json:",omitempty"`
}

// DhcpOptions is a set of what DHCP tells nodes.
type DhcpOptions struct {
	Meta
	Options []DhcpOption
}

// DhcpOption is one option, such as "domain-name-servers", with its values.
type DhcpOption struct {
	Key    string
	Values []string
}

// Token remembers what a request with a client token made, so that the same request does not make it again.
type Token struct {
	// ID is "ACCOUNT/REGION/VERB/TOKEN".
	ID string
	// Request is a digest of the request, Result the id of what it made.
	Request, Result string
	Expires         time.Time
}

func (*VPC) kind() Kind             { return KindVPC }
func (*Subnet) kind() Kind          { return KindSubnet }
func (*RouteTable) kind() Kind      { return KindRouteTable }
func (*InternetGateway) kind() Kind { return KindInternetGateway }
func (*NetworkACL) kind() Kind      { return KindNetworkACL }
func (*SecurityGroup) kind() Kind   { return KindSecurityGroup }
func (*Interface) kind() Kind       { return KindInterface }
func (*VpcEndpoint) kind() Kind     { return KindEndpoint }
func (*PrefixList) kind() Kind      { return KindPrefixList }
func (*Peering) kind() Kind         { return KindPeering }
func (*DhcpOptions) kind() Kind     { return KindDhcpOptions }
func (*Token) kind() Kind           { return KindToken }
func (t *Token) key() string        { return t.ID }
