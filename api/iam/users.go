package iam

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	"postern/api/page"
	"postern/api/tags"
	"postern/aws/fault"
	"postern/aws/iam"
	sdk "postern/aws/service/iam"
	"postern/aws/service/iam/types"
	"postern/services/identity"
)

func toUser(u identity.User) types.User {
	return types.User{
		Arn: aws.String(u.ARN()), Path: aws.String(u.Path), UserName: aws.String(u.Name), UserId: aws.String(u.ID),
		CreateDate: stamp(u.Created),
	}
}

// wholeUser is a user with what lists leave out.
func wholeUser(u identity.User) *types.User {
	user := toUser(u)
	user.PermissionsBoundary = toBoundary(u.Boundary)
	user.Tags = tags.To[types.Tag](u.Tags)
	return &user
}

func (s *service) createUser(ctx context.Context, c *api.Call, in *sdk.CreateUserInput) (*sdk.CreateUserOutput, error) {
	u, err := s.identities.CreateUser(ctx, identity.NewUser{
		Account: c.Account, Path: aws.ToString(in.Path), Name: *in.UserName, Boundary: aws.ToString(in.PermissionsBoundary),
		Tags: tags.From[identity.Tag](in.Tags),
	})
	if err != nil {
		return nil, err
	}
	return &sdk.CreateUserOutput{User: wholeUser(u)}, nil
}

func (s *service) getUser(_ context.Context, c *api.Call, in *sdk.GetUserInput) (*sdk.GetUserOutput, error) {
	name, err := nameOrOwn(c, in.UserName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return &sdk.GetUserOutput{User: s.rootUser(c)}, nil
	}
	u, err := s.identities.User(c.Account, name)
	if err != nil {
		return nil, err
	}
	return &sdk.GetUserOutput{User: wholeUser(u)}, nil
}

// nameOrOwn is a user's name; without one it is the caller's, which is empty for the root user.
func nameOrOwn(c *api.Call, name *string) (string, error) {
	own := c.Caller.IAM
	switch {
	case aws.ToString(name) != "":
		return *name, nil
	case own.Kind == iam.User:
		return own.Name, nil
	case own.Kind == iam.Root:
		return "", nil
	}
	return "", fault.New(fault.Invalid, "iam.user", "Must specify userName when calling with non-User credentials")
}

func (s *service) rootUser(c *api.Call) *types.User {
	root := &types.User{Arn: aws.String(c.Caller.Principal), UserId: aws.String(c.Account), Path: aws.String("/")}
	for _, a := range s.identities.Accounts() {
		if a.ID == c.Account {
			root.CreateDate = stamp(a.Created)
		}
	}
	return root
}

func (s *service) listUsers(_ context.Context, c *api.Call, in *sdk.ListUsersInput) (*sdk.ListUsersOutput, error) {
	all := s.identities.Users(c.Account, aws.ToString(in.PathPrefix))
	items, next, err := page.Of(c, in, pageSize, all, func(u identity.User) string { return u.Name })
	return &sdk.ListUsersOutput{Users: convert(items, toUser), Marker: next, IsTruncated: next != nil}, err
}

// updateUser needs permission for the user under its new name and path, too.
func (s *service) updateUser(ctx context.Context, c *api.Call, in *sdk.UpdateUserInput) (*sdk.UpdateUserOutput, error) {
	u, err := s.identities.User(c.Account, *in.UserName)
	if err != nil {
		return nil, err
	}
	if in.NewUserName != nil {
		u.Name = *in.NewUserName
	}
	if in.NewPath != nil {
		u.Path = *in.NewPath
	}
	if err := c.Allow(ctx, "iam:UpdateUser", u.ARN(), nil); err != nil {
		return nil, err
	}
	return nil, s.identities.UpdateUser(
		ctx, c.Account, *in.UserName, identity.UserUpdate{Name: in.NewUserName, Path: in.NewPath},
	)
}

func (s *service) deleteUser(ctx context.Context, c *api.Call, in *sdk.DeleteUserInput) (*sdk.DeleteUserOutput, error) {
	return nil, s.identities.DeleteUser(ctx, c.Account, *in.UserName)
}

func (s *service) tagUser(ctx context.Context, c *api.Call, in *sdk.TagUserInput) (*sdk.TagUserOutput, error) {
	return nil, s.identities.TagUser(ctx, c.Account, *in.UserName, tags.From[identity.Tag](in.Tags))
}

func (s *service) untagUser(ctx context.Context, c *api.Call, in *sdk.UntagUserInput) (*sdk.UntagUserOutput, error) {
	return nil, s.identities.UntagUser(ctx, c.Account, *in.UserName, in.TagKeys)
}

func (s *service) listUserTags(
	_ context.Context, c *api.Call, in *sdk.ListUserTagsInput,
) (*sdk.ListUserTagsOutput, error) {
	u, err := s.identities.User(c.Account, *in.UserName)
	if err != nil {
		return nil, err
	}
	rows, next, err := page.Of(c, in, pageSize, u.Tags, tagKey)
	return &sdk.ListUserTagsOutput{Tags: tags.To[types.Tag](rows), Marker: next, IsTruncated: next != nil}, err
}
