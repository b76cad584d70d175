package s3

import (
	"strconv"
	"strings"
	"time"

	"postern/api"
	sdk "postern/aws/service/s3"
)

// absentKeys are the keys of policies that belong to S3 and that no request has.
var absentKeys = map[string]string{
	"s3:AccessGrantsInstanceArn":  "there are no access grants",
	"s3:AccessPointNetworkOrigin": "there are no access points",
	"s3:AccessPointTag/":          "there are no access points",
	"s3:DataAccessPointAccount":   "there are no access points",
	"s3:DataAccessPointArn":       "there are no access points",
}

// conditionKeys are the keys of policies that belong to S3. Those without a function follow from single requests; see
// keys. That of tags which objects have (s3:ExistingObjectTag) is not among them: what has it is not judged.
var conditionKeys = map[string]func(api.Question) string{
	"s3:ResourceAccount":                 func(q api.Question) string { return q.Owner },
	"s3:authType":                        nil,
	"s3:signatureversion":                nil,
	"s3:signatureAge":                    nil,
	"s3:LocationConstraint":              nil,
	"s3:RequestObjectTag/":               nil,
	"s3:RequestObjectTagKeys":            nil,
	"s3:VersionId":                       nil,
	"s3:delimiter":                       nil,
	"s3:if-match":                        nil,
	"s3:if-none-match":                   nil,
	"s3:max-keys":                        nil,
	"s3:prefix":                          nil,
	"s3:x-amz-acl":                       nil,
	"s3:x-amz-content-sha256":            nil,
	"s3:x-amz-copy-source":               nil,
	"s3:x-amz-grant-full-control":        nil,
	"s3:x-amz-grant-read":                nil,
	"s3:x-amz-grant-read-acp":            nil,
	"s3:x-amz-grant-write":               nil,
	"s3:x-amz-grant-write-acp":           nil,
	"s3:x-amz-metadata-directive":        nil,
	"s3:x-amz-object-ownership":          nil,
	"s3:x-amz-server-side-encryption":    nil,
	"s3:x-amz-storage-class":             nil,
	"s3:x-amz-website-redirect-location": nil,
}

// ofQuery and ofHeaders are the keys whose value stands in a request as it is.
var (
	ofQuery = map[string]string{
		"s3:prefix": "prefix", "s3:delimiter": "delimiter", "s3:max-keys": "max-keys", "s3:VersionId": "versionId",
	}
	ofHeaders = []string{
		"if-match", "if-none-match", "x-amz-acl", "x-amz-content-sha256", "x-amz-copy-source", "x-amz-grant-full-control",
		"x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write", "x-amz-grant-write-acp",
		"x-amz-metadata-directive", "x-amz-object-ownership", "x-amz-server-side-encryption", "x-amz-storage-class",
		"x-amz-website-redirect-location",
	}
)

// keys are the condition keys of a request, as far as its query and headers say them.
func keys(c *api.Call, in any) map[string][]string {
	tagging := c.Header("X-Amz-Tagging")
	keys := requestKeys(c, &tagging)
	if made, ok := in.(*sdk.CreateBucketInput); ok && made.CreateBucketConfiguration != nil {
		keys["s3:LocationConstraint"] = []string{string(made.CreateBucketConfiguration.LocationConstraint)}
	}
	return keys
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
	for _, t := range tagsIn(tagging) {
		keys["s3:RequestObjectTag/"+t.Key] = []string{t.Value}
		keys["s3:RequestObjectTagKeys"] = append(keys["s3:RequestObjectTagKeys"], t.Key)
	}
	signatureKeys(c, query.Get("X-Amz-Date"), keys)
	return keys
}

// signatureKeys tells how the request was signed. The age of a signature is in milliseconds.
func signatureKeys(c *api.Call, presigned string, keys map[string][]string) {
	if c.Caller.Anonymous() {
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
	if signed, err := time.Parse("20060102T150405Z", strings.TrimSpace(presigned)); err == nil {
		age := max(c.Time.Sub(signed).Milliseconds(), 0)
		keys["s3:signatureAge"] = []string{strconv.FormatInt(age, 10)}
	}
}
