package iam_test

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// blueAndRed makes two roles that differ by path and tag, and returns what makes a user with a policy of one statement.
func blueAndRed(t *testing.T) func(name, rest string) *sdk.Client {
	t.Helper()
	r, c := root(t)
	ctx := t.Context()
	must(
		c.CreateRole(
			ctx,
			&sdk.CreateRoleInput{
				RoleName: s("Blue"), Path: s("/apps/"), AssumeRolePolicyDocument: s(trust),
				Tags: []types.Tag{{Key: s("Team"), Value: s("blue")}},
			},
		),
	)
	must(
		c.CreateRole(
			ctx,
			&sdk.CreateRoleInput{
				RoleName: s("Red"), AssumeRolePolicyDocument: s(trust), Tags: []types.Tag{{Key: s("Team"), Value: s("red")}},
			},
		),
	)
	return func(name, rest string) *sdk.Client {
		return sdk.NewFromConfig(
			r.User(t, name, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*",`+rest+`}}`),
		)
	}
}

func tagged(team string) types.Tag { return types.Tag{Key: s("Team"), Value: s(team)} }

// An attempt is allowed, or it is denied.
type attempt struct {
	err   error
	allow bool
}

func judged(t *testing.T, all []attempt) {
	t.Helper()
	for i, tt := range all {
		if want := map[bool]string{true: "", false: "AccessDenied"}[tt.allow]; code(tt.err) != want {
			t.Errorf("row %d: %v, want %q", i, tt.err, want)
		}
	}
}

// TestConditionsOnRoles are about the role that is there, and about what is done to it.
func TestConditionsOnRoles(t *testing.T) {
	allow := blueAndRed(t)
	byPath := allow("path", `"Resource":"arn:aws:iam::*:role/apps/*"`)
	byTag := allow("tag", `"Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/Team":"blue"}}`)
	byPolicy := allow("policy", `"Resource":"*","Condition":{"ArnEquals":{"iam:PolicyARN":"`+core+`"}}`)
	get := func(c *sdk.Client, name string) error {
		_, err := c.GetRole(t.Context(), &sdk.GetRoleInput{RoleName: s(name)})
		return err
	}
	attach := func(c *sdk.Client, arn string) error {
		_, err := c.AttachRolePolicy(t.Context(), &sdk.AttachRolePolicyInput{RoleName: s("Red"), PolicyArn: s(arn)})
		return err
	}
	judged(t, []attempt{
		{get(byPath, "Blue"), true},
		{get(byPath, "Red"), false},
		{get(byTag, "Blue"), true},
		{get(byTag, "Red"), false},
		{attach(byPolicy, core), true},
		{attach(byPolicy, "arn:aws:iam::aws:policy/AdministratorAccess"), false},
	})
}

// TestConditionsOnNewRoles are about what the request says.
func TestConditionsOnNewRoles(t *testing.T) {
	allow := blueAndRed(t)
	byBoundary := allow("boundary", `"Resource":"*","Condition":{"StringEquals":{"iam:PermissionsBoundary":"`+core+`"}}`)
	byNewTag := allow(
		"newtag",
		`"Resource":"*","Condition":{"StringEquals":{"aws:RequestTag/Team":"blue"},`+
			`"ForAllValues:StringEquals":{"aws:TagKeys":["Team"]}}`,
	)
	create := func(c *sdk.Client, name string, boundary *string, tags ...types.Tag) error {
		_, err := c.CreateRole(
			t.Context(),
			&sdk.CreateRoleInput{
				RoleName: s(name), AssumeRolePolicyDocument: s(trust), PermissionsBoundary: boundary, Tags: tags,
			},
		)
		return err
	}
	judged(t, []attempt{
		{create(byBoundary, "n1", s(core)), true},
		{create(byBoundary, "n2", nil), false},
		{create(byNewTag, "n3", nil, tagged("blue")), true},
		{create(byNewTag, "n4", nil, tagged("red")), false},
		{create(byNewTag, "n5", nil, tagged("blue"), types.Tag{Key: s("More"), Value: s("x")}), false},
	})
}

// What has no tags has no Tags, and a policy's description is told when it is asked for by name.
func TestMembersLeftOut(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	role := must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: s("Bare"), AssumeRolePolicyDocument: s(trust)})).Role
	user := must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: s("bare")})).User
	profile := must(
		c.CreateInstanceProfile(ctx, &sdk.CreateInstanceProfileInput{InstanceProfileName: s("Bare")}),
	).InstanceProfile
	policy := must(
		c.CreatePolicy(ctx, &sdk.CreatePolicyInput{PolicyName: s("Bare"), PolicyDocument: s(read), Description: s("reads")}),
	).Policy
	if role.Tags != nil || user.Tags != nil || profile.Tags != nil || policy.Tags != nil {
		t.Errorf("tags of what has none: %v %v %v %v", role.Tags, user.Tags, profile.Tags, policy.Tags)
	}
	if profile.Roles == nil {
		t.Error("an instance profile without a role has no list of roles")
	}
	got := must(c.GetPolicy(ctx, &sdk.GetPolicyInput{PolicyArn: policy.Arn})).Policy
	if policy.Description != nil || got.Description == nil || *got.Description != "reads" {
		t.Errorf("description: %v when made, %v when asked for", policy.Description, got.Description)
	}
}
