package s3

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"postern/api"
	sdk "postern/aws/service/s3"
	"postern/aws/service/s3/types"
)

func (s *service) createMultipartUpload(
	ctx context.Context, c *api.Call, in *sdk.CreateMultipartUploadInput,
) (*sdk.CreateMultipartUploadOutput, error) {
	_, err := s.mayWrite(ctx, c, written{
		in.ExpectedBucketOwner, in.Tagging, in.ACL, in.ServerSideEncryption, in.StorageClass,
	})
	if err != nil {
		return nil, err
	}
	out, err := keepAt(ctx, s, c, in, nil,
		func(out *sdk.CreateMultipartUploadOutput) *types.ServerSideEncryption {
			return &out.ServerSideEncryption
		})
	if err != nil {
		return nil, err
	}
	out.Bucket, out.Key = in.Bucket, in.Key
	return out, nil
}

func (s *service) uploadPart(ctx context.Context, c *api.Call, in *sdk.UploadPartInput) (*sdk.UploadPartOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	body, err := newObject(c, in.Body)
	if err != nil {
		return nil, err
	}
	return keepAt(ctx, s, c, in, body,
		func(out *sdk.UploadPartOutput) *types.ServerSideEncryption { return &out.ServerSideEncryption })
}

func (s *service) completeMultipartUpload(
	ctx context.Context, c *api.Call, in *sdk.CompleteMultipartUploadInput,
) (*sdk.CompleteMultipartUploadOutput, error) {
	b, err := s.changeable(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return nil, malformed()
	}
	out, err := keepAt(ctx, s, c, in, nil,
		func(out *sdk.CompleteMultipartUploadOutput) *types.ServerSideEncryption {
			return &out.ServerSideEncryption
		})
	if err != nil {
		return nil, err
	}
	out.Bucket, out.Key, out.Location = in.Bucket, in.Key, aws.String(location(c, b, *in.Key))
	return out, nil
}

func (s *service) abortMultipartUpload(
	ctx context.Context, c *api.Call, in *sdk.AbortMultipartUploadInput,
) (*sdk.AbortMultipartUploadOutput, error) {
	if _, err := s.changeable(c, in.ExpectedBucketOwner); err != nil {
		return nil, err
	}
	return forward[sdk.AbortMultipartUploadInput, sdk.AbortMultipartUploadOutput](ctx, s, c, in, nil)
}

func (s *service) listParts(ctx context.Context, c *api.Call, in *sdk.ListPartsInput) (*sdk.ListPartsOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	out, err := forward[sdk.ListPartsInput, sdk.ListPartsOutput](ctx, s, c, in, nil)
	if err != nil {
		return nil, err
	}
	out.Bucket, out.Key, out.StorageClass = in.Bucket, in.Key, types.StorageClassStandard
	out.Owner, out.Initiator = owner(b.Account), initiator(b.Account)
	return out, nil
}

func (s *service) listMultipartUploads(
	ctx context.Context, c *api.Call, in *sdk.ListMultipartUploadsInput,
) (*sdk.ListMultipartUploadsOutput, error) {
	b, err := s.bucket(c, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if err := checkEncoding(in.EncodingType); err != nil {
		return nil, err
	}
	out, err := forward[sdk.ListMultipartUploadsInput, sdk.ListMultipartUploadsOutput](ctx, s, c, in, nil)
	if err != nil {
		return nil, err
	}
	out.Bucket = in.Bucket
	for i := range out.Uploads {
		u := &out.Uploads[i]
		u.Owner, u.Initiator, u.StorageClass = owner(b.Account), initiator(b.Account), types.StorageClassStandard
	}
	p := plain{wanted: in.EncodingType == "" && out.EncodingType == types.EncodingTypeUrl}
	for i := range out.Uploads {
		p.texts(&out.Uploads[i].Key)
	}
	p.prefixes(out.CommonPrefixes)
	p.texts(&out.Prefix, &out.Delimiter, &out.KeyMarker, &out.NextKeyMarker)
	out.Delimiter = given(out.Delimiter)
	out.EncodingType = in.EncodingType
	return out, p.err
}

func initiator(account string) *types.Initiator {
	return &types.Initiator{ID: aws.String(canonicalID(account))}
}
