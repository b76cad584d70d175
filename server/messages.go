package server

import (
	"context"

	"postern/api"
	apiec2messages "postern/api/ec2messages"
	"postern/api/ssmmessages"
)

// messagesModule answers the two endpoints that agents fetch their commands from: control channels, and polling.
type messagesModule struct {
	config   *Config
	nodes    *nodesModule
	mailbox  *mailboxModule
	commands *commandsModule

	channels *ssmmessages.Channels
}

func (m *messagesModule) module() module {
	return module{
		name: "messages", open: m.open, services: m.services,
		close: func() error { m.channels.Close(); return nil },
	}
}

func (m *messagesModule) open(context.Context) error {
	m.channels = ssmmessages.New(ssmmessages.Config{
		Commands: m.commands.Service, Nodes: m.nodes.Service, Mailbox: m.mailbox.Mailbox,
		Now: m.config.Now, Log: m.config.Log,
	})
	return nil
}

func (m *messagesModule) services() []api.Service {
	return []api.Service{
		m.channels.Service(),
		apiec2messages.New(apiec2messages.Config{
			Commands: m.commands.Service, Nodes: m.nodes.Service, Mailbox: m.mailbox.Mailbox,
		}),
	}
}
