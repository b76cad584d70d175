package server

import (
	"context"

	"postern/api"
	apissm "postern/api/ssm"
	"postern/aws/scope"
	"postern/network/vpc"
	"postern/server/join"
	"postern/ssm/command"
	"postern/ssm/document/library"
	"postern/ssm/mailbox"
	"postern/ssm/parameter"
)

// mailboxModule holds what waits for nodes.
type mailboxModule struct {
	config *Config

	*mailbox.Mailbox
}

func (m *mailboxModule) module() module {
	return module{name: "mailbox", open: m.open, close: func() error { m.Close(); return nil }}
}

func (m *mailboxModule) open(context.Context) error {
	m.Mailbox = mailbox.New(mailbox.Config{Log: m.config.Log, Now: m.config.Now})
	return nil
}

// commandsModule is documents, commands and their invocations.
type commandsModule struct {
	config  *Config
	state   *stateModule
	nodes   *nodesModule
	mailbox *mailboxModule

	library *library.Service
	*command.Service
}

func (m *commandsModule) module() module {
	return module{name: "commands", open: m.open, run: func(ctx context.Context) error { return m.Run(ctx) }}
}

func (m *commandsModule) open(context.Context) error {
	m.library = library.New(m.state.Set("ssm"))
	m.Service = command.New(command.Config{
		Store:     m.state.Commands(),
		Documents: m.library,
		Nodes:     m.nodes.Service,
		Mailbox:   m.mailbox.Mailbox,
		Log:       m.config.Log,
		Now:       m.config.Now,
	})
	return nil
}

// parametersModule is Parameter Store.
type parametersModule struct {
	state *stateModule
	// compute is opened later: it is asked about images when a parameter is read or put.
	compute *computeModule

	*parameter.Service
}

func (m *parametersModule) module() module { return module{name: "parameters", open: m.open} }

func (m *parametersModule) open(context.Context) error {
	m.Service = parameter.New(
		parameter.Config{Records: m.state.Set("ssm"), HasImage: m.hasImage, Public: m.public},
	)
	return nil
}

// public are the parameters that images were imported as.
func (m *parametersModule) public(scope scope.Scope) []parameter.Public {
	var all []parameter.Public
	for _, i := range m.compute.Images(scope) {
		for _, name := range i.PublicNames() {
			all = append(all, parameter.Public{Name: name, Image: i.ID, Modified: i.Created})
		}
	}
	return all
}

// hasImage tells Parameter Store which machine images there are.
func (m *parametersModule) hasImage(scope scope.Scope, id string) bool {
	_, err := m.compute.Image(scope, id)
	return err == nil
}

// ssmModule answers the ssm endpoint.
type ssmModule struct {
	identity   *identityModule
	network    *networkModule
	nodes      *nodesModule
	mailbox    *mailboxModule
	commands   *commandsModule
	parameters *parametersModule
	// join is opened later: it is told of nodes that register.
	join *joinModule
}

func (m *ssmModule) module() module { return module{name: "ssm", services: m.services} }

func (m *ssmModule) services() []api.Service {
	return []api.Service{apissm.New(apissm.Config{
		Commands:   m.commands.Service,
		Nodes:      m.nodes.Service,
		Documents:  m.commands.library,
		Channels:   m.mailbox.Mailbox,
		Roles:      m.identity.Service,
		Parameters: m.parameters.Service,
		Registered: m.registered,
		Places:     join.Places{Network: m.network.Service},
	})}
}

// registered ties a machine that joined over WireGuard to the managed node that it has become.
func (m *ssmModule) registered(ctx context.Context, from vpc.Origin, node string) error {
	if from.Interface == "" {
		return nil
	}
	return m.join.machines.Registered(ctx, from.Interface, node)
}
