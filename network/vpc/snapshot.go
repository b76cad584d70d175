package vpc

import (
	"iter"
	"maps"
	"net/netip"
	"slices"
)

// Snapshot is a network at one moment. It is immutable and safe for use by many goroutines. Snapshots that follow each
// other share what did not change.
type Snapshot struct {
	version uint64
	// history has what changed on the way here, the latest last: that is the snapshot's own, by which others know it.
	history []*Changed

	// slots holds the VPCs; free are the slots below slotCount that none has.
	slots     slotTable
	free      []int32
	slotCount int32
	// where has the slot of the VPC in which a resource stands, by the resource's id.
	where index[string, int32]
	// gateways has the slot of the VPC whose routes lead to a gateway, or in which a gateway endpoint stands.
	gateways index[string, int32]
	publics  index[netip.Addr, publicHolder]
	// owned has the slot of the VPC in which an endpoint's own name is, inner how many VPCs have names below a name.
	owned index[string, int32]
	inner index[string, int]
	zones []zone

	lists        index[string, *prefixList]
	named        index[string, []*prefixList]
	services     index[string, *EndpointService]
	serviceNames index[string, *EndpointService]
	peerings     index[string, *Peering]
	rules        index[string, *ResolverRule]
	// bindings has what is shared by VPC, users the VPCs that refer to something outside them.
	bindings index[string, *binding]
	users    index[string, index[string, struct{}]]
	internet *internet
}

// publicHolder is the network interface that has a public address, in the VPC at the slot.
type publicHolder struct {
	slot int32
	nic  string
}

// zone is a zone of endpoints' own names, and how many VPCs have names in it.
type zone struct {
	name  string
	count int
}

// binding holds the peerings that a VPC has, in the order of their ids, and the Resolver rules that hold there, by
// domain.
type binding struct {
	peerings []*Peering
	rules    map[string]*ResolverRule
}

// other returns the VPC at the far side as seen from the one with the id.
func (p *Peering) other(vpcID string) string {
	if p.Requester == vpcID {
		return p.Accepter
	}
	return p.Requester
}

// at returns the VPC in which the resource with the id stands, or nil.
func (s *Snapshot) at(id string) *Compiled {
	if slot, ok := s.where.get(id); ok {
		return s.slots.at(slot)
	}
	return nil
}

// nic returns the network interface with the id.
func (s *Snapshot) nic(id string) nic {
	if c := s.at(id); c != nil {
		return c.nic(id)
	}
	return nic{}
}

// endpoint returns the VPC endpoint with the id, or nil.
func (s *Snapshot) endpoint(id string) *endpoint {
	if c := s.at(id); c != nil {
		return c.endpoints[id]
	}
	return nil
}

// group returns the security group with the id, or nil.
func (s *Snapshot) group(id string) *group {
	if c := s.at(id); c != nil {
		return c.groups[id]
	}
	return nil
}

// nat returns the NAT gateway with the id, or nil.
func (s *Snapshot) nat(id string) *nat {
	if c := s.at(id); c != nil {
		return c.nats[id]
	}
	return nil
}

// gatewayOf returns the VPC whose routes lead to the gateway, or nil.
func (s *Snapshot) gatewayOf(id string) *Compiled {
	if slot, ok := s.gateways.get(id); ok {
		return s.slots.at(slot)
	}
	return nil
}

// bound returns what is shared about the VPC.
func (s *Snapshot) bound(vpcID string) binding {
	if b, ok := s.bindings.get(vpcID); ok {
		return *b
	}
	return binding{}
}

// Version returns the number that the snapshot was made with.
func (s *Snapshot) Version() uint64 { return s.version }

// Changed says where s may decide otherwise than the snapshot that it was made from by With or Next.
func (s *Snapshot) Changed() Changed {
	if last := len(s.history) - 1; last >= 0 {
		return *s.history[last]
	}
	return Changed{}
}

// ChangedSince says where s may decide otherwise than before, which may lie several snapshots back: everywhere, if s
// was not made from it, if it lies more than 64 snapshots back, or if it is nil.
func (s *Snapshot) ChangedSince(before *Snapshot) Changed {
	if before == nil || len(before.history) == 0 {
		return Changed{All: true}
	}
	at := slices.Index(s.history, before.history[len(before.history)-1])
	if at < 0 {
		return Changed{All: true}
	}
	var all Changed
	for _, c := range s.history[at+1:] {
		all.All = all.All || c.All
		all.VPCs = append(all.VPCs, c.VPCs...)
	}
	slices.Sort(all.VPCs)
	all.VPCs = slices.Compact(all.VPCs)
	return all
}

// maxHistory bounds how many snapshots back ChangedSince knows.
const maxHistory = 64

// Compiled returns the VPC with the id, or nil.
func (s *Snapshot) Compiled(vpcID string) *Compiled {
	if c := s.at(vpcID); c != nil && c.VPC.ID == vpcID {
		return c
	}
	return nil
}

// VPC returns the VPC with the id.
func (s *Snapshot) VPC(id string) (VPC, bool) {
	if c := s.Compiled(id); c != nil {
		return c.VPC, true
	}
	return VPC{}, false
}

// VPCs yields every VPC in the order of their ids.
func (s *Snapshot) VPCs() iter.Seq[VPC] {
	return func(yield func(VPC) bool) {
		for _, c := range s.slots.sorted() {
			if !yield(c.VPC) {
				return
			}
		}
	}
}

// Subnet returns the subnet with the id.
func (s *Snapshot) Subnet(id string) (Subnet, bool) {
	if c := s.at(id); c != nil && c.subnets[id] != nil {
		return c.subnets[id].Subnet, true
	}
	return Subnet{}, false
}

// Interface returns the network interface with the id.
func (s *Snapshot) Interface(id string) (Interface, bool) {
	if c := s.nic(id); !c.none() {
		return *c.Interface, true
	}
	return Interface{}, false
}

// Interfaces yields every network interface.
func (s *Snapshot) Interfaces() iter.Seq[Interface] {
	return func(yield func(Interface) bool) {
		for _, c := range s.slots.sorted() {
			for _, i := range c.changed(InterfaceChanges{}) {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// InterfaceAt returns the network interface that has the address in the VPC.
func (s *Snapshot) InterfaceAt(vpcID string, address netip.Addr) (Interface, bool) {
	if c := s.Compiled(vpcID); c != nil {
		if i, ok := c.addresses.get(address.Unmap()); ok {
			return *i, true
		}
	}
	return Interface{}, false
}

// Endpoint returns the VPC endpoint with the id.
func (s *Snapshot) Endpoint(id string) (Endpoint, bool) {
	if e := s.endpoint(id); e != nil {
		return e.Endpoint, true
	}
	return Endpoint{}, false
}

// Endpoints yields every VPC endpoint.
func (s *Snapshot) Endpoints() iter.Seq[Endpoint] {
	return each(s, func(c *Content) []Endpoint { return c.Endpoints })
}

// SecurityGroup returns the security group with the id.
func (s *Snapshot) SecurityGroup(id string) (SecurityGroup, bool) {
	if g := s.group(id); g != nil {
		return g.SecurityGroup, true
	}
	return SecurityGroup{}, false
}

// ResolverAddress returns the address of the VPC's resolver: the base of its first IPv4 range plus two. It is the zero
// Addr for an unknown VPC and for one without an IPv4 range.
func (s *Snapshot) ResolverAddress(vpcID string) netip.Addr {
	if c := s.Compiled(vpcID); c != nil {
		return c.resolver
	}
	return netip.Addr{}
}

// Origin describes a connection that the interface from opened to the interface at of an endpoint or a Resolver
// endpoint: what the API may believe about where a request came from, and a resolver about whom it answers for. What it
// does not know is empty.
func (s *Snapshot) Origin(from, at string, source netip.AddrPort) Origin {
	o := Origin{Source: source}
	if c := s.nic(from); !c.none() {
		o.Account, o.Region = c.vpc.Account, c.vpc.Region
		o.VPC, o.Subnet = c.vpc.VPC.ID, c.Subnet
		o.Interface, o.Owner = c.ID, c.Owner
	}
	c, e := s.nic(at), s.endpoint(at)
	if of := c.endpoint(); of != nil {
		e = of
	}
	if e != nil {
		o.Endpoint, o.Service = e.ID, e.Service
		o.EndpointVPC, o.EndpointAccount = e.vpc.VPC.ID, e.vpc.Account
	}
	if of := c.resolver(); of != nil {
		o.Endpoint, o.EndpointVPC, o.EndpointAccount = of.ID, c.vpc.VPC.ID, c.vpc.Account
	}
	return o
}

// each yields the values of one kind, VPC by VPC in the order of their ids.
func each[T any](s *Snapshot, of func(*Content) []T) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, c := range s.slots.sorted() {
			for _, v := range of(&c.content) {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// Network returns the values that the snapshot holds, each kind in the order of its ids. It reads all of them.
func (s *Snapshot) Network() Network {
	n := Network{
		EndpointServices: values(&s.services, func(v *EndpointService) EndpointService { return *v }),
		Peerings:         values(&s.peerings, func(v *Peering) Peering { return *v }),
		ResolverRules:    values(&s.rules, func(v *ResolverRule) ResolverRule { return *v }),
		PrefixLists:      values(&s.lists, func(v *prefixList) PrefixList { return v.PrefixList }),
	}
	for _, c := range s.slots.sorted() {
		n.VPCs = append(n.VPCs, c.VPC)
		content := c.Content()
		for _, k := range kinds {
			k.join(&content, &n)
		}
	}
	for _, k := range kinds {
		k.order(&n)
	}
	if s.internet != nil {
		n.Internet = s.internet.Internet
	}
	return n
}

// values returns what the index has, in the order of the keys.
func values[V, T any](x *index[string, V], value func(V) T) (out []T) {
	all := maps.Collect(x.all())
	for _, id := range slices.Sorted(maps.Keys(all)) {
		out = append(out, value(all[id]))
	}
	return out
}
