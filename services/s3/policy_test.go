package s3_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/aws/iam"
	"postern/services/s3"
)

// bucketPolicy is a policy of one statement.
func bucketPolicy(statement string) string {
	return `{"Version":"2012-10-17","Statement":[{` + statement + `}]}`
}

const (
	toAll = `"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b-1/*"`
	toBob = `"Effect":"Allow","Principal":{"AWS":"` + bob + `"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b-1/*"`
)

func TestPutPolicy(t *testing.T) {
	r := newRig(t)
	r.make(t, "b-1")
	long := bucketPolicy(toBob + `,"Condition":{"StringEquals":{"aws:UserAgent":"` + strings.Repeat("x", 20<<10) + `"}}`)
	for _, tt := range []struct{ policy, code, says string }{
		{bucketPolicy(toBob), "", ""},
		{strings.ReplaceAll(bucketPolicy(toBob), "b-1/*", "b-1/dir/${aws:username}/*"), "", ""},
		{strings.ReplaceAll(bucketPolicy(toBob), `"s3:GetObject"`, `["s3:Get*","*"]`), "", ""},
		{"", "MalformedPolicy", "the first byte must be '{'"},
		{"[]", "MalformedPolicy", "the first byte must be '{'"},
		{bucketPolicy(toBob)[1:], "MalformedPolicy", "the first byte must be '{'"},
		{strings.Replace(bucketPolicy(toBob), "}]}", "}]", 1), "MalformedPolicy", "valid JSON"},
		{`{"Version":"2012-10-17"}`, "MalformedPolicy", "Missing required field Statement"},
		{strings.Replace(bucketPolicy(toBob), `"Action":"s3:GetObject",`, "", 1), "MalformedPolicy", "field Action"},
		{strings.Replace(bucketPolicy(toBob), `"Principal":{"AWS":"`+bob+`"},`, "", 1), "MalformedPolicy", "field Principal"},
		{strings.Replace(bucketPolicy(toBob), bob, "nobody", 1), "MalformedPolicy", "Invalid principal in policy"},
		{strings.Replace(bucketPolicy(toBob), "b-1/*", "b-2/*", 1), "MalformedPolicy", "invalid resource"},
		{strings.Replace(bucketPolicy(toBob), "b-1/*", "b-1x", 1), "MalformedPolicy", "invalid resource"},
		{strings.Replace(bucketPolicy(toBob), "arn:aws:s3:::b-1/*", "*", 1), "MalformedPolicy", "invalid resource"},
		{strings.Replace(bucketPolicy(toBob), "s3:GetObject", "ec2:RunInstances", 1), "MalformedPolicy", "invalid action"},
		{strings.Replace(bucketPolicy(toBob), "s3:GetObject", "s3:GetEverything", 1), "MalformedPolicy", "invalid action"},
		{strings.Replace(bucketPolicy(toBob), "s3:GetObject", "s3:ListBucket", 1), "MalformedPolicy", "does not apply"},
		{strings.Replace(bucketPolicy(toBob), "b-1/*", "b-1", 1), "MalformedPolicy", "does not apply"},
		{long, "PolicyTooLarge", "20480"},
		{bucketPolicy(toAll), "AccessDenied", "BlockPublicPolicy"},
	} {
		err := r.PutPolicy(t.Context(), "b-1", tt.policy)
		if code(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%.200s: %v, want %s %s", tt.policy, err, tt.code, tt.says)
		}
	}
	if b, err := r.Bucket("b-1"); err != nil || !strings.Contains(b.Policy, `"s3:Get*"`) {
		t.Errorf("the last good one is not there: %+v, %v", b, err)
	}
	if err := r.DeletePolicy(t.Context(), "b-1"); err != nil {
		t.Error(err)
	}
	if owner, policy, ok := r.Policy("b-1"); owner != ann || policy != nil || !ok {
		t.Errorf("%q, %v, %v", owner, policy, ok)
	}
	if _, _, ok := r.Policy("none"); ok {
		t.Error("a bucket that is not there has a policy")
	}
}

func TestIsPublic(t *testing.T) {
	r := newRig(t)
	condition := func(operator, key, value string) string {
		return toAll + fmt.Sprintf(`,"Condition":{%q:{%q:%q}}`, operator, key, value)
	}
	for statement, public := range map[string]bool{
		toAll: true, toBob: false,
		strings.Replace(toAll, `"*"`, `{"AWS":["*"]}`, 1):                           true,
		strings.Replace(toAll, "Allow", "Deny", 1):                                  false,
		condition("StringEquals", "aws:SourceVpce", "vpce-1"):                       false,
		condition("StringEquals", "AWS:sourcevpc", "vpc-1"):                         false,
		condition("StringLike", "aws:SourceVpce", "vpce-*"):                         true,
		condition("StringNotEquals", "aws:SourceVpce", "vpce-1"):                    true,
		condition("StringEqualsIfExists", "aws:SourceVpce", "vpce-1"):               true,
		condition("StringEquals", "aws:SourceVpce", "${aws:PrincipalTag/endpoint}"): true,
		condition("StringEquals", "aws:UserAgent", "curl"):                          true,
		condition("IpAddress", "aws:SourceIp", "203.0.113.0/24"):                    false,
		condition("IpAddress", "aws:SourceIp", "203.0.113.7"):                       false,
		condition("IpAddress", "aws:SourceIp", "0.0.0.0/0"):                         true,
		condition("IpAddress", "aws:SourceIp", "::/0"):                              true,
		condition("StringEquals", "aws:PrincipalOrgID", "o-1"):                      false,
	} {
		if got := r.IsPublic(s3.Bucket{Policy: bucketPolicy(statement)}); got != public {
			t.Errorf("%s: public %v", statement, got)
		}
	}
	if r.IsPublic(s3.Bucket{}) {
		t.Error("a bucket without a policy is public")
	}
}

// TestRestrictPublicBuckets: the bucket's own account keeps what a public policy gives, others lose it.
func TestRestrictPublicBuckets(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.make(t, "b-1")
	may := func(account string) bool {
		t.Helper()
		_, policy, _ := r.Policy("b-1")
		d := iam.Evaluate(&iam.Request{
			Principal: &iam.Principal{Kind: iam.User, ARN: "arn:aws:iam::" + account + ":user/u", Account: account},
			Action:    "s3:GetObject", Resource: "arn:aws:s3:::b-1/key", Account: ann, Time: r.now,
		}, &iam.Policies{Resource: policy, Identity: []*iam.Policy{everything(t)}})
		return d.Allow
	}
	open := s3.PublicAccessBlock{}
	if err := r.PutPublicAccessBlock(ctx, "b-1", open); err != nil {
		t.Fatal(err)
	}
	if err := r.PutPolicy(ctx, "b-1", bucketPolicy(toAll)); err != nil {
		t.Fatal(err)
	}
	if !may(ann) || !may(bob) {
		t.Error("a public policy lets nobody in")
	}
	for _, restrict := range []bool{true, false} {
		if err := r.PutPublicAccessBlock(ctx, "b-1", s3.PublicAccessBlock{RestrictPublicBuckets: restrict}); err != nil {
			t.Fatal(err)
		}
		if !may(ann) || may(bob) == restrict {
			t.Errorf("restricted %v: ann %v, bob %v", restrict, may(ann), may(bob))
		}
	}
	if b, _ := r.Bucket("b-1"); b.Policy != bucketPolicy(toAll) {
		t.Errorf("the policy is shown as %s", b.Policy)
	}
	if err := r.DeletePublicAccessBlock(ctx, "b-1"); err != nil || !may(bob) {
		t.Errorf("%v", err)
	}
}

func everything(t *testing.T) *iam.Policy {
	t.Helper()
	p, err := iam.Parse(
		iam.Identity, "all", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
	)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
