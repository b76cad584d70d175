package iam_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
)

func TestAccountSummary(t *testing.T) {
	c, _ := carolInOps(t)
	ctx := t.Context()
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: s("R"), AssumeRolePolicyDocument: s(trust)}))
	arn := must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: s("P"), PolicyDocument: s(read)})).Policy.Arn
	must(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: s(write)}))
	got := must(c.GetAccountSummary(ctx, nil)).SummaryMap
	for key, want := range map[string]int32{
		"Users": 1, "Groups": 1, "Roles": 1, "InstanceProfiles": 0, "Policies": 1, "PolicyVersionsInUse": 2,
		"AccountAccessKeysPresent": 1, "GroupPolicySizeQuota": 5120, "AttachedPoliciesPerUserQuota": 10,
		"GroupsPerUserQuota": 10,
	} {
		if n, ok := got[key]; !ok || n != want {
			t.Errorf("%s: %d, want %d", key, n, want)
		}
	}
	_, err := c.GetAccountPasswordPolicy(ctx, nil)
	if code(err) != "NoSuchEntity" || !strings.Contains(err.Error(), "domain name 000000000000 cannot be found") {
		t.Errorf("password policy: %v", err)
	}
}
