package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	sdk "postern/aws/service/iam"
	"postern/services/identity"
)

func (s *service) putGroupPolicy(
	ctx context.Context, c *api.Call, in *sdk.PutGroupPolicyInput,
) (*sdk.PutGroupPolicyOutput, error) {
	return nil, s.identities.PutInline(
		ctx, ofGroup(c, in.GroupName), identity.Document{Name: *in.PolicyName, Text: *in.PolicyDocument},
	)
}

func (s *service) getGroupPolicy(
	_ context.Context, c *api.Call, in *sdk.GetGroupPolicyInput,
) (*sdk.GetGroupPolicyOutput, error) {
	d, err := s.identities.Inline(ofGroup(c, in.GroupName), *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &sdk.GetGroupPolicyOutput{
		GroupName: in.GroupName, PolicyName: aws.String(d.Name), PolicyDocument: document(d.Text),
	}, nil
}

func (s *service) listGroupPolicies(
	_ context.Context, c *api.Call, in *sdk.ListGroupPoliciesInput,
) (*sdk.ListGroupPoliciesOutput, error) {
	all, err := s.inlineNames(ofGroup(c, in.GroupName))
	if err != nil {
		return nil, err
	}
	names, next, err := page.Of(c, in, pageSize, all, itself)
	return &sdk.ListGroupPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, err
}

func (s *service) deleteGroupPolicy(
	ctx context.Context, c *api.Call, in *sdk.DeleteGroupPolicyInput,
) (*sdk.DeleteGroupPolicyOutput, error) {
	return nil, s.identities.DeleteInline(ctx, ofGroup(c, in.GroupName), *in.PolicyName)
}

func (s *service) attachGroupPolicy(
	ctx context.Context, c *api.Call, in *sdk.AttachGroupPolicyInput,
) (*sdk.AttachGroupPolicyOutput, error) {
	return nil, s.identities.Attach(ctx, ofGroup(c, in.GroupName), *in.PolicyArn)
}

func (s *service) detachGroupPolicy(
	ctx context.Context, c *api.Call, in *sdk.DetachGroupPolicyInput,
) (*sdk.DetachGroupPolicyOutput, error) {
	return nil, s.identities.Detach(ctx, ofGroup(c, in.GroupName), *in.PolicyArn)
}

func (s *service) listAttachedGroupPolicies(
	_ context.Context, c *api.Call, in *sdk.ListAttachedGroupPoliciesInput,
) (*sdk.ListAttachedGroupPoliciesOutput, error) {
	all, err := s.attached(ofGroup(c, in.GroupName), in.PathPrefix)
	if err != nil {
		return nil, err
	}
	items, next, err := page.Of(c, in, pageSize, all, itself)
	return &sdk.ListAttachedGroupPoliciesOutput{
		AttachedPolicies: convert(items, toAttached), Marker: next, IsTruncated: next != nil,
	}, err
}
