package vpcs

import (
	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/network"
)

// Config names the services that the operations call.
type Config struct {
	Network *network.Service
	// FlowLogs may be nil.
	FlowLogs FlowLogs
}

type service struct {
	network  *network.Service
	flowLogs FlowLogs
}

func newService(c Config) *service {
	return &service{network: c.Network, flowLogs: c.FlowLogs}
}

func (s *service) view(c *api.Call) *query.View { return query.See(s.network, c) }
