package iam

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

func toRole(r identity.Role) types.Role {
	role := types.Role{
		Arn: aws.String(r.ARN()), Path: aws.String(r.Path), RoleName: aws.String(r.Name), RoleId: aws.String(r.ID),
		CreateDate: stamp(r.Created), AssumeRolePolicyDocument: document(r.Trust),
		MaxSessionDuration: aws.Int32(int32(r.MaxSession / time.Second)),
	}
	if r.Description != "" {
		role.Description = aws.String(r.Description)
	}
	return role
}

// wholeRole is a role with what lists leave out.
func wholeRole(r identity.Role) *types.Role {
	role := toRole(r)
	role.PermissionsBoundary = toBoundary(r.Boundary)
	role.Tags = tags.To[types.Tag](r.Tags)
	return &role
}

func (s *service) createRole(ctx context.Context, c *api.Call, in *sdk.CreateRoleInput) (*sdk.CreateRoleOutput, error) {
	r, err := s.identities.CreateRole(ctx, identity.NewRole{
		Account: c.Account, Path: aws.ToString(in.Path), Name: *in.RoleName, Description: aws.ToString(in.Description),
		Trust: *in.AssumeRolePolicyDocument, MaxSession: time.Duration(aws.ToInt32(in.MaxSessionDuration)) * time.Second,
		Boundary: aws.ToString(in.PermissionsBoundary), Tags: tags.From[identity.Tag](in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &sdk.CreateRoleOutput{Role: wholeRole(r)}, nil
}

func (s *service) getRole(_ context.Context, c *api.Call, in *sdk.GetRoleInput) (*sdk.GetRoleOutput, error) {
	r, err := s.identities.Role(c.Account, *in.RoleName)
	if err != nil {
		return nil, err
	}
	return &sdk.GetRoleOutput{Role: wholeRole(r)}, nil
}

func (s *service) listRoles(_ context.Context, c *api.Call, in *sdk.ListRolesInput) (*sdk.ListRolesOutput, error) {
	all := s.identities.Roles(c.Account, aws.ToString(in.PathPrefix))
	items, next, err := page.Of(c, in, pageSize, all, func(r identity.Role) string { return r.Name })
	if err != nil {
		return nil, err
	}
	return &sdk.ListRolesOutput{Roles: convert(items, toRole), Marker: next, IsTruncated: next != nil}, nil
}

func (s *service) deleteRole(ctx context.Context, c *api.Call, in *sdk.DeleteRoleInput) (*sdk.DeleteRoleOutput, error) {
	return nil, s.identities.DeleteRole(ctx, c.Account, *in.RoleName)
}

func (s *service) updateRole(ctx context.Context, c *api.Call, in *sdk.UpdateRoleInput) (*sdk.UpdateRoleOutput, error) {
	u := identity.RoleUpdate{Description: in.Description}
	if in.MaxSessionDuration != nil {
		longest := time.Duration(*in.MaxSessionDuration) * time.Second
		u.MaxSession = &longest
	}
	_, err := s.identities.UpdateRole(ctx, c.Account, *in.RoleName, u)
	return nil, err
}

func (s *service) updateRoleDescription(
	ctx context.Context, c *api.Call, in *sdk.UpdateRoleDescriptionInput,
) (*sdk.UpdateRoleDescriptionOutput, error) {
	r, err := s.identities.UpdateRole(ctx, c.Account, *in.RoleName, identity.RoleUpdate{Description: in.Description})
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateRoleDescriptionOutput{Role: wholeRole(r)}, nil
}

func (s *service) updateAssumeRolePolicy(
	ctx context.Context, c *api.Call, in *sdk.UpdateAssumeRolePolicyInput,
) (*sdk.UpdateAssumeRolePolicyOutput, error) {
	_, err := s.identities.UpdateRole(ctx, c.Account, *in.RoleName, identity.RoleUpdate{Trust: in.PolicyDocument})
	return nil, err
}

func (s *service) tagRole(ctx context.Context, c *api.Call, in *sdk.TagRoleInput) (*sdk.TagRoleOutput, error) {
	return nil, s.identities.TagRole(ctx, c.Account, *in.RoleName, tags.From[identity.Tag](in.Tags))
}

func (s *service) untagRole(ctx context.Context, c *api.Call, in *sdk.UntagRoleInput) (*sdk.UntagRoleOutput, error) {
	return nil, s.identities.UntagRole(ctx, c.Account, *in.RoleName, in.TagKeys)
}

func (s *service) listRoleTags(
	_ context.Context, c *api.Call, in *sdk.ListRoleTagsInput,
) (*sdk.ListRoleTagsOutput, error) {
	r, err := s.identities.Role(c.Account, *in.RoleName)
	if err != nil {
		return nil, err
	}
	rows, next, err := page.Of(c, in, pageSize, r.Tags, tagKey)
	return &sdk.ListRoleTagsOutput{Tags: tags.To[types.Tag](rows), Marker: next, IsTruncated: next != nil}, err
}
