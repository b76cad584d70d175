package s3

import (
	"net/http"

	"postern/api"
	sdk "postern/aws/service/s3"
)

// The members that rows of objects share. All but those that say how the object is kept are handed on.
var (
	object1   = []string{"Bucket", "Key", "ExpectedBucketOwner"}
	checksums = []string{
		"ChecksumAlgorithm", "ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumMD5", "ChecksumSHA1",
		"ChecksumSHA256", "ChecksumSHA512", "ChecksumXXHASH128", "ChecksumXXHASH3", "ChecksumXXHASH64",
	}
	described = []string{
		"ACL", "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires",
		"Metadata", "ServerSideEncryption", "StorageClass", "Tagging",
	}
	conditions = []string{"IfMatch", "IfModifiedSince", "IfNoneMatch", "IfUnmodifiedSince"}
	responses  = []string{
		"ResponseCacheControl", "ResponseContentDisposition", "ResponseContentEncoding", "ResponseContentLanguage",
		"ResponseContentType", "ResponseExpires",
	}
	listed = []string{"Bucket", "ExpectedBucketOwner", "Delimiter", "EncodingType", "Prefix"}
)

// locked says of a row that nothing keeps objects from being deleted.
var locked = api.Unread("no object is locked, and no bucket asks for MFA", "BypassGovernanceRetention", "MFA")

// takes names the members of a row that hands them on by their names.
func takes(lists ...[]string) api.Option {
	return func(op *api.Operation) {
		for _, list := range lists {
			api.Takes(list...)(op)
		}
		api.ByName(op)
	}
}

func (s *service) listingOperations() []api.Operation {
	return []api.Operation{
		api.Op("ListObjects", onBucket[sdk.ListObjectsInput](), s.listObjects, acting("ListBucket"), public,
			takes(listed, []string{"Marker", "MaxKeys"}), payer),
		api.Op("ListObjectsV2", onBucket[sdk.ListObjectsV2Input](), s.listObjectsV2, acting("ListBucket"), public,
			takes(listed, []string{"ContinuationToken", "FetchOwner", "MaxKeys", "StartAfter"}), payer),
		api.Op("ListObjectVersions", onBucket[sdk.ListObjectVersionsInput](), s.listObjectVersions,
			acting("ListBucketVersions"), public,
			takes(listed, []string{"KeyMarker", "MaxKeys", "VersionIdMarker"}), payer),
		api.Op("ListMultipartUploads", onBucket[sdk.ListMultipartUploadsInput](), s.listMultipartUploads,
			acting("ListBucketMultipartUploads"), public,
			takes(listed, []string{"KeyMarker", "MaxUploads", "UploadIdMarker"}), payer),
	}
}

func (s *service) objectOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutObject", onObject[sdk.PutObjectInput](), s.putObject, public,
			takes(object1, described, checksums, []string{"Body", "ContentLength", "ContentMD5", "IfMatch", "IfNoneMatch"}),
			payer),
		api.Op("GetObject", onObject[sdk.GetObjectInput](), s.getObject, public,
			api.Acts(func(_ *api.Call, in *sdk.GetObjectInput) string {
				return versioned(in.VersionId, "s3:GetObjectVersion")
			}),
			takes(object1, conditions, responses, []string{"ChecksumMode", "PartNumber", "Range", "VersionId"}), payer),
		api.Op("HeadObject", onObject[sdk.HeadObjectInput](), s.headObject, acting("GetObject"), public,
			api.Acts(func(_ *api.Call, in *sdk.HeadObjectInput) string {
				return versioned(in.VersionId, "s3:GetObjectVersion")
			}),
			takes(object1, conditions, responses, []string{"ChecksumMode", "PartNumber", "Range", "VersionId"}), payer),
		api.Op("GetObjectAttributes", onObject[sdk.GetObjectAttributesInput](), s.getObjectAttributes, public,
			api.Acts(func(_ *api.Call, in *sdk.GetObjectAttributesInput) string {
				return versioned(in.VersionId, "s3:GetObjectVersionAttributes")
			}),
			takes(object1, []string{"MaxParts", "ObjectAttributes", "PartNumberMarker", "VersionId"}), payer),
		api.Op("DeleteObject", onObject[sdk.DeleteObjectInput](), s.deleteObject, public, status(http.StatusNoContent),
			api.Acts(func(_ *api.Call, in *sdk.DeleteObjectInput) string {
				return versioned(in.VersionId, "s3:DeleteObjectVersion")
			}),
			takes(object1, []string{"IfMatch", "IfMatchLastModifiedTime", "IfMatchSize", "VersionId"}), payer, locked),
		api.Op("DeleteObjects", api.AskedLater, s.deleteObjects, acting("DeleteObject"), public,
			takes([]string{"Bucket", "Delete", "ExpectedBucketOwner"}), payer, locked,
			api.Unread("the pipeline holds the body against it", "ChecksumAlgorithm")),
	}
}

func (s *service) copyOperations() []api.Operation {
	fromSource := []string{
		"CopySource", "CopySourceIfMatch", "CopySourceIfModifiedSince", "CopySourceIfNoneMatch",
		"CopySourceIfUnmodifiedSince", "ExpectedSourceBucketOwner",
	}
	return []api.Operation{
		api.Op("CopyObject", onObject[sdk.CopyObjectInput](), s.copyObject, acting("PutObject"), public,
			takes(object1, described, fromSource,
				[]string{"ChecksumAlgorithm", "IfMatch", "IfNoneMatch", "MetadataDirective", "TaggingDirective"}), payer),
		api.Op("UploadPartCopy", onObject[sdk.UploadPartCopyInput](), s.uploadPartCopy, acting("PutObject"), public,
			takes(object1, fromSource, []string{"CopySourceRange", "PartNumber", "UploadId"}), payer),
	}
}

func (s *service) multipartOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateMultipartUpload", onObject[sdk.CreateMultipartUploadInput](), s.createMultipartUpload,
			acting("PutObject"), public, takes(object1, described, []string{"ChecksumAlgorithm", "ChecksumType"}), payer),
		api.Op("UploadPart", onObject[sdk.UploadPartInput](), s.uploadPart, acting("PutObject"), public,
			takes(object1, checksums, []string{"Body", "ContentLength", "ContentMD5", "PartNumber", "UploadId"}), payer),
		api.Op("CompleteMultipartUpload", onObject[sdk.CompleteMultipartUploadInput](), s.completeMultipartUpload,
			acting("PutObject"), public,
			takes(object1, checksums[1:],
				[]string{"ChecksumType", "IfMatch", "IfNoneMatch", "MpuObjectSize", "MultipartUpload", "UploadId"}), payer),
		api.Op("AbortMultipartUpload", onObject[sdk.AbortMultipartUploadInput](), s.abortMultipartUpload, public,
			status(http.StatusNoContent), takes(object1, []string{"IfMatchInitiatedTime", "UploadId"}), payer),
		api.Op("ListParts", onObject[sdk.ListPartsInput](), s.listParts, acting("ListMultipartUploadParts"), public,
			takes(object1, []string{"MaxParts", "PartNumberMarker", "UploadId"}), payer),
	}
}

func (s *service) taggingOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetObjectTagging", onObject[sdk.GetObjectTaggingInput](), s.getObjectTagging, public,
			api.Acts(func(_ *api.Call, in *sdk.GetObjectTaggingInput) string {
				return versioned(in.VersionId, "s3:GetObjectVersionTagging")
			}),
			takes(object1, []string{"VersionId"}), payer),
		api.Op("PutObjectTagging", onObject[sdk.PutObjectTaggingInput](), s.putObjectTagging, public,
			api.Acts(func(_ *api.Call, in *sdk.PutObjectTaggingInput) string {
				return versioned(in.VersionId, "s3:PutObjectVersionTagging")
			}),
			takes(object1, []string{"Tagging", "VersionId"}), payer, digest),
		api.Op("DeleteObjectTagging", onObject[sdk.DeleteObjectTaggingInput](), s.deleteObjectTagging, public,
			status(http.StatusNoContent),
			api.Acts(func(_ *api.Call, in *sdk.DeleteObjectTaggingInput) string {
				return versioned(in.VersionId, "s3:DeleteObjectVersionTagging")
			}),
			takes(object1, []string{"VersionId"})),
	}
}
