package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

func toGroup(g identity.Group) types.Group {
	return types.Group{
		Arn: aws.String(g.ARN()), Path: aws.String(g.Path), GroupName: aws.String(g.Name), GroupId: aws.String(g.ID),
		CreateDate: stamp(g.Created),
	}
}

func groupName(g identity.Group) string { return g.Name }

func (s *service) createGroup(
	ctx context.Context, c *api.Call, in *sdk.CreateGroupInput,
) (*sdk.CreateGroupOutput, error) {
	g, err := s.identities.CreateGroup(ctx, c.Account, aws.ToString(in.Path), *in.GroupName)
	if err != nil {
		return nil, err
	}
	group := toGroup(g)
	return &sdk.CreateGroupOutput{Group: &group}, nil
}

func (s *service) getGroup(_ context.Context, c *api.Call, in *sdk.GetGroupInput) (*sdk.GetGroupOutput, error) {
	g, err := s.identities.Group(c.Account, *in.GroupName)
	if err != nil {
		return nil, err
	}
	members, err := s.identities.Members(c.Account, g.Name)
	if err != nil {
		return nil, err
	}
	group := toGroup(g)
	items, next, err := page.Of(c, in, pageSize, members, func(u identity.User) string { return u.Name })
	return &sdk.GetGroupOutput{
		Group: &group, Users: convert(items, toUser), Marker: next, IsTruncated: next != nil,
	}, err
}

func (s *service) listGroups(_ context.Context, c *api.Call, in *sdk.ListGroupsInput) (*sdk.ListGroupsOutput, error) {
	all := s.identities.Groups(c.Account, aws.ToString(in.PathPrefix))
	items, next, err := page.Of(c, in, pageSize, all, groupName)
	return &sdk.ListGroupsOutput{Groups: convert(items, toGroup), Marker: next, IsTruncated: next != nil}, err
}

func (s *service) listGroupsForUser(
	_ context.Context, c *api.Call, in *sdk.ListGroupsForUserInput,
) (*sdk.ListGroupsForUserOutput, error) {
	all, err := s.identities.GroupsOf(c.Account, *in.UserName)
	if err != nil {
		return nil, err
	}
	items, next, err := page.Of(c, in, pageSize, all, groupName)
	return &sdk.ListGroupsForUserOutput{Groups: convert(items, toGroup), Marker: next, IsTruncated: next != nil}, err
}

// updateGroup needs permission for the group under its new name and path, too.
func (s *service) updateGroup(
	ctx context.Context, c *api.Call, in *sdk.UpdateGroupInput,
) (*sdk.UpdateGroupOutput, error) {
	return nil, s.identities.UpdateGroup(
		ctx, c.Account, *in.GroupName, identity.GroupUpdate{Name: in.NewGroupName, Path: in.NewPath},
	)
}

func (s *service) deleteGroup(
	ctx context.Context, c *api.Call, in *sdk.DeleteGroupInput,
) (*sdk.DeleteGroupOutput, error) {
	return nil, s.identities.DeleteGroup(ctx, c.Account, *in.GroupName)
}

func (s *service) addUserToGroup(
	ctx context.Context, c *api.Call, in *sdk.AddUserToGroupInput,
) (*sdk.AddUserToGroupOutput, error) {
	return nil, s.identities.AddToGroup(ctx, c.Account, *in.GroupName, *in.UserName)
}

func (s *service) removeUserFromGroup(
	ctx context.Context, c *api.Call, in *sdk.RemoveUserFromGroupInput,
) (*sdk.RemoveUserFromGroupOutput, error) {
	return nil, s.identities.RemoveFromGroup(ctx, c.Account, *in.GroupName, *in.UserName)
}
