package vpc

// Content holds everything that stands in one VPC. What names another VPC in it must name this one.
type Content struct {
	VPC               VPC
	Subnets           []Subnet
	RouteTables       []RouteTable
	ACLs              []ACL
	SecurityGroups    []SecurityGroup
	Interfaces        []Interface
	Endpoints         []Endpoint
	ResolverEndpoints []ResolverEndpoint
	NATGateways       []NATGateway
}

// Shared holds what belongs to no VPC or to several: each value is new or takes the place of the one with its id.
type Shared struct {
	PrefixLists      []PrefixList
	EndpointServices []EndpointService
	Peerings         []Peering
	ResolverRules    []ResolverRule
	// Internet takes the place of the one before unless it is nil.
	Internet *Internet
	// Gone lists the ids of VPCs, prefix lists, endpoint services, peerings and Resolver rules that are there no more. An
	// id that nothing has is passed over.
	Gone []string
}

// Update holds what differs between a network and the one before: the whole content of every VPC that is new or in
// which something changed, and what is shared. What it does not mention stays. Its slices must not change any more.
type Update struct {
	VPCs []Content
	Shared
}

// Changed says in which VPCs a snapshot may decide otherwise than the one that it was made from. A decision about a
// flow between two VPCs depends on both.
type Changed struct {
	// All is true of the first snapshot, and where the Internet changed.
	All bool
	// VPCs holds ids, each once, of VPCs that are gone too.
	VPCs []string
}
