package endpoints

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
	"postern/network"
)

// What is the same for every connection notification.
const (
	notificationState = string(types.ConnectionNotificationStateEnabled)
	notificationType  = string(types.ConnectionNotificationTypeTopic)
)

var notificationListing = query.Listing[*network.ConnectionNotification]{
	ID:   func(n *network.ConnectionNotification) string { return n.ID },
	Tags: func(*network.ConnectionNotification) []network.Tag { return nil },
	All: func(v *query.View) iter.Seq[*network.ConnectionNotification] {
		return v.ConnectionNotifications(v.Scope)
	},
	Get: func(v *query.View, id string) (*network.ConnectionNotification, error) {
		return v.ConnectionNotification(v.Scope, id)
	},
	Filters: map[string]query.Test[*network.ConnectionNotification]{
		"connection-notification-arn":   query.Text(func(n *network.ConnectionNotification) string { return n.Topic }),
		"connection-notification-id":    query.Text(func(n *network.ConnectionNotification) string { return n.ID }),
		"connection-notification-state": query.Always[*network.ConnectionNotification](notificationState),
		"connection-notification-type":  query.Always[*network.ConnectionNotification](notificationType),
		"service-id":                    query.Text(func(n *network.ConnectionNotification) string { return n.Service }),
		"vpc-endpoint-id":               query.Text(func(n *network.ConnectionNotification) string { return n.Endpoint }),
	},
}

func toNotification(n *network.ConnectionNotification) types.ConnectionNotification {
	return types.ConnectionNotification{
		ConnectionNotificationId: aws.String(
			n.ID,
		), ConnectionNotificationArn: aws.String(n.Topic), ConnectionEvents: n.Events,
		ConnectionNotificationState: types.ConnectionNotificationState(notificationState),
		ConnectionNotificationType:  types.ConnectionNotificationType(notificationType),
		ServiceId: query.Optional(
			n.Service,
		), VpcEndpointId: query.Optional(n.Endpoint), ServiceRegion: aws.String(n.Region),
	}
}

func (s *service) createConnectionNotification(
	ctx context.Context,
	c *api.Call,
	in *sdk.CreateVpcEndpointConnectionNotificationInput,
) (*sdk.CreateVpcEndpointConnectionNotificationOutput, error) {
	n, err := s.network.CreateConnectionNotification(ctx, query.ScopeOf(c), network.CreateNotificationInput{
		Service: aws.ToString(
			in.ServiceId,
		), Endpoint: aws.ToString(in.VpcEndpointId), Topic: aws.ToString(in.ConnectionNotificationArn),
		Events: in.ConnectionEvents, Token: aws.ToString(in.ClientToken),
	})
	if err != nil {
		return nil, err
	}
	out := toNotification(n)
	return &sdk.CreateVpcEndpointConnectionNotificationOutput{
		ConnectionNotification: &out,
		ClientToken:            in.ClientToken,
	}, nil
}

func (s *service) describeConnectionNotifications(
	_ context.Context,
	c *api.Call,
	in *sdk.DescribeVpcEndpointConnectionNotificationsInput,
) (*sdk.DescribeVpcEndpointConnectionNotificationsOutput, error) {
	var ids []string
	if in.ConnectionNotificationId != nil {
		ids = []string{*in.ConnectionNotificationId}
	}
	found, next, err := query.Describe(s.view(c), in, notificationListing, ids, in.Filters)
	return &sdk.DescribeVpcEndpointConnectionNotificationsOutput{
		ConnectionNotificationSet: query.Convert(found, toNotification),
		NextToken:                 next,
	}, err
}

func (s *service) modifyConnectionNotification(
	ctx context.Context,
	c *api.Call,
	in *sdk.ModifyVpcEndpointConnectionNotificationInput,
) (*sdk.ModifyVpcEndpointConnectionNotificationOutput, error) {
	err := s.network.ModifyConnectionNotification(
		ctx,
		query.ScopeOf(c),
		aws.ToString(in.ConnectionNotificationId),
		aws.ToString(in.ConnectionNotificationArn),
		in.ConnectionEvents,
	)
	return &sdk.ModifyVpcEndpointConnectionNotificationOutput{ReturnValue: aws.Bool(true)}, err
}

func (s *service) deleteConnectionNotifications(
	ctx context.Context,
	c *api.Call,
	in *sdk.DeleteVpcEndpointConnectionNotificationsInput,
) (*sdk.DeleteVpcEndpointConnectionNotificationsOutput, error) {
	failed, err := s.network.DeleteConnectionNotifications(ctx, query.ScopeOf(c), in.ConnectionNotificationIds)
	return &sdk.DeleteVpcEndpointConnectionNotificationsOutput{
		Unsuccessful: query.Unsuccessful(in.ConnectionNotificationIds, failed),
	}, err
}

// subjectOfNewNotification names the service or the endpoint whose connections a new notification is about.
func subjectOfNewNotification(_ *api.Call, in *sdk.CreateVpcEndpointConnectionNotificationInput) []string {
	if in.VpcEndpointId != nil {
		return query.Names("vpc-endpoint", *in.VpcEndpointId)
	}
	return query.Names(query.EndpointServiceType, aws.ToString(in.ServiceId))
}

func (s *service) subjectOfNotification(
	c *api.Call, in *sdk.ModifyVpcEndpointConnectionNotificationInput,
) []string {
	return subjectOf(s.view(c), aws.ToString(in.ConnectionNotificationId))
}

func (s *service) subjectsOfNotifications(
	c *api.Call, in *sdk.DeleteVpcEndpointConnectionNotificationsInput,
) (out []string) {
	v := s.view(c)
	for _, id := range in.ConnectionNotificationIds {
		out = append(out, subjectOf(v, id)...)
	}
	return out
}

func subjectOf(v *query.View, notification string) []string {
	n, err := v.ConnectionNotification(v.Scope, notification)
	switch {
	case err != nil:
		return []string{query.EndpointServiceType + "/*", "vpc-endpoint/*"}
	case n.Service != "":
		return query.Names(query.EndpointServiceType, n.Service)
	}
	return query.Names("vpc-endpoint", n.Endpoint)
}
