package iam

import (
	"context"
	"path"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// inlineNames is a page of the names of inline policies.
func (s *service) inlineNames(h identity.Holder, marker *string, maxItems *int32) ([]string, *string, error) {
	p, err := s.identities.PermissionsOf(h)
	if err != nil {
		return nil, nil, err
	}
	names := convert(p.Inline, func(d identity.Document) string { return d.Name })
	return page(names, func(n string) string { return n }, marker, maxItems)
}

// attached is a page of the managed policies below a path that are attached.
func (s *service) attached(h identity.Holder, below *string, marker *string, maxItems *int32) ([]types.AttachedPolicy, *string, error) {
	p, err := s.identities.PermissionsOf(h)
	if err != nil {
		return nil, nil, err
	}
	var kept []string
	for _, name := range p.Attached {
		if policyPathBelow(name, aws.ToString(below)) {
			kept = append(kept, name)
		}
	}
	items, next, err := page(kept, func(n string) string { return n }, marker, maxItems)
	return convert(items, func(name string) types.AttachedPolicy {
		return types.AttachedPolicy{PolicyArn: aws.String(name), PolicyName: aws.String(path.Base(name))}
	}), next, err
}

func (s *service) putRolePolicy(ctx context.Context, c *api.Call, in *sdk.PutRolePolicyInput) (*sdk.PutRolePolicyOutput, error) {
	return nil, s.identities.PutInline(ctx, ofRole(c, in.RoleName), identity.Document{Name: *in.PolicyName, Text: *in.PolicyDocument})
}

func (s *service) getRolePolicy(_ context.Context, c *api.Call, in *sdk.GetRolePolicyInput) (*sdk.GetRolePolicyOutput, error) {
	d, err := s.identities.Inline(ofRole(c, in.RoleName), *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &sdk.GetRolePolicyOutput{RoleName: in.RoleName, PolicyName: aws.String(d.Name), PolicyDocument: document(d.Text)}, nil
}

func (s *service) listRolePolicies(_ context.Context, c *api.Call, in *sdk.ListRolePoliciesInput) (*sdk.ListRolePoliciesOutput, error) {
	names, next, err := s.inlineNames(ofRole(c, in.RoleName), in.Marker, in.MaxItems)
	return &sdk.ListRolePoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, err
}

func (s *service) deleteRolePolicy(ctx context.Context, c *api.Call, in *sdk.DeleteRolePolicyInput) (*sdk.DeleteRolePolicyOutput, error) {
	return nil, s.identities.DeleteInline(ctx, ofRole(c, in.RoleName), *in.PolicyName)
}

func (s *service) attachRolePolicy(ctx context.Context, c *api.Call, in *sdk.AttachRolePolicyInput) (*sdk.AttachRolePolicyOutput, error) {
	return nil, s.identities.Attach(ctx, ofRole(c, in.RoleName), *in.PolicyArn)
}

func (s *service) detachRolePolicy(ctx context.Context, c *api.Call, in *sdk.DetachRolePolicyInput) (*sdk.DetachRolePolicyOutput, error) {
	return nil, s.identities.Detach(ctx, ofRole(c, in.RoleName), *in.PolicyArn)
}

func (s *service) listAttachedRolePolicies(_ context.Context, c *api.Call, in *sdk.ListAttachedRolePoliciesInput) (*sdk.ListAttachedRolePoliciesOutput, error) {
	items, next, err := s.attached(ofRole(c, in.RoleName), in.PathPrefix, in.Marker, in.MaxItems)
	return &sdk.ListAttachedRolePoliciesOutput{AttachedPolicies: items, Marker: next, IsTruncated: next != nil}, err
}
