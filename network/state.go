package network

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"postern/aws/fault"
	"postern/aws/scope"
)

// State is the intended network at one moment. It is immutable: its records are shared and must not be changed.
type State struct {
	version       uint64
	vpcs          table[*VPC]
	subnets       table[*Subnet]
	tables        table[*RouteTable]
	gateways      table[*InternetGateway]
	acls          table[*NetworkACL]
	groups        table[*SecurityGroup]
	interfaces    table[*Interface]
	endpoints     table[*VpcEndpoint]
	lists         table[*PrefixList]
	peerings      table[*Peering]
	services      table[*VpcEndpointService]
	notifications table[*ConnectionNotification]
	dhcp          table[*DhcpOptions]
	tokens        table[*Token]
	resolvers     table[*ResolverEndpoint]
	resolverRules table[*ResolverRule]
	// addresses are those in use, by subnet; they follow from interfaces.
	addresses table[*addresses]

	elasticIPs  table[*ElasticIP]
	natGateways table[*NATGateway]
	flowLogs    table[*FlowLog]
}

// addresses are the IPv4 addresses in use in one subnet, sorted. As numbers they are a third of the size, and the
// garbage collector does not look at them.
type addresses struct {
	subnet string
	used   []uint32
}

func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func (a *addresses) key() string { return a.subnet }

// Version grows with every change.
func (s *State) Version() uint64 { return s.version }

// load makes a State of stored records.
func load(records []Record, version uint64) (*State, error) {
	s := &State{version: version}
	for _, r := range records {
		if err := s.append(r); err != nil {
			return nil, fmt.Errorf("read %s %s: %w", r.Kind, r.ID, err)
		}
	}
	s.vpcs.sort()
	s.subnets.sort()
	s.tables.sort()
	s.gateways.sort()
	s.acls.sort()
	s.groups.sort()
	s.interfaces.sort()
	s.endpoints.sort()
	for _, e := range s.endpoints.rows {
		e.compile()
	}
	s.lists.sort()
	s.peerings.sort()
	s.services.sort()
	s.notifications.sort()
	s.dhcp.sort()
	s.tokens.sort()
	s.resolvers.sort()
	s.resolverRules.sort()
	s.elasticIPs.sort()
	s.natGateways.sort()
	s.flowLogs.sort()
	s.completeReferences()
	s.indexAddresses()
	return s, nil
}

func (s *State) append(r Record) error {
	switch r.Kind {
	case KindVPC:
		return appendTo(&s.vpcs, r)
	case KindSubnet:
		return appendTo(&s.subnets, r)
	case KindRouteTable:
		return appendTo(&s.tables, r)
	case KindInternetGateway:
		return appendTo(&s.gateways, r)
	case KindNetworkACL:
		return appendTo(&s.acls, r)
	case KindSecurityGroup:
		return appendTo(&s.groups, r)
	case KindInterface:
		return appendTo(&s.interfaces, r)
	case KindEndpoint:
		return appendTo(&s.endpoints, r)
	case KindPrefixList:
		return appendTo(&s.lists, r)
	case KindPeering:
		return appendTo(&s.peerings, r)
	case KindDhcpOptions:
		return appendTo(&s.dhcp, r)
	case KindEndpointService:
		return appendTo(&s.services, r)
	case KindConnectionNotification:
		return appendTo(&s.notifications, r)
	case KindElasticIP:
		return appendTo(&s.elasticIPs, r)
	case KindNATGateway:
		return appendTo(&s.natGateways, r)
	case KindFlowLog:
		return appendTo(&s.flowLogs, r)
	case KindToken:
		return appendTo(&s.tokens, r)
	case KindResolverEndpoint:
		return appendTo(&s.resolvers, r)
	case KindResolverRule:
		return appendTo(&s.resolverRules, r)
	}
	return fault.New(fault.Internal, "network.load", "unknown kind %q", r.Kind)
}

func appendTo[T any, P interface {
	*T
	record
}](t *table[P], r Record) error {
	p := P(new(T))
	if err := json.Unmarshal(r.Body, p); err != nil {
		return err
	}
	t.rows = append(t.rows, p)
	return nil
}

func (s *State) indexAddresses() {
	bySubnet := map[string][]uint32{}
	for _, n := range s.interfaces.rows {
		for _, a := range n.Addresses {
			bySubnet[n.Subnet] = append(bySubnet[n.Subnet], number(a))
		}
	}
	for subnet, used := range bySubnet {
		slices.Sort(used)
		s.addresses.rows = append(s.addresses.rows, &addresses{subnet, used})
	}
	s.addresses.sort()
}

// put puts a record into its table and keeps what follows from it.
func (s *State) put(r record) {
	switch r := r.(type) {
	case *VPC:
		s.vpcs.put(r)
	case *Subnet:
		s.subnets.put(r)
	case *RouteTable:
		s.tables.put(r)
	case *InternetGateway:
		s.gateways.put(r)
	case *NetworkACL:
		s.acls.put(r)
	case *SecurityGroup:
		s.groups.put(r)
	case *Interface:
		s.putInterface(r)
	case *VpcEndpoint:
		r.compile()
		s.endpoints.put(r)
	case *PrefixList:
		s.lists.put(r)
	case *Peering:
		s.peerings.put(r)
	case *DhcpOptions:
		s.dhcp.put(r)
	case *VpcEndpointService:
		s.services.put(r)
	case *ConnectionNotification:
		s.notifications.put(r)
	case *ElasticIP:
		s.elasticIPs.put(r)
	case *NATGateway:
		s.natGateways.put(r)
	case *FlowLog:
		s.flowLogs.put(r)
	case *Token:
		s.tokens.put(r)
	case *ResolverEndpoint:
		s.resolvers.put(r)
	case *ResolverRule:
		s.resolverRules.put(r)
	}
}

func (s *State) remove(r record) {
	switch r := r.(type) {
	case *VPC:
		s.vpcs.remove(r.ID)
	case *Subnet:
		s.subnets.remove(r.ID)
		s.addresses.remove(r.ID)
	case *RouteTable:
		s.tables.remove(r.ID)
	case *InternetGateway:
		s.gateways.remove(r.ID)
	case *NetworkACL:
		s.acls.remove(r.ID)
	case *SecurityGroup:
		s.groups.remove(r.ID)
	case *Interface:
		s.removeInterface(r)
	case *VpcEndpoint:
		s.endpoints.remove(r.ID)
	case *PrefixList:
		s.lists.remove(r.ID)
	case *Peering:
		s.peerings.remove(r.ID)
	case *DhcpOptions:
		s.dhcp.remove(r.ID)
	case *VpcEndpointService:
		s.services.remove(r.ID)
	case *ConnectionNotification:
		s.notifications.remove(r.ID)
	case *ElasticIP:
		s.elasticIPs.remove(r.ID)
	case *NATGateway:
		s.natGateways.remove(r.ID)
	case *FlowLog:
		s.flowLogs.remove(r.ID)
	case *Token:
		s.tokens.remove(r.ID)
	case *ResolverEndpoint:
		s.resolvers.remove(r.ID)
	case *ResolverRule:
		s.resolverRules.remove(r.ID)
	}
}

func (s *State) putInterface(n *Interface) {
	old, ok := s.interfaces.get(n.ID)
	if !ok || !slices.Equal(old.Addresses, n.Addresses) {
		if ok {
			s.release(old.Subnet, old.Addresses)
		}
		s.occupy(n.Subnet, n.Addresses)
	}
	s.interfaces.put(n)
}

func (s *State) removeInterface(n *Interface) {
	if old, ok := s.interfaces.get(n.ID); ok {
		s.release(old.Subnet, old.Addresses)
		s.interfaces.remove(n.ID)
	}
}

func (s *State) occupy(subnet string, more []netip.Addr) {
	used := make([]uint32, 0, len(s.used(subnet))+len(more))
	used = append(used, s.used(subnet)...)
	for _, a := range more {
		i, _ := slices.BinarySearch(used, number(a))
		used = slices.Insert(used, i, number(a))
	}
	s.addresses.put(&addresses{subnet, used})
}

func (s *State) release(subnet string, gone []netip.Addr) {
	used := slices.Clone(s.used(subnet))
	for _, a := range gone {
		if i, ok := slices.BinarySearch(used, number(a)); ok {
			used = slices.Delete(used, i, i+1)
		}
	}
	s.addresses.put(&addresses{subnet, used})
}

func (s *State) used(subnet string) []uint32 {
	if a, ok := s.addresses.get(subnet); ok {
		return a.used
	}
	return nil
}

// lookup finds a resource of the scope; every other scope's resources do not exist for it.
func lookup[T resource](t *table[T], n noun, scope scope.Scope, id string) (T, error) {
	r, ok := t.get(id)
	if ok && r.meta().scope() == scope {
		return r, nil
	}
	var none T
	return none, n.unknown(id)
}

func within[T resource](t *table[T], scope scope.Scope) iter.Seq[T] {
	return func(yield func(T) bool) {
		for _, r := range t.rows {
			if r.meta().scope() == scope && !yield(r) {
				return
			}
		}
	}
}

// The VPC, Subnet … methods find one resource of a scope or return Amazon's not-found or malformed-id error; the VPCs,
// Subnets … methods give all of them in the order of their ids.

// VPC finds a VPC.
func (s *State) VPC(c scope.Scope, id string) (*VPC, error) { return lookup(&s.vpcs, nounVPC, c, id) }

// VPCs are the scope's VPCs.
func (s *State) VPCs(c scope.Scope) iter.Seq[*VPC] { return within(&s.vpcs, c) }

// Subnet finds a subnet.
func (s *State) Subnet(c scope.Scope, id string) (*Subnet, error) {
	return lookup(&s.subnets, nounSubnet, c, id)
}

// Subnets are the scope's subnets.
func (s *State) Subnets(c scope.Scope) iter.Seq[*Subnet] { return within(&s.subnets, c) }

// RouteTable finds a route table.
func (s *State) RouteTable(c scope.Scope, id string) (*RouteTable, error) {
	return lookup(&s.tables, nounRouteTable, c, id)
}

// RouteTables are the scope's route tables.
func (s *State) RouteTables(c scope.Scope) iter.Seq[*RouteTable] { return within(&s.tables, c) }

// InternetGateway finds an Internet gateway.
func (s *State) InternetGateway(c scope.Scope, id string) (*InternetGateway, error) {
	return lookup(&s.gateways, nounGateway, c, id)
}

// InternetGateways are the scope's Internet gateways.
func (s *State) InternetGateways(c scope.Scope) iter.Seq[*InternetGateway] {
	return within(&s.gateways, c)
}

// NetworkACL finds a network ACL.
func (s *State) NetworkACL(c scope.Scope, id string) (*NetworkACL, error) {
	return lookup(&s.acls, nounACL, c, id)
}

// NetworkACLs are the scope's network ACLs.
func (s *State) NetworkACLs(c scope.Scope) iter.Seq[*NetworkACL] { return within(&s.acls, c) }

// SecurityGroup finds a security group.
func (s *State) SecurityGroup(c scope.Scope, id string) (*SecurityGroup, error) {
	return lookup(&s.groups, nounGroup, c, id)
}

// SecurityGroups are the scope's security groups.
func (s *State) SecurityGroups(c scope.Scope) iter.Seq[*SecurityGroup] { return within(&s.groups, c) }

// Interface finds a network interface.
func (s *State) Interface(c scope.Scope, id string) (*Interface, error) {
	return lookup(&s.interfaces, nounInterface, c, id)
}

// Interfaces are the scope's network interfaces.
func (s *State) Interfaces(c scope.Scope) iter.Seq[*Interface] { return within(&s.interfaces, c) }

// VpcEndpoint finds a VPC endpoint.
func (s *State) VpcEndpoint(c scope.Scope, id string) (*VpcEndpoint, error) {
	return lookup(&s.endpoints, nounEndpoint, c, id)
}

// VpcEndpoints are the scope's VPC endpoints.
func (s *State) VpcEndpoints(c scope.Scope) iter.Seq[*VpcEndpoint] { return within(&s.endpoints, c) }

// Peering finds a peering connection by its requester's scope.
func (s *State) Peering(c scope.Scope, id string) (*Peering, error) {
	return lookup(&s.peerings, nounPeering, c, id)
}

// Peerings are the peering connections that the scope's VPCs requested.
func (s *State) Peerings(c scope.Scope) iter.Seq[*Peering] { return within(&s.peerings, c) }

// Rule finds a security group rule and its group.
func (s *State) Rule(c scope.Scope, id string) (*SecurityGroup, *SecurityGroupRule, error) {
	for g := range s.SecurityGroups(c) {
		for i := range g.Rules {
			if g.Rules[i].ID == id {
				return g, &g.Rules[i], nil
			}
		}
	}
	return nil, nil, nounRule.unknown(id)
}

// expired are the tokens that nobody needs any longer.
func (s *State) expired(now time.Time) []*Token {
	var out []*Token
	for _, t := range s.tokens.rows {
		if t.Expires.Before(now) {
			out = append(out, t)
		}
	}
	return out
}
