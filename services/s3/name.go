package s3

import (
	"net/netip"
	"strings"

	"postern/aws/fault"
)

// The lengths of bucket names, and what they are made of.
const (
	nameCharacters = "abcdefghijklmnopqrstuvwxyz0123456789.-"

	minName = 3
	maxName = 63
)

// Names that begin or end so are kept for other things (Amazon S3 User Guide, "General purpose bucket naming rules").
var (
	reservedPrefixes = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	reservedSuffixes = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an"}
)

// checkName refuses what cannot be a new bucket's name.
func checkName(name string) error {
	ok := len(name) >= minName && len(name) <= maxName && strings.Trim(name, nameCharacters) == ""
	for label := range strings.SplitSeq(name, ".") {
		ok = ok && label != ""
	}
	ok = ok && alphanumeric(name[0]) && alphanumeric(name[len(name)-1])
	if _, err := netip.ParseAddr(name); err == nil {
		ok = false
	}
	for _, p := range reservedPrefixes {
		ok = ok && !strings.HasPrefix(name, p)
	}
	for _, s := range reservedSuffixes {
		ok = ok && !strings.HasSuffix(name, s)
	}
	if !ok {
		return fail(fault.Invalid, "InvalidBucketName", "The specified bucket is not valid.")
	}
	return nil
}

func alphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
