package ec2

import (
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
		ResourceTypes: resourceTypes(),
		ConditionKeys: conditionKeys,
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

// conditionKeys are the keys of policies that belong to EC2.
var conditionKeys = map[string]func(api.Question) string{
	// The operation that makes what is tagged: the permission to tag is asked with it, and CreateTags has none.
	query.CreateAction: nil,
	// The instance whose credentials sign; it follows from the principal.
	"ec2:SourceInstanceARN": nil,
}

// resourceTypes returns the types of resources of the EC2 API. An image has no account in its ARN.
func resourceTypes() map[string]api.ResourceType {
	all := map[string]api.ResourceType{}
	for _, t := range types.ResourceType("").Values() {
		all[string(t)] = api.ResourceType{}
	}
	all["image"] = api.ResourceType{NoAccount: true}
	return all
}

func (s *service) view(c *api.Call) *query.View { return query.See(s.network, c) }
