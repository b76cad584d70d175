package iam_test

import (
	"slices"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"postern/api/access/accesstest"
)

// bob makes the user bob, who may do everything to himself, and returns the administrator's and his client.
func bob(t *testing.T) (admin, own *sdk.Client, made *types.User) {
	t.Helper()
	r, c := root(t)
	ctx := t.Context()
	made = must(
		c.CreateUser(
			ctx, &sdk.CreateUserInput{UserName: s("bob"), Path: s("/ops/"), Tags: []types.Tag{{Key: s("a"), Value: s("1")}}},
		),
	).User
	must(c.PutUserPolicy(ctx, &sdk.PutUserPolicyInput{UserName: s("bob"), PolicyName: s("own"),
		PolicyDocument: s(
			`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*",` +
				`"Resource":"arn:aws:iam::*:user/ops/${aws:username}"}}`,
		)}))
	key := must(c.CreateAccessKey(ctx, &sdk.CreateAccessKeyInput{UserName: s("bob")})).AccessKey
	return c, sdk.NewFromConfig(r.As(*key.AccessKeyId, *key.SecretAccessKey, "")), made
}

func TestUser(t *testing.T) {
	c, bob, made := bob(t)
	ctx := t.Context()
	if *made.Arn != "arn:aws:iam::000000000000:user/ops/bob" || !strings.HasPrefix(
		*made.UserId, "AIDA",
	) || len(made.Tags) != 1 {
		t.Errorf("%+v", made)
	}
	if d := must(
		c.GetUserPolicy(ctx, &sdk.GetUserPolicyInput{UserName: s("bob"), PolicyName: s("own")}),
	); !strings.Contains(readable(t, d.PolicyDocument), "${aws:username}") {
		t.Errorf("%+v", d)
	}
	// The policy lets bob do everything to himself: his path is part of the name that it asks for.
	if own := must(bob.GetUser(ctx, nil)).User; *own.UserName != "bob" {
		t.Errorf("%+v", own)
	}
	if _, err := bob.ListUsers(ctx, nil); code(err) != "AccessDenied" {
		t.Errorf("what bob may not: %v", err)
	}
	must(c.TagUser(ctx, &sdk.TagUserInput{UserName: s("bob"), Tags: []types.Tag{{Key: s("b"), Value: s("2")}}}))
	must(c.UntagUser(ctx, &sdk.UntagUserInput{UserName: s("bob"), TagKeys: []string{"a"}}))
	if tags := must(
		c.ListUserTags(ctx, &sdk.ListUserTagsInput{UserName: s("bob")}),
	).Tags; len(tags) != 1 || *tags[0].Key != "b" {
		t.Errorf("%+v", tags)
	}
	if own := must(c.GetUser(ctx, nil)).User; *own.Arn != "arn:aws:iam::000000000000:root" ||
		*own.UserId != accesstest.Account {
		t.Errorf("%+v", own)
	}
}

func TestAccessKeys(t *testing.T) {
	_, bob, _ := bob(t)
	ctx := t.Context()
	second := must(bob.CreateAccessKey(ctx, nil)).AccessKey
	if _, err := bob.CreateAccessKey(ctx, nil); code(err) != "LimitExceeded" {
		t.Errorf("third key: %v", err)
	}
	must(
		bob.UpdateAccessKey(
			ctx, &sdk.UpdateAccessKeyInput{AccessKeyId: second.AccessKeyId, Status: types.StatusTypeInactive},
		),
	)
	keys := must(bob.ListAccessKeys(ctx, nil)).AccessKeyMetadata
	if len(keys) != 2 || !slices.ContainsFunc(keys, func(k types.AccessKeyMetadata) bool {
		return *k.AccessKeyId == *second.AccessKeyId && k.Status == types.StatusTypeInactive
	}) {
		t.Errorf("%+v", keys)
	}
}

func TestUserPolicies(t *testing.T) {
	c, bob, _ := bob(t)
	ctx := t.Context()
	must(c.AttachUserPolicy(ctx, &sdk.AttachUserPolicyInput{UserName: s("bob"), PolicyArn: s(core)}))
	if a := must(
		c.ListAttachedUserPolicies(ctx, &sdk.ListAttachedUserPoliciesInput{UserName: s("bob")}),
	).AttachedPolicies; len(a) != 1 {
		t.Errorf("%+v", a)
	}
	must(c.DetachUserPolicy(ctx, &sdk.DetachUserPolicyInput{UserName: s("bob"), PolicyArn: s(core)}))
	must(
		c.PutUserPermissionsBoundary(
			ctx, &sdk.PutUserPermissionsBoundaryInput{UserName: s("bob"), PermissionsBoundary: s(core)},
		),
	)
	if _, err := bob.GetUser(ctx, nil); code(err) != "AccessDenied" || !strings.Contains(
		err.Error(), "no permissions boundary allows",
	) {
		t.Errorf("past the boundary: %v", err)
	}
	must(c.DeleteUserPermissionsBoundary(ctx, &sdk.DeleteUserPermissionsBoundaryInput{UserName: s("bob")}))
}

func TestCredentialsOfOtherKinds(t *testing.T) {
	c, bob, _ := bob(t)
	ctx := t.Context()
	if must(
		c.ListSSHPublicKeys(ctx, &sdk.ListSSHPublicKeysInput{UserName: s("bob")}),
	).SSHPublicKeys == nil || must(bob.ListMFADevices(ctx, nil)).MFADevices == nil ||
		must(c.ListSigningCertificates(ctx, &sdk.ListSigningCertificatesInput{UserName: s("bob")})).Certificates == nil ||
		must(
			c.ListServiceSpecificCredentials(ctx, &sdk.ListServiceSpecificCredentialsInput{UserName: s("bob")}),
		).ServiceSpecificCredentials == nil {
		t.Error("credentials of other kinds are not listed")
	}
	if _, err := c.ListSSHPublicKeys(
		ctx, &sdk.ListSSHPublicKeysInput{UserName: s("nobody")},
	); code(err) != "NoSuchEntity" {
		t.Errorf("nobody's: %v", err)
	}
	if _, err := c.DeleteLoginProfile(ctx, &sdk.DeleteLoginProfileInput{UserName: s("bob")}); code(err) != "NoSuchEntity" {
		t.Errorf("a login profile: %v", err)
	}
}

// TestRenamedUser is the same under another name, with the same key, and the policy that lets him do things to himself
// knows the new name.
func TestRenamedUser(t *testing.T) {
	c, bob, made := bob(t)
	ctx := t.Context()
	if _, err := bob.UpdateUser(
		ctx, &sdk.UpdateUserInput{UserName: s("bob"), NewPath: s("/admins/")},
	); code(err) != "AccessDenied" {
		t.Errorf("to a path where he has no permission: %v", err)
	}
	must(c.UpdateUser(ctx, &sdk.UpdateUserInput{UserName: s("bob"), NewUserName: s("Robert")}))
	if own := must(
		bob.GetUser(ctx, nil),
	).User; *own.Arn != "arn:aws:iam::000000000000:user/ops/Robert" || *own.UserId != *made.UserId {
		t.Errorf("renamed: %+v", own)
	}
	must(c.CreateUser(ctx, &sdk.CreateUserInput{UserName: s("eve")}))
	if _, err := c.UpdateUser(
		ctx, &sdk.UpdateUserInput{UserName: s("Robert"), NewUserName: s("EVE")},
	); code(err) != "EntityAlreadyExists" {
		t.Errorf("to a name that is taken: %v", err)
	}
	must(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: s("eve")}))
	must(c.UpdateUser(ctx, &sdk.UpdateUserInput{UserName: s("robert"), NewUserName: s("bob")}))
	if keys := must(bob.ListAccessKeys(ctx, nil)).AccessKeyMetadata; len(keys) != 1 || *keys[0].UserName != "bob" {
		t.Errorf("renamed back: %+v", keys)
	}
}

func TestDeleteUser(t *testing.T) {
	c, bob, _ := bob(t)
	ctx := t.Context()
	keys := must(bob.ListAccessKeys(ctx, nil)).AccessKeyMetadata
	if g := must(c.ListGroupsForUser(ctx, &sdk.ListGroupsForUserInput{UserName: s("bob")})); len(g.Groups) != 0 {
		t.Errorf("%+v", g)
	}
	for _, k := range keys {
		must(c.DeleteAccessKey(ctx, &sdk.DeleteAccessKeyInput{UserName: s("bob"), AccessKeyId: k.AccessKeyId}))
	}
	if _, err := c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: s("bob")}); code(err) != "DeleteConflict" {
		t.Errorf("user with policy: %v", err)
	}
	if names := must(
		c.ListUserPolicies(ctx, &sdk.ListUserPoliciesInput{UserName: s("bob")}),
	).PolicyNames; !slices.Equal(names, []string{"own"}) {
		t.Errorf("%v", names)
	}
	must(c.DeleteUserPolicy(ctx, &sdk.DeleteUserPolicyInput{UserName: s("bob"), PolicyName: s("own")}))
	must(c.DeleteUser(ctx, &sdk.DeleteUserInput{UserName: s("bob")}))
	if all := must(c.ListUsers(ctx, nil)).Users; len(all) != 0 {
		t.Errorf("%+v", all)
	}
}
