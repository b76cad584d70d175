package iam_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/api/access/accesstest"
)

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func s(text string) *string { return aws.String(text) }

const (
	trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},` +
		`"Action":"sts:AssumeRole"}]}`
	read  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:Get*","Resource":"*"}]}`
	write = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ssm:Put*","Resource":"*"}]}`
	core  = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
)

// readable is a document as answers have it.
func readable(t *testing.T, encoded *string) string {
	t.Helper()
	if strings.ContainsAny(*encoded, `+ {"`) {
		t.Errorf("not encoded as RFC 3986 says: %s", *encoded)
	}
	return must(url.QueryUnescape(*encoded))
}

func root(t *testing.T) (*accesstest.Rig, *sdk.Client) {
	r := accesstest.New(t)
	return r, sdk.NewFromConfig(r.Root())
}

func TestRole(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	made := must(c.CreateRole(ctx, &sdk.CreateRoleInput{
		RoleName: s("NodeRole"), Path: s("/ops/"), AssumeRolePolicyDocument: s(trust), Description: s("of nodes"),
		Tags: []types.Tag{{Key: s("Team"), Value: s("blue")}}, PermissionsBoundary: s(core),
	})).Role
	got := must(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: s("NodeRole")})).Role
	if diff := cmp.Diff(
		made, got, cmpopts.IgnoreUnexported(types.Role{}, types.Tag{}, types.AttachedPermissionsBoundary{}),
	); diff != "" {
		t.Errorf("GetRole differs from CreateRole: %s", diff)
	}
	if *got.Arn != "arn:aws:iam::000000000000:role/ops/NodeRole" || !strings.HasPrefix(*got.RoleId, "AROA") ||
		*got.MaxSessionDuration != 3600 ||
		readable(
			t, got.AssumeRolePolicyDocument,
		) != trust || *got.PermissionsBoundary.PermissionsBoundaryArn != core || *got.Tags[0].Value != "blue" {
		t.Errorf("%+v", got)
	}
	must(
		c.UpdateRole(
			ctx, &sdk.UpdateRoleInput{RoleName: s("NodeRole"), Description: s("new"), MaxSessionDuration: aws.Int32(7200)},
		),
	)
	must(
		c.UpdateAssumeRolePolicy(
			ctx,
			&sdk.UpdateAssumeRolePolicyInput{
				RoleName: s("NodeRole"), PolicyDocument: s(strings.Replace(trust, "ec2", "ssm", 1)),
			},
		),
	)
	must(c.DeleteRolePermissionsBoundary(ctx, &sdk.DeleteRolePermissionsBoundaryInput{RoleName: s("NodeRole")}))
	must(c.TagRole(ctx, &sdk.TagRoleInput{RoleName: s("NodeRole"), Tags: []types.Tag{{Key: s("Cost"), Value: s("1")}}}))
	must(c.UntagRole(ctx, &sdk.UntagRoleInput{RoleName: s("NodeRole"), TagKeys: []string{"Team"}}))
	got = must(c.GetRole(ctx, &sdk.GetRoleInput{RoleName: s("NodeRole")})).Role
	if *got.Description != "new" || *got.MaxSessionDuration != 7200 || !strings.Contains(
		readable(t, got.AssumeRolePolicyDocument), "ssm.",
	) || got.PermissionsBoundary != nil {
		t.Errorf("%+v", got)
	}
	if tags := must(
		c.ListRoleTags(ctx, &sdk.ListRoleTagsInput{RoleName: s("NodeRole")}),
	); len(tags.Tags) != 1 || *tags.Tags[0].Key != "Cost" {
		t.Errorf("%+v", tags.Tags)
	}
	must(c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: s("NodeRole")}))
	_, err := c.GetRole(ctx, &sdk.GetRoleInput{RoleName: s("NodeRole")})
	if e := (*types.NoSuchEntityException)(nil); !errors.As(err, &e) ||
		e.ErrorMessage() != "The role with name NodeRole cannot be found." {
		t.Errorf("a deleted role: %v", err)
	}
}

func TestRolePolicies(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: s("R"), AssumeRolePolicyDocument: s(trust)}))
	for _, name := range []string{"b", "a", "c"} {
		must(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: s("R"), PolicyName: s(name), PolicyDocument: s(read)}))
	}
	must(c.PutRolePolicy(ctx, &sdk.PutRolePolicyInput{RoleName: s("R"), PolicyName: s("a"), PolicyDocument: s(write)}))
	one := must(c.GetRolePolicy(ctx, &sdk.GetRolePolicyInput{RoleName: s("R"), PolicyName: s("a")}))
	if readable(t, one.PolicyDocument) != write || *one.RoleName != "R" {
		t.Errorf("%+v", one)
	}
	must(c.DeleteRolePolicy(ctx, &sdk.DeleteRolePolicyInput{RoleName: s("R"), PolicyName: s("b")}))
	if names := must(
		c.ListRolePolicies(ctx, &sdk.ListRolePoliciesInput{RoleName: s("R")}),
	).PolicyNames; !slices.Equal(names, []string{"a", "c"}) {
		t.Errorf("%v", names)
	}
	must(c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: s("R"), PolicyArn: s(core)}))
	attached := must(
		c.ListAttachedRolePolicies(ctx, &sdk.ListAttachedRolePoliciesInput{RoleName: s("R")}),
	).AttachedPolicies
	if len(attached) != 1 || *attached[0].PolicyArn != core || *attached[0].PolicyName != "AmazonSSMManagedInstanceCore" {
		t.Errorf("%+v", attached)
	}
	if e := must(
		c.ListEntitiesForPolicy(ctx, &sdk.ListEntitiesForPolicyInput{PolicyArn: s(core)}),
	); len(e.PolicyRoles) != 1 || *e.PolicyRoles[0].RoleName != "R" {
		t.Errorf("%+v", e)
	}
	if p := must(
		c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: s(core)}),
	).Policy; *p.AttachmentCount != 1 || *p.DefaultVersionId != "v2" {
		t.Errorf("%+v", p)
	}
	must(c.DetachRolePolicy(ctx, &sdk.DetachRolePolicyInput{RoleName: s("R"), PolicyArn: s(core)}))
}

func TestInstanceProfile(t *testing.T) {
	r, c := root(t)
	ctx := t.Context()
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: s("R"), AssumeRolePolicyDocument: s(trust)}))
	made := must(
		c.CreateInstanceProfile(
			ctx, &sdk.CreateInstanceProfileInput{InstanceProfileName: s("P"), Tags: []types.Tag{{Key: s("a"), Value: s("1")}}},
		),
	).InstanceProfile
	if *made.Arn != "arn:aws:iam::000000000000:instance-profile/P" || !strings.HasPrefix(
		*made.InstanceProfileId, "AIPA",
	) || len(made.Roles) != 0 {
		t.Errorf("%+v", made)
	}
	add := &sdk.AddRoleToInstanceProfileInput{InstanceProfileName: s("P"), RoleName: s("R")}
	// To put a role into a profile needs iam:PassRole on the role, too.
	almost := sdk.NewFromConfig(
		r.User(t, "almost", `{"Statement":{"Effect":"Allow","NotAction":"iam:PassRole","Resource":"*"}}`),
	)
	if _, err := almost.AddRoleToInstanceProfile(ctx, add); code(err) != "AccessDenied" || !strings.Contains(
		err.Error(), "iam:PassRole",
	) {
		t.Errorf("without iam:PassRole: %v", err)
	}
	must(c.AddRoleToInstanceProfile(ctx, add))
	if got := must(
		c.GetInstanceProfile(ctx, &sdk.GetInstanceProfileInput{InstanceProfileName: s("P")}),
	).InstanceProfile; len(got.Roles) != 1 || *got.Roles[0].RoleName != "R" {
		t.Errorf("%+v", got)
	}
	if of := must(
		c.ListInstanceProfilesForRole(ctx, &sdk.ListInstanceProfilesForRoleInput{RoleName: s("R")}),
	).InstanceProfiles; len(of) != 1 || *of[0].InstanceProfileName != "P" {
		t.Errorf("%+v", of)
	}
	must(
		c.TagInstanceProfile(
			ctx, &sdk.TagInstanceProfileInput{InstanceProfileName: s("P"), Tags: []types.Tag{{Key: s("b"), Value: s("2")}}},
		),
	)
	must(c.UntagInstanceProfile(ctx, &sdk.UntagInstanceProfileInput{InstanceProfileName: s("P"), TagKeys: []string{"a"}}))
	if tags := must(
		c.ListInstanceProfileTags(ctx, &sdk.ListInstanceProfileTagsInput{InstanceProfileName: s("P")}),
	).Tags; len(tags) != 1 || *tags[0].Key != "b" {
		t.Errorf("%+v", tags)
	}
	_, err := c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: s("R")})
	if e := (*types.DeleteConflictException)(nil); !errors.As(err, &e) {
		t.Errorf("role in a profile: %v", err)
	}
	must(
		c.RemoveRoleFromInstanceProfile(
			ctx, &sdk.RemoveRoleFromInstanceProfileInput{InstanceProfileName: s("P"), RoleName: s("R")},
		),
	)
	must(c.DeleteInstanceProfile(ctx, &sdk.DeleteInstanceProfileInput{InstanceProfileName: s("P")}))
	if all := must(c.ListInstanceProfiles(ctx, nil)).InstanceProfiles; len(all) != 0 {
		t.Errorf("%+v", all)
	}
}

func TestManagedPolicy(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	made := must(
		c.CreatePolicy(
			ctx, &sdk.CreatePolicyInput{PolicyName: s("P"), Path: s("/a/"), PolicyDocument: s(read), Description: s("d")},
		),
	).Policy
	arn := made.Arn
	if *arn != "arn:aws:iam::000000000000:policy/a/P" || *made.DefaultVersionId != "v1" || !made.IsAttachable ||
		*made.AttachmentCount != 0 {
		t.Errorf("%+v", made)
	}
	v := must(
		c.CreatePolicyVersion(
			ctx, &sdk.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: s(write), SetAsDefault: true},
		),
	).PolicyVersion
	if *v.VersionId != "v2" || !v.IsDefaultVersion {
		t.Errorf("%+v", v)
	}
	if v := must(
		c.GetPolicyVersion(ctx, &sdk.GetPolicyVersionInput{PolicyArn: arn, VersionId: s("v1")}),
	).PolicyVersion; readable(t, v.Document) != read || v.IsDefaultVersion {
		t.Errorf("%+v", v)
	}
	if all := must(
		c.ListPolicyVersions(ctx, &sdk.ListPolicyVersionsInput{PolicyArn: arn}),
	).Versions; len(all) != 2 || *all[0].VersionId != "v2" {
		t.Errorf("%+v", all)
	}
	must(c.SetDefaultPolicyVersion(ctx, &sdk.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: s("v1")}))
	must(c.DeletePolicyVersion(ctx, &sdk.DeletePolicyVersionInput{PolicyArn: arn, VersionId: s("v2")}))
	must(
		c.TagPolicy(
			ctx,
			&sdk.TagPolicyInput{PolicyArn: arn, Tags: []types.Tag{{Key: s("a"), Value: s("1")}, {Key: s("b"), Value: s("2")}}},
		),
	)
	must(c.UntagPolicy(ctx, &sdk.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"a"}}))
	if tags := must(c.ListPolicyTags(ctx, &sdk.ListPolicyTagsInput{PolicyArn: arn})).Tags; len(tags) != 1 {
		t.Errorf("%+v", tags)
	}
	must(c.DeletePolicy(ctx, &sdk.DeletePolicyInput{PolicyArn: arn}))
	if _, err := c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: arn}); code(err) != "NoSuchEntity" {
		t.Errorf("a deleted policy: %v", err)
	}
}

func TestListPolicies(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	must(c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: s("P"), Path: s("/a/"), PolicyDocument: s(read)}))
	for _, tt := range []struct {
		in   sdk.ListPoliciesInput
		want string
	}{
		{sdk.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal}, "P"},
		{sdk.ListPoliciesInput{PathPrefix: s("/a/")}, "P"},
		{sdk.ListPoliciesInput{OnlyAttached: true}, ""},
		{
			sdk.ListPoliciesInput{Scope: types.PolicyScopeTypeAws},
			"AdministratorAccess AmazonSSMAutomationApproverAccess AmazonSSMAutomationRole AmazonSSMFullAccess " +
				"AmazonSSMMaintenanceWindowRole AmazonSSMManagedEC2InstanceDefaultPolicy AmazonSSMManagedInstanceCore " +
				"AmazonSSMPatchAssociation AmazonSSMReadOnlyAccess AmazonSSMServiceRolePolicy",
		},
		{
			sdk.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, PathPrefix: s("/service-role/")},
			"AmazonSSMAutomationRole AmazonSSMMaintenanceWindowRole",
		},
	} {
		var names []string
		for _, p := range must(c.ListPolicies(ctx, &tt.in)).Policies {
			names = append(names, *p.PolicyName)
		}
		if strings.Join(names, " ") != tt.want {
			t.Errorf("%+v: %v, want %s", tt.in, names, tt.want)
		}
	}
}

func TestPages(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	for i := range 7 {
		must(
			c.CreateRole(
				ctx,
				&sdk.CreateRoleInput{
					RoleName: s(fmt.Sprint("r", i)), Path: s([]string{"/", "/odd/"}[i%2]), AssumeRolePolicyDocument: s(trust),
				},
			),
		)
	}
	for _, tt := range []struct {
		prefix string
		size   int32
		want   string
	}{
		{"/", 3, "r0 r1 r2 | r3 r4 r5 | r6"},
		{"/", 7, "r0 r1 r2 r3 r4 r5 r6"},
		{"/odd/", 2, "r1 r3 | r5"},
		{"/none/", 2, ""},
	} {
		var pages []string
		for p := sdk.NewListRolesPaginator(
			c, &sdk.ListRolesInput{PathPrefix: s(tt.prefix), MaxItems: aws.Int32(tt.size)},
		); p.HasMorePages(); {
			page := must(p.NextPage(ctx))
			var names []string
			for _, r := range page.Roles {
				names = append(names, *r.RoleName)
			}
			if page.IsTruncated != (page.Marker != nil) {
				t.Errorf("truncated %v, marker %v", page.IsTruncated, page.Marker)
			}
			pages = append(pages, strings.Join(names, " "))
		}
		if got := strings.Join(pages, " | "); got != tt.want {
			t.Errorf("%s by %d: %s, want %s", tt.prefix, tt.size, got, tt.want)
		}
	}
	// What a marker names may be gone when the next page is asked for.
	first := must(c.ListRoles(ctx, &sdk.ListRolesInput{MaxItems: aws.Int32(3)}))
	must(c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: s("r2")}))
	if next := must(
		c.ListRoles(ctx, &sdk.ListRolesInput{MaxItems: aws.Int32(1), Marker: first.Marker}),
	); *next.Roles[0].RoleName != "r3" {
		t.Errorf("after a deleted role comes %s", *next.Roles[0].RoleName)
	}
	for _, in := range []*sdk.ListRolesInput{{MaxItems: aws.Int32(0)}, {MaxItems: aws.Int32(1001)}, {Marker: s("!")}} {
		if _, err := c.ListRoles(ctx, in); code(err) != "ValidationError" {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

func TestRefusals(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: s("R"), AssumeRolePolicyDocument: s(trust)}))
	role := func(in sdk.CreateRoleInput) error {
		_, err := c.CreateRole(ctx, &in)
		return err
	}
	put := func(document string) error {
		_, err := c.PutRolePolicy(
			ctx, &sdk.PutRolePolicyInput{RoleName: s("R"), PolicyName: s("p"), PolicyDocument: s(document)},
		)
		return err
	}
	_, notThere := c.AttachRolePolicy(
		ctx, &sdk.AttachRolePolicyInput{RoleName: s("R"), PolicyArn: s("arn:aws:iam::aws:policy/None")},
	)
	_, provider := c.ListSAMLProviders(ctx, nil)
	_, status := c.UpdateAccessKey(
		ctx, &sdk.UpdateAccessKeyInput{AccessKeyId: s("AKIA0123456789012345"), Status: "Sleeping"},
	)
	for _, tt := range []struct {
		name string
		err  error
		code string
		says string
	}{
		{
			"exists", role(sdk.CreateRoleInput{RoleName: s("r"), AssumeRolePolicyDocument: s(trust)}), "EntityAlreadyExists",
			"Role with name r already exists.",
		},
		{
			"bad trust", role(sdk.CreateRoleInput{RoleName: s("x"), AssumeRolePolicyDocument: s(read)}),
			"MalformedPolicyDocument", "Statement[0]",
		},
		{
			"bad name", role(sdk.CreateRoleInput{RoleName: s("a b"), AssumeRolePolicyDocument: s(trust)}), "ValidationError",
			"roleName",
		},
		{
			"bad path", role(sdk.CreateRoleInput{RoleName: s("x"), Path: s("x"), AssumeRolePolicyDocument: s(trust)}),
			"ValidationError", "path",
		},
		{
			"long session",
			role(
				sdk.CreateRoleInput{RoleName: s("x"), MaxSessionDuration: aws.Int32(99999), AssumeRolePolicyDocument: s(trust)},
			),
			"ValidationError", "maxSessionDuration",
		},
		{"not JSON", put("{"), "MalformedPolicyDocument", "line 1, column 2"},
		{
			"no action", put(`{"Statement":{"Effect":"Allow","Resource":"*"}}`), "MalformedPolicyDocument",
			"Statement[0].Action",
		},
		{
			"with principal", put(strings.Replace(read, `"Effect"`, `"Principal":"*","Effect"`, 1)), "MalformedPolicyDocument",
			"should not specify a principal",
		},
		{"no such policy", notThere, "NoSuchEntity", "does not exist or is not attachable"},
		{"providers are not built", provider, "NotImplemented", "ListSAMLProviders"},
		{"no such status", status, "ValidationError", "tatus"},
	} {
		if code(tt.err) != tt.code || !strings.Contains(tt.err.Error(), tt.says) {
			t.Errorf("%s: %v, want %s saying %q", tt.name, tt.err, tt.code, tt.says)
		}
	}
}
