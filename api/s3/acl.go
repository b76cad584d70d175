package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
	"postern/services/s3"
)

// ownersGrants gives all to the owner, of a bucket as of its objects. Others are refused.
func ownersGrants(b s3.Bucket) []types.Grant {
	return []types.Grant{{
		Grantee:    &types.Grantee{Type: types.TypeCanonicalUser, ID: aws.String(canonicalID(b.Account))},
		Permission: types.PermissionFullControl,
	}}
}

func (s *service) getBucketAcl(
	_ context.Context, c *api.Call, in *sdk.GetBucketAclInput,
) (*sdk.GetBucketAclOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return &sdk.GetBucketAclOutput{Owner: owner(b.Account), Grants: ownersGrants(b)}, nil
}

// getObjectAcl answers for objects that are there.
func (s *service) getObjectAcl(
	ctx context.Context, c *api.Call, in *sdk.GetObjectAclInput,
) (*sdk.GetObjectAclOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := s.exists(ctx, c, *in.Key, in.VersionId); err != nil {
		return nil, s.absent(ctx, c, b, err)
	}
	return &sdk.GetObjectAclOutput{Owner: owner(b.Account), Grants: ownersGrants(b)}, nil
}

func (s *service) putBucketAcl(
	_ context.Context, c *api.Call, in *sdk.PutBucketAclInput,
) (*sdk.PutBucketAclOutput, error) {
	b, err := s.changeable(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	return nil, refuseACL(b, types.ObjectCannedACL(in.ACL))
}

func (s *service) putObjectAcl(
	ctx context.Context, c *api.Call, in *sdk.PutObjectAclInput,
) (*sdk.PutObjectAclOutput, error) {
	b, err := s.changeable(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := refuseACL(b, in.ACL); err != nil {
		return nil, err
	}
	return nil, s.exists(ctx, c, *in.Key, in.VersionId)
}

// refuseACL refuses every ACL but the one that all have.
func refuseACL(b s3.Bucket, acl types.ObjectCannedACL) error {
	switch {
	case b.Ownership == "" || b.Ownership == string(types.ObjectOwnershipBucketOwnerEnforced):
		return invalid("AccessControlListNotSupported", "The bucket does not allow ACLs")
	case acl == types.ObjectCannedACLPrivate, acl == types.ObjectCannedACLBucketOwnerFullControl:
		return nil
	}
	return notImplemented("Postern does not implement ACLs other than the canned ACL private")
}
