package iam_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"postern/api/access/accesstest"
)

// TestRoleBoundaryAndDescription: what a role's boundary and description are set to is what it has.
func TestRoleBoundaryAndDescription(t *testing.T) {
	r := accesstest.New(t)
	c, ctx := iam.NewFromConfig(r.Root()), t.Context()
	name := aws.String("Bounded")
	if _, err := c.CreateRole(ctx, &iam.CreateRoleInput{RoleName: name, AssumeRolePolicyDocument: aws.String(
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",` +
			`"Principal":{"Service":"ec2.amazonaws.com"}}}`)}); err != nil {
		t.Fatal(err)
	}
	boundary := "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess"
	if _, err := c.PutRolePermissionsBoundary(
		ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: &boundary},
	); err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdateRoleDescription(
		ctx, &iam.UpdateRoleDescriptionInput{RoleName: name, Description: aws.String("of nodes")},
	); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: name})
	if err != nil {
		t.Fatal(err)
	}
	if b := got.Role.PermissionsBoundary; b == nil || *b.PermissionsBoundaryArn != boundary ||
		*got.Role.Description != "of nodes" {
		t.Errorf("the role is %+v", got.Role)
	}
}

// TestRenamingNeedsBothNames: to rename a user is to write the one and to make the other.
func TestRenamingNeedsBothNames(t *testing.T) {
	r := accesstest.New(t)
	m := iam.NewFromConfig(r.User(t, "mallory", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"iam:*","Resource":"*"},
		{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:user/admins/*"}]}`))
	if _, err := m.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("bob")}); err != nil {
		t.Fatal(err)
	}
	_, err := m.UpdateUser(t.Context(), &iam.UpdateUserInput{UserName: aws.String("bob"), NewPath: aws.String("/admins/")})
	if code(err) != "AccessDenied" {
		t.Errorf("into the path that is denied: %v", err)
	}
}
