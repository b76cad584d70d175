package ec2_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// An endpointService is a service of one's own, named db.example.com, with an interface in the first subnet for target.
type endpointService struct {
	places
	targets []string
	made    *types.ServiceConfiguration
	id      string
}

func (l *harness) endpointService() endpointService {
	l.t.Helper()
	s := endpointService{places: l.places()}
	s.targets = []string{
		"arn:aws:postern:us-east-1:000000000000:target/5432/network-interface/" + *l.newInterface(s.a) + "/8080",
	}
	s.made = must(l.CreateVpcEndpointServiceConfiguration(l.ctx, &sdk.CreateVpcEndpointServiceConfigurationInput{
		NetworkLoadBalancerArns: s.targets, PrivateDnsName: aws.String("db.example.com"),
		TagSpecifications: nameTag("vpc-endpoint-service", "db"),
	}))(l.t).ServiceConfiguration
	s.id = *s.made.ServiceId
	return s
}

// notify has somebody told of the connections that are accepted.
func (l *harness) notify(service string) error {
	return second(l.CreateVpcEndpointConnectionNotification(l.ctx,
		&sdk.CreateVpcEndpointConnectionNotificationInput{
			ServiceId: &service, ConnectionNotificationArn: aws.String("arn:aws:sns:us-east-1:000000000000:t"),
			ConnectionEvents: []string{"Accept"},
		}))
}

// TestEndpointService makes a service of one's own, sees it in every list that has it, and lets an endpoint in.
func TestEndpointService(t *testing.T) {
	l := newHarness(t)
	s := l.endpointService()
	made, id, targets := s.made, s.id, s.targets
	if !*made.AcceptanceRequired || made.ServiceState != types.ServiceStateAvailable ||
		made.PrivateDnsNameConfiguration.State != types.DnsNameStatePendingVerification ||
		!cmp.Equal(made.NetworkLoadBalancerArns, targets) || !cmp.Equal(made.AvailabilityZones, []string{"us-east-1a"}) {
		t.Errorf("made %+v", made)
	}
	side := must(l.DescribeNetworkInterfaces(l.ctx, &sdk.DescribeNetworkInterfacesInput{Filters: []types.Filter{
		filter("interface-type", "network_load_balancer"), filter("requester-managed", "true"),
		filter("description", "VPC Endpoint Service "+id),
	}}))(t).NetworkInterfaces
	if len(side) != 1 || side[0].Attachment.InstanceId != nil || len(side[0].Groups) != 0 {
		t.Errorf("its own side is %+v", side)
	}
	listed := must(l.DescribeVpcEndpointServices(l.ctx, &sdk.DescribeVpcEndpointServicesInput{
		Filters: []types.Filter{filter("owner", account), filter("tag:Name", "db")},
	}))(t)
	if len(listed.ServiceDetails) != 1 || listed.ServiceNames[0] != *made.ServiceName ||
		!*listed.ServiceDetails[0].AcceptanceRequired || *listed.ServiceDetails[0].VpcEndpointPolicySupported {
		t.Errorf("listed %+v", listed)
	}
}

func TestEndpointServiceChanges(t *testing.T) {
	l := newHarness(t)
	s := l.endpointService()
	id, targets := s.id, s.targets
	wantCodes(t, []outcome{
		{
			"gateway load balancers",
			second(l.CreateVpcEndpointServiceConfiguration(l.ctx, &sdk.CreateVpcEndpointServiceConfigurationInput{
				GatewayLoadBalancerArns: targets,
			})), "UnsupportedOperation",
		},
		{
			"IPv6",
			second(l.CreateVpcEndpointServiceConfiguration(l.ctx, &sdk.CreateVpcEndpointServiceConfigurationInput{
				NetworkLoadBalancerArns: targets, SupportedIpAddressTypes: []string{"ipv6"},
			})), "UnsupportedOperation",
		},
		{
			"other regions",
			second(l.ModifyVpcEndpointServiceConfiguration(l.ctx, &sdk.ModifyVpcEndpointServiceConfigurationInput{
				ServiceId: &id, AddSupportedRegions: []string{"eu-west-1"},
			})), "UnsupportedOperation",
		},
		{
			"verify",
			second(l.StartVpcEndpointServicePrivateDnsVerification(
				l.ctx, &sdk.StartVpcEndpointServicePrivateDnsVerificationInput{ServiceId: &id},
			)), "UnsupportedOperation",
		},
		{
			"no name any more",
			second(l.ModifyVpcEndpointServiceConfiguration(l.ctx, &sdk.ModifyVpcEndpointServiceConfigurationInput{
				ServiceId: &id, RemovePrivateDnsName: aws.Bool(true),
			})), "",
		},
		{
			"principals",
			second(l.ModifyVpcEndpointServicePermissions(l.ctx, &sdk.ModifyVpcEndpointServicePermissionsInput{
				ServiceId: &id, AddAllowedPrincipals: []string{"*", "arn:aws:iam::111111111111:user/u"},
			})), "",
		},
	})
	allowed := must(l.DescribeVpcEndpointServicePermissions(l.ctx, &sdk.DescribeVpcEndpointServicePermissionsInput{
		ServiceId: &id, Filters: []types.Filter{filter("principal-type", "User")},
	}))(t).AllowedPrincipals
	if len(allowed) != 1 || *allowed[0].Principal != "arn:aws:iam::111111111111:user/u" {
		t.Errorf("users: %+v", allowed)
	}
}

func TestEndpointServiceConnections(t *testing.T) {
	l := newHarness(t)
	s := l.endpointService()
	id := s.id
	wantCode(t, "a notification", l.notify(id), "")
	e := must(l.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &s.vpc, VpcEndpointType: types.VpcEndpointTypeInterface, ServiceName: s.made.ServiceName,
		SubnetIds: []string{s.a}, PrivateDnsEnabled: aws.Bool(false),
	}))(t).VpcEndpoint
	connection := func() types.VpcEndpointConnection {
		t.Helper()
		all := must(l.DescribeVpcEndpointConnections(l.ctx, &sdk.DescribeVpcEndpointConnectionsInput{
			Filters: []types.Filter{filter("service-id", id), filter("vpc-endpoint-owner", account)},
		}))(t)
		if len(all.VpcEndpointConnections) != 1 {
			t.Fatalf("connections: %+v", all)
		}
		return all.VpcEndpointConnections[0]
	}
	if got := connection(); e.State != "pendingAcceptance" || got.VpcEndpointState != e.State ||
		*got.VpcEndpointId != *e.VpcEndpointId || len(got.DnsEntries) != 2 {
		t.Errorf("%s waits as %+v", e.State, got)
	}
	deleted := must(l.DeleteVpcEndpointServiceConfigurations(l.ctx, &sdk.DeleteVpcEndpointServiceConfigurationsInput{
		ServiceIds: []string{id, "vpce-svc-0123456789abcdef0"},
	}))(t).Unsuccessful
	if len(deleted) != 2 || *deleted[0].Error.Code != "ExistingVpcEndpointConnections" ||
		*deleted[1].Error.Code != "InvalidVpcEndpointService.NotFound" {
		t.Errorf("deleted too early: %+v", deleted)
	}
	accepted := must(l.AcceptVpcEndpointConnections(l.ctx, &sdk.AcceptVpcEndpointConnectionsInput{
		ServiceId: &id, VpcEndpointIds: []string{*e.VpcEndpointId, "vpce-0123456789abcdef0"},
	}))(t).Unsuccessful
	if len(accepted) != 1 || *accepted[0].ResourceId != "vpce-0123456789abcdef0" ||
		connection().VpcEndpointState != "available" {
		t.Errorf("accepted: %+v, %+v", accepted, connection())
	}
	must(l.RejectVpcEndpointConnections(l.ctx, &sdk.RejectVpcEndpointConnectionsInput{
		ServiceId: &id, VpcEndpointIds: []string{*e.VpcEndpointId},
	}))(t)
	if got := connection(); got.VpcEndpointState != "rejected" {
		t.Errorf("rejected: %+v", got)
	}
	must(l.DeleteVpcEndpointServiceConfigurations(l.ctx, &sdk.DeleteVpcEndpointServiceConfigurationsInput{
		ServiceIds: []string{id},
	}))(t)
	if left := must(
		l.DescribeVpcEndpointConnectionNotifications(l.ctx, &sdk.DescribeVpcEndpointConnectionNotificationsInput{}),
	)(t).ConnectionNotificationSet; len(left) > 0 {
		t.Errorf("notifications of nothing: %+v", left)
	}
	_, err := l.DescribeVpcEndpointServiceConfigurations(l.ctx, &sdk.DescribeVpcEndpointServiceConfigurationsInput{
		ServiceIds: []string{id},
	})
	wantCode(t, "after its end", err, "InvalidVpcEndpointServiceId.NotFound")
}
