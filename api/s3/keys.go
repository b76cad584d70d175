package s3

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"postern/api"
	"postern/api/tags"
	sdk "postern/aws/service/s3"
	"postern/services/s3"
)

// absentKeys are the keys of policies that belong to S3 and that no request has.
var absentKeys = map[string]string{
	"s3:AccessGrantsInstanceArn":  "there are no access grants",
	"s3:AccessPointNetworkOrigin": "there are no access points",
	"s3:AccessPointTag/":          "there are no access points",
	"s3:DataAccessPointAccount":   "there are no access points",
	"s3:DataAccessPointArn":       "there are no access points",

	"s3:object-lock-event-hold":               "there is no object lock",
	"s3:object-lock-event-hold-duration-days": "there is no object lock",
}

// conditionKeys are the keys of policies that belong to S3. Those without a function follow from single requests; see
// keys. Those of tags that buckets and objects have stand with the types of resource.
var conditionKeys = map[string]func(api.Question) string{
	"s3:ResourceAccount":                             func(q api.Question) string { return q.Owner },
	"s3:TlsVersion":                                  func(q api.Question) string { return q.Call.TLSVersion },
	"s3:ObjectCreationOperation":                     nil,
	"s3:authType":                                    nil,
	"s3:signatureversion":                            nil,
	"s3:signatureAge":                                nil,
	"s3:LocationConstraint":                          nil,
	"s3:RequestObjectTag/":                           nil,
	"s3:RequestObjectTagKeys":                        nil,
	"s3:VersionId":                                   nil,
	"s3:delimiter":                                   nil,
	"s3:if-match":                                    nil,
	"s3:if-none-match":                               nil,
	"s3:max-keys":                                    nil,
	"s3:prefix":                                      nil,
	"s3:object-lock-legal-hold":                      nil,
	"s3:object-lock-mode":                            nil,
	"s3:object-lock-retain-until-date":               nil,
	"s3:object-lock-remaining-retention-days":        nil,
	"s3:x-amz-acl":                                   nil,
	"s3:x-amz-bucket-namespace":                      nil,
	"s3:x-amz-object-annotation-directive":           nil,
	"s3:x-amz-server-side-encryption-aws-kms-key-id": nil,
	"s3:x-amz-server-side-encryption-customer-algorithm": nil,
	"s3:x-amz-content-sha256":                            nil,
	"s3:x-amz-copy-source":                               nil,
	"s3:x-amz-grant-full-control":                        nil,
	"s3:x-amz-grant-read":                                nil,
	"s3:x-amz-grant-read-acp":                            nil,
	"s3:x-amz-grant-write":                               nil,
	"s3:x-amz-grant-write-acp":                           nil,
	"s3:x-amz-metadata-directive":                        nil,
	"s3:x-amz-object-ownership":                          nil,
	"s3:x-amz-server-side-encryption":                    nil,
	"s3:x-amz-storage-class":                             nil,
	"s3:x-amz-website-redirect-location":                 nil,
}

// ofQuery and ofHeaders are the keys whose value stands in a request as it is.
var (
	ofQuery = map[string]string{
		"s3:prefix": "prefix", "s3:delimiter": "delimiter", "s3:max-keys": "max-keys", "s3:VersionId": "versionId",
	}
	ofHeaders = []string{
		"if-match", "if-none-match", "x-amz-acl", "x-amz-bucket-namespace", "x-amz-content-sha256", "x-amz-copy-source",
		"x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write",
		"x-amz-grant-write-acp", "x-amz-metadata-directive", "x-amz-object-annotation-directive", "x-amz-object-ownership",
		"x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
		"x-amz-server-side-encryption-customer-algorithm", "x-amz-storage-class", "x-amz-website-redirect-location",
	}
)

// makesObjects says of the operations of s3:PutObject whether there is an object when they are done. Those that only
// begin or go on with one cannot be conditional (S3 User Guide, "Enforce conditional writes on Amazon S3 buckets").
var makesObjects = map[string]string{
	"PutObject": "true", "PostObject": "true", "CopyObject": "true", "CompleteMultipartUpload": "true",
	"CreateMultipartUpload": "false", "UploadPart": "false", "UploadPartCopy": "false",
}

// keys are the condition keys of a request, as far as its query and headers say them.
func keys(c *api.Call, in any) map[string][]string {
	tagging := c.Header("X-Amz-Tagging")
	keys := requestKeys(c, &tagging)
	switch in := in.(type) {
	case *sdk.CreateBucketInput:
		if in.CreateBucketConfiguration != nil {
			keys["s3:LocationConstraint"] = []string{string(in.CreateBucketConfiguration.LocationConstraint)}
		}
	case *sdk.PutObjectTaggingInput:
		if in.Tagging != nil {
			addTags(keys, tags.From[s3.Tag](in.Tagging.TagSet))
		}
	}
	if makes := makesObjects[c.Operation.Name]; makes != "" {
		keys["s3:ObjectCreationOperation"] = []string{makes}
	}
	lockKeys(c, keys)
	return keys
}

// lockKeys tells how a request wants an object locked, which it is refused for by those whom policies let.
func lockKeys(c *api.Call, keys map[string][]string) {
	for _, name := range []string{"object-lock-legal-hold", "object-lock-mode", "object-lock-retain-until-date"} {
		if value := c.Header("x-amz-" + name); value != "" {
			keys["s3:"+name] = []string{value}
		}
	}
	until, err := time.Parse(time.RFC3339, c.Header("x-amz-object-lock-retain-until-date"))
	if err == nil {
		days := int64(until.Sub(c.Time).Hours() / 24)
		keys["s3:object-lock-remaining-retention-days"] = []string{strconv.FormatInt(days, 10)}
	}
}

// addTags adds the tags that a request gives an object.
func addTags(keys map[string][]string, given []s3.Tag) {
	for _, t := range given {
		keys["s3:RequestObjectTag/"+t.Key] = []string{t.Value}
		keys["s3:RequestObjectTagKeys"] = append(keys["s3:RequestObjectTagKeys"], t.Key)
	}
}

// requestKeys is keys for tags that stand in a request, or nil.
func requestKeys(c *api.Call, tagging *string) map[string][]string {
	keys := map[string][]string{}
	query := c.Query()
	for key, name := range ofQuery {
		if query.Has(name) {
			keys[key] = []string{query.Get(name)}
		}
	}
	for _, name := range ofHeaders {
		if value := c.Header(name); value != "" {
			keys["s3:"+name] = []string{value}
		}
	}
	addTags(keys, tagsIn(tagging))
	signatureKeys(c, query.Get("X-Amz-Date"), keys)
	return keys
}

// signatureKeys tells how the request was signed.
func signatureKeys(c *api.Call, presigned string, keys map[string][]string) {
	if c.Caller.Anonymous() {
		return
	}
	if c.Fields["policy"] != "" {
		maps.Copy(keys, postKeys(c))
		addAge(c, c.Fields["x-amz-date"], keys)
		return
	}
	keys["s3:signatureversion"] = []string{"AWS4-HMAC-SHA256"}
	keys["s3:authType"] = []string{"REST-HEADER"}
	if c.Query().Has("AWSAccessKeyId") {
		keys["s3:signatureversion"], keys["s3:authType"] = []string{"AWS"}, []string{"REST-QUERY-STRING"}
	}
	if presigned == "" {
		return
	}
	keys["s3:authType"] = []string{"REST-QUERY-STRING"}
	addAge(c, presigned, keys)
}

// addAge tells how long ago a request was signed, in milliseconds.
func addAge(c *api.Call, presigned string, keys map[string][]string) {
	if signed, err := time.Parse("20060102T150405Z", strings.TrimSpace(presigned)); err == nil {
		age := max(c.Time.Sub(signed).Milliseconds(), 0)
		keys["s3:signatureAge"] = []string{strconv.FormatInt(age, 10)}
	}
}
