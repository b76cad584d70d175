package server

import (
	"postern/api"
	apiec2 "postern/api/ec2"
)

// ec2Module answers the ec2 endpoint.
type ec2Module struct {
	config   *Config
	identity *identityModule
	network  *networkModule
	flowLogs *flowLogsModule
	compute  *computeModule
}

func (m *ec2Module) module() module { return module{name: "ec2", services: m.services} }

func (m *ec2Module) services() []api.Service {
	return []api.Service{apiec2.New(apiec2.Config{
		Network:   m.network.Service,
		Compute:   m.compute.Service,
		Instances: m.compute.instances,
		FlowLogs:  m.flowLogs,
		MayImport: m.config.mayImport,
	})}
}
