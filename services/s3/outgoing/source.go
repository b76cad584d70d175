package outgoing

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
)

// copySource names the object that is to be copied.
const copySource = "X-Amz-Copy-Source"

// SetCopySource names the object that is to be copied as it is named where objects are kept: at returns its path there.
// The header has "BUCKET/KEY" in URL encoding, with or without a slash before and "?versionId=ID" behind.
func SetCopySource(h http.Header, at func(bucket, key string) string) error {
	source := h.Get(copySource)
	if source == "" {
		return nil
	}
	name, version, versioned := strings.Cut(source, "?versionId=")
	name, err := url.PathUnescape(strings.TrimPrefix(name, "/"))
	bucket, key, ok := strings.Cut(name, "/")
	if err != nil || !ok || !utf8.ValidString(key) {
		return fault.New(fault.Invalid, "s3", "Invalid copy source object key").WithCode("InvalidArgument")
	}
	source = Escape(at(bucket, key))
	if versioned {
		source += "?versionId=" + version
	}
	h.Set(copySource, source)
	return nil
}
