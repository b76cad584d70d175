package wire

// roots are the names of the elements that answers of REST-XML services stand in, by output type, where they are not
// the operation's name with "Response". The SDK does not have them, since it reads whatever element comes; they are
// those of the API Reference of S3.
var roots = map[string]string{
	"CompleteMultipartUploadOutput":            "CompleteMultipartUploadResult",
	"CreateMultipartUploadOutput":              "InitiateMultipartUploadResult",
	"DeleteObjectsOutput":                      "DeleteResult",
	"GetBucketAclOutput":                       "AccessControlPolicy",
	"GetBucketCorsOutput":                      "CORSConfiguration",
	"GetBucketLifecycleConfigurationOutput":    "LifecycleConfiguration",
	"GetBucketLocationOutput":                  "LocationConstraint",
	"GetBucketLoggingOutput":                   "BucketLoggingStatus",
	"GetBucketNotificationConfigurationOutput": "NotificationConfiguration",
	"GetBucketRequestPaymentOutput":            "RequestPaymentConfiguration",
	"GetBucketTaggingOutput":                   "Tagging",
	"GetBucketVersioningOutput":                "VersioningConfiguration",
	"GetBucketWebsiteOutput":                   "WebsiteConfiguration",
	"GetBucketAccelerateConfigurationOutput":   "AccelerateConfiguration",
	"GetObjectAclOutput":                       "AccessControlPolicy",
	"GetObjectTaggingOutput":                   "Tagging",
	"ListBucketsOutput":                        "ListAllMyBucketsResult",
	"ListMultipartUploadsOutput":               "ListMultipartUploadsResult",
	"ListObjectVersionsOutput":                 "ListVersionsResult",
	"ListObjectsOutput":                        "ListBucketResult",
	"ListObjectsV2Output":                      "ListBucketResult",
	"ListPartsOutput":                          "ListPartsResult",
}
