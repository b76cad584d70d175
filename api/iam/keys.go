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

func status(active bool) types.StatusType {
	if active {
		return types.StatusTypeActive
	}
	return types.StatusTypeInactive
}

// keyOwner is how answers name the owner of an access key.
func keyOwner(name string) *string {
	if name == "" {
		return nil
	}
	return aws.String(name)
}

func (s *service) createAccessKey(
	ctx context.Context, c *api.Call, in *sdk.CreateAccessKeyInput,
) (*sdk.CreateAccessKeyOutput, error) {
	name, err := nameOrOwn(c, in.UserName)
	if err != nil {
		return nil, err
	}
	k, err := s.identities.CreateAccessKey(ctx, c.Account, name)
	if err != nil {
		return nil, err
	}
	return &sdk.CreateAccessKeyOutput{AccessKey: &types.AccessKey{
		AccessKeyId: aws.String(k.ID), SecretAccessKey: aws.String(k.Secret), UserName: keyOwner(k.User),
		Status: status(k.Active), CreateDate: stamp(k.Created),
	}}, nil
}

func (s *service) listAccessKeys(
	_ context.Context, c *api.Call, in *sdk.ListAccessKeysInput,
) (*sdk.ListAccessKeysOutput, error) {
	name, err := nameOrOwn(c, in.UserName)
	if err != nil {
		return nil, err
	}
	all, err := s.identities.AccessKeys(c.Account, name)
	if err != nil {
		return nil, err
	}
	items, next, err := page.Of(c, in, pageSize, all, func(k identity.AccessKey) string { return k.ID })
	return &sdk.ListAccessKeysOutput{
		Marker: next, IsTruncated: next != nil, AccessKeyMetadata: convert(items, toKey),
	}, err
}

func toKey(k identity.AccessKey) types.AccessKeyMetadata {
	return types.AccessKeyMetadata{
		AccessKeyId: aws.String(k.ID), UserName: keyOwner(k.User), Status: status(k.Active), CreateDate: stamp(k.Created),
	}
}

func (s *service) updateAccessKey(
	ctx context.Context, c *api.Call, in *sdk.UpdateAccessKeyInput,
) (*sdk.UpdateAccessKeyOutput, error) {
	name, err := nameOrOwn(c, in.UserName)
	if err != nil {
		return nil, err
	}
	return nil, s.identities.SetAccessKey(ctx, c.Account, name, *in.AccessKeyId, in.Status == types.StatusTypeActive)
}

func (s *service) deleteAccessKey(
	ctx context.Context, c *api.Call, in *sdk.DeleteAccessKeyInput,
) (*sdk.DeleteAccessKeyOutput, error) {
	name, err := nameOrOwn(c, in.UserName)
	if err != nil {
		return nil, err
	}
	return nil, s.identities.DeleteAccessKey(ctx, c.Account, name, *in.AccessKeyId)
}

// ownerOfKey is the user that an access key belongs to; of one that is not the account's, any user.
func (s *service) ownerOfKey(c *api.Call, in *sdk.GetAccessKeyLastUsedInput) []string {
	k, _, err := s.identities.LastUse(c.Account, aws.ToString(in.AccessKeyId))
	switch {
	case err != nil:
		return []string{named(c, "user/*")}
	case k.User == "":
		return []string{named(c, "root")}
	}
	return []string{s.userARN(c, k.User)}
}

// neverUsed stands in the place of the service and the Region of a key that has not signed anything.
const neverUsed = "N/A"

func (s *service) getAccessKeyLastUsed(
	_ context.Context, c *api.Call, in *sdk.GetAccessKeyLastUsedInput,
) (*sdk.GetAccessKeyLastUsedOutput, error) {
	k, use, err := s.identities.LastUse(c.Account, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	last := &types.AccessKeyLastUsed{Region: aws.String(neverUsed), ServiceName: aws.String(neverUsed)}
	if !use.Time.IsZero() {
		last.Region, last.ServiceName, last.LastUsedDate = aws.String(use.Region), aws.String(use.Service), stamp(use.Time)
	}
	return &sdk.GetAccessKeyLastUsedOutput{AccessKeyLastUsed: last, UserName: keyOwner(k.User)}, nil
}
