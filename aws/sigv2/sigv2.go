// Package sigv2 is Amazon's Signature Version 2 in the one form that is still met: URLs of S3 that were signed before
// they are used, as the AWS CLI 1 and Amazon's library for Python make them in us-east-1 unless they are told otherwise
// (S3 Developer Guide, "Signing and authenticating REST requests", query string alternative).
package sigv2

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the version's own
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/aws/fault"
)

// Signature holds what a URL claims about its signature. Nothing in it is proved before Verify.
type Signature struct {
	AccessKey string
	Token     string // of temporary credentials, else empty
	Expires   time.Time

	expires, value string // as sent
	query          url.Values
}

// Parse reads the signature of a URL; nil where there is none.
func Parse(r *http.Request) (*Signature, error) {
	if !strings.Contains(r.URL.RawQuery, "AWSAccessKeyId=") {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	s := &Signature{
		AccessKey: query.Get("AWSAccessKeyId"), Token: query.Get("x-amz-security-token"), expires: query.Get("Expires"),
		value: query.Get("Signature"), query: query,
	}
	seconds, number := strconv.ParseInt(s.expires, 10, 64)
	switch {
	case err != nil || s.AccessKey == "" || s.expires == "" || s.value == "":
		return nil, fault.New(fault.Denied, "sigv2.Parse", "Query-string authentication requires the Signature, Expires and "+
			"AWSAccessKeyId parameters")
	case number != nil || seconds < 0 || seconds > 1<<40:
		return nil, fault.New(fault.Denied, "sigv2.Parse", "Invalid date (should be seconds since epoch): %.40q", s.expires)
	}
	s.Expires = time.Unix(seconds, 0)
	return s, nil
}

// Verify reports nil if the signature was made with the secret for this very request, and is good now. bucket is the
// one in the host's name, "" where it stands in the path.
func (s *Signature) Verify(r *http.Request, bucket, secret string, now time.Time) error {
	if now.After(s.Expires) {
		return fault.New(fault.Denied, "sigv2.Verify", "Request has expired").
			With("Expires", s.Expires.UTC().Format(time.RFC3339)).With("ServerTime", now.UTC().Format(time.RFC3339))
	}
	return verify(s.text(r, bucket), s.value, secret)
}

// VerifyPolicy reports nil if a signature was made with the secret for the policy of a form, given as it stands there
// (S3 Developer Guide, "Browser-based uploads using POST (AWS signature version 2)").
func VerifyPolicy(policy, signature, secret string) error { return verify(policy, signature, secret) }

func verify(text, signature, secret string) error {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || subtle.ConstantTimeCompare(mac.Sum(nil), given) != 1 {
		return fault.New(fault.Denied, "sigv2.Verify", "The request signature we calculated does not match the signature "+
			"you provided. Check your key and signing method.").WithCode("SignatureDoesNotMatch")
	}
	return nil
}

// text returns the string to sign. What is a header of other requests may stand in the query of a URL.
func (s *Signature) text(r *http.Request, bucket string) string {
	header := func(name string) string {
		if value := r.Header.Get(name); value != "" {
			return value
		}
		return s.query.Get(name)
	}
	text := r.Method + "\n" + header("content-md5") + "\n" + header("content-type") + "\n" + s.expires + "\n"
	amazons := map[string]bool{}
	for name := range r.Header {
		amazons[strings.ToLower(name)] = true
	}
	for name := range s.query {
		amazons[strings.ToLower(name)] = true
	}
	for _, name := range sorted(amazons) {
		if strings.HasPrefix(name, "x-amz-") {
			text += name + ":" + strings.TrimSpace(header(name)) + "\n"
		}
	}
	if bucket != "" {
		text += "/" + bucket
	}
	text += r.URL.EscapedPath()
	separator := "?"
	for _, name := range subresources {
		if !s.query.Has(name) {
			continue
		}
		text += separator + name
		if value := s.query.Get(name); value != "" {
			text += "=" + value
		}
		separator = "&"
	}
	return text
}

func sorted(set map[string]bool) []string {
	all := make([]string, 0, len(set))
	for name := range set {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// subresources are the parameters that are signed, in order.
var subresources = []string{
	"accelerate", "acl", "analytics", "cors", "defaultObjectAcl", "delete", "inventory", "lifecycle", "location",
	"logging", "metrics", "notification", "object-lock", "partNumber", "policy", "replication", "requestPayment",
	"response-cache-control", "response-content-disposition", "response-content-encoding", "response-content-language",
	"response-content-type", "response-expires", "restore", "select", "select-type", "storageClass", "tagging", "torrent",
	"uploadId", "uploads", "versionId", "versioning", "versions", "website",
}
