package iam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// custom simulates one action on one resource.
func custom(t *testing.T, c *sdk.Client, in sdk.SimulateCustomPolicyInput) types.EvaluationResult {
	t.Helper()
	all := must(c.SimulateCustomPolicy(t.Context(), &in)).EvaluationResults
	if len(all) != 1 {
		t.Fatalf("%d results", len(all))
	}
	return all[0]
}

const (
	allowBucket = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b"}]}`
	denyDelete  = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{\n    \"Effect\": \"Deny\",\n" +
		"    \"Action\": \"s3:Delete*\",\n    \"Resource\": \"*\"\n  }]\n}"
	allowWithMFA = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*",` +
		`"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`
)

func entry(name string, kind types.ContextKeyTypeEnum, values ...string) []types.ContextEntry {
	return []types.ContextEntry{{ContextKeyName: &name, ContextKeyType: kind, ContextKeyValues: values}}
}

func TestSimulateCustomPolicy(t *testing.T) {
	_, c := root(t)
	in := func(action, resource string, policies ...string) sdk.SimulateCustomPolicyInput {
		return sdk.SimulateCustomPolicyInput{
			ActionNames: []string{action}, ResourceArns: []string{resource}, PolicyInputList: policies,
		}
	}
	withEntries := func(in sdk.SimulateCustomPolicyInput, e []types.ContextEntry) sdk.SimulateCustomPolicyInput {
		in.ContextEntries = e
		return in
	}
	conditional := func(condition string) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{` +
			condition + `}}}`
	}
	tags := conditional(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]},"Null":{"aws:TagKeys":"false"}`)
	address := conditional(`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`)
	later := conditional(`"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}`)
	small := conditional(`"NumericLessThan":{"s3:max-keys":"10"}`)
	for _, tt := range []struct {
		in      sdk.SimulateCustomPolicyInput
		want    types.PolicyEvaluationDecisionType
		matched string
		missing string
	}{
		{in("s3:GetObject", "arn:aws:s3:::b", allowBucket), "allowed", "PolicyInputList.1 1:38-1:100", ""},
		{in("s3:GetObject", "arn:aws:s3:::c", allowBucket), "implicitDeny", "", ""},
		{in("s3:DeleteObject", "arn:aws:s3:::b", allowBucket, denyDelete), "explicitDeny", "PolicyInputList.2 3:17-7:4", ""},
		{in("s3:GetObject", "*", allowWithMFA), "implicitDeny", "", "aws:MultiFactorAuthPresent"},
		{
			withEntries(in("s3:GetObject", "*", allowWithMFA), entry("aws:multifactorauthpresent", "boolean", "true")),
			"allowed", "PolicyInputList.1 1:38-1:146", "",
		},
		{withEntries(in("s3:X", "*", tags), entry("aws:TagKeys", "stringList", "a", "b")), "allowed", "1", ""},
		{withEntries(in("s3:X", "*", tags), entry("aws:TagKeys", "stringList", "a", "c")), "implicitDeny", "", ""},
		{withEntries(in("s3:X", "*", address), entry("aws:SourceIp", "ip", "10.1.2.3")), "allowed", "1", ""},
		{withEntries(in("s3:X", "*", address), entry("aws:SourceIp", "ip", "192.0.2.1")), "implicitDeny", "", ""},
		{in("s3:X", "*", later), "implicitDeny", "", "aws:CurrentTime"},
		{
			withEntries(in("s3:X", "*", later), entry("aws:CurrentTime", "date", "2018-04-25T11:00:00Z")),
			"implicitDeny", "", "",
		},
		{withEntries(in("s3:X", "*", later), entry("aws:CurrentTime", "date", "2019-04-25T11:00:00Z")), "allowed", "1", ""},
		{withEntries(in("s3:X", "*", small), entry("s3:max-keys", "numeric", "9")), "allowed", "1", ""},
		{withEntries(in("s3:X", "*", small), entry("s3:max-keys", "numeric", "11")), "implicitDeny", "", ""},
	} {
		got := custom(t, c, tt.in)
		matched := spans(got.MatchedStatements)
		if tt.matched == "1" && len(got.MatchedStatements) == 1 {
			matched = "1"
		}
		if got.EvalDecision != tt.want || matched != tt.matched ||
			strings.Join(got.MissingContextValues, " ") != tt.missing {
			t.Errorf("%v on %v: %s by %q, missing %q; want %s by %q, missing %q", tt.in.ActionNames, tt.in.ResourceArns,
				got.EvalDecision, matched, got.MissingContextValues, tt.want, tt.matched, tt.missing)
		}
	}
}

// spans tells statements by their policy and place.
func spans(all []types.Statement) string {
	told := make([]string, len(all))
	for i, s := range all {
		told[i] = fmt.Sprintf("%s %d:%d-%d:%d", *s.SourcePolicyId, s.StartPosition.Line, s.StartPosition.Column,
			s.EndPosition.Line, s.EndPosition.Column)
	}
	return strings.Join(told, ", ")
}

// TestSimulateAccounts: a resource of another account needs its own policy too, which names the caller.
func TestSimulateAccounts(t *testing.T) {
	_, c := root(t)
	caller, policy := "arn:aws:iam::111122223333:user/ann", `{"Version":"2012-10-17","Statement":{"Effect":"Allow",`+
		`"Action":"s3:*","Resource":"*","Principal":{"AWS":"arn:aws:iam::111122223333:user/ann"}}}`
	base := sdk.SimulateCustomPolicyInput{
		ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::b"}, CallerArn: &caller,
		PolicyInputList: []string{allowBucket}, ResourceOwner: s("arn:aws:iam::444455556666:root"),
	}
	if got := custom(t, c, base); got.EvalDecision != "implicitDeny" {
		t.Errorf("another account's without its policy: %s", got.EvalDecision)
	}
	base.ResourcePolicy = &policy
	got := custom(t, c, base)
	if got.EvalDecision != "allowed" || len(got.MatchedStatements) != 2 ||
		*got.MatchedStatements[1].SourcePolicyId != "ResourcePolicy" ||
		got.MatchedStatements[1].SourcePolicyType != "resource" {
		t.Errorf("with its policy: %s by %v", got.EvalDecision, spans(got.MatchedStatements))
	}
	if one := got.ResourceSpecificResults; len(one) != 1 || one[0].EvalResourceDecision != "allowed" ||
		*one[0].EvalResourceName != "arn:aws:s3:::b" {
		t.Errorf("%+v", one)
	}
	base.PolicyInputList = []string{denyDelete}
	if got := custom(t, c, base); got.EvalDecision != "implicitDeny" {
		t.Errorf("without a policy of the caller's: %s", got.EvalDecision)
	}
}

// TestSimulatePrincipalPolicy: what a user is judged by is its own, its groups' and its boundary.
func TestSimulatePrincipalPolicy(t *testing.T) {
	c, _ := carolInOps(t)
	ctx := t.Context()
	put := func(group bool, name, text string) {
		if group {
			must(c.PutGroupPolicy(ctx, &sdk.PutGroupPolicyInput{
				GroupName: s("ops"), PolicyName: &name, PolicyDocument: &text,
			}))
			return
		}
		must(c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: s("carol"), PolicyName: &name, PolicyDocument: &text}))
	}
	put(true, "bucket", allowBucket)
	put(false, "home", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*",`+
		`"Resource":"arn:aws:s3:::home/${aws:username}/*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}}`)
	must(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: s("carol"), PolicyArn: s(core)}))
	arn := must(c.GetUser(ctx, &sdk.GetUserInput{UserName: s("carol")})).User.Arn
	in := &sdk.SimulatePrincipalPolicyInput{
		PolicySourceArn: arn, ActionNames: []string{"s3:GetObject", "ssm:GetDocument"},
		ResourceArns:   []string{"arn:aws:s3:::b", "arn:aws:s3:::home/carol/x"},
		ContextEntries: entry("aws:SecureTransport", types.ContextKeyTypeEnumBoolean, "true"),
	}
	want := []string{
		"s3:GetObject arn:aws:s3:::b allowed group_ops_bucket",
		"s3:GetObject arn:aws:s3:::home/carol/x allowed user_carol_home",
		"ssm:GetDocument arn:aws:s3:::b allowed AmazonSSMManagedInstanceCore",
		"ssm:GetDocument arn:aws:s3:::home/carol/x allowed AmazonSSMManagedInstanceCore",
	}
	var got []string
	pages := 0
	in.MaxItems = aws.Int32(3)
	for p := sdk.NewSimulatePrincipalPolicyPaginator(c, in); p.HasMorePages(); pages++ {
		for _, r := range must(p.NextPage(ctx)).EvaluationResults {
			by, _, _ := strings.Cut(spans(r.MatchedStatements), " ")
			got = append(got, fmt.Sprintf("%s %s %s %s", *r.EvalActionName, *r.EvalResourceName, r.EvalDecision, by))
			if r.PermissionsBoundaryDecisionDetail != nil {
				t.Error("a boundary of who has none")
			}
		}
	}
	if !slices.Equal(got, want) || pages != 2 {
		t.Errorf("%d pages of\n%s", pages, strings.Join(got, "\n"))
	}
	must(c.PutUserPermissionsBoundary(ctx, &sdk.PutUserPermissionsBoundaryInput{
		UserName: s("carol"), PermissionsBoundary: s(core),
	}))
	in.MaxItems = nil
	for _, r := range must(c.SimulatePrincipalPolicy(ctx, in)).EvaluationResults {
		inside := strings.HasPrefix(*r.EvalActionName, "ssm:")
		if d := r.PermissionsBoundaryDecisionDetail; d == nil || d.AllowedByPermissionsBoundary != inside ||
			(r.EvalDecision == "allowed") != inside {
			t.Errorf("%s with a boundary: %s, %+v", *r.EvalActionName, r.EvalDecision, d)
		}
	}
	keys := must(c.GetContextKeysForPrincipalPolicy(ctx, &sdk.GetContextKeysForPrincipalPolicyInput{
		PolicySourceArn: arn, PolicyInputList: []string{allowWithMFA},
	})).ContextKeyNames
	if strings.Join(keys, " ") != "aws:MultiFactorAuthPresent aws:SecureTransport aws:username" {
		t.Errorf("keys: %v", keys)
	}
}

// TestManagedPoliciesAllow what their names say, by the judge of requests, and no more.
func TestManagedPoliciesAllow(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	baseline := "arn:aws:ssm:us-east-1:000000000000:patchbaseline/pb-0123456789abcdef0"
	for _, tt := range []struct{ policy, action, resource, want string }{
		{"AmazonSSMFullAccess", "ssm:SendCommand", "*", "allowed"},
		{"AmazonSSMFullAccess", "ec2:RunInstances", "*", "implicitDeny"},
		{"AmazonSSMPatchAssociation", "ssm:GetPatchBaseline", baseline, "allowed"},
		{"AmazonSSMPatchAssociation", "ssm:SendCommand", "*", "implicitDeny"},
		{"AmazonSSMAutomationApproverAccess", "ssm:SendAutomationSignal", "*", "allowed"},
		{"AmazonSSMAutomationApproverAccess", "ssm:StartAutomationExecution", "*", "implicitDeny"},
		{"service-role/AmazonSSMMaintenanceWindowRole", "ssm:SendCommand", "*", "allowed"},
		{"service-role/AmazonSSMMaintenanceWindowRole", "ssm:PutParameter", "*", "implicitDeny"},
		{"service-role/AmazonSSMAutomationRole", "ec2:StopInstances", "*", "allowed"},
		{"service-role/AmazonSSMAutomationRole", "iam:PassRole", "*", "implicitDeny"},
	} {
		arn := s("arn:aws:iam::aws:policy/" + tt.policy)
		p := must(c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: arn})).Policy
		v := must(c.GetPolicyVersion(ctx, &sdk.GetPolicyVersionInput{PolicyArn: arn, VersionId: p.DefaultVersionId}))
		got := custom(t, c, sdk.SimulateCustomPolicyInput{
			ActionNames: []string{tt.action}, ResourceArns: []string{tt.resource},
			PolicyInputList: []string{readable(t, v.PolicyVersion.Document)},
		})
		if string(got.EvalDecision) != tt.want {
			t.Errorf("%s of %s on %s: %s, want %s", tt.action, tt.policy, tt.resource, got.EvalDecision, tt.want)
		}
	}
}

func TestSimulateRefusals(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	try := func(edit func(in *sdk.SimulateCustomPolicyInput)) error {
		in := &sdk.SimulateCustomPolicyInput{ActionNames: []string{"s3:GetObject"}, PolicyInputList: []string{allowBucket}}
		edit(in)
		_, err := c.SimulateCustomPolicy(ctx, in)
		return err
	}
	principal := func(arn string) error {
		_, err := c.SimulatePrincipalPolicy(ctx, &sdk.SimulatePrincipalPolicyInput{
			PolicySourceArn: &arn, ActionNames: []string{"s3:GetObject"},
		})
		return err
	}
	_, keys := c.GetContextKeysForCustomPolicy(ctx, &sdk.GetContextKeysForCustomPolicyInput{
		PolicyInputList: []string{`{"Statement":[]}`},
	})
	_, exclude := c.SimulatePrincipalPolicy(ctx, &sdk.SimulatePrincipalPolicyInput{
		PolicySourceArn: s("arn:aws:iam::000000000000:user/carol"), ActionNames: []string{"s3:GetObject"},
		PolicyExclusionList: []types.PolicyIdentifier{&types.PolicyIdentifierMemberPolicyArn{Value: core}},
	})
	type custom = sdk.SimulateCustomPolicyInput
	for _, tt := range []struct {
		err        error
		code, says string
	}{
		{keys, "InvalidInput", "PolicyInputList.1"},
		{try(func(in *custom) { in.PolicyInputList = []string{allowBucket, "{"} }), "InvalidInput", "PolicyInputList.2"},
		{try(func(in *custom) { in.ActionNames = []string{"s3:*"} }), "InvalidInput", "Invalid Input Action: s3:*"},
		{try(func(in *custom) { in.ResourceArns = []string{"b"} }), "InvalidInput", "Invalid Resource Arn: b"},
		{try(func(in *custom) { in.CallerArn = s("arn:aws:sts::000000000000:assumed-role/a/b") }), "InvalidInput", "Caller"},
		{try(func(in *custom) { in.ResourcePolicy = s(allowBucket) }), "InvalidInput", "CallerArn is required"},
		{try(func(in *custom) { in.ResourceOwner = s("somebody") }), "InvalidInput", "ResourceOwner"},
		{
			try(func(in *custom) { in.ContextEntries = entry("aws:SourceIp", "ip", "here") }), "InvalidInput",
			"not a value of the type ip",
		},
		{
			try(func(in *custom) { in.ContextEntries = entry("aws:TagKeys", "string", "a", "b") }), "InvalidInput",
			"several values",
		},
		{
			exclude, "NotImplemented", "PolicyExclusionList",
		},
		{
			try(func(in *custom) { in.ResourceHandlingOption = s("EC2-VPC-EBS") }), "NotImplemented",
			"ResourceHandlingOption",
		},
		{principal("arn:aws:iam::000000000000:user/nobody"), "NoSuchEntity", "user/nobody"},
		{principal("arn:aws:iam::111122223333:user/carol"), "AccessDenied", "user/carol"},
		{principal("arn:aws:iam::000000000000:policy/p"), "ValidationError", "does not name a user, a group or a role"},
	} {
		if code(tt.err) != tt.code || !strings.Contains(tt.err.Error(), tt.says) {
			t.Errorf("%v, want %s saying %q", tt.err, tt.code, tt.says)
		}
	}
}
