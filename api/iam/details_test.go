package iam_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"

	"postern/services/identity"
)

// fill makes a user in a group, a role in a profile, and policies of both kinds.
func fill(t *testing.T, c *sdk.Client) (policy *string) {
	t.Helper()
	ctx := t.Context()
	policy = must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{
		PolicyName: s("p"), Path: s("/ops/"), PolicyDocument: s(read), Description: s("of p"),
	})).Policy.Arn
	must(c.CreatePolicyVersion(ctx, &sdk.CreatePolicyVersionInput{PolicyArn: policy, PolicyDocument: s(write)}))
	must(c.CreateUser(ctx, &sdk.CreateUserInput{
		UserName: s("u"), Path: s("/ops/"), PermissionsBoundary: s(core), Tags: []types.Tag{{Key: s("a"), Value: s("1")}},
	}))
	must(c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: s("u"), PolicyName: s("i"), PolicyDocument: s(read)}))
	must(c.CreateGroup(ctx, &sdk.CreateGroupInput{GroupName: s("g")}))
	must(c.AddUserToGroup(ctx, &sdk.AddUserToGroupInput{GroupName: s("g"), UserName: s("u")}))
	must(c.AttachGroupPolicy(ctx, &sdk.AttachGroupPolicyInput{GroupName: s("g"), PolicyArn: policy}))
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: s("r"), AssumeRolePolicyDocument: s(trust)}))
	must(c.CreateInstanceProfile(ctx, &sdk.CreateInstanceProfileInput{InstanceProfileName: s("ip")}))
	must(c.AddRoleToInstanceProfile(ctx,
		&sdk.AddRoleToInstanceProfileInput{InstanceProfileName: s("ip"), RoleName: s("r")}))
	must(c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: s("r"), PolicyArn: s(core)}))
	return policy
}

func TestAccountAuthorizationDetails(t *testing.T) {
	_, c := root(t)
	policy := fill(t, c)
	all := must(c.GetAccountAuthorizationDetails(t.Context(), nil))
	if len(all.UserDetailList) != 1 || len(all.GroupDetailList) != 1 || len(all.RoleDetailList) != 1 ||
		len(all.Policies) != 2 || all.IsTruncated {
		t.Fatalf("%+v", all)
	}
	u := all.UserDetailList[0]
	if *u.UserName != "u" || *u.Path != "/ops/" || !slices.Equal(u.GroupList, []string{"g"}) || *u.Tags[0].Value != "1" ||
		*u.PermissionsBoundary.PermissionsBoundaryArn != core || *u.UserPolicyList[0].PolicyName != "i" ||
		readable(t, u.UserPolicyList[0].PolicyDocument) != read {
		t.Errorf("%+v", u)
	}
	if g := all.GroupDetailList[0]; *g.AttachedManagedPolicies[0].PolicyArn != *policy || len(g.GroupPolicyList) != 0 {
		t.Errorf("%+v", g)
	}
	r := all.RoleDetailList[0]
	if *r.InstanceProfileList[0].InstanceProfileName != "ip" || *r.AttachedManagedPolicies[0].PolicyArn != core ||
		readable(t, r.AssumeRolePolicyDocument) != trust {
		t.Errorf("%+v", r)
	}
	p := all.Policies[slices.IndexFunc(all.Policies, func(p types.ManagedPolicyDetail) bool { return *p.Arn == *policy })]
	if *p.Description != "of p" || *p.AttachmentCount != 1 || len(p.PolicyVersionList) != 2 ||
		readable(t, p.PolicyVersionList[1].Document) != write || !p.PolicyVersionList[0].IsDefaultVersion {
		t.Errorf("%+v", p)
	}
}

func TestAccountAuthorizationDetailsFilteredAndPaged(t *testing.T) {
	_, c := root(t)
	fill(t, c)
	for filter, want := range map[types.EntityType]string{
		types.EntityTypeUser: "u", types.EntityTypeGroup: "g", types.EntityTypeRole: "r",
		types.EntityTypeLocalManagedPolicy: "p", types.EntityTypeAWSManagedPolicy: "AmazonSSMManagedInstanceCore",
	} {
		in := &sdk.GetAccountAuthorizationDetailsInput{Filter: []types.EntityType{filter}}
		if got := names(must(c.GetAccountAuthorizationDetails(t.Context(), in))); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: %v", filter, got)
		}
	}
	var got []string
	pages := sdk.NewGetAccountAuthorizationDetailsPaginator(c,
		&sdk.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		one := names(must(pages.NextPage(t.Context())))
		if len(one) > 2 {
			t.Errorf("a page holds %v", one)
		}
		got = append(got, one...)
	}
	slices.Sort(got)
	if want := "AmazonSSMManagedInstanceCore g p r u"; strings.Join(got, " ") != want {
		t.Errorf("%v, want %s", got, want)
	}
}

func names(out *sdk.GetAccountAuthorizationDetailsOutput) (all []string) {
	for _, u := range out.UserDetailList {
		all = append(all, *u.UserName)
	}
	for _, g := range out.GroupDetailList {
		all = append(all, *g.GroupName)
	}
	for _, r := range out.RoleDetailList {
		all = append(all, *r.RoleName)
	}
	for _, p := range out.Policies {
		all = append(all, *p.PolicyName)
	}
	return all
}

func TestAccountAlias(t *testing.T) {
	r, c := root(t)
	ctx := t.Context()
	other := must(r.Identities.EnsureAccount(ctx, "111122223333"))
	foreign := sdk.NewFromConfig(r.As(other.ID, other.Secret, ""))
	aliases := func(c *sdk.Client) []string { return must(c.ListAccountAliases(ctx, nil)).AccountAliases }
	alias := func(name string) *sdk.CreateAccountAliasInput {
		return &sdk.CreateAccountAliasInput{AccountAlias: s(name)}
	}
	for _, name := range []string{"first", "second-1"} { // the later one takes the place of the earlier one
		must(c.CreateAccountAlias(ctx, alias(name)))
		if got := aliases(c); !slices.Equal(got, []string{name}) {
			t.Errorf("%v", got)
		}
	}
	if got := aliases(foreign); len(got) != 0 {
		t.Errorf("another account has %v", got)
	}
	for name, want := range map[string]string{
		"second-1": "EntityAlreadyExists", "x": "ValidationError", "-xx": "ValidationError", "a--b": "ValidationError",
		"Upper": "ValidationError", strings.Repeat("a", 64): "ValidationError",
	} {
		if _, err := foreign.CreateAccountAlias(ctx, alias(name)); code(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.DeleteAccountAlias(ctx, &sdk.DeleteAccountAliasInput{AccountAlias: s("first")}); code(
		err,
	) != "NoSuchEntity" {
		t.Errorf("an alias that was replaced: %v", err)
	}
	must(c.DeleteAccountAlias(ctx, &sdk.DeleteAccountAliasInput{AccountAlias: s("second-1")}))
	must(foreign.CreateAccountAlias(ctx, alias("second-1")))
	if got := aliases(c); len(got) != 0 {
		t.Errorf("deleted: %v", got)
	}
}

func TestAccessKeyLastUsed(t *testing.T) {
	r, c := root(t)
	ctx := t.Context()
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: s("bob")}))
	key := must(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: s("bob")})).AccessKey
	last := func() *sdk.GetAccessKeyLastUsedOutput {
		return must(c.GetAccessKeyLastUsed(ctx, &sdk.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId}))
	}
	if got := last(); *got.UserName != "bob" || got.AccessKeyLastUsed.LastUsedDate != nil ||
		*got.AccessKeyLastUsed.ServiceName != "N/A" || *got.AccessKeyLastUsed.Region != "N/A" {
		t.Errorf("never used: %+v", got.AccessKeyLastUsed)
	}
	forged := sdksts.NewFromConfig(r.As(*key.AccessKeyId, "wrong", ""))
	if _, err := forged.GetCallerIdentity(ctx, nil); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("forged: %v", err)
	}
	if got := last(); got.AccessKeyLastUsed.LastUsedDate != nil {
		t.Errorf("a forged signature is a use: %+v", got.AccessKeyLastUsed)
	}
	began := time.Now()
	must(sdksts.NewFromConfig(r.As(*key.AccessKeyId, *key.SecretAccessKey, "")).GetCallerIdentity(ctx, nil))
	for _, when := range []string{"noted", "written"} {
		got := last().AccessKeyLastUsed
		if *got.ServiceName != "sts" || *got.Region != "us-east-1" || got.LastUsedDate.Before(began.Add(-time.Second)) ||
			got.LastUsedDate.After(time.Now()) {
			t.Errorf("%s: %+v", when, got)
		}
		if err := r.Identities.WriteUses(ctx); err != nil {
			t.Fatal(err)
		}
	}
	other := must(r.Identities.EnsureAccount(ctx, "111122223333"))
	foreign := sdk.NewFromConfig(r.As(other.ID, other.Secret, ""))
	if _, err := foreign.GetAccessKeyLastUsed(ctx,
		&sdk.GetAccessKeyLastUsedInput{AccessKeyId: key.AccessKeyId}); code(err) != "NoSuchEntity" {
		t.Errorf("of another account: %v", err)
	}
}

// TestKeyIsOutOfForceAtOnce: a key that is made inactive signs nothing more, and again when it is active.
func TestKeyIsOutOfForceAtOnce(t *testing.T) {
	r, c := root(t)
	ctx := t.Context()
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: s("bob")}))
	key := must(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: s("bob")})).AccessKey
	bob := sdksts.NewFromConfig(r.As(*key.AccessKeyId, *key.SecretAccessKey, ""))
	for _, step := range []struct {
		status types.StatusType
		want   string
	}{{types.StatusTypeActive, ""}, {types.StatusTypeInactive, "InvalidClientTokenId"}, {types.StatusTypeActive, ""}} {
		must(c.UpdateAccessKey(ctx,
			&sdk.UpdateAccessKeyInput{UserName: s("bob"), AccessKeyId: key.AccessKeyId, Status: step.status}))
		if _, err := bob.GetCallerIdentity(ctx, nil); code(err) != step.want {
			t.Errorf("%s: %v", step.status, err)
		}
	}
}

// TestBoundaryOfAnotherAccount: a policy of another account is as one that is not there.
func TestBoundaryOfAnotherAccount(t *testing.T) {
	r, c := root(t)
	ctx := t.Context()
	must(r.Identities.EnsureAccount(ctx, "111122223333"))
	policy := must(r.Identities.CreatePolicy(ctx,
		identity.NewPolicy{Account: "111122223333", Name: "theirs", Text: read})).ARN()
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: s("u")}))
	for what, err := range map[string]error{
		"user": second(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: s("v"), PermissionsBoundary: &policy})),
		"role": second(c.CreateRole(ctx,
			&sdk.CreateRoleInput{RoleName: s("r"), AssumeRolePolicyDocument: s(trust), PermissionsBoundary: &policy})),
		"put": second(c.PutUserPermissionsBoundary(ctx,
			&sdk.PutUserPermissionsBoundaryInput{UserName: s("u"), PermissionsBoundary: &policy})),
		"attach": second(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: s("u"), PolicyArn: &policy})),
	} {
		if code(err) != "NoSuchEntity" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestProvidersAreNamed: what is not built says so by its name.
func TestProvidersAreNamed(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	for name, err := range map[string]error{
		"CreateOpenIDConnectProvider": second(c.CreateOpenIDConnectProvider(ctx,
			&sdk.CreateOpenIDConnectProviderInput{Url: s("https://example.com")})),
		"ListSAMLProviders": second(c.ListSAMLProviders(ctx, nil)),
	} {
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "501") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
