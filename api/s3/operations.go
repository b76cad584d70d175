package s3

import (
	"net/http"
	"slices"

	"postern/api"
	sdk "postern/aws/service/s3"
)

// operations is the table of what the service does.
func (s *service) operations() []api.Operation {
	return slices.Concat(
		s.bucketOperations(),
		s.policyOperations(),
		s.configurationOperations(),
		s.absentOperations(),
		s.listingOperations(),
		s.objectOperations(),
		s.copyOperations(),
		s.multipartOperations(),
		s.taggingOperations(),
	)
}

// acting names the action of a row that is called otherwise than the operation.
func acting(action string) api.Option {
	return func(op *api.Operation) { op.Action = "s3:" + action }
}

// status is that of a success.
func status(n int) api.Option { return func(op *api.Operation) { op.Status = n } }

// digest says of a row that what its body is to be is seen before the body is read.
var digest = api.Unread("the pipeline holds the body against them", "ContentMD5", "ChecksumAlgorithm")

// payer says of a row that nothing costs anything.
var payer = api.Unread("nobody pays for requests", "RequestPayer")

// public lets in who does not sign, where a bucket's policy does.
var public = api.With(api.Public)

func (s *service) bucketOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateBucket", onBucket, s.createBucket, api.Makes,
			api.Takes("Bucket", "ACL", "CreateBucketConfiguration", "ObjectLockEnabledForBucket", "ObjectOwnership")),
		api.Op("DeleteBucket", onBucket, s.deleteBucket, status(http.StatusNoContent),
			api.Takes("Bucket", "ExpectedBucketOwner")),
		api.Op("HeadBucket", onBucket, s.headBucket, acting("ListBucket"), public,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("ListBuckets", api.Everything, s.listBuckets, acting("ListAllMyBuckets"),
			api.Takes("BucketRegion", "ContinuationToken", "MaxBuckets", "Prefix"), api.ByName),
		api.Op("GetBucketLocation", onBucket, s.getBucketLocation, public,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("GetBucketVersioning", onBucket, s.getBucketVersioning, public,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutBucketVersioning", onBucket, s.putBucketVersioning,
			api.Takes("Bucket", "ExpectedBucketOwner", "VersioningConfiguration"), digest),
	}
}

func (s *service) policyOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetBucketPolicy", onBucket, s.getBucketPolicy,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutBucketPolicy", onBucket, s.putBucketPolicy, status(http.StatusNoContent),
			api.Takes("Bucket", "ExpectedBucketOwner", "Policy"), digest,
			api.Unread("the root user gets in by any policy", "ConfirmRemoveSelfBucketAccess")),
		api.Op("DeleteBucketPolicy", onBucket, s.deleteBucketPolicy,
			status(http.StatusNoContent), api.Takes("Bucket", "ExpectedBucketOwner")),
		api.Op("GetBucketPolicyStatus", onBucket, s.getBucketPolicyStatus,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("GetPublicAccessBlock", onBucket, s.getPublicAccessBlock,
			acting("GetBucketPublicAccessBlock"), api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutPublicAccessBlock", onBucket, s.putPublicAccessBlock,
			acting("PutBucketPublicAccessBlock"),
			api.Takes("Bucket", "ExpectedBucketOwner", "PublicAccessBlockConfiguration"), digest),
		api.Op("DeletePublicAccessBlock", onBucket, s.deletePublicAccessBlock,
			acting("PutBucketPublicAccessBlock"), status(http.StatusNoContent), api.Takes("Bucket", "ExpectedBucketOwner")),
		api.Op("GetBucketOwnershipControls", onBucket,
			s.getBucketOwnershipControls, api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutBucketOwnershipControls", onBucket,
			s.putBucketOwnershipControls, api.Takes("Bucket", "ExpectedBucketOwner", "OwnershipControls"), digest),
		api.Op("DeleteBucketOwnershipControls", onBucket,
			s.deleteBucketOwnershipControls, acting("PutBucketOwnershipControls"), status(http.StatusNoContent),
			api.Takes("Bucket", "ExpectedBucketOwner")),
		api.Op("GetBucketAcl", onBucket, s.getBucketAcl,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutBucketAcl", onBucket, s.putBucketAcl,
			api.Takes("Bucket", "ExpectedBucketOwner", "ACL"), api.ByName, digest),
		api.Op("GetObjectAcl", onObject[sdk.GetObjectAclInput](), s.getObjectAcl,
			api.Acts(func(_ *api.Call, in *sdk.GetObjectAclInput) string {
				return versioned(in.VersionId, "s3:GetObjectVersionAcl")
			}),
			api.Takes("Bucket", "Key", "ExpectedBucketOwner", "VersionId"), api.ByName, payer),
		api.Op("PutObjectAcl", onObject[sdk.PutObjectAclInput](), s.putObjectAcl,
			api.Acts(func(_ *api.Call, in *sdk.PutObjectAclInput) string {
				return versioned(in.VersionId, "s3:PutObjectVersionAcl")
			}),
			api.Takes("Bucket", "Key", "ExpectedBucketOwner", "ACL", "VersionId"), api.ByName, payer, digest),
	}
}

// versioned is an action where a request names a version, and nothing where it does not.
func versioned(version *string, action string) string {
	if version == nil {
		return ""
	}
	return action
}

func (s *service) configurationOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetBucketEncryption", onBucket, s.getBucketEncryption,
			acting("GetEncryptionConfiguration"), api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutBucketEncryption", onBucket, s.putBucketEncryption,
			acting("PutEncryptionConfiguration"),
			api.Takes("Bucket", "ExpectedBucketOwner", "ServerSideEncryptionConfiguration"), digest),
		api.Op("DeleteBucketEncryption", onBucket, s.deleteBucketEncryption,
			acting("PutEncryptionConfiguration"), status(http.StatusNoContent), api.Takes("Bucket", "ExpectedBucketOwner")),
		api.Op("GetBucketTagging", onBucket, s.getBucketTagging,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutBucketTagging", onBucket, s.putBucketTagging,
			status(http.StatusNoContent), api.Takes("Bucket", "ExpectedBucketOwner", "Tagging"), digest),
		api.Op("DeleteBucketTagging", onBucket, s.deleteBucketTagging,
			acting("PutBucketTagging"), status(http.StatusNoContent), api.Takes("Bucket", "ExpectedBucketOwner")),
		api.Op("GetBucketAbac", onBucket, s.getBucketAbac, api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutBucketAbac", onBucket, s.putBucketAbac, api.Takes("AbacStatus", "Bucket", "ExpectedBucketOwner"),
			digest),
		api.Op("GetBucketCors", onBucket, s.getBucketCors, acting("GetBucketCORS"),
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutBucketCors", onBucket, s.putBucketCors, acting("PutBucketCORS"),
			api.Takes("Bucket", "ExpectedBucketOwner", "CORSConfiguration"), digest),
		api.Op("DeleteBucketCors", onBucket, s.deleteBucketCors, acting("PutBucketCORS"),
			status(http.StatusNoContent), api.Takes("Bucket", "ExpectedBucketOwner")),
		api.Op("GetBucketLifecycleConfiguration", onBucket,
			s.getBucketLifecycleConfiguration, acting("GetLifecycleConfiguration"),
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("PutBucketLifecycleConfiguration", onBucket,
			s.putBucketLifecycleConfiguration, acting("PutLifecycleConfiguration"),
			api.Takes("Bucket", "ExpectedBucketOwner", "LifecycleConfiguration", "TransitionDefaultMinimumObjectSize"),
			api.Unread("the pipeline holds the body against it", "ChecksumAlgorithm")),
		api.Op("DeleteBucketLifecycle", onBucket, s.deleteBucketLifecycle,
			acting("PutLifecycleConfiguration"), status(http.StatusNoContent), api.Takes("Bucket", "ExpectedBucketOwner")),
		// Browsers ask before pages do, and sign nothing.
		api.Op("PreflightBucket", api.AskedLater, s.preflight, api.With(api.Unsigned), api.All,
			api.At("OPTIONS /{Bucket}", 0)),
		api.Op("PreflightObject", api.AskedLater, s.preflightObject, api.With(api.Unsigned), api.ByName,
			api.Takes("Bucket", "Origin", "Method", "Headers"),
			api.Unread("rules are the bucket's", "Key"), api.At("OPTIONS /{Bucket}/{Key+}", 0)),
	}
}

func (s *service) absentOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetBucketWebsite", onBucket, s.getBucketWebsite,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("GetBucketReplication", onBucket, s.getBucketReplication,
			acting("GetReplicationConfiguration"), api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("GetObjectLockConfiguration", onBucket,
			s.getObjectLockConfiguration, acting("GetBucketObjectLockConfiguration"),
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("GetBucketLogging", onBucket, s.getBucketLogging,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("GetBucketNotificationConfiguration", onBucket,
			s.getBucketNotificationConfiguration, acting("GetBucketNotification"),
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
		api.Op("GetBucketAccelerateConfiguration", onBucket,
			s.getBucketAccelerateConfiguration, acting("GetAccelerateConfiguration"),
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName, payer),
		api.Op("GetBucketRequestPayment", onBucket, s.getBucketRequestPayment,
			api.Takes("Bucket", "ExpectedBucketOwner"), api.ByName),
	}
}

// The members that rows of objects share. All but those that say how the object is kept are handed on.
var (
	named     = []string{"Bucket", "Key", "ExpectedBucketOwner"}
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
		api.Op("ListObjects", onBucket, s.listObjects, acting("ListBucket"), public,
			takes(listed, []string{"Marker", "MaxKeys"}), payer),
		api.Op("ListObjectsV2", onBucket, s.listObjectsV2, acting("ListBucket"), public,
			takes(listed, []string{"ContinuationToken", "FetchOwner", "MaxKeys", "StartAfter"}), payer),
		api.Op("ListObjectVersions", onBucket, s.listObjectVersions,
			acting("ListBucketVersions"), public,
			takes(listed, []string{"KeyMarker", "MaxKeys", "VersionIdMarker"}), payer),
		api.Op("ListMultipartUploads", onBucket, s.listMultipartUploads,
			acting("ListBucketMultipartUploads"), public,
			takes(listed, []string{"KeyMarker", "MaxUploads", "UploadIdMarker"}), payer),
	}
}

func (s *service) objectOperations() []api.Operation {
	return []api.Operation{
		api.Op("PutObject", onObject[sdk.PutObjectInput](), s.putObject, public,
			takes(named, described, checksums, []string{"Body", "ContentLength", "ContentMD5", "IfMatch", "IfNoneMatch"}),
			payer),
		// Browsers send forms, and say in the form who signed it.
		api.Op("PostObject", onObject[postObjectInput](), s.postObject, acting("PutObject"), public, api.All,
			api.Forms(s.readPost), api.At("POST /{Bucket}", http.StatusNoContent)),
		api.Op("GetObject", onObject[sdk.GetObjectInput](), s.getObject, public,
			api.Acts(func(_ *api.Call, in *sdk.GetObjectInput) string {
				return versioned(in.VersionId, "s3:GetObjectVersion")
			}),
			takes(named, conditions, responses, []string{"ChecksumMode", "PartNumber", "Range", "VersionId"}), payer),
		api.Op("HeadObject", onObject[sdk.HeadObjectInput](), s.headObject, acting("GetObject"), public,
			api.Acts(func(_ *api.Call, in *sdk.HeadObjectInput) string {
				return versioned(in.VersionId, "s3:GetObjectVersion")
			}),
			takes(named, conditions, responses, []string{"ChecksumMode", "PartNumber", "Range", "VersionId"}), payer),
		api.Op("GetObjectAttributes", onObject[sdk.GetObjectAttributesInput](), s.getObjectAttributes, public,
			api.Acts(func(_ *api.Call, in *sdk.GetObjectAttributesInput) string {
				return versioned(in.VersionId, "s3:GetObjectVersionAttributes")
			}),
			takes(named, []string{"MaxParts", "ObjectAttributes", "PartNumberMarker", "VersionId"}), payer),
		api.Op("DeleteObject", onObject[sdk.DeleteObjectInput](), s.deleteObject, public, status(http.StatusNoContent),
			api.Acts(func(_ *api.Call, in *sdk.DeleteObjectInput) string {
				return versioned(in.VersionId, "s3:DeleteObjectVersion")
			}),
			takes(named, []string{"IfMatch", "IfMatchLastModifiedTime", "IfMatchSize", "VersionId"}), payer, locked),
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
			takes(named, described, fromSource,
				[]string{"ChecksumAlgorithm", "IfMatch", "IfNoneMatch", "MetadataDirective", "TaggingDirective"}), payer),
		api.Op("UploadPartCopy", onObject[sdk.UploadPartCopyInput](), s.uploadPartCopy, acting("PutObject"), public,
			takes(named, fromSource, []string{"CopySourceRange", "PartNumber", "UploadId"}), payer),
	}
}

func (s *service) multipartOperations() []api.Operation {
	return []api.Operation{
		api.Op("CreateMultipartUpload", onObject[sdk.CreateMultipartUploadInput](), s.createMultipartUpload,
			acting("PutObject"), public, takes(named, described, []string{"ChecksumAlgorithm", "ChecksumType"}), payer),
		api.Op("UploadPart", onObject[sdk.UploadPartInput](), s.uploadPart, acting("PutObject"), public,
			takes(named, checksums, []string{"Body", "ContentLength", "ContentMD5", "PartNumber", "UploadId"}), payer),
		api.Op("CompleteMultipartUpload", onObject[sdk.CompleteMultipartUploadInput](), s.completeMultipartUpload,
			acting("PutObject"), public,
			takes(named, checksums[1:],
				[]string{"ChecksumType", "IfMatch", "IfNoneMatch", "MpuObjectSize", "MultipartUpload", "UploadId"}), payer),
		api.Op("AbortMultipartUpload", onObject[sdk.AbortMultipartUploadInput](), s.abortMultipartUpload, public,
			status(http.StatusNoContent), takes(named, []string{"IfMatchInitiatedTime", "UploadId"}), payer),
		api.Op("ListParts", onObject[sdk.ListPartsInput](), s.listParts, acting("ListMultipartUploadParts"), public,
			takes(named, []string{"MaxParts", "PartNumberMarker", "UploadId"}), payer),
	}
}

func (s *service) taggingOperations() []api.Operation {
	return []api.Operation{
		api.Op("GetObjectTagging", onObject[sdk.GetObjectTaggingInput](), s.getObjectTagging, public,
			api.Acts(func(_ *api.Call, in *sdk.GetObjectTaggingInput) string {
				return versioned(in.VersionId, "s3:GetObjectVersionTagging")
			}),
			takes(named, []string{"VersionId"}), payer),
		api.Op("PutObjectTagging", onObject[sdk.PutObjectTaggingInput](), s.putObjectTagging, public,
			api.Acts(func(_ *api.Call, in *sdk.PutObjectTaggingInput) string {
				return versioned(in.VersionId, "s3:PutObjectVersionTagging")
			}),
			takes(named, []string{"Tagging", "VersionId"}), payer, digest),
		api.Op("DeleteObjectTagging", onObject[sdk.DeleteObjectTaggingInput](), s.deleteObjectTagging, public,
			status(http.StatusNoContent),
			api.Acts(func(_ *api.Call, in *sdk.DeleteObjectTaggingInput) string {
				return versioned(in.VersionId, "s3:DeleteObjectVersionTagging")
			}),
			takes(named, []string{"VersionId"})),
	}
}
