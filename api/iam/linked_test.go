package iam_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	linkedRole   = "AWSServiceRoleForAmazonSSM"
	linkedPolicy = "arn:aws:iam::aws:policy/aws-service-role/AmazonSSMServiceRolePolicy"
)

func TestServiceLinkedRole(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	ssm := &sdk.CreateServiceLinkedRoleInput{AWSServiceName: s("ssm.amazonaws.com")}
	made := must(c.CreateServiceLinkedRole(ctx, ssm)).Role
	if *made.Arn != "arn:aws:iam::000000000000:role/aws-service-role/ssm.amazonaws.com/"+linkedRole ||
		*made.Description != "Provides access to AWS Resources managed or used by Amazon SSM." ||
		!strings.Contains(readable(t, made.AssumeRolePolicyDocument), `"Service":"ssm.amazonaws.com"`) {
		t.Errorf("%+v", made)
	}
	attached := must(c.ListAttachedRolePolicies(ctx, &sdk.ListAttachedRolePoliciesInput{RoleName: s(linkedRole)}))
	if len(attached.AttachedPolicies) != 1 || *attached.AttachedPolicies[0].PolicyArn != linkedPolicy {
		t.Errorf("%+v", attached.AttachedPolicies)
	}
	for name, input := range map[string]*sdk.CreateServiceLinkedRoleInput{
		"InvalidInput":            ssm,
		"NotImplemented":          {AWSServiceName: s("ecs.amazonaws.com")},
		"NotImplementedException": {AWSServiceName: s("ssm.amazonaws.com"), CustomSuffix: s("mine")},
	} {
		if _, err := c.CreateServiceLinkedRole(ctx, input); !strings.HasPrefix(name, code(err)) || code(err) == "" {
			t.Errorf("%v, want %s", err, name)
		}
	}
	must(c.TagRole(ctx, &sdk.TagRoleInput{RoleName: s(linkedRole), Tags: []types.Tag{{Key: s("a"), Value: s("1")}}}))
	must(c.UpdateRoleDescription(ctx, &sdk.UpdateRoleDescriptionInput{RoleName: s(linkedRole), Description: s("ours")}))
	gone := must(c.DeleteServiceLinkedRole(ctx, &sdk.DeleteServiceLinkedRoleInput{RoleName: s(linkedRole)}))
	if !strings.HasPrefix(*gone.DeletionTaskId, "task/aws-service-role/ssm.amazonaws.com/"+linkedRole+"/") {
		t.Errorf("%s", *gone.DeletionTaskId)
	}
	status := func(id *string) (types.DeletionTaskStatusType, error) {
		out, err := c.GetServiceLinkedRoleDeletionStatus(
			ctx, &sdk.GetServiceLinkedRoleDeletionStatusInput{DeletionTaskId: id},
		)
		if err != nil {
			return "", err
		}
		return out.Status, nil
	}
	if done := must(status(gone.DeletionTaskId)); done != types.DeletionTaskStatusTypeSucceeded {
		t.Errorf("%s", done)
	}
	if _, err := status(s(*gone.DeletionTaskId + "x")); code(err) != "NoSuchEntity" {
		t.Errorf("another deletion: %v", err)
	}
	if _, err := c.GetRole(ctx, &sdk.GetRoleInput{RoleName: s(linkedRole)}); code(err) != "NoSuchEntity" {
		t.Errorf("deleted: %v", err)
	}
}

// TestServiceLinkedRoleIsTheServices: callers neither change what it may nor make one by themselves.
func TestServiceLinkedRoleIsTheServices(t *testing.T) {
	_, c := root(t)
	ctx := t.Context()
	must(c.CreateServiceLinkedRole(ctx, &sdk.CreateServiceLinkedRoleInput{AWSServiceName: s("ssm.amazonaws.com")}))
	must(c.CreateRole(ctx, &sdk.CreateRoleInput{RoleName: s("own"), AssumeRolePolicyDocument: s(trust)}))
	must(c.CreateInstanceProfile(ctx, &sdk.CreateInstanceProfileInput{InstanceProfileName: s("p")}))
	name := s(linkedRole)
	for what, err := range map[string]error{
		"put": second(c.PutRolePolicy(ctx,
			&sdk.PutRolePolicyInput{RoleName: name, PolicyName: s("p"), PolicyDocument: s(read)})),
		"attach": second(c.AttachRolePolicy(ctx, &sdk.AttachRolePolicyInput{RoleName: name, PolicyArn: s(core)})),
		"detach": second(c.DetachRolePolicy(ctx, &sdk.DetachRolePolicyInput{RoleName: name, PolicyArn: s(linkedPolicy)})),
		"bound": second(c.PutRolePermissionsBoundary(ctx,
			&sdk.PutRolePermissionsBoundaryInput{RoleName: name, PermissionsBoundary: s(core)})),
		"trust": second(c.UpdateAssumeRolePolicy(ctx,
			&sdk.UpdateAssumeRolePolicyInput{RoleName: name, PolicyDocument: s(trust)})),
		"delete": second(c.DeleteRole(ctx, &sdk.DeleteRoleInput{RoleName: name})),
		"profile": second(c.AddRoleToInstanceProfile(ctx,
			&sdk.AddRoleToInstanceProfileInput{RoleName: name, InstanceProfileName: s("p")})),
	} {
		if code(err) != "UnmodifiableEntity" {
			t.Errorf("%s: %v", what, err)
		}
	}
	for want, err := range map[string]error{
		"PolicyNotAttachable": second(c.AttachRolePolicy(ctx,
			&sdk.AttachRolePolicyInput{RoleName: s("own"), PolicyArn: s(linkedPolicy)})),
		"ValidationError": second(c.CreateRole(ctx, &sdk.CreateRoleInput{
			RoleName: s("false"), Path: s("/aws-service-role/ssm.amazonaws.com/"), AssumeRolePolicyDocument: s(trust),
		})),
		"InvalidInput": second(c.DeleteServiceLinkedRole(ctx, &sdk.DeleteServiceLinkedRoleInput{RoleName: s("own")})),
	} {
		if code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
