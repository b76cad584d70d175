package route53resolver_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/route53resolver"
	"github.com/aws/aws-sdk-go-v2/service/route53resolver/types"

	"postern/api/access/accesstest"
	"postern/aws/iam"
	"postern/network/vpc"
)

// TestInterfacesAreMadeByTheService: policies tell what Resolver does with its caller's permissions from what the
// caller does. It comes from no network of the caller's, and the policy of the endpoint that the caller came through is
// not asked.
func TestInterfacesAreMadeByTheService(t *testing.T) {
	l := newHarness(t)
	const resolver = `{"Effect":"Allow","Action":"route53resolver:*","Resource":"*",` +
		`"Condition":{"Bool":{"aws:ViaAWSService":"false"}}}`
	places := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":[` + resolver +
			`,{"Effect":"Allow","Action":"ec2:CreateNetworkInterface","Resource":"*","Condition":` + condition + `}]}`
	}
	p, err := iam.Parse(iam.Endpoint, "vpce-1",
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"route53resolver:*","Resource":"*"}}`)
	if err != nil {
		t.Fatal(err)
	}
	l.rig.Endpoints["vpce-1"] = p
	origin := &vpc.Origin{
		Endpoint: "vpce-1", Service: "com.amazonaws.us-east-1.route53resolver", Region: "us-east-1", VPC: "vpc-1",
		Account: accesstest.Account,
	}
	for i, tt := range []struct {
		condition string
		from      *vpc.Origin
		denied    bool
	}{
		{`{"Bool":{"aws:ViaAWSService":"true"}}`, nil, false},
		{`{"Bool":{"aws:ViaAWSService":"true"}}`, origin, false},
		{`{"Bool":{"aws:ViaAWSService":"false"}}`, nil, true},
		{`{"StringEquals":{"aws:UserAgent":"route53resolver.amazonaws.com"}}`, nil, false},
		{`{"Null":{"aws:SourceIp":"true","aws:SourceVpce":"true","aws:CalledVia":"true","aws:CalledViaFirst":"true"}}`,
			origin, false},
		{`{"StringEquals":{"aws:SourceVpce":"vpce-1"}}`, origin, true},
		{`{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, nil, true},
		{`{"Bool":{"aws:PrincipalIsAWSService":"false","aws:SecureTransport":"true"}}`, nil, false},
		{`{"StringEquals":{"aws:PrincipalServiceName":"route53resolver.amazonaws.com"}}`, nil, true},
	} {
		name := "user" + string(rune('a'+i))
		l.rig.Origin.Store(tt.from)
		u := sdk.NewFromConfig(l.rig.User(t, name, places(tt.condition)))
		_, err := u.CreateResolverEndpoint(l.ctx, &sdk.CreateResolverEndpointInput{
			CreatorRequestId: &name, Direction: types.ResolverEndpointDirectionInbound,
			SecurityGroupIds: []string{l.group}, Name: aws.String(name),
			IpAddresses: []types.IpAddressRequest{{SubnetId: &l.a}, {SubnetId: &l.b}},
		})
		if denied(err) != tt.denied || err != nil && !tt.denied {
			t.Errorf("%s from %v: %v, want denied %t", tt.condition, tt.from, err, tt.denied)
		}
		l.rig.Disconnect()
	}
}
