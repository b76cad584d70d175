package iam

import (
	"context"
	"path"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

// itself is the key of a list of names.
func itself(name string) string { return name }

// inlineNames returns the names of inline policies.
func (s *service) inlineNames(h identity.Holder) ([]string, error) {
	p, err := s.identities.PermissionsOf(h)
	return convert(p.Inline, func(d identity.Document) string { return d.Name }), err
}

// attached returns the ARNs of the managed policies below a path that are attached.
func (s *service) attached(h identity.Holder, below *string) ([]string, error) {
	p, err := s.identities.PermissionsOf(h)
	return slices.DeleteFunc(slices.Clone(p.Attached), func(name string) bool {
		return !policyPathBelow(name, aws.ToString(below))
	}), err
}

func toAttached(name string) types.AttachedPolicy {
	return types.AttachedPolicy{PolicyArn: aws.String(name), PolicyName: aws.String(path.Base(name))}
}

func (s *service) putRolePolicy(
	ctx context.Context, c *api.Call, in *sdk.PutRolePolicyInput,
) (*sdk.PutRolePolicyOutput, error) {
	return nil, s.identities.PutInline(
		ctx, ofRole(c, in.RoleName), identity.Document{Name: *in.PolicyName, Text: *in.PolicyDocument},
	)
}

func (s *service) getRolePolicy(
	_ context.Context, c *api.Call, in *sdk.GetRolePolicyInput,
) (*sdk.GetRolePolicyOutput, error) {
	d, err := s.identities.Inline(ofRole(c, in.RoleName), *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &sdk.GetRolePolicyOutput{
		RoleName: in.RoleName, PolicyName: aws.String(d.Name), PolicyDocument: document(d.Text),
	}, nil
}

func (s *service) listRolePolicies(
	_ context.Context, c *api.Call, in *sdk.ListRolePoliciesInput,
) (*sdk.ListRolePoliciesOutput, error) {
	all, err := s.inlineNames(ofRole(c, in.RoleName))
	if err != nil {
		return nil, err
	}
	names, next, err := page.Of(c, in, pageSize, all, itself)
	return &sdk.ListRolePoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, err
}

func (s *service) deleteRolePolicy(
	ctx context.Context, c *api.Call, in *sdk.DeleteRolePolicyInput,
) (*sdk.DeleteRolePolicyOutput, error) {
	return nil, s.identities.DeleteInline(ctx, ofRole(c, in.RoleName), *in.PolicyName)
}

func (s *service) attachRolePolicy(
	ctx context.Context, c *api.Call, in *sdk.AttachRolePolicyInput,
) (*sdk.AttachRolePolicyOutput, error) {
	return nil, s.identities.Attach(ctx, ofRole(c, in.RoleName), *in.PolicyArn)
}

func (s *service) detachRolePolicy(
	ctx context.Context, c *api.Call, in *sdk.DetachRolePolicyInput,
) (*sdk.DetachRolePolicyOutput, error) {
	return nil, s.identities.Detach(ctx, ofRole(c, in.RoleName), *in.PolicyArn)
}

func (s *service) listAttachedRolePolicies(
	_ context.Context, c *api.Call, in *sdk.ListAttachedRolePoliciesInput,
) (*sdk.ListAttachedRolePoliciesOutput, error) {
	all, err := s.attached(ofRole(c, in.RoleName), in.PathPrefix)
	if err != nil {
		return nil, err
	}
	items, next, err := page.Of(c, in, pageSize, all, itself)
	return &sdk.ListAttachedRolePoliciesOutput{
		AttachedPolicies: convert(items, toAttached), Marker: next, IsTruncated: next != nil,
	}, err
}
