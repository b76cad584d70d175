package network

import (
	"context"
	"iter"
	"slices"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
	"postern/record"
)

// ConnectionNotification asks that a topic hears of the connections of a service or an endpoint. It is a record only:
// there is nothing here that would deliver (docs/divergences.md).
type ConnectionNotification struct {
	Meta
	// Service or Endpoint is what it is about.
	Service  string `json:",omitempty"`
	Endpoint string `json:",omitempty"`
	Topic    string
	// Events are some of Accept, Connect, Delete and Reject, in that order.
	Events []string
}

var notificationKind = declare(&kind[ConnectionNotification]{
	Kind: record.Kind[ConnectionNotification]{Name: "vpc-endpoint-connection-notification"},
	resourceType: resourceType{
		prefix: "vpce-nfn", notFound: "InvalidConnectionNotification", malformed: "InvalidConnectionNotification",
		missing: "The connection notification '%s' does not exist",
	},
	inside: func(n *ConnectionNotification) []string { return []string{n.Service, n.Endpoint} },
	refs:   func(n *ConnectionNotification) []string { return []string{n.Service, n.Endpoint} },
	limit: &limit{
		of: func(l *Limits) int { return l.Notifications }, code: "ConnectionNotificationLimitExceeded",
		message: "The maximum number of connection notifications has been reached: LIMIT",
	},
})

func (*ConnectionNotification) kind() declared { return notificationKind }

// ConnectionNotification finds a notification.
func (s *State) ConnectionNotification(c scope.Scope, id string) (*ConnectionNotification, error) {
	return notificationKind.lookup(s, c, id)
}

// ConnectionNotifications are the scope's notifications.
func (s *State) ConnectionNotifications(c scope.Scope) iter.Seq[*ConnectionNotification] {
	return notificationKind.scoped(s, c)
}

// CreateNotificationInput is a notification to be made: of a service or of an endpoint.
type CreateNotificationInput struct {
	Service, Endpoint, Topic string
	Events                   []string
	// Token makes the request idempotent.
	Token string `json:"-"`
}

// CreateConnectionNotification keeps who wants to hear of connections.
func (s *Service) CreateConnectionNotification(
	ctx context.Context, c scope.Scope, in CreateNotificationInput,
) (*ConnectionNotification, error) {
	var made *ConnectionNotification
	err := s.do(ctx, c, func(p *plan) error {
		var err error
		made, err = once(p, asked{"CreateVpcEndpointConnectionNotification", in.Token, in}, notificationKind,
			func() (*ConnectionNotification, error) { return p.createNotification(in) })
		return err
	})
	return made, err
}

func (p *plan) createNotification(in CreateNotificationInput) (*ConnectionNotification, error) {
	n := &ConnectionNotification{Meta: p.meta("vpce-nfn", nil), Service: in.Service, Endpoint: in.Endpoint}
	switch {
	case in.Service == "" && in.Endpoint == "":
		return nil, missing("serviceId or vpcEndpointId")
	case in.Service != "" && in.Endpoint != "":
		return nil, refuse(fault.Invalid, "InvalidParameterCombination",
			"serviceId and vpcEndpointId may not be specified together")
	case in.Service != "":
		if _, err := p.VpcEndpointService(p.scope, in.Service); err != nil {
			return nil, err
		}
	default:
		if _, err := p.VpcEndpoint(p.scope, in.Endpoint); err != nil {
			return nil, err
		}
	}
	if err := n.set(in.Topic, in.Events); err != nil {
		return nil, err
	}
	if err := notificationKind.room(p, p.scope.String(), 1); err != nil {
		return nil, err
	}
	p.note(n)
	return n, nil
}

var connectionEvents = []string{"Accept", "Connect", "Delete", "Reject"}

func (n *ConnectionNotification) set(topic string, events []string) error {
	a, err := arn.Parse(topic)
	if err != nil || a.Service != "sns" || a.Region != n.Region {
		return invalidParameter("'%s' is no ARN of an SNS topic in %s.", topic, n.Region)
	}
	if len(events) == 0 {
		return missing("connectionEvents")
	}
	n.Topic, n.Events = topic, nil
	for _, e := range events {
		if !slices.Contains(connectionEvents, e) {
			return invalidParameter("'%s' is no connection event.", e)
		}
	}
	for _, e := range connectionEvents {
		if slices.Contains(events, e) {
			n.Events = append(n.Events, e)
		}
	}
	return nil
}

// ModifyConnectionNotification changes a notification; what is empty stays.
func (s *Service) ModifyConnectionNotification(
	ctx context.Context, c scope.Scope, id, topic string, events []string,
) error {
	return s.do(ctx, c, func(p *plan) error {
		old, err := p.ConnectionNotification(c, id)
		if err != nil {
			return err
		}
		n := *old
		if topic == "" {
			topic = old.Topic
		}
		if len(events) == 0 {
			events = old.Events
		}
		if err := n.set(topic, events); err != nil {
			return err
		}
		p.note(&n)
		return nil
	})
}

// DeleteConnectionNotifications deletes notifications. Each is deleted or not by itself: the map holds the error of
// each id that was not.
func (s *Service) DeleteConnectionNotifications(
	ctx context.Context, c scope.Scope, ids []string,
) (map[string]error, error) {
	failed := map[string]error{}
	err := s.do(ctx, c, func(p *plan) error {
		clear(failed)
		for _, id := range ids {
			n, err := p.ConnectionNotification(c, id)
			if err != nil {
				failed[id] = err
				continue
			}
			p.forget(n)
		}
		return nil
	})
	return failed, err
}

// forgetNotifications lets the notifications of a service or endpoint go with it.
func (p *plan) forgetNotifications(of string) {
	for n := range notificationKind.In(p.Tables, of) {
		p.forget(n)
	}
}
