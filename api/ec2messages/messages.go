package ec2messages

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"postern/api"
	"postern/ssm/mgs"
)

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
