package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
)

// canonicalID is an account's canonical user id: 64 digits that are the same for ever.
func canonicalID(account string) string {
	sum := sha256.Sum256([]byte("canonical user of " + account))
	return hex.EncodeToString(sum[:])
}

func owner(account string) *types.Owner { return &types.Owner{ID: aws.String(canonicalID(account))} }

func (s *service) listObjects(
	ctx context.Context, c *api.Call, in *sdk.ListObjectsInput,
) (*sdk.ListObjectsOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	out, err := forward[sdk.ListObjectsInput, sdk.ListObjectsOutput](ctx, s, c, in, nil)
	if err != nil {
		return nil, err
	}
	out.Name = in.Bucket
	keep(out.Contents, owner(b.Account))
	return out, nil
}

func (s *service) listObjectsV2(
	ctx context.Context, c *api.Call, in *sdk.ListObjectsV2Input,
) (*sdk.ListObjectsV2Output, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	out, err := forward[sdk.ListObjectsV2Input, sdk.ListObjectsV2Output](ctx, s, c, in, nil)
	if err != nil {
		return nil, err
	}
	out.Name = in.Bucket
	var by *types.Owner
	if aws.ToBool(in.FetchOwner) {
		by = owner(b.Account)
	}
	keep(out.Contents, by)
	return out, nil
}

// keep says of listed objects whose they are, and how they are kept.
func keep(objects []types.Object, by *types.Owner) {
	for i := range objects {
		objects[i].Owner, objects[i].StorageClass = by, types.ObjectStorageClassStandard
	}
}

func (s *service) listObjectVersions(
	ctx context.Context, c *api.Call, in *sdk.ListObjectVersionsInput,
) (*sdk.ListObjectVersionsOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	out, err := forward[sdk.ListObjectVersionsInput, sdk.ListObjectVersionsOutput](ctx, s, c, in, nil)
	if err != nil {
		return nil, err
	}
	out.Name = in.Bucket
	for i := range out.Versions {
		out.Versions[i].Owner = owner(b.Account)
		out.Versions[i].StorageClass = types.ObjectVersionStorageClassStandard
	}
	for i := range out.DeleteMarkers {
		out.DeleteMarkers[i].Owner = owner(b.Account)
	}
	return out, nil
}
