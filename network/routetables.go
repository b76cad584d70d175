package network

import (
	"iter"
	"net/netip"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/record"
)

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

var (
	// tablesByAssociation has route tables by the ids of their associations.
	tablesByAssociation = &record.Index[RouteTable]{Terms: func(t *RouteTable) []record.Term {
		terms := make([]record.Term, len(t.Associations))
		for i, a := range t.Associations {
			terms[i].Value = a.ID
		}
		return terms
	}}
	// tablesBySubnet has route tables by their VPC and subnets.
	tablesBySubnet = &record.Index[RouteTable]{Grouped: true, Terms: func(t *RouteTable) []record.Term {
		return subnetTerms(t.VPC, t.Associations)
	}}
	// tablesByList has route tables by their scope and the prefix lists that their routes name.
	tablesByList = &record.Index[RouteTable]{Grouped: true, Terms: func(t *RouteTable) []record.Term {
		var terms []record.Term
		for _, r := range t.Routes {
			if r.PrefixList != "" {
				terms = append(terms, record.Term{Value: t.scope().String(), Sort: r.PrefixList})
			}
		}
		return terms
	}}
)

var routeTableKind = declare(&kind[RouteTable]{
	Kind: record.Kind[RouteTable]{
		Name:    "route-table",
		Indexes: []*record.Index[RouteTable]{tablesByAssociation, tablesBySubnet, tablesByList},
		Views:   inVPC((*RouteTable).vpcID),
	},
	resourceType: resourceType{
		prefix: "rtb", name: "route-table",
		notFound: "InvalidRouteTableID.NotFound", malformed: "InvalidRouteTableId.Malformed",
		missing: "The routeTable ID '%s' does not exist",
	},
	inside: func(t *RouteTable) []string { return []string{t.VPC} },
	refs:   func(t *RouteTable) []string { return associated(t.VPC, t.Associations) },
	limit: &limit{
		of: func(l *Limits) int { return l.TablesPerVPC }, code: "RouteTableLimitExceeded",
		message: "The maximum number of route tables has been reached: LIMIT",
	},
	holds:   func(t *RouteTable) bool { return !t.Main() },
	goes:    true,
	content: func(s *State, t *RouteTable, c *vpc.Content) { c.RouteTables = append(c.RouteTables, s.tableValue(t)) },
})

func (*RouteTable) kind() declared { return routeTableKind }

func (t *RouteTable) vpcID() string { return t.VPC }

func subnetTerms(vpcID string, with []Association) []record.Term {
	var terms []record.Term
	for _, a := range with {
		if a.Subnet != "" {
			terms = append(terms, record.Term{Value: vpcID, Sort: a.Subnet})
		}
	}
	return terms
}

// associated returns the VPC and the subnets of associations.
func associated(vpcID string, with []Association) []string {
	out := []string{vpcID}
	for _, a := range with {
		out = append(out, a.Subnet)
	}
	return out
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

// RouteTable finds a route table.
func (s *State) RouteTable(c scope.Scope, id string) (*RouteTable, error) {
	return routeTableKind.lookup(s, c, id)
}

// RouteTables are the scope's route tables.
func (s *State) RouteTables(c scope.Scope) iter.Seq[*RouteTable] { return routeTableKind.scoped(s, c) }
