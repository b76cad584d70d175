package ec2

import (
	"maps"
	"slices"

	"postern/api"
	"postern/api/ec2/endpoints"
	ec2instances "postern/api/ec2/instances"
	"postern/api/ec2/internal/query"
	"postern/api/ec2/vpcs"
	"postern/aws/service/ec2/types"
	"postern/aws/wire"
	"postern/network"
	"postern/services/compute"
	"postern/services/instances"
)

// Config names the services that the EC2 API calls.
type Config struct {
	Network   *network.Service
	Compute   *compute.Service
	Instances *instances.Service
	// FlowLogs may be nil.
	FlowLogs vpcs.FlowLogs
	// MayImport refuses images of paths of the server's host; nil refuses none.
	MayImport func(path string) error
}

type service struct{ network *network.Service }

// New makes the EC2 API's service with its table of operations.
func New(c Config) api.Service {
	s := &service{network: c.Network}
	return api.Service{
		Name:          "ec2",
		Protocol:      wire.EC2,
		Version:       "2016-11-15",
		Namespace:     "http://ec2.amazonaws.com/doc/2016-11-15/",
		TokenCode:     "InvalidNextToken",
		ResourceTypes: resourceTypes(c),
		ConditionKeys: conditionKeys,
		AbsentKeys:    absentKeys,
		TagFamily:     "ec2:ResourceTag/",
		Keys:          query.AttributeKeys,
		Operations: slices.Concat(
			vpcs.Operations(vpcs.Config{Network: c.Network, FlowLogs: c.FlowLogs}),
			endpoints.Operations(endpoints.Config{Network: c.Network}),
			ec2instances.Operations(ec2instances.Config{
				Network: c.Network, Compute: c.Compute, Instances: c.Instances, MayImport: c.MayImport,
			}),
			s.placeOperations(),
			s.absentOperations(),
		),
	}
}

// resourceTypes returns the types of resources of the EC2 API: those that there can be have more than a name.
func resourceTypes(c Config) map[string]api.ResourceType {
	all := map[string]api.ResourceType{}
	for _, t := range types.ResourceType("").Values() {
		all[string(t)] = api.ResourceType{}
	}
	for _, built := range []map[string]api.ResourceType{
		vpcs.ResourceTypes(vpcs.Config{Network: c.Network}),
		endpoints.ResourceTypes(endpoints.Config{Network: c.Network}),
		ec2instances.ResourceTypes(ec2instances.Config{Network: c.Network, Compute: c.Compute}),
	} {
		maps.Copy(all, built)
	}
	return all
}

// conditionKeys are the keys of policies that every request tells, and absentKeys those that none has.
var (
	conditionKeys = map[string]func(api.Question) string{
		"ec2:Region":          func(q api.Question) string { return q.Call.Region },
		query.Attribute:       nil,
		query.AttributeFamily: nil,
	}
	absentKeys = map[string]string{
		"ec2:AuthorizedService":              permissionsOnly,
		"ec2:AuthorizedUser":                 permissionsOnly,
		"ec2:CpuOptionsAmdSevSnp":            "no instance has options of its processor",
		"ec2:InstanceBandwidthWeighting":     "no instance weights its bandwidth",
		"ec2:IpamPrefixListResolverTargetId": "there is no IPAM",
		"ec2:Ipv4IpamPoolId":                 "there is no IPAM",
		"ec2:Ipv6IpamPoolId":                 "there is no IPAM",
		"ec2:IsLaunchTemplateResource":       "there are no launch templates",
		"ec2:LaunchTemplate":                 "there are no launch templates",
		"ec2:ManagedResourceOperator":        "no resource is managed by a service of AWS",
		"ec2:ParentSnapshot":                 "there are no snapshots",
		"ec2:ParentVolume":                   "there are no copies of volumes",
		"ec2:Permission":                     permissionsOnly,
		"ec2:PlacementGroup":                 "there are no placement groups",
		"ec2:ProductCode":                    "no image has a product code",
		"ec2:VolumeInitializationRate":       "no volume has a rate of initialization",
		"ec2:VpcePrivateDnsPreference":       "private DNS preferences are refused",
		"ec2:VpcePrivateDnsSpecifiedDomains": "private DNS preferences are refused",
	}
)

// permissionsOnly says why keys of permissions to attach a network interface have no values.
const permissionsOnly = "there are no permissions to attach another account's network interface"

func (s *service) view(c *api.Call) *query.View { return query.See(s.network, c) }
