package route53resolver_test

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53resolver"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver/types"
	"github.com/aws/smithy-go"
)

func denied(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e) && e.ErrorCode() == "AccessDeniedException"
}

// Who makes a Resolver endpoint makes network interfaces, and needs the permission for each subnet and group.
func TestAnEndpointAsksForItsPlace(t *testing.T) {
	l := newHarness(t)
	m := sdk.NewFromConfig(l.rig.User(t, "mallory", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"ec2:*","Resource":"arn:aws:ec2:*:*:subnet/`+l.b+`"}]}`))
	in := &sdk.CreateResolverEndpointInput{
		CreatorRequestId: aws.String("1"), Direction: types.ResolverEndpointDirectionInbound,
		SecurityGroupIds: []string{l.group},
		IpAddresses:      []types.IpAddressRequest{{SubnetId: &l.a}, {SubnetId: &l.b}},
	}
	if _, err := m.CreateResolverEndpoint(l.ctx, in); !denied(err) {
		t.Errorf("an endpoint in a subnet that is denied: %v", err)
	}
	in.IpAddresses[1].SubnetId = &l.a
	made, err := m.CreateResolverEndpoint(l.ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.AssociateResolverEndpointIpAddress(l.ctx, &sdk.AssociateResolverEndpointIpAddressInput{
		ResolverEndpointId: made.ResolverEndpoint.Id, IpAddress: &types.IpAddressUpdate{SubnetId: &l.b},
	})
	if !denied(err) {
		t.Errorf("an address in a subnet that is denied: %v", err)
	}
}
