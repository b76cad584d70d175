package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	sdk "postern/aws/service/iam"
	"postern/services/identity"
)

func (s *service) putUserPolicy(
	ctx context.Context, c *api.Call, in *sdk.PutUserPolicyInput,
) (*sdk.PutUserPolicyOutput, error) {
	return nil, s.identities.PutInline(
		ctx, ofUser(c, in.UserName), identity.Document{Name: *in.PolicyName, Text: *in.PolicyDocument},
	)
}

func (s *service) getUserPolicy(
	_ context.Context, c *api.Call, in *sdk.GetUserPolicyInput,
) (*sdk.GetUserPolicyOutput, error) {
	d, err := s.identities.Inline(ofUser(c, in.UserName), *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &sdk.GetUserPolicyOutput{
		UserName: in.UserName, PolicyName: aws.String(d.Name), PolicyDocument: document(d.Text),
	}, nil
}

func (s *service) listUserPolicies(
	_ context.Context, c *api.Call, in *sdk.ListUserPoliciesInput,
) (*sdk.ListUserPoliciesOutput, error) {
	all, err := s.inlineNames(ofUser(c, in.UserName))
	if err != nil {
		return nil, err
	}
	names, next, err := page.Of(c, in, pageSize, all, itself)
	return &sdk.ListUserPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, err
}

func (s *service) deleteUserPolicy(
	ctx context.Context, c *api.Call, in *sdk.DeleteUserPolicyInput,
) (*sdk.DeleteUserPolicyOutput, error) {
	return nil, s.identities.DeleteInline(ctx, ofUser(c, in.UserName), *in.PolicyName)
}

func (s *service) attachUserPolicy(
	ctx context.Context, c *api.Call, in *sdk.AttachUserPolicyInput,
) (*sdk.AttachUserPolicyOutput, error) {
	return nil, s.identities.Attach(ctx, ofUser(c, in.UserName), *in.PolicyArn)
}

func (s *service) detachUserPolicy(
	ctx context.Context, c *api.Call, in *sdk.DetachUserPolicyInput,
) (*sdk.DetachUserPolicyOutput, error) {
	return nil, s.identities.Detach(ctx, ofUser(c, in.UserName), *in.PolicyArn)
}

func (s *service) listAttachedUserPolicies(
	_ context.Context, c *api.Call, in *sdk.ListAttachedUserPoliciesInput,
) (*sdk.ListAttachedUserPoliciesOutput, error) {
	all, err := s.attached(ofUser(c, in.UserName), in.PathPrefix)
	if err != nil {
		return nil, err
	}
	items, next, err := page.Of(c, in, pageSize, all, itself)
	return &sdk.ListAttachedUserPoliciesOutput{
		AttachedPolicies: convert(items, toAttached), Marker: next, IsTruncated: next != nil,
	}, err
}

func (s *service) putUserBoundary(
	ctx context.Context, c *api.Call, in *sdk.PutUserPermissionsBoundaryInput,
) (*sdk.PutUserPermissionsBoundaryOutput, error) {
	return nil, s.identities.SetBoundary(ctx, ofUser(c, in.UserName), *in.PermissionsBoundary)
}

func (s *service) deleteUserBoundary(
	ctx context.Context, c *api.Call, in *sdk.DeleteUserPermissionsBoundaryInput,
) (*sdk.DeleteUserPermissionsBoundaryOutput, error) {
	return nil, s.identities.SetBoundary(ctx, ofUser(c, in.UserName), "")
}
