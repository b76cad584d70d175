package network

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"postern/network/vpc"
)

// publisher makes the judge's snapshots of states and hands them out. Verbs that commit at the same time share one
// snapshot.
type publisher struct {
	snapshot atomic.Pointer[vpc.Snapshot]
	// internet is what lies behind Internet gateways.
	internet *vpc.Internet

	mu          sync.Mutex // guards what follows, and orders what subscribers see
	last        *State
	network     vpc.Network
	subscribers map[int]func(*vpc.Snapshot)
	next        int
}

func (b *publisher) subscribe(f func(*vpc.Snapshot)) (cancel func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subscribers == nil {
		b.subscribers = map[int]func(*vpc.Snapshot){}
	}
	id := b.next
	b.next++
	b.subscribers[id] = f
	if s := b.snapshot.Load(); s != nil {
		f(s)
	}
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subscribers, id)
	}
}

// publish brings the newest state into force, unless another call has done so already.
func (b *publisher) publish(newest func() *State) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := newest()
	if b.last != nil && b.last.version >= state.version {
		return nil
	}
	network := b.convert(state)
	snapshot, err := vpc.NewSnapshot(state.version, network)
	if err != nil {
		return fmt.Errorf("publish version %d of the network: %w", state.version, err)
	}
	b.last, b.network = state, network
	b.snapshot.Store(snapshot)
	for i := range b.next {
		if f := b.subscribers[i]; f != nil {
			f(snapshot)
		}
	}
	return nil
}

// convert makes the judge's values of a state. What did not change since the last snapshot is taken from it.
func (b *publisher) convert(s *State) vpc.Network {
	old := b.last
	if old == nil {
		old = new(State)
	}
	n := b.network
	if !s.vpcs.same(&old.vpcs) {
		n.VPCs = convert(s.vpcs.rows, old.vpcs.rows, n.VPCs, (*VPC).value)
		n.PrefixLists = nil
	}
	if !s.subnets.same(&old.subnets) {
		n.Subnets = convert(s.subnets.rows, old.subnets.rows, n.Subnets, (*Subnet).value)
	}
	n.RouteTables = convert(s.tables.rows, nil, nil, s.tableValue) // their targets may have gone
	if !s.acls.same(&old.acls) {
		n.ACLs = convert(s.acls.rows, old.acls.rows, n.ACLs, (*NetworkACL).value)
	}
	if !s.groups.same(&old.groups) {
		n.SecurityGroups = convert(s.groups.rows, old.groups.rows, n.SecurityGroups, (*SecurityGroup).value)
	}
	if n.PrefixLists == nil || !s.lists.same(&old.lists) {
		n.PrefixLists = s.prefixListValues()
	}
	if !s.interfaces.same(&old.interfaces) {
		n.Interfaces = convert(s.interfaces.rows, old.interfaces.rows, n.Interfaces, (*Interface).value)
	}
	switch {
	case !s.services.same(&old.services): // an endpoint's names are its service's
		n.EndpointServices = convert(s.services.rows, nil, nil, (*VpcEndpointService).value)
		n.Endpoints = convert(s.endpoints.rows, nil, nil, s.endpointValue)
	case !s.endpoints.same(&old.endpoints):
		n.Endpoints = convert(s.endpoints.rows, old.endpoints.rows, n.Endpoints, s.endpointValue)
	}
	if !s.resolvers.same(&old.resolvers) {
		n.ResolverEndpoints = convert(s.resolvers.rows, old.resolvers.rows, n.ResolverEndpoints, (*ResolverEndpoint).value)
	}
	if !s.resolverRules.same(&old.resolverRules) {
		n.ResolverRules = convert(s.resolverRules.rows, old.resolverRules.rows, n.ResolverRules, (*ResolverRule).value)
	}
	if !s.peerings.same(&old.peerings) {
		n.Peerings = convert(s.living(), old.living(), n.Peerings, (*Peering).value)
	}
	if !s.natGateways.same(&old.natGateways) {
		n.NATGateways = s.natValues()
	}
	n.Internet = b.internet
	return n
}

// convert gives the value of each row; those of rows that were there before are taken over. Both are in the order of
// their ids, and a changed record is another pointer.
func convert[R interface {
	comparable
	key() string
}, V any](rows, oldRows []R, oldValues []V, value func(R) V) []V {
	out := make([]V, len(rows))
	j := 0
	for i, r := range rows {
		for j < len(oldRows) && oldRows[j] != r && oldRows[j].key() <= r.key() {
			j++
		}
		if j < len(oldRows) && oldRows[j] == r {
			out[i] = oldValues[j]
			continue
		}
		out[i] = value(r)
	}
	return out
}

func (v *VPC) value() vpc.VPC {
	out := vpc.VPC{ID: v.ID, Account: v.Account, Region: v.Region, DNSSupport: v.DNSSupport, DNSHostnames: v.DNSHostnames}
	for _, b := range v.Blocks {
		out.CIDRs = append(out.CIDRs, b.CIDR)
	}
	return out
}

func (n *Subnet) value() vpc.Subnet {
	return vpc.Subnet{ID: n.ID, VPC: n.VPC, Zone: n.Zone, CIDR: n.CIDR}
}

// tableValue turns routes whose target is gone or detached into black holes, as the EC2 API shows them.
func (s *State) tableValue(t *RouteTable) vpc.RouteTable {
	out := vpc.RouteTable{ID: t.ID, VPC: t.VPC, Main: t.Main()}
	for _, a := range t.Associations {
		if !a.Main {
			out.Subnets = append(out.Subnets, a.Subnet)
		}
	}
	for _, r := range t.Routes {
		target := r.Target
		if !s.RouteActive(t, r) {
			target.Kind = vpc.Blackhole
		}
		out.Routes = append(out.Routes, vpc.Route{Destination: r.Destination, PrefixList: r.PrefixList, Target: target})
	}
	return out
}

func (a *NetworkACL) value() vpc.ACL {
	out := vpc.ACL{ID: a.ID, VPC: a.VPC, Default: a.Default}
	for _, e := range a.Entries {
		out.Entries = append(out.Entries, vpc.ACLEntry(e))
	}
	for _, s := range a.Associations {
		out.Subnets = append(out.Subnets, s.Subnet)
	}
	return out
}

func (g *SecurityGroup) value() vpc.SecurityGroup {
	out := vpc.SecurityGroup{ID: g.ID, VPC: g.VPC, Name: g.Name, Rules: make([]vpc.Rule, len(g.Rules))}
	for i, r := range g.Rules {
		out.Rules[i] = vpc.Rule{
			ID: r.ID, Egress: r.Egress, Protocol: r.Protocol, Ports: r.Ports,
			CIDR: r.CIDR, Group: r.Group, PrefixList: r.PrefixList,
		}
		if r.Peer != nil {
			out.Rules[i].PeerVPC = r.Peer.VPC
		}
	}
	return out
}

func (n *Interface) value() vpc.Interface {
	out := vpc.Interface{
		ID: n.ID, VPC: n.VPC, Subnet: n.Subnet, Kind: n.Kind, Owner: n.Owner(), Addresses: n.Addresses,
		Groups: n.Groups, AnySource: n.AnySource, Name: HostName(n.Addresses[0]),
	}
	if n.Public != nil {
		out.Public = n.Public.Address
	}
	return out
}

func (s *State) endpointValue(e *VpcEndpoint) vpc.Endpoint {
	out := vpc.Endpoint{
		ID: e.ID, VPC: e.VPC, Kind: e.Kind, Service: e.Service, Available: e.State == Available,
		PrivateDNS: e.PrivateDNS, Name: e.Name(), Interfaces: e.Interfaces, RouteTables: e.RouteTables,
	}
	switch e.State {
	case PendingAcceptance:
		out.Acceptance = vpc.AwaitsAcceptance
	case Rejected:
		out.Acceptance = vpc.AcceptanceRejected
	}
	if service, ok := s.serviceOf(e); ok {
		out.PrivateNames = service.PrivateNames
	}
	return out
}

func (v *VpcEndpointService) value() vpc.EndpointService {
	out := vpc.EndpointService{ID: v.ID, Name: v.Name(), Account: v.Account}
	for _, t := range v.Targets {
		out.Targets = append(out.Targets, vpc.ServiceTarget(t))
	}
	return out
}

// living are the peering connections that have not ended. The VPCs of the others may be gone.
func (s *State) living() []*Peering {
	return slices.DeleteFunc(slices.Clone(s.peerings.rows), (*Peering).Dead)
}

func (p *Peering) value() vpc.Peering {
	return vpc.Peering{
		ID: p.ID, Requester: p.Requester, Accepter: p.Accepter, Active: p.Active,
		RequesterDNS: p.RequesterDNS, AccepterDNS: p.AccepterDNS,
	}
}
