package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

func (s *service) toProfile(p identity.InstanceProfile) types.InstanceProfile {
	out := types.InstanceProfile{
		Arn: aws.String(p.ARN()), Path: aws.String(p.Path), InstanceProfileName: aws.String(p.Name),
		InstanceProfileId: aws.String(p.ID), CreateDate: stamp(p.Created), Roles: []types.Role{},
		Tags: tags.To[types.Tag](p.Tags),
	}
	if r, err := s.identities.Role(p.Account, p.Role); err == nil {
		out.Roles = append(out.Roles, toRole(r))
	}
	return out
}

func (s *service) createInstanceProfile(
	ctx context.Context, c *api.Call, in *sdk.CreateInstanceProfileInput,
) (*sdk.CreateInstanceProfileOutput, error) {
	p, err := s.identities.CreateInstanceProfile(ctx, identity.NewInstanceProfile{
		Account: c.Account, Path: aws.ToString(in.Path), Name: *in.InstanceProfileName,
		Tags: tags.From[identity.Tag](in.Tags),
	})
	if err != nil {
		return nil, err
	}
	out := s.toProfile(p)
	return &sdk.CreateInstanceProfileOutput{InstanceProfile: &out}, nil
}

func (s *service) getInstanceProfile(
	_ context.Context, c *api.Call, in *sdk.GetInstanceProfileInput,
) (*sdk.GetInstanceProfileOutput, error) {
	p, err := s.identities.InstanceProfile(c.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	out := s.toProfile(p)
	return &sdk.GetInstanceProfileOutput{InstanceProfile: &out}, nil
}

func profileName(p identity.InstanceProfile) string { return p.Name }

func (s *service) listInstanceProfiles(
	_ context.Context, c *api.Call, in *sdk.ListInstanceProfilesInput,
) (*sdk.ListInstanceProfilesOutput, error) {
	all := s.identities.InstanceProfiles(c.Account, aws.ToString(in.PathPrefix), "")
	items, next, err := page.Of(c, in, pageSize, all, profileName)
	return &sdk.ListInstanceProfilesOutput{
		InstanceProfiles: convert(items, s.toProfile), Marker: next, IsTruncated: next != nil,
	}, err
}

func (s *service) listInstanceProfilesForRole(
	_ context.Context, c *api.Call, in *sdk.ListInstanceProfilesForRoleInput,
) (*sdk.ListInstanceProfilesForRoleOutput, error) {
	if _, err := s.identities.Role(c.Account, *in.RoleName); err != nil {
		return nil, err
	}
	all := s.identities.InstanceProfiles(c.Account, "", *in.RoleName)
	items, next, err := page.Of(c, in, pageSize, all, profileName)
	return &sdk.ListInstanceProfilesForRoleOutput{
		InstanceProfiles: convert(items, s.toProfile), Marker: next, IsTruncated: next != nil,
	}, err
}

func (s *service) deleteInstanceProfile(
	ctx context.Context, c *api.Call, in *sdk.DeleteInstanceProfileInput,
) (*sdk.DeleteInstanceProfileOutput, error) {
	return nil, s.identities.DeleteInstanceProfile(ctx, c.Account, *in.InstanceProfileName)
}

func (s *service) addRoleToInstanceProfile(
	ctx context.Context, c *api.Call, in *sdk.AddRoleToInstanceProfileInput,
) (*sdk.AddRoleToInstanceProfileOutput, error) {
	r, err := s.identities.Role(c.Account, *in.RoleName)
	if err != nil {
		return nil, err
	}
	p, err := s.identities.InstanceProfile(c.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	if err := c.PassRole(ctx, r.ARN(), "ec2.amazonaws.com", p.ARN()); err != nil {
		return nil, err
	}
	return nil, s.identities.AddRole(ctx, c.Account, *in.InstanceProfileName, *in.RoleName)
}

func (s *service) removeRoleFromInstanceProfile(
	ctx context.Context, c *api.Call, in *sdk.RemoveRoleFromInstanceProfileInput,
) (*sdk.RemoveRoleFromInstanceProfileOutput, error) {
	return nil, s.identities.RemoveRole(ctx, c.Account, *in.InstanceProfileName, *in.RoleName)
}

func (s *service) tagInstanceProfile(
	ctx context.Context, c *api.Call, in *sdk.TagInstanceProfileInput,
) (*sdk.TagInstanceProfileOutput, error) {
	return nil, s.identities.TagInstanceProfile(ctx, c.Account, *in.InstanceProfileName, tags.From[identity.Tag](in.Tags))
}

func (s *service) untagInstanceProfile(
	ctx context.Context, c *api.Call, in *sdk.UntagInstanceProfileInput,
) (*sdk.UntagInstanceProfileOutput, error) {
	return nil, s.identities.UntagInstanceProfile(ctx, c.Account, *in.InstanceProfileName, in.TagKeys)
}

func (s *service) listInstanceProfileTags(
	_ context.Context, c *api.Call, in *sdk.ListInstanceProfileTagsInput,
) (*sdk.ListInstanceProfileTagsOutput, error) {
	p, err := s.identities.InstanceProfile(c.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	rows, next, err := page.Of(c, in, pageSize, p.Tags, tagKey)
	return &sdk.ListInstanceProfileTagsOutput{Tags: tags.To[types.Tag](rows), Marker: next, IsTruncated: next != nil}, err
}
