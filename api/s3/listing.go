package s3

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"

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
	p := plain{wanted: in.EncodingType == "" && out.EncodingType == types.EncodingTypeUrl}
	p.keys(out.Contents)
	p.prefixes(out.CommonPrefixes)
	p.texts(&out.Prefix, &out.Delimiter, &out.Marker, &out.NextMarker)
	out.Delimiter, out.NextMarker = given(out.Delimiter), given(out.NextMarker)
	out.EncodingType = in.EncodingType
	return out, p.err
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
	p := plain{wanted: in.EncodingType == "" && out.EncodingType == types.EncodingTypeUrl}
	p.keys(out.Contents)
	p.prefixes(out.CommonPrefixes)
	p.texts(&out.Prefix, &out.Delimiter, &out.StartAfter)
	out.Delimiter, out.StartAfter = given(out.Delimiter), given(out.StartAfter)
	out.ContinuationToken, out.NextContinuationToken = given(in.ContinuationToken), given(out.NextContinuationToken)
	out.EncodingType = in.EncodingType
	return out, p.err
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
	p := plain{wanted: in.EncodingType == "" && out.EncodingType == types.EncodingTypeUrl}
	for i := range out.Versions {
		p.texts(&out.Versions[i].Key)
	}
	for i := range out.DeleteMarkers {
		out.DeleteMarkers[i].Owner = owner(b.Account)
		p.texts(&out.DeleteMarkers[i].Key)
	}
	p.prefixes(out.CommonPrefixes)
	p.texts(&out.Prefix, &out.Delimiter, &out.KeyMarker, &out.NextKeyMarker)
	out.Delimiter, out.NextKeyMarker = given(out.Delimiter), given(out.NextKeyMarker)
	out.NextVersionIdMarker = given(out.NextVersionIdMarker)
	out.EncodingType = in.EncodingType
	return out, p.err
}

// plain takes the URL encoding off a listing, which comes with it always: keys may hold what XML cannot. wanted says
// that the client did not ask for the encoding.
type plain struct {
	wanted bool
	err    error
}

func (p *plain) texts(all ...**string) {
	for _, text := range all {
		if !p.wanted || *text == nil {
			continue
		}
		decoded, err := url.QueryUnescape(**text)
		if err != nil {
			p.err = err
		}
		*text = &decoded
	}
}

func (p *plain) keys(objects []types.Object) {
	for i := range objects {
		p.texts(&objects[i].Key)
	}
}

func (p *plain) prefixes(all []types.CommonPrefix) {
	for i := range all {
		p.texts(&all[i].Prefix)
	}
}

// given leaves out an empty text.
func given(text *string) *string {
	if text == nil || *text == "" {
		return nil
	}
	return text
}
