package network

import (
	"strings"

	"postern/aws/arn"
	"postern/aws/consent"
	"postern/aws/scope"
)

// refs are the ids of what a record ties together beside itself, as far as policies are asked about them: to write a
// record touches those that it begins or ceases to name. What follows from another of them is left out (the VPC of an
// interface: its subnet says it), and so is what AWS asks nobody about: the peers of a group's rules, the targets and
// prefix lists of routes, the accepter of a request for peering.

func (v *VPC) refs() []string {
	if v.DhcpOptions == NoDhcpOptions {
		return nil
	}
	return []string{v.DhcpOptions}
}

func (n *Subnet) refs() []string { return []string{n.VPC} }

func (t *RouteTable) refs() []string { return associated(t.VPC, t.Associations) }

func (g *InternetGateway) refs() []string { return []string{g.VPC} }

func (a *NetworkACL) refs() []string { return associated(a.VPC, a.Associations) }

func associated(vpc string, with []Association) []string {
	out := []string{vpc}
	for _, a := range with {
		out = append(out, a.Subnet)
	}
	return out
}

func (g *SecurityGroup) refs() []string { return []string{g.VPC} }

func (n *Interface) refs() []string {
	out := append([]string{n.Subnet, n.Owner()}, n.Groups...)
	if n.Public != nil {
		out = append(out, n.Public.Allocation)
	}
	return out
}

func (e *VpcEndpoint) refs() []string {
	out := append([]string{e.VPC}, e.Subnets...)
	return append(append(out, e.Groups...), e.RouteTables...)
}

func (p *Peering) refs() []string { return []string{p.Requester} }

func (e *ElasticIP) refs() []string { return []string{e.Interface} }

func (g *NATGateway) refs() []string { return []string{g.Subnet, g.Allocation} }

func (l *FlowLog) refs() []string { return []string{l.Resource} }

func (n *ConnectionNotification) refs() []string { return []string{n.Service, n.Endpoint} }

func (e *ResolverEndpoint) refs() []string {
	out := append([]string(nil), e.Groups...)
	for _, a := range e.Addresses {
		out = append(out, a.Subnet, a.Interface)
	}
	return out
}

func (r *ResolverRule) refs() []string {
	out := []string{r.Endpoint}
	for _, a := range r.Associations {
		out = append(out, a.VPC)
	}
	return out
}

func (*PrefixList) refs() []string         { return nil }
func (*DhcpOptions) refs() []string        { return nil }
func (*VpcEndpointService) refs() []string { return nil }
func (*Token) refs() []string              { return nil }

// resourceTypes are the services and types of ARNs by the prefix of ids. What policies know no ARN of is not in it.
var resourceTypes = map[string]struct{ service, kind string }{
	"vpc": {"ec2", "vpc"}, "subnet": {"ec2", "subnet"}, "rtb": {"ec2", "route-table"}, "igw": {"ec2", "internet-gateway"},
	"acl": {"ec2", "network-acl"}, "sg": {"ec2", "security-group"}, "sgr": {"ec2", "security-group-rule"},
	"eni": {"ec2", "network-interface"}, "vpce": {"ec2", "vpc-endpoint"}, "vpce-svc": {"ec2", "vpc-endpoint-service"},
	"pl": {"ec2", "prefix-list"}, "pcx": {"ec2", "vpc-peering-connection"}, "dopt": {"ec2", "dhcp-options"},
	"eipalloc": {"ec2", "elastic-ip"}, "nat": {"ec2", "natgateway"}, "fl": {"ec2", "vpc-flow-log"}, "i": {"ec2", "instance"},
	"rslvr-in": {"route53resolver", "resolver-endpoint"}, "rslvr-out": {"route53resolver", "resolver-endpoint"},
	"rslvr-rr": {"route53resolver", "resolver-rule"},
}

// resourceARN names a resource by its id, "" where policies know no name of it.
func resourceARN(c scope.Scope, id string) string {
	dash := strings.LastIndexByte(id, '-')
	if dash < 0 {
		return ""
	}
	t, ok := resourceTypes[id[:dash]]
	if !ok {
		return ""
	}
	return arn.New(t.service, c.Region, c.Account, t.kind+"/"+id).String()
}

// touched is what the plan's changes do to the state that it began with: the records that they write, and what these
// begin and cease to name. What a deleted record named is not touched: to delete a subnet changes nothing of its VPC.
func (p *plan) touched(before *State) []consent.Touch {
	var out []consent.Touch
	for i, r := range p.changes {
		c := p.scope // a peering connection has two owners, each of whom names it by its own account
		if m, ok := r.(resource); ok && r.kind() != KindPeering {
			c = m.meta().scope()
		}
		old, existed := before.current(r)
		if name := resourceARN(c, r.key()); name != "" {
			out = append(out, consent.Touch{Resource: name, Made: !existed})
		}
		if p.deleted[i] {
			continue
		}
		var was []string
		if existed {
			was = old.refs()
		}
		for _, id := range difference(was, r.refs()) {
			if name := resourceARN(c, id); name != "" {
				out = append(out, consent.Touch{Resource: name})
			}
		}
	}
	return out
}

// difference is what stands in one list only.
func difference(a, b []string) []string {
	count := map[string]int{}
	for _, id := range a {
		count[id] |= 1
	}
	for _, id := range b {
		count[id] |= 2
	}
	var out []string
	for _, id := range append(append([]string(nil), a...), b...) {
		if count[id] == 1 || count[id] == 2 {
			out = append(out, id)
			count[id] = 0
		}
	}
	return out
}

// current is the record of the state that has the kind and id of another.
func (s *State) current(of record) (record, bool) {
	switch r := of.(type) {
	case *VPC:
		return s.vpcs.record(r.ID)
	case *Subnet:
		return s.subnets.record(r.ID)
	case *RouteTable:
		return s.tables.record(r.ID)
	case *InternetGateway:
		return s.gateways.record(r.ID)
	case *NetworkACL:
		return s.acls.record(r.ID)
	case *SecurityGroup:
		return s.groups.record(r.ID)
	case *Interface:
		return s.interfaces.record(r.ID)
	case *VpcEndpoint:
		return s.endpoints.record(r.ID)
	case *PrefixList:
		return s.lists.record(r.ID)
	case *Peering:
		return s.peerings.record(r.ID)
	case *DhcpOptions:
		return s.dhcp.record(r.ID)
	case *VpcEndpointService:
		return s.services.record(r.ID)
	case *ConnectionNotification:
		return s.notifications.record(r.ID)
	case *ElasticIP:
		return s.elasticIPs.record(r.ID)
	case *NATGateway:
		return s.natGateways.record(r.ID)
	case *FlowLog:
		return s.flowLogs.record(r.ID)
	case *Token:
		return s.tokens.record(r.ID)
	case *ResolverEndpoint:
		return s.resolvers.record(r.ID)
	case *ResolverRule:
		return s.resolverRules.record(r.ID)
	}
	return nil, false
}
