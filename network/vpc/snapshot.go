package vpc

import (
	"iter"
	"net/netip"
	"slices"
)

// Snapshot is a network at one moment, checked and indexed. It is immutable and safe for use by many goroutines.
type Snapshot struct {
	version    uint64
	changed    Changed
	network    Network
	vpcs       map[string]*realm
	subnets    map[string]*subnet
	tables     map[string]*routeTable
	acls       map[string]*acl
	groups     map[string]*group
	lists      map[string]*prefixList
	interfaces map[string]*card
	endpoints  map[string]*endpoint
	// services are by their names.
	services map[string]*EndpointService
	peerings map[string]*peering
	// resolvers are the Resolver endpoints.
	resolvers map[string]*resolverEndpoint
	// gateways are the VPCs of the gateways and gateway endpoints that routes lead to.
	gateways map[string]*realm
	names    globalNames
	nats     map[string]*nat
	// publics are the interfaces that have a public address, internet what lies behind Internet gateways.
	publics  map[netip.Addr]*card
	internet *internet
}

// realm is a VPC with what stands in it.
type realm struct {
	VPC
	resolver netip.Addr
	cards    map[netip.Addr]*card
	main     *routeTable
	acl      *acl
	names    realmNames
	peerings []*peering
	tables   []*routeTable
	gateways []*endpoint // the gateway endpoints
	// rules are the Resolver rules that hold here, by domain; inbound are the Resolver endpoints that take questions.
	rules   map[string]*ResolverRule
	inbound []*resolverEndpoint
}

type subnet struct {
	Subnet
	realm *realm
	table *routeTable
	acl   *acl
}

// card is a network interface with what it belongs to.
type card struct {
	Interface
	realm    *realm
	subnet   *subnet
	groups   []*group
	endpoint *endpoint
	resolver *resolverEndpoint
}

type endpoint struct {
	Endpoint
	realm *realm
	cards []*card
	// lists lead to a gateway endpoint.
	lists []*prefixList
	// service is nil for Amazon's own services.
	service *EndpointService
}

type peering struct {
	Peering
	requester, accepter *realm
}

// other is the VPC at the far side as seen from r.
func (p *peering) other(r *realm) *realm {
	if p.requester == r {
		return p.accepter
	}
	return p.requester
}

// Version is the number that the snapshot was built with.
func (s *Snapshot) Version() uint64 { return s.version }

// Network returns the values that the snapshot was built from. They must not be changed.
func (s *Snapshot) Network() Network { return s.network }

// VPC returns the VPC with the id.
func (s *Snapshot) VPC(id string) (VPC, bool) {
	if r := s.vpcs[id]; r != nil {
		return r.VPC, true
	}
	return VPC{}, false
}

// VPCs returns every VPC.
func (s *Snapshot) VPCs() iter.Seq[VPC] { return slices.Values(s.network.VPCs) }

// Subnet returns the subnet with the id.
func (s *Snapshot) Subnet(id string) (Subnet, bool) {
	if n := s.subnets[id]; n != nil {
		return n.Subnet, true
	}
	return Subnet{}, false
}

// Interface returns the network interface with the id.
func (s *Snapshot) Interface(id string) (Interface, bool) {
	if c := s.interfaces[id]; c != nil {
		return c.Interface, true
	}
	return Interface{}, false
}

// Interfaces returns every network interface.
func (s *Snapshot) Interfaces() iter.Seq[Interface] { return slices.Values(s.network.Interfaces) }

// InterfaceAt returns the network interface that has the address in the VPC.
func (s *Snapshot) InterfaceAt(vpcID string, address netip.Addr) (Interface, bool) {
	if r := s.vpcs[vpcID]; r != nil {
		if c := r.cards[address.Unmap()]; c != nil {
			return c.Interface, true
		}
	}
	return Interface{}, false
}

// Endpoint returns the VPC endpoint with the id.
func (s *Snapshot) Endpoint(id string) (Endpoint, bool) {
	if e := s.endpoints[id]; e != nil {
		return e.Endpoint, true
	}
	return Endpoint{}, false
}

// Endpoints returns every VPC endpoint.
func (s *Snapshot) Endpoints() iter.Seq[Endpoint] { return slices.Values(s.network.Endpoints) }

// SecurityGroup returns the security group with the id.
func (s *Snapshot) SecurityGroup(id string) (SecurityGroup, bool) {
	if g := s.groups[id]; g != nil {
		return g.SecurityGroup, true
	}
	return SecurityGroup{}, false
}

// ResolverAddress returns the address of the VPC's resolver: the base of its first IPv4 range plus two. It is the zero
// Addr for an unknown VPC and for one without an IPv4 range.
func (s *Snapshot) ResolverAddress(vpcID string) netip.Addr {
	if r := s.vpcs[vpcID]; r != nil {
		return r.resolver
	}
	return netip.Addr{}
}

// Origin describes a connection that the interface from opened to the interface at of an endpoint or a Resolver endpoint:
// what the API may believe about where a request came from, and a resolver about whom it answers for. What it does not
// know is empty.
func (s *Snapshot) Origin(from, at string, source netip.AddrPort) Origin {
	o := Origin{Source: source}
	if c := s.interfaces[from]; c != nil {
		o.Account, o.Region = c.realm.Account, c.realm.Region
		o.VPC, o.Subnet = c.realm.ID, c.Subnet
		o.Interface, o.Owner = c.ID, c.Owner
	}
	if c := s.interfaces[at]; c != nil && c.endpoint != nil {
		o.Endpoint, o.Service = c.endpoint.ID, c.endpoint.Service
		o.EndpointVPC, o.EndpointAccount = c.realm.ID, c.realm.Account
	}
	if e := s.endpoints[at]; e != nil {
		o.Endpoint, o.Service = e.ID, e.Service
		o.EndpointVPC, o.EndpointAccount = e.realm.ID, e.realm.Account
	}
	if c := s.interfaces[at]; c != nil && c.resolver != nil {
		o.Endpoint, o.EndpointVPC, o.EndpointAccount = c.resolver.ID, c.realm.ID, c.realm.Account
	}
	return o
}
