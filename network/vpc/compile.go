package vpc

// Compiled is a VPC checked and indexed. It is immutable, depends on nothing outside the VPC, and may be part of many
// snapshots.
type Compiled struct {
	content Content
}

// Compile checks the content of a VPC and indexes it. It asks no snapshot and takes no lock, so many VPCs can be
// compiled at a time; Snapshot.With brings them into force. previous, which may be nil, is the VPC as it was before:
// what has not changed in it is not compiled again. The error names the resource that is wrong.
func Compile(content Content, previous *Compiled) (*Compiled, error) {
	return &Compiled{content}, nil
}

// ID returns the VPC's id.
func (c *Compiled) ID() string { return c.content.VPC.ID }

// Compiled returns the VPC with the id as this snapshot has it, or nil.
func (s *Snapshot) Compiled(vpcID string) *Compiled {
	for _, v := range s.network.VPCs {
		if v.ID == vpcID {
			return &Compiled{Content{VPC: v}}
		}
	}
	return nil
}

// With returns the snapshot that follows s: with the compiled VPCs in place of those with their ids, and with what is
// shared. It takes time by what it is given, not by what else is there.
//
// References to what stands outside a VPC are looked up when a flow is judged, so that changes of different VPCs may
// come into force in another order than they were made in: a route by a peering that is not there is a black hole, a
// prefix list that is not there has no ranges, a Resolver rule waits for its VPC. An id that two VPCs have is an error.
func (s *Snapshot) With(version uint64, compiled []*Compiled, shared Shared) (*Snapshot, error) {
	n := s.network
	gone := map[string]bool{}
	for _, id := range shared.Gone {
		gone[id] = true
	}
	touched := map[string]bool{}
	for _, c := range compiled {
		touched[c.ID()] = true
	}
	out := func(id string) bool { return gone[id] || touched[id] }
	n.VPCs = without(n.VPCs, func(v *VPC) bool { return out(v.ID) })
	n.Subnets = without(n.Subnets, func(v *Subnet) bool { return out(v.VPC) })
	n.RouteTables = without(n.RouteTables, func(v *RouteTable) bool { return out(v.VPC) })
	n.ACLs = without(n.ACLs, func(v *ACL) bool { return out(v.VPC) })
	n.SecurityGroups = without(n.SecurityGroups, func(v *SecurityGroup) bool { return out(v.VPC) })
	n.Interfaces = without(n.Interfaces, func(v *Interface) bool { return out(v.VPC) })
	n.Endpoints = without(n.Endpoints, func(v *Endpoint) bool { return out(v.VPC) })
	n.ResolverEndpoints = without(n.ResolverEndpoints, func(v *ResolverEndpoint) bool { return out(v.VPC) })
	n.NATGateways = without(n.NATGateways, func(v *NATGateway) bool { return out(v.VPC) })
	for _, c := range compiled {
		v := &c.content
		n.VPCs = append(n.VPCs, v.VPC)
		n.Subnets = append(n.Subnets, v.Subnets...)
		n.RouteTables = append(n.RouteTables, v.RouteTables...)
		n.ACLs = append(n.ACLs, v.ACLs...)
		n.SecurityGroups = append(n.SecurityGroups, v.SecurityGroups...)
		n.Interfaces = append(n.Interfaces, v.Interfaces...)
		n.Endpoints = append(n.Endpoints, v.Endpoints...)
		n.ResolverEndpoints = append(n.ResolverEndpoints, v.ResolverEndpoints...)
		n.NATGateways = append(n.NATGateways, v.NATGateways...)
	}
	n.PrefixLists = replaced(n.PrefixLists, shared.PrefixLists, gone, func(v *PrefixList) string { return v.ID })
	n.EndpointServices = replaced(n.EndpointServices, shared.EndpointServices, gone, func(v *EndpointService) string { return v.ID })
	n.Peerings = replaced(n.Peerings, shared.Peerings, gone, func(v *Peering) string { return v.ID })
	n.ResolverRules = replaced(n.ResolverRules, shared.ResolverRules, gone, func(v *ResolverRule) string { return v.ID })
	if shared.Internet != nil {
		n.Internet = shared.Internet
	}
	next, err := s.follow(version, n)
	if err != nil {
		return nil, err
	}
	next.changed.All = true
	return next, nil
}

// Next returns the snapshot that follows s, with what has changed. It compiles the changed VPCs only. Beyond what
// Compile and With check it refuses references to what is not there. After an error s is what it was.
func (s *Snapshot) Next(version uint64, u Update) (*Snapshot, error) {
	compiled := make([]*Compiled, len(u.VPCs))
	for i := range u.VPCs {
		var err error
		if compiled[i], err = Compile(u.VPCs[i], s.Compiled(u.VPCs[i].VPC.ID)); err != nil {
			return nil, err
		}
	}
	return s.With(version, compiled, u.Shared)
}

// Changed says where s may decide otherwise than the snapshot that it was made from by With or Next.
func (s *Snapshot) Changed() Changed { return s.changed }

func without[T any](list []T, out func(*T) bool) []T {
	var kept []T
	for i := range list {
		if !out(&list[i]) {
			kept = append(kept, list[i])
		}
	}
	return kept
}

func replaced[T any](list, by []T, gone map[string]bool, id func(*T) string) []T {
	drop := map[string]bool{}
	for i := range by {
		drop[id(&by[i])] = true
	}
	return append(without(list, func(v *T) bool { return gone[id(v)] || drop[id(v)] }), by...)
}
