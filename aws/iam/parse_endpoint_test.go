package iam_test

import (
	"strings"
	"testing"

	"postern/aws/iam"
)

// TestEndpointPoliciesAreRestricted as "Control access to VPC endpoints using endpoint policies" says, when they are
// put into use; what is stored goes on.
func TestEndpointPoliciesAreRestricted(t *testing.T) {
	const wildcard, numeric = "wildcard characters cannot be used with the key", "numeric condition operators cannot"
	const beside, account, gateway = "at least 6 consecutive characters", "can be an id or a wildcard", `must be "*"`
	on := func(condition string) string { return `'Principal':'*','Resource':'*','Condition':{` + condition + `}` }
	both := []iam.Kind{iam.Endpoint, iam.GatewayEndpoint}
	for _, tt := range []struct {
		kinds     []iam.Kind
		statement string
		why       string // empty: taken
	}{
		{both, on(`'StringEquals':{'aws:PrincipalAccount':'111111111111'}`), ""},
		{both, on(`'StringLike':{'aws:PrincipalAccount':'111111111*'}`), wildcard},
		{both, on(`'StringLike':{'aws:SourceVpc':['vpc-1','vpc-????????']}`), wildcard},
		{both, on(`'ForAnyValue:StringNotLikeIfExists':{'AWS:sourcevpce':'vpce-123456*'}`), wildcard},
		{both, on(`'NumericEquals':{'aws:PrincipalAccount':111111111111}`), numeric},
		{both, on(`'NumericLessThan':{'aws:ResourceAccount':'3'}`), numeric},
		{both, on(`'NumericLessThan':{'s3:max-keys':'3'}`), ""},
		{both, on(`'StringLike':{'aws:PrincipalTag/team':'platform-*'}`), ""},
		{both, on(`'StringLike':{'aws:PrincipalTag/team':'a*b'}`), beside},
		{both, on(`'StringLike':{'aws:PrincipalTag/team':'*'}`), beside},
		{both, on(`'StringLike':{'aws:PrincipalTag/team':'*abcdef*gh'}`), ""},
		{both, on(`'StringLike':{'aws:PrincipalTag/team':'*abcdef*gh*'}`), beside},
		{both, on(`'StringLike':{'aws:PrincipalTag/team':'abcdef?'}`), ""},
		{both, on(`'StringEquals':{'aws:PrincipalTag/team':'a*'}`), ""},
		{both, on(`'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::*:role/x'}`), ""},
		{both, on(`'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::1111*:role/x'}`), account},
		{both, on(`'ArnLike':{'aws:PrincipalArn':'arn:aws:iam::${aws:PrincipalAccount}:role/x'}`), ""},
		{both, `'Principal':'*','Resource':'arn:aws:ssm:*:111111111111:*'`, ""},
		{both, `'Principal':'*','Resource':['arn:aws:s3:::b','arn:aws:ssm:*:1111????????:*']`, account},
		{both, `'Principal':{'AWS':'*'},'Resource':'*'`, ""},
		{both, `'Principal':{'AWS':'111111111111'},'Resource':'*'`, ""},
		{both[:1], `'Principal':{'AWS':'arn:aws:iam::111111111111:user/x'},'Resource':'*'`, ""},
		{both[1:], `'Principal':{'AWS':'arn:aws:iam::111111111111:user/x'},'Resource':'*'`, gateway},
		{both[1:], `'Principal':{'AWS':'*','Service':'ec2.amazonaws.com'},'Resource':'*'`, gateway},
		{[]iam.Kind{iam.Resource}, on(`'StringLike':{'aws:SourceVpc':'vpc-*'}`), ""},
	} {
		document := doc(`{'Effect':'Allow','Action':'*',` + tt.statement + `}`)
		for _, kind := range tt.kinds {
			if _, err := iam.Parse(kind, "p", document); err != nil {
				t.Errorf("%s in use: %v", document, err)
			}
			_, err := iam.ParseNew(kind, "p", document)
			if (err == nil) != (tt.why == "") || err != nil && !strings.Contains(err.Error(), tt.why) {
				t.Errorf("%d %s: %v, want %q", kind, document, err, tt.why)
			}
		}
	}
}
