package endpoints

import (
	"postern/api"
	"postern/api/ec2/internal/query"
	"postern/network"
)

// Config names the services that the operations call.
type Config struct{ Network *network.Service }

type service struct{ network *network.Service }

func newService(c Config) *service {
	return &service{network: c.Network}
}

func (s *service) view(c *api.Call) *query.View { return query.See(s.network, c) }
