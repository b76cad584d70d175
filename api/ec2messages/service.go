package ec2messages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"postern/api"
	"postern/aws/fault"
	"postern/aws/wire"
	"postern/ssm/command"
	"postern/ssm/mailbox"
	"postern/ssm/mgs"
	"postern/ssm/node"
)

// Config is what the polls lead to.
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
		Known: []string{"AcknowledgeMessage", "DeleteMessage", "FailMessage", "GetEndpoint", "GetMessages", "SendReply"},
		Operations: []api.Operation{
			api.Op("GetMessages", api.Everything, s.getMessages),
			api.Op("AcknowledgeMessage", api.Everything, s.acknowledgeMessage),
			api.Op("SendReply", api.Everything, s.sendReply),
			api.Op("FailMessage", api.Everything, s.failMessage),
			api.Op("DeleteMessage", api.Everything, s.deleteMessage),
			api.Op("GetEndpoint", api.Everything, s.getEndpoint),
		},
	}
}

// The shapes are the public agent's own.

type getMessagesInput struct {
	Destination                *string `wire:"required"`
	MessagesRequestId          *string `wire:"required"`
	VisibilityTimeoutInSeconds *int32
}

type message struct {
	MessageId     string
	Destination   string
	Topic         string
	CreatedDate   string
	Payload       string
	PayloadDigest string
}

type getMessagesOutput struct {
	Destination       string
	MessagesRequestId string
	Messages          []message
}

type messageInput struct {
	MessageId *string `wire:"required"`
}

type failMessageInput struct {
	MessageId   *string `wire:"required"`
	FailureType *string `wire:"required"`
}

type sendReplyInput struct {
	MessageId *string `wire:"required"`
	ReplyId   *string `wire:"required"`
	Payload   *string `wire:"required"`
}

type sendReplyOutput struct {
	MessageId   string
	ReplyId     string
	ReplyStatus string
}

type getEndpointInput struct {
	Destination *string `wire:"required"`
}

type getEndpointOutput struct{ Endpoint string }

type empty struct{}

// caller is the node whose credentials the caller uses.
func caller(c *api.Call) (string, error) {
	if c.Caller.IssuedTo == "" {
		return "", fault.New(fault.Denied, "ec2messages", "User: %s is not authorized to perform: %s, because its credentials were not issued to a managed node",
			c.Caller.Principal, c.Operation.Action)
	}
	return c.Caller.IssuedTo, nil
}

// itself refuses a caller that asks for another node's messages.
func itself(c *api.Call, destination string) error {
	id, err := caller(c)
	if err == nil && id != destination {
		err = fault.New(fault.Denied, "ec2messages", "User: %s is not authorized to perform: %s on behalf of %s, to which its credentials were not issued",
			c.Caller.Principal, c.Operation.Action, destination)
	}
	return err
}

func (s *service) getMessages(ctx context.Context, c *api.Call, in *getMessagesInput) (*getMessagesOutput, error) {
	id := *in.Destination
	if err := itself(c, id); err != nil {
		return nil, err
	}
	if _, err := s.config.Nodes.Find(ctx, id); err != nil {
		return nil, err
	}
	defer s.config.Nodes.Arrive(id)()
	wait, cancel := context.WithTimeout(ctx, s.config.Wait)
	defer cancel()
	items, err := s.config.Mailbox.Poll(wait, id)
	if err != nil {
		return nil, err
	}
	out := &getMessagesOutput{Destination: id, MessagesRequestId: *in.MessagesRequestId, Messages: []message{}}
	for _, i := range items {
		digest := sha256.Sum256([]byte(i.Content))
		out.Messages = append(out.Messages, message{
			MessageId: i.ID, Destination: id, Topic: i.Topic, CreatedDate: mgs.FormatTime(i.Created),
			Payload: i.Content, PayloadDigest: hex.EncodeToString(digest[:]),
		})
	}
	return out, nil
}

func (s *service) acknowledgeMessage(ctx context.Context, c *api.Call, in *messageInput) (*empty, error) {
	id, err := caller(c)
	if err != nil {
		return nil, err
	}
	return nil, s.config.Commands.Acknowledged(ctx, id, *in.MessageId, mgs.Accepted)
}

// sendReply answers when the reply is durable: until then the agent keeps it.
func (s *service) sendReply(ctx context.Context, c *api.Call, in *sendReplyInput) (*sendReplyOutput, error) {
	id, err := caller(c)
	if err != nil {
		return nil, err
	}
	done := make(chan error, 1)
	if err := s.config.Commands.Replied(ctx, id, *in.MessageId, *in.Payload, func(err error) { done <- err }); err != nil {
		return nil, err
	}
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return &sendReplyOutput{MessageId: *in.MessageId, ReplyId: *in.ReplyId, ReplyStatus: "Acknowledged"}, err
}

func (s *service) failMessage(ctx context.Context, c *api.Call, in *failMessageInput) (*empty, error) {
	id, err := caller(c)
	if err != nil {
		return nil, err
	}
	return nil, s.config.Commands.Failed(ctx, id, *in.MessageId)
}

// deleteMessage takes a message out of the node's box.
func (s *service) deleteMessage(_ context.Context, c *api.Call, in *messageInput) (*empty, error) {
	id, err := caller(c)
	if err != nil {
		return nil, err
	}
	s.config.Mailbox.Done(id, *in.MessageId)
	return nil, nil
}

// getEndpoint names the endpoint that was asked: there is no other.
func (s *service) getEndpoint(_ context.Context, c *api.Call, in *getEndpointInput) (*getEndpointOutput, error) {
	if err := itself(c, *in.Destination); err != nil {
		return nil, err
	}
	return &getEndpointOutput{Endpoint: c.Host}, nil
}
