package ec2messages

import (
	"time"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/wire"
	"postern/ssm/command"
	"postern/ssm/mailbox"
	"postern/ssm/node"
)

// Config names the services that answer the polls.
type Config struct {
	Commands *command.Service
	Nodes    *node.Service
	Mailbox  *mailbox.Mailbox
	// Wait is how long a poll is held: 19 s.
	Wait time.Duration
}

type service struct{ config Config }

// New makes the service with its table of operations.
func New(c Config) api.Service {
	if c.Wait == 0 {
		c.Wait = 19 * time.Second
	}
	s := &service{c}
	return api.Service{
		Name: "ec2messages", Protocol: wire.JSON, TargetPrefix: "EC2WindowsMessageDeliveryService",
		Known:      []string{"AcknowledgeMessage", "DeleteMessage", "FailMessage", "GetEndpoint", "GetMessages", "SendReply"},
		Operations: s.operations(),
	}
}

// caller is the node whose credentials the caller uses.
func caller(c *api.Call) (string, error) {
	if c.Caller.IssuedTo == "" {
		return "", fault.New(fault.Denied, "ec2messages",
			"User: %s is not authorized to perform: %s, because its credentials were not issued to a managed node",
			c.Caller.Principal, c.Operation.Action)
	}
	return c.Caller.IssuedTo, nil
}

// itself refuses a caller that asks for another node's messages.
func itself(c *api.Call, destination string) error {
	id, err := caller(c)
	if err == nil && id != destination {
		err = fault.New(fault.Denied, "ec2messages",
			"User: %s is not authorized to perform: %s on behalf of %s, to which its credentials were not issued",
			c.Caller.Principal, c.Operation.Action, destination)
	}
	return err
}
