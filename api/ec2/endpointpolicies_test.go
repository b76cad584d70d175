package ec2_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
)

// TestEndpointPolicyTexts: what an endpoint may not have as its policy is refused when it is made and when it is
// changed, in Amazon's words and with the place; what stays is as it was, and the default is shown without one.
func TestEndpointPolicyTexts(t *testing.T) {
	l := newHarness(t)
	p := l.places()
	gateway := must(l.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &p.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.s3"),
	}))(t).VpcEndpoint
	inside := must(l.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &p.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.ssm"), VpcEndpointType: "Interface",
		PrivateDnsEnabled: aws.Bool(false),
	}))(t).VpcEndpoint
	if got := strings.Join(strings.Fields(*gateway.PolicyDocument), ""); got !=
		`{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}` {
		t.Errorf("the default policy is %s", *gateway.PolicyDocument)
	}
	statement := func(rest string) string {
		return `{"Statement":[{"Effect":"Allow","Action":"*",` + rest + `}]}`
	}
	on := func(condition string) string {
		return statement(`"Principal":"*","Resource":"*","Condition":{` + condition + `}`)
	}
	syntax := func(place, what string) string {
		return "The Policy Document is not valid. Syntax error at position " + place + ": " + what
	}
	const condition = "Statement[0].Condition."
	bob := statement(`"Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"},"Resource":"*"`)
	for _, tt := range []struct{ endpoint, policy, message string }{
		{*inside.VpcEndpointId, `{"Statement":[{"Effect":"Allow","Action":"*","Principal":"*","Resource":"*",` +
			`"Condition":{"test":"StringEquals"}}]}`, syntax("(1,90)", condition+"test: Invalid Condition type : test.")},
		{*inside.VpcEndpointId, "{\n", syntax("(2,1)", "not valid JSON: the document ends too early")},
		{*inside.VpcEndpointId, statement(`"Resource":"*"`),
			syntax("(1,15)", "Statement[0].Principal: Missing required field Principal")},
		{*inside.VpcEndpointId, on(`"StringLike":{"aws:SourceVpc":"vpc-*"}`), syntax("(1,120)",
			condition+"StringLike.aws:SourceVpc: wildcard characters cannot be used with the key aws:SourceVpc")},
		{*inside.VpcEndpointId, on(`"NumericEquals":{"aws:PrincipalAccount":"1"}`), syntax("(1,107)",
			condition+"NumericEquals.aws:PrincipalAccount: numeric condition operators cannot be used with the key "+
				"aws:PrincipalAccount")},
		{*inside.VpcEndpointId, bob, ""},
		{*gateway.VpcEndpointId, bob, syntax("(1,58)", `Statement[0].Principal: must be "*" in the policy of a gateway `+
			`endpoint: use the condition key aws:PrincipalArn to name principals`)},
		{*gateway.VpcEndpointId, statement(`"NotPrincipal":"*","Resource":"*"`), syntax("(1,15)",
			"Statement[0].NotPrincipal: must be used with Effect Deny: with Allow it would let everybody else in")},
		{*inside.VpcEndpointId, strings.Repeat(" ", 20480-len(bob)) + bob, ""},
		{*inside.VpcEndpointId, strings.Repeat(" ", 20481-len(bob)) + bob,
			"The policy document has 20481 characters, more than 20480"},
	} {
		_, err := l.ModifyVpcEndpoint(l.ctx, &sdk.ModifyVpcEndpointInput{
			VpcEndpointId: &tt.endpoint, PolicyDocument: &tt.policy,
		})
		if tt.message == "" && err != nil || tt.message != "" && (err == nil || !strings.HasSuffix(err.Error(), tt.message)) {
			t.Errorf("%s\n got %v\nwant %s", tt.policy, err, tt.message)
		}
	}
	if _, err := l.CreateVpcEndpoint(l.ctx, &sdk.CreateVpcEndpointInput{
		VpcId: &p.vpc, ServiceName: aws.String("com.amazonaws.us-east-1.dynamodb"), PolicyDocument: &bob,
	}); err == nil {
		t.Error("an endpoint was made with what a gateway may not have")
	}
}
