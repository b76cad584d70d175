package access_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkiam "github.com/aws/aws-sdk-go-v2/service/iam"

	"postern/api/access/accesstest"
)

// A writer puts policies: inline ones of the user bob and of the role node, and managed ones.
type writer struct {
	t *testing.T
	*sdkiam.Client
}

func newWriter(t *testing.T) writer {
	t.Helper()
	r := accesstest.New(t)
	r.User(t, "bob", "")
	role(t, r, "node", trustEC2, mayAll)
	return writer{t, sdkiam.NewFromConfig(r.Root())}
}

func (w writer) user(name, text string) error {
	_, err := w.PutUserPolicy(
		w.t.Context(), &sdkiam.PutUserPolicyInput{UserName: aws.String("bob"), PolicyName: &name, PolicyDocument: &text},
	)
	return err
}

func (w writer) role(name, text string) error {
	_, err := w.PutRolePolicy(
		w.t.Context(), &sdkiam.PutRolePolicyInput{RoleName: aws.String("node"), PolicyName: &name, PolicyDocument: &text},
	)
	return err
}

func (w writer) managed(name, text string) error {
	_, err := w.CreatePolicy(w.t.Context(), &sdkiam.CreatePolicyInput{PolicyName: &name, PolicyDocument: &text})
	return err
}

func (w writer) trust(text string) error {
	_, err := w.UpdateAssumeRolePolicy(
		w.t.Context(), &sdkiam.UpdateAssumeRolePolicyInput{RoleName: aws.String("node"), PolicyDocument: &text},
	)
	return err
}

// A written policy is one that was put, and the refusal that is wanted; no code: it was taken.
type written struct {
	name, code, says string
	err              error
}

func refused(t *testing.T, all []written) {
	t.Helper()
	for _, tt := range all {
		if code(tt.err) != tt.code || tt.err != nil && !strings.Contains(tt.err.Error(), tt.says) {
			t.Errorf("%s: %v, want %s %s", tt.name, tt.err, tt.code, tt.says)
		}
	}
}

func TestMalformedPoliciesAreRefused(t *testing.T) {
	w := newWriter(t)
	refused(t, []written{
		{
			"everybody but one", "MalformedPolicyDocument", "NotPrincipal",
			w.trust(
				`{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"000000000000"},` +
					`"Action":"sts:AssumeRole"}}`,
			),
		},
		{
			"a principal in a Region", "MalformedPolicyDocument", "Invalid principal",
			w.trust(
				`{"Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam:us-east-1:000000000000:root"},` +
					`"Action":"sts:AssumeRole"}}`,
			),
		},
		{
			"an old version", "MalformedPolicyDocument", "Policy document must be version 2012-10-17 or greater.",
			w.managed("old", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`),
		},
		{
			"IAM in a Region", "MalformedPolicyDocument", "cannot contain region information",
			w.user("iam", `{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:iam:us-east-1::x"}}`),
		},
	})
}

// TestPolicySizesAreBounded: white space does not count, and inline policies count together.
func TestPolicySizesAreBounded(t *testing.T) {
	w := newWriter(t)
	long := func(n int) string {
		return `{"Version":"2012-10-17", "Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::` +
			strings.Repeat("a", n) + `"}}`
	}
	base := len(long(0)) - 1 // characters that count
	refused(t, []written{
		{
			"a long trust policy", "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048",
			w.trust(
				strings.Replace(
					trustEC2, `"sts:AssumeRole"`,
					`"sts:AssumeRole","Condition":{"StringEquals":{"aws:SourceArn":"`+strings.Repeat("a", 2000)+`"}}`, 1,
				),
			),
		},
		{
			"a long managed policy", "LimitExceeded", "Cannot exceed quota for PolicySize: 6144",
			w.managed("long", long(6144-base+1)),
		},
		{"the longest managed policy", "", "", w.managed("longest", "\n\n\t "+long(6144-base)+strings.Repeat(" ", 9000))},
		{
			"a long user policy", "LimitExceeded", "Maximum policy size of 2048 bytes exceeded for user bob",
			w.user("a", long(2048-base+1)),
		},
		{"half", "", "", w.user("a", long(1024-base))},
		{"the other half", "", "", w.user("b", long(1024-base))},
		{"the same again", "", "", w.user("b", long(1024-base)+"   ")},
		{"one more", "LimitExceeded", "Maximum policy size of 2048", w.user("c", long(1))},
		{"a role's", "", "", w.role("a", long(9000))},
		{
			"too much for a role", "LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role node",
			w.role("b", long(1200)),
		},
	})
}

func TestAttachedPoliciesAreBounded(t *testing.T) {
	w := newWriter(t)
	for i := range 11 {
		name := fmt.Sprint("p", i)
		if err := w.managed(name, mayAll); err != nil {
			t.Fatal(err)
		}
		_, err := w.AttachRolePolicy(t.Context(), &sdkiam.AttachRolePolicyInput{
			RoleName: aws.String("node"), PolicyArn: aws.String("arn:aws:iam::" + accesstest.Account + ":policy/" + name),
		})
		if want := map[bool]string{true: "LimitExceeded"}[i == 10]; code(err) != want {
			t.Errorf("policy %d: %v", i, err)
		}
	}
}
