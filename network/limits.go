package network

import "reflect"

// Limits bounds what one account may have. A zero field takes its default, which lies far above Amazon's.
type Limits struct {
	VPCs                 int // in a region; Amazon 5
	CIDRsPerVPC          int // Amazon 5
	SubnetsPerVPC        int // Amazon 200
	TablesPerVPC         int // route tables; Amazon 200
	RoutesPerTable       int // Amazon 500
	ACLsPerVPC           int // network ACLs; Amazon 200
	EntriesPerACL        int // inbound or outbound; Amazon 20
	EntriesPerList       int // of a managed prefix list; Amazon 1,000
	DhcpOptions          int // sets in a region; Amazon 100
	Gateways             int // Internet gateways in a region; Amazon 5
	ElasticIPs           int // in a region; Amazon 5
	NATGateways          int // in a region; Amazon 5 in a zone
	FlowLogs             int // of one resource; Amazon 2
	Groups               int // security groups in a region; Amazon 2,500
	RulesPerGroup        int // inbound or outbound; Amazon 60
	GroupsPerNIC         int // security groups of one interface; Amazon 5
	Interfaces           int // in a region; Amazon 5,000
	NICsPerInstance      int // Amazon up to 15, by instance type
	AddressesPerNIC      int // Amazon up to 50, by instance type
	EndpointsPerVPC      int // interface endpoints; Amazon 50
	EndpointServices     int // of one's own, in a region
	TargetsPerService    int // load balancers of an endpoint service
	PrincipalsPerService int // that may make endpoints to it
	Notifications        int // of connections, in a region
	TagsPerResource      int // Amazon 50
	PolicyCharacters     int // of an endpoint policy, white space included; Amazon 20,480
}

var defaultLimits = Limits{
	VPCs:                 10_000,
	CIDRsPerVPC:          50,
	SubnetsPerVPC:        10_000,
	TablesPerVPC:         10_000,
	RoutesPerTable:       5_000,
	ACLsPerVPC:           10_000,
	EntriesPerACL:        1_000,
	EntriesPerList:       1_000,
	Gateways:             10_000,
	ElasticIPs:           10_000,
	NATGateways:          1_000,
	FlowLogs:             20,
	DhcpOptions:          10_000,
	Groups:               100_000,
	RulesPerGroup:        5_000,
	GroupsPerNIC:         50,
	Interfaces:           500_000,
	AddressesPerNIC:      250,
	NICsPerInstance:      15,
	EndpointsPerVPC:      5_000,
	EndpointServices:     10_000,
	TargetsPerService:    100,
	PrincipalsPerService: 1_000,
	Notifications:        10_000,
	TagsPerResource:      200,
	PolicyCharacters:     20_480,
}

// withDefaults puts its default in the place of each limit that is not set.
func (l Limits) withDefaults() Limits {
	set, byDefault := reflect.ValueOf(&l).Elem(), reflect.ValueOf(defaultLimits)
	for i := range set.NumField() {
		if set.Field(i).IsZero() {
			set.Field(i).Set(byDefault.Field(i))
		}
	}
	return l
}
