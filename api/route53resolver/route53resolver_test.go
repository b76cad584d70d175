package route53resolver_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53resolver"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver/types"
	"github.com/aws/smithy-go"

	"postern/api/access/accesstest"
	"postern/api/route53resolver"
	"postern/aws/scope"
	"postern/network"
	"postern/record"
)

var here = scope.Scope{Account: accesstest.Account, Region: "us-east-1"}

// harness is the API with a VPC of two subnets and a group, and the SDK's client for it.
type harness struct {
	*sdk.Client
	t       *testing.T
	ctx     context.Context
	network *network.Service
	rig     *accesstest.Rig

	vpc, a, b, group string
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	l := &harness{t: t, ctx: t.Context()}
	l.network = must(network.New(l.ctx, network.Config{Store: new(record.Memory), Draw: func(int) int { return 0 }}))(t)
	l.rig = accesstest.New(t, route53resolver.New(route53resolver.Config{Network: l.network}))
	l.Client = sdk.NewFromConfig(l.rig.Root())
	l.vpc = must(
		l.network.CreateVpc(l.ctx, here, network.CreateVpcInput{CIDR: netip.MustParsePrefix("10.0.0.0/16")}),
	)(t).ID
	l.a = l.subnet("10.0.1.0/24", "us-east-1a")
	l.b = l.subnet("10.0.2.0/24", "us-east-1b")
	l.group = must(
		l.network.CreateSecurityGroup(
			l.ctx, here, network.CreateSecurityGroupInput{VPC: l.vpc, Name: "dns", Description: "dns"},
		),
	)(t).ID
	return l
}

func (l *harness) subnet(cidr, zone string) string {
	l.t.Helper()
	return must(
		l.network.CreateSubnet(
			l.ctx, here, network.CreateSubnetInput{VPC: l.vpc, CIDR: netip.MustParsePrefix(cidr), Zone: zone},
		),
	)(l.t).ID
}

func (l *harness) input(request string, way types.ResolverEndpointDirection) *sdk.CreateResolverEndpointInput {
	return &sdk.CreateResolverEndpointInput{
		CreatorRequestId: &request, Direction: way, Name: aws.String("resolver " + request),
		SecurityGroupIds: []string{l.group},
		IpAddresses:      []types.IpAddressRequest{{SubnetId: &l.a}, {SubnetId: &l.b, Ip: aws.String("10.0.2.53")}},
		Tags:             []types.Tag{{Key: aws.String("env"), Value: aws.String("test")}},
	}
}

func (l *harness) endpoint(request string, way types.ResolverEndpointDirection) *types.ResolverEndpoint {
	l.t.Helper()
	in := l.input(request, way)
	in.IpAddresses[1].Ip = nil
	return must(l.CreateResolverEndpoint(l.ctx, in))(l.t).ResolverEndpoint
}

func wantCode(t *testing.T, what string, err error, code string) {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// second is the error of a call whose answer does not matter.
func second[T any](_ T, err error) error { return err }

func TestEndpoints(t *testing.T) {
	l := newHarness(t)
	made := must(
		l.CreateResolverEndpoint(l.ctx, l.input("one", types.ResolverEndpointDirectionInbound)),
	)(t).ResolverEndpoint
	if made.Status != types.ResolverEndpointStatusCreating || *made.IpAddressCount != 2 || *made.HostVPCId != l.vpc ||
		*made.Arn != "arn:aws:route53resolver:us-east-1:000000000000:resolver-endpoint/"+*made.Id ||
		made.Protocols[0] != types.ProtocolDo53 {
		t.Errorf("%+v", made)
	}
	got := must(
		l.GetResolverEndpoint(l.ctx, &sdk.GetResolverEndpointInput{ResolverEndpointId: made.Id}),
	)(t).ResolverEndpoint
	if got.Status != types.ResolverEndpointStatusOperational || *got.Name != "resolver one" ||
		*got.StatusMessage != "This Resolver Endpoint is operational." {
		t.Errorf("%+v", got)
	}
	addresses := must(
		l.ListResolverEndpointIpAddresses(l.ctx, &sdk.ListResolverEndpointIpAddressesInput{ResolverEndpointId: made.Id}),
	)(t).IpAddresses
	if len(addresses) != 2 || *addresses[1].Ip != "10.0.2.53" || *addresses[1].SubnetId != l.b || !strings.HasPrefix(
		*addresses[0].IpId, "rni-",
	) || addresses[0].Status != types.IpAddressStatusAttached {
		t.Errorf("%+v", addresses)
	}
	tags := must(l.ListTagsForResource(l.ctx, &sdk.ListTagsForResourceInput{ResourceArn: made.Arn}))(t).Tags
	if len(tags) != 1 || *tags[0].Key != "env" {
		t.Errorf("%+v", tags)
	}
	more := []types.Tag{{Key: aws.String("team"), Value: aws.String("dns")}}
	must(l.TagResource(l.ctx, &sdk.TagResourceInput{ResourceArn: made.Arn, Tags: more}))(t)
	must(l.UntagResource(l.ctx, &sdk.UntagResourceInput{ResourceArn: made.Arn, TagKeys: []string{"env"}}))(t)
	tags = must(l.ListTagsForResource(l.ctx, &sdk.ListTagsForResourceInput{ResourceArn: made.Arn}))(t).Tags
	if len(tags) != 1 || *tags[0].Key != "team" {
		t.Errorf("after TagResource and UntagResource: %+v", tags)
	}
	if again := must(
		l.CreateResolverEndpoint(l.ctx, l.input("one", types.ResolverEndpointDirectionInbound)),
	)(t); *again.ResolverEndpoint.Id != *made.Id {
		t.Error("the same request made another endpoint")
	}
	added := must(l.AssociateResolverEndpointIpAddress(l.ctx, &sdk.AssociateResolverEndpointIpAddressInput{
		ResolverEndpointId: made.Id, IpAddress: &types.IpAddressUpdate{SubnetId: &l.a},
	}))(t).ResolverEndpoint
	if added.Status != types.ResolverEndpointStatusUpdating || *added.IpAddressCount != 3 {
		t.Errorf("%+v", added)
	}
	must(l.DisassociateResolverEndpointIpAddress(l.ctx, &sdk.DisassociateResolverEndpointIpAddressInput{
		ResolverEndpointId: made.Id, IpAddress: &types.IpAddressUpdate{SubnetId: &l.b, Ip: aws.String("10.0.2.53")},
	}))(t)
	renamed := must(
		l.UpdateResolverEndpoint(
			l.ctx, &sdk.UpdateResolverEndpointInput{ResolverEndpointId: made.Id, Name: aws.String("two")},
		),
	)(t)
	if *renamed.ResolverEndpoint.Name != "two" || *renamed.ResolverEndpoint.IpAddressCount != 2 {
		t.Errorf("%+v", renamed.ResolverEndpoint)
	}
	gone := must(l.DeleteResolverEndpoint(l.ctx, &sdk.DeleteResolverEndpointInput{ResolverEndpointId: made.Id}))(t)
	if gone.ResolverEndpoint.Status != types.ResolverEndpointStatusDeleting {
		t.Errorf("%+v", gone.ResolverEndpoint)
	}
	wantCode(
		t, "get what is gone",
		second(l.GetResolverEndpoint(l.ctx, &sdk.GetResolverEndpointInput{ResolverEndpointId: made.Id})),
		"ResourceNotFoundException",
	)
}

var badEndpoints = []struct {
	name   string
	change func(*sdk.CreateResolverEndpointInput)
	code   string
}{
	{
		"one address", func(in *sdk.CreateResolverEndpointInput) { in.IpAddresses = in.IpAddresses[:1] },
		"ValidationException",
	},
	{"a direction", func(in *sdk.CreateResolverEndpointInput) { in.Direction = "UP" }, "ValidationException"},
	{"delegation", func(in *sdk.CreateResolverEndpointInput) {
		in.Direction = types.ResolverEndpointDirectionInboundDelegation
	}, "NotImplementedException"},
	{
		"DNS over HTTPS", func(in *sdk.CreateResolverEndpointInput) { in.Protocols = []types.Protocol{types.ProtocolDoh} },
		"NotImplementedException",
	},
	{
		"a protocol", func(in *sdk.CreateResolverEndpointInput) { in.Protocols = []types.Protocol{"Smoke"} },
		"ValidationException",
	},
	{
		"IPv6", func(in *sdk.CreateResolverEndpointInput) { in.ResolverEndpointType = types.ResolverEndpointTypeIpv6 },
		"NotImplementedException",
	},
	{
		"an IPv6 address", func(in *sdk.CreateResolverEndpointInput) { in.IpAddresses[0].Ipv6 = aws.String("2001:db8::1") },
		"NotImplementedException",
	},
	{
		"metrics", func(in *sdk.CreateResolverEndpointInput) { in.RniEnhancedMetricsEnabled = aws.Bool(true) },
		"NotImplementedException",
	},
	{"an Outpost", func(in *sdk.CreateResolverEndpointInput) {
		in.OutpostArn = aws.String("arn:aws:outposts:us-east-1:000000000000:outpost/op-0123456789abcdef0")
	}, "NotImplementedException"},
	{
		"no address", func(in *sdk.CreateResolverEndpointInput) { in.IpAddresses[0].Ip = aws.String("10.0.2.x") },
		"InvalidParameterException",
	},
	{"an unknown subnet", func(in *sdk.CreateResolverEndpointInput) {
		in.IpAddresses[0].SubnetId = aws.String("subnet-00000000000000000")
	}, "InvalidParameterException"},
	{
		"an unknown group",
		func(in *sdk.CreateResolverEndpointInput) { in.SecurityGroupIds = []string{"sg-00000000000000000"} },
		"ResourceNotFoundException",
	},
}

func TestEndpointsRefuse(t *testing.T) {
	l := newHarness(t)
	for _, tt := range badEndpoints {
		in := l.input("bad", types.ResolverEndpointDirectionInbound)
		tt.change(in)
		wantCode(t, tt.name, second(l.CreateResolverEndpoint(l.ctx, in)), tt.code)
	}
	made := l.endpoint("one", types.ResolverEndpointDirectionInbound)
	wantCode(t, "no address to take away", second(l.DisassociateResolverEndpointIpAddress(l.ctx,
		&sdk.DisassociateResolverEndpointIpAddressInput{
			ResolverEndpointId: made.Id, IpAddress: &types.IpAddressUpdate{SubnetId: &l.b},
		})), "InvalidParameterException")
	wantCode(t, "another operation of the service", second(l.CreateResolverQueryLogConfig(l.ctx,
		&sdk.CreateResolverQueryLogConfigInput{
			CreatorRequestId: aws.String("q"), DestinationArn: aws.String("arn:aws:s3:::b"), Name: aws.String("q"),
		})), "NotImplementedException")
}

func TestTagsRefuse(t *testing.T) {
	l := newHarness(t)
	made := l.endpoint("one", types.ResolverEndpointDirectionInbound)
	wantCode(t, "a tag of Amazon's", second(l.TagResource(l.ctx, &sdk.TagResourceInput{
		ResourceArn: made.Arn, Tags: []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("")}},
	})), "InvalidTagException")
	for arn, code := range map[string]string{
		"arn:aws:ec2:us-east-1:000000000000:vpc/vpc-1":                                       "InvalidParameterException",
		"arn:aws:route53resolver:us-east-1:000000000000:resolver-rule/rslvr-rr-1":            "ResourceNotFoundException",
		"arn:aws:route53resolver:us-west-2:000000000000:resolver-endpoint/" + *made.Id:       "ResourceNotFoundException",
		"arn:aws:route53resolver:us-east-1:000000000000:firewall-rule-group/rslvr-frg-00000": "ResourceNotFoundException",
	} {
		wantCode(t, arn, second(l.ListTagsForResource(l.ctx, &sdk.ListTagsForResourceInput{ResourceArn: &arn})), code)
	}
}

func TestPolicyOfOneEndpoint(t *testing.T) {
	l := newHarness(t)
	made := l.endpoint("one", types.ResolverEndpointDirectionInbound)
	stranger := sdk.NewFromConfig(
		l.rig.User(
			t, "reader",
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"route53resolver:Get*","Resource":"`+*made.Arn+`"}}`,
		),
	)
	must(stranger.GetResolverEndpoint(l.ctx, &sdk.GetResolverEndpointInput{ResolverEndpointId: made.Id}))(t)
	wantCode(
		t, "what the policy does not allow",
		second(stranger.DeleteResolverEndpoint(l.ctx, &sdk.DeleteResolverEndpointInput{ResolverEndpointId: made.Id})),
		"AccessDeniedException",
	)
}

func by(name string, values ...string) []types.Filter {
	return []types.Filter{{Name: &name, Values: values}}
}

func TestListEndpoints(t *testing.T) {
	l := newHarness(t)
	in := l.endpoint("in", types.ResolverEndpointDirectionInbound)
	out := l.endpoint("out", types.ResolverEndpointDirectionOutbound)
	for _, tt := range []struct {
		filters []types.Filter
		want    []string
	}{
		{nil, []string{*in.Id, *out.Id}},
		{by("Direction", "OUTBOUND"), []string{*out.Id}},
		{by("DIRECTION", "INBOUND"), []string{*in.Id}},
		{by("CREATOR_REQUEST_ID", "in"), []string{*in.Id}},
		{by("HostVPCId", l.vpc), []string{*in.Id, *out.Id}},
		{by("HOST_VPC_ID", "vpc-1"), nil},
		{by("IpAddressCount", "2"), []string{*in.Id, *out.Id}},
		{by("SecurityGroupIds", l.group), []string{*in.Id, *out.Id}},
		{by("Name", "resolver in", "x"), []string{*in.Id}},
		{slices.Concat(by("Status", "OPERATIONAL"), by("Name", "resolver out")), []string{*out.Id}},
	} {
		var got []string
		for _, e := range must(
			l.ListResolverEndpoints(l.ctx, &sdk.ListResolverEndpointsInput{Filters: tt.filters}),
		)(t).ResolverEndpoints {
			got = append(got, *e.Id)
		}
		slices.Sort(tt.want)
		if slices.Sort(got); !slices.Equal(got, tt.want) {
			t.Errorf("endpoints by %v: %v, want %v", tt.filters, got, tt.want)
		}
	}
	wantCode(
		t, "a token", second(l.ListResolverEndpoints(l.ctx, &sdk.ListResolverEndpointsInput{NextToken: aws.String("!")})),
		"InvalidNextTokenException",
	)
}
