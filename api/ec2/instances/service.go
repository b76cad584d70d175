package instances

import (
	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/network"
	"postern/services/compute"
	"postern/services/instances"
)

// Config names the services that the operations call.
type Config struct {
	Network   *network.Service
	Compute   *compute.Service
	Instances *instances.Service
	// MayImport refuses images of paths of the server's host; nil refuses none.
	MayImport func(path string) error
}

type service struct {
	network   *network.Service
	compute   *compute.Service
	instances *instances.Service
	mayImport func(path string) error
}

func newService(c Config) *service {
	return &service{network: c.Network, compute: c.Compute, instances: c.Instances, mayImport: c.MayImport}
}

func (s *service) view(c *api.Call) *query.View { return query.See(s.network, c) }
