package program

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// UploadPartCopy implements backend.Backend. The part's checksums are computed of what was copied: the library takes
// those of the whole source for them.
func (b *backendStore) UploadPartCopy(
	ctx context.Context, in *s3.UploadPartCopyInput,
) (out s3response.CopyPartResult, err error) {
	got, length, version, err := b.copySource(ctx, in)
	if err != nil {
		return out, err
	}
	defer got.Close()
	part := &s3.UploadPartInput{
		Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId, PartNumber: in.PartNumber, Body: got, ContentLength: &length,
	}
	before, one := strconv.Itoa(int(*in.PartNumber)-1), int32(1)
	here := &s3.ListPartsInput{
		Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId, PartNumberMarker: &before, MaxParts: &one,
	}
	upload, err := b.Posix.ListParts(ctx, here)
	if err != nil {
		return out, err
	}
	if upload.ChecksumType == types.ChecksumTypeComposite { // of which the library wants to be told every part's
		kind := utils.HashType(strings.ToLower(string(upload.ChecksumAlgorithm)))
		sum, err := utils.NewHashReader(got, "", kind)
		if err != nil {
			return out, err
		}
		part.Body = summed{sum}
	}
	made, err := b.UploadPart(ctx, part)
	if err != nil {
		return out, err
	}
	if upload, err = b.Posix.ListParts(ctx, here); err != nil {
		return out, err
	}
	out = s3response.CopyPartResult{
		ETag: made.ETag, CopySourceVersionId: version, ChecksumCRC32: made.ChecksumCRC32,
		ChecksumCRC32C: made.ChecksumCRC32C, ChecksumSHA1: made.ChecksumSHA1, ChecksumSHA256: made.ChecksumSHA256,
		ChecksumCRC64NVME: made.ChecksumCRC64NVME, ChecksumSHA512: made.ChecksumSHA512, ChecksumMD5: made.ChecksumMD5,
		ChecksumXXHASH64: made.ChecksumXXHASH64, ChecksumXXHASH3: made.ChecksumXXHASH3,
		ChecksumXXHASH128: made.ChecksumXXHASH128,
	}
	if len(upload.Parts) > 0 { // nobody has aborted the upload meanwhile
		out.LastModified = upload.Parts[0].LastModified
	}
	return out, nil
}

// copySource opens the source of a part, or the range of it, if it is as the request wants it. It returns its length in
// bytes and its version.
func (b *backendStore) copySource(
	ctx context.Context, in *s3.UploadPartCopyInput,
) (body io.ReadCloser, length int64, version string, err error) {
	bucket, key, version, err := backend.ParseCopySource(*in.CopySource)
	if err != nil {
		return nil, 0, "", err
	}
	head, err := b.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key, VersionId: &version})
	if err != nil {
		return nil, 0, "", err
	}
	start, length, err := backend.ParseCopySourceRange(*head.ContentLength, text(in.CopySourceRange))
	if err != nil {
		return nil, 0, "", err
	}
	if length = min(length, *head.ContentLength-start); length > maxCopy {
		return nil, 0, "", s3err.GetCopySourceObjectTooLargeErr(maxCopy)
	}
	err = backend.EvaluatePreconditions(*head.ETag, *head.LastModified, backend.PreConditions{
		IfMatch: in.CopySourceIfMatch, IfNoneMatch: in.CopySourceIfNoneMatch,
		IfModSince: in.CopySourceIfModifiedSince, IfUnmodeSince: in.CopySourceIfUnmodifiedSince,
	})
	if err != nil {
		return nil, 0, "", err
	}
	part := ""
	if length > 0 {
		part = fmt.Sprintf("bytes=%d-%d", start, start+length-1)
	}
	same := strings.Trim(*head.ETag, `"`)
	got, err := b.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &bucket, Key: &key, VersionId: &version, Range: &part, IfMatch: &same,
	})
	if err != nil {
		return nil, 0, "", err
	}
	return got.Body, length, text(head.VersionId), nil
}

// summed is a body whose checksum is computed as it is read. The library asks it as a body with a trailing checksum.
type summed struct{ *utils.HashReader }

// Algorithm implements middlewares.ChecksumReader.
func (s summed) Algorithm() string { return string(s.Type()) }

// Checksum implements middlewares.ChecksumReader.
func (s summed) Checksum() string { return s.Sum() }
