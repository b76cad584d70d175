package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
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
	if err := checkEncoding(in.EncodingType); err != nil {
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
	if err := checkEncoding(in.EncodingType); err != nil {
		return nil, err
	}
	own := *in
	if own.ContinuationToken, err = readToken(b.Name, in.ContinuationToken); err != nil {
		return nil, err
	}
	out, err := forward[sdk.ListObjectsV2Input, sdk.ListObjectsV2Output](ctx, s, c, &own, nil)
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
	out.ContinuationToken, out.NextContinuationToken = in.ContinuationToken, writeToken(b.Name, out.NextContinuationToken)
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
	if err := checkEncoding(in.EncodingType); err != nil {
		return nil, err
	}
	if in.VersionIdMarker != nil && aws.ToString(in.KeyMarker) == "" {
		return nil, invalid("InvalidArgument", "A version-id marker cannot be specified without a key marker.").
			With("ArgumentName", "version-id-marker").With("ArgumentValue", *in.VersionIdMarker)
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

// checkEncoding refuses what is no encoding of keys.
func checkEncoding(e types.EncodingType) error {
	if e == "" || e == types.EncodingTypeUrl {
		return nil
	}
	return invalid("InvalidArgument", "Invalid Encoding Method specified in Request").
		With("ArgumentName", "encoding-type").With("ArgumentValue", string(e))
}

// writeToken makes a continuation token of a bucket's listings of the one of the object store; nil for none.
func writeToken(bucket string, inner *string) *string {
	if inner == nil || *inner == "" {
		return nil
	}
	sum := crc32.ChecksumIEEE([]byte(bucket + "/" + *inner))
	text := binary.BigEndian.AppendUint32(nil, sum)
	return aws.String(base64.RawURLEncoding.EncodeToString(append(text, *inner...)))
}

// readToken reads a token of writeToken, of the same bucket.
func readToken(bucket string, token *string) (*string, error) {
	if token == nil {
		return nil, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(*token)
	if err == nil && len(text) > 4 {
		inner := string(text[4:])
		if *writeToken(bucket, &inner) == *token {
			return &inner, nil
		}
	}
	return nil, invalid("InvalidArgument", "The continuation token provided is incorrect").
		With("ArgumentName", "continuation-token")
}
