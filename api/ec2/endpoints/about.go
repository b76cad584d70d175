package endpoints

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api/ec2/internal/query"
	sdk "postern/aws/service/ec2"
	"postern/aws/service/ec2/types"
)

func subnetsOf(ids []string, more []types.SubnetConfiguration) []string {
	out := slices.Clone(ids)
	for _, x := range more {
		out = append(out, aws.ToString(x.SubnetId))
	}
	return out
}

func aboutNewEndpoint(a *query.About, in *sdk.CreateVpcEndpointInput) {
	a.Add("vpc-endpoint", "")
	a.Add("vpc", aws.ToString(in.VpcId))
	a.Add("subnet", subnetsOf(in.SubnetIds, in.SubnetConfigurations)...)
	a.Add("route-table", in.RouteTableIds...)
	a.Add("security-group", in.SecurityGroupIds...)
	if in.VpcEndpointType == types.VpcEndpointTypeInterface {
		a.AddGroups(aws.ToString(in.VpcId), in.SecurityGroupIds)
	}
}

func aboutEndpointChange(a *query.About, in *sdk.ModifyVpcEndpointInput) {
	a.Add("vpc-endpoint", aws.ToString(in.VpcEndpointId))
	a.Add("subnet", subnetsOf(slices.Concat(in.AddSubnetIds, in.RemoveSubnetIds), in.SubnetConfigurations)...)
	a.Add("security-group", slices.Concat(in.AddSecurityGroupIds, in.RemoveSecurityGroupIds)...)
	a.Add("route-table", slices.Concat(in.AddRouteTableIds, in.RemoveRouteTableIds)...)
}

// addNotification names the service or the endpoint whose connections a notification is about.
func addNotification(a *query.About, id string) {
	n, err := a.ConnectionNotification(a.Scope, id)
	switch {
	case err != nil:
		a.Add(query.EndpointServiceType, "")
		a.Add("vpc-endpoint", "")
	case n.Service != "":
		a.Add(query.EndpointServiceType, n.Service)
	default:
		a.Add("vpc-endpoint", n.Endpoint)
	}
}

func aboutNotificationChange(a *query.About, in *sdk.ModifyVpcEndpointConnectionNotificationInput) {
	addNotification(a, aws.ToString(in.ConnectionNotificationId))
}

func aboutNotifications(a *query.About, in *sdk.DeleteVpcEndpointConnectionNotificationsInput) {
	for _, id := range in.ConnectionNotificationIds {
		addNotification(a, id)
	}
}
