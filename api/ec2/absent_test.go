package ec2_test

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"postern/api/ec2"
)

// absences are the Describe calls on what Postern has none of, each with an id, and the code for that.
var absences = []struct {
	named any
	code  string
}{
	{&sdk.DescribeVpnGatewaysInput{VpnGatewayIds: []string{"vgw-1"}}, "InvalidVpnGatewayID.NotFound"},
	{&sdk.DescribeCustomerGatewaysInput{CustomerGatewayIds: []string{"cgw-1"}}, "InvalidCustomerGatewayID.NotFound"},
	{&sdk.DescribeVpnConnectionsInput{VpnConnectionIds: []string{"vpn-1"}}, "InvalidVpnConnectionID.NotFound"},
	{
		&sdk.DescribeClientVpnEndpointsInput{ClientVpnEndpointIds: []string{"cvpn-1"}}, "InvalidClientVpnEndpointId.NotFound",
	},
	{&sdk.DescribeEgressOnlyInternetGatewaysInput{
		EgressOnlyInternetGatewayIds: []string{"eigw-1"},
	}, "InvalidEgressOnlyInternetGatewayId.NotFound"},
	{&sdk.DescribeCarrierGatewaysInput{CarrierGatewayIds: []string{"cagw-1"}}, "InvalidCarrierGatewayID.NotFound"},
	{&sdk.DescribeLocalGatewaysInput{LocalGatewayIds: []string{"lgw-1"}}, "InvalidLocalGatewayID.NotFound"},
	{&sdk.DescribeLocalGatewayRouteTablesInput{
		LocalGatewayRouteTableIds: []string{"lgw-rtb-1"},
	}, "InvalidLocalGatewayRouteTableID.NotFound"},
	{&sdk.DescribeInstanceConnectEndpointsInput{
		InstanceConnectEndpointIds: []string{"eice-1"},
	}, "InvalidInstanceConnectEndpointId.NotFound"},
	{&sdk.DescribeTransitGatewaysInput{TransitGatewayIds: []string{"tgw-1"}}, "InvalidTransitGatewayID.NotFound"},
	{&sdk.DescribeTransitGatewayAttachmentsInput{
		TransitGatewayAttachmentIds: []string{"tgw-attach-1"},
	}, "InvalidTransitGatewayAttachmentID.NotFound"},
	{&sdk.DescribeTransitGatewayVpcAttachmentsInput{
		TransitGatewayAttachmentIds: []string{"tgw-attach-1"},
	}, "InvalidTransitGatewayAttachmentID.NotFound"},
	{&sdk.DescribeTransitGatewayPeeringAttachmentsInput{
		TransitGatewayAttachmentIds: []string{"tgw-attach-1"},
	}, "InvalidTransitGatewayAttachmentID.NotFound"},
	{&sdk.DescribeTransitGatewayConnectsInput{
		TransitGatewayAttachmentIds: []string{"tgw-attach-1"},
	}, "InvalidTransitGatewayAttachmentID.NotFound"},
	{&sdk.DescribeTransitGatewayConnectPeersInput{
		TransitGatewayConnectPeerIds: []string{"tgw-peer-1"},
	}, "InvalidTransitGatewayConnectPeerID.NotFound"},
	{&sdk.DescribeTransitGatewayMulticastDomainsInput{
		TransitGatewayMulticastDomainIds: []string{"tgw-mcast-1"},
	}, "InvalidTransitGatewayMulticastDomainId.NotFound"},
	{&sdk.DescribeTransitGatewayRouteTablesInput{
		TransitGatewayRouteTableIds: []string{"tgw-rtb-1"},
	}, "InvalidRouteTableID.NotFound"},
	{&sdk.DescribeLaunchTemplatesInput{LaunchTemplateIds: []string{"lt-1"}}, "InvalidLaunchTemplateId.NotFound"},
	{&sdk.DescribeLaunchTemplatesInput{
		LaunchTemplateNames: []string{"web"},
	}, "InvalidLaunchTemplateName.NotFoundException"},
	{&sdk.DescribeLaunchTemplateVersionsInput{
		LaunchTemplateId: aws.String("lt-1"), Versions: []string{"$Latest"},
	}, "InvalidLaunchTemplateId.NotFound"},
	{&sdk.DescribePlacementGroupsInput{GroupNames: []string{"near"}}, "InvalidPlacementGroup.Unknown"},
	{&sdk.DescribeSpotInstanceRequestsInput{
		SpotInstanceRequestIds: []string{"sir-1"},
	}, "InvalidSpotInstanceRequestID.NotFound"},
	{&sdk.DescribeReservedInstancesInput{ReservedInstancesIds: []string{"ri-1"}}, "InvalidReservedInstancesId"},
	{&sdk.DescribeHostsInput{HostIds: []string{"h-1"}}, "InvalidHostID.NotFound"},
	{&sdk.DescribeCapacityReservationsInput{
		CapacityReservationIds: []string{"cr-1"},
	}, "InvalidCapacityReservationId.NotFound"},
	{&sdk.DescribeSnapshotsInput{SnapshotIds: []string{"snap-1"}}, "InvalidSnapshot.NotFound"},
	{&sdk.DescribePublicIpv4PoolsInput{PoolIds: []string{"ipv4pool-ec2-1"}}, "InvalidPublicIpv4PoolID.NotFound"},
	{&sdk.DescribeIpv6PoolsInput{PoolIds: []string{"ipv6pool-ec2-1"}}, "InvalidPoolID.NotFound"},
	{&sdk.DescribeCoipPoolsInput{PoolIds: []string{"ipv4pool-coip-1"}}, "InvalidCoipPoolId.NotFound"},
	{&sdk.DescribeIpamPoolsInput{IpamPoolIds: []string{"ipam-pool-1"}}, "InvalidIpamPoolId.NotFound"},
	{&sdk.DescribeNetworkInsightsPathsInput{
		NetworkInsightsPathIds: []string{"nip-1"},
	}, "InvalidNetworkInsightsPathId.NotFound"},
	{&sdk.DescribeNetworkInsightsAnalysesInput{
		NetworkInsightsAnalysisIds: []string{"nia-1"},
	}, "InvalidNetworkInsightsAnalysisId.NotFound"},
	{&sdk.DescribeTrafficMirrorSessionsInput{
		TrafficMirrorSessionIds: []string{"tms-1"},
	}, "InvalidTrafficMirrorSessionId.NotFound"},
	{&sdk.DescribeSecurityGroupVpcAssociationsInput{}, ""},
}

// TestAbsent: what Postern has none of is an empty list, an id of it is not found, and the rest of a request is judged.
func TestAbsent(t *testing.T) {
	l := newHarness(t)
	nobody := &harness{Client: l.as(stranger), t: t, ctx: l.ctx}
	for _, tt := range absences {
		name := nameOf(tt.named)
		plain := reflect.New(reflect.TypeOf(tt.named).Elem())
		out, err := l.do(plain.Interface())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantEmpty(t, name, out)
		_, err = l.do(tt.named)
		wantCode(t, name+" of an id", err, tt.code)
		_, err = nobody.do(plain.Interface())
		wantCode(t, name+" by a stranger", err, "UnauthorizedOperation")

		filters := plain.Elem().FieldByName("Filters")
		if !filters.IsValid() {
			filters = plain.Elem().FieldByName("Filter")
		}
		filters.Set(reflect.ValueOf([]types.Filter{filter("no-such", "x")}))
		_, err = l.do(plain.Interface())
		wantCode(t, name+" with a filter that is none", err, "InvalidParameterValue")
		filters.Set(reflect.ValueOf([]types.Filter{filter("tag:Name", "x")}))
		out, err = l.do(plain.Interface())
		wantCode(t, name+" with a filter", err, "")
		wantEmpty(t, name, out)
		if token := plain.Elem().FieldByName("NextToken"); token.IsValid() {
			token.Set(reflect.ValueOf(aws.String("junk")))
			_, err = l.do(plain.Interface())
			wantCode(t, name+" with a token that is none", err, "InvalidNextToken")
		}
	}
}

// wantEmpty wants the one list of an answer to be there, and empty.
func wantEmpty(t *testing.T, name string, out any) {
	t.Helper()
	v := reflect.ValueOf(out).Elem()
	lists := 0
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Slice {
			lists++
			if f.IsNil() || f.Len() != 0 {
				t.Errorf("%s: %s is %v", name, v.Type().Field(i).Name, f)
			}
		}
	}
	if lists != 1 {
		t.Errorf("%s answers %d lists", name, lists)
	}
}

// TestAbsentRowsAreTested: every Describe call that finds nothing is in the table above.
func TestAbsentRowsAreTested(t *testing.T) {
	tested := map[string]bool{}
	for _, tt := range absences {
		tested[nameOf(tt.named)] = true
	}
	for _, name := range ec2.AbsentOperations() {
		if !tested[name] {
			t.Errorf("%s is not tested", name)
		}
	}
}

// TestClassicLink: tools ask each VPC whether EC2-Classic is linked to it.
func TestClassicLink(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	links := must(l.DescribeVpcClassicLink(l.ctx, &sdk.DescribeVpcClassicLinkInput{VpcIds: []string{p.vpc}}))(t).Vpcs
	if len(links) != 1 || *links[0].VpcId != p.vpc || *links[0].ClassicLinkEnabled {
		t.Errorf("links %+v", links)
	}
	names := must(l.DescribeVpcClassicLinkDnsSupport(l.ctx, &sdk.DescribeVpcClassicLinkDnsSupportInput{
		VpcIds: []string{p.vpc},
	}))(t).Vpcs
	if len(names) != 1 || *names[0].VpcId != p.vpc || *names[0].ClassicLinkDnsSupported {
		t.Errorf("DNS support %+v", names)
	}
	none := must(l.DescribeVpcClassicLink(l.ctx, &sdk.DescribeVpcClassicLinkInput{
		Filters: []types.Filter{filter("is-classic-link-enabled", "true")},
	}))(t)
	if len(none.Vpcs) != 0 {
		t.Errorf("linked %+v", none.Vpcs)
	}
	missing := "vpc-00000000000000000"
	wantCode(t, "a VPC that is not there", second(l.DescribeVpcClassicLink(l.ctx, &sdk.DescribeVpcClassicLinkInput{
		VpcIds: []string{missing},
	})), "InvalidVpcID.NotFound")
	wantCode(t, "an instance that is not there",
		second(l.DescribeClassicLinkInstances(l.ctx, &sdk.DescribeClassicLinkInstancesInput{
			InstanceIds: []string{"i-00000000000000000"},
		})), "InvalidInstanceID.NotFound")
	linked := must(l.DescribeClassicLinkInstances(l.ctx, &sdk.DescribeClassicLinkInstancesInput{}))(t).Instances
	if linked == nil || len(linked) != 0 {
		t.Errorf("instances %+v", linked)
	}
}
