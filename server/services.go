package server

import (
	"context"

	"postern/api"
	apiec2 "postern/api/ec2"
	apiec2messages "postern/api/ec2messages"
	apiiam "postern/api/iam"
	apiresolver "postern/api/route53resolver"
	apissm "postern/api/ssm"
	apists "postern/api/sts"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/ssm/parameter"
)

// services are the AWS endpoints that there are.
func (s *Server) services() []api.Service {
	return []api.Service{
		apiec2.New(apiec2.Config{
			Network: s.network, Compute: s.compute, Profiles: s.identity, FlowLogs: s.flowLogs, MayImport: s.config.mayImport,
		}),
		apiiam.New(apiiam.Config{Identities: s.identity}),
		apists.New(apists.Config{Identities: s.identity}),
		apiresolver.New(apiresolver.Config{Network: s.network}),
		apissm.New(apissm.Config{
			Commands: s.commands, Nodes: s.nodes, Documents: s.library, Channels: s.mailbox, Roles: s.identity,
			Parameters: s.parameters, Registered: s.registered, Places: places{s.network},
		}),
		s.channels.Service(),
		apiec2messages.New(apiec2messages.Config{Commands: s.commands, Nodes: s.nodes, Mailbox: s.mailbox}),
	}
}

// registered ties a machine that joined over WireGuard to the managed node that it has become.
func (s *Server) registered(ctx context.Context, from vpc.Origin, node string) error {
	if from.Interface == "" {
		return nil
	}
	return s.machines.Registered(ctx, from.Interface, node)
}

// publicParameters are those that images were imported as.
func (s *Server) publicParameters(scope scope.Scope) []parameter.Public {
	var all []parameter.Public
	for _, i := range s.compute.Images(scope) {
		for _, name := range i.PublicNames() {
			all = append(all, parameter.Public{Name: name, Image: i.ID, Modified: i.Created})
		}
	}
	return all
}

// hasImage tells Parameter Store which machine images there are.
func (s *Server) hasImage(scope scope.Scope, id string) bool {
	_, err := s.compute.Image(scope, id)
	return err == nil
}
