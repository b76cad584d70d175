package s3

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
)

// fixing are the condition keys that keep a policy for everybody from being public, where they are compared with fixed
// values (Amazon S3 User Guide, "The meaning of public").
var fixing = []string{
	"aws:sourceip", "aws:sourcearn", "aws:sourcevpc", "aws:sourcevpce", "aws:sourceowner", "aws:sourceaccount",
	"aws:userid", "aws:principalorgid", "aws:principalorgpaths", "aws:principalaccount", "aws:principalarn",
	"aws:vpcsourceip", "s3:x-amz-server-side-encryption-aws-kms-key-id", "s3:dataaccesspointarn",
	"s3:dataaccesspointaccount",
}

// isPublic reports whether a policy lets in somebody whom neither a principal nor a fixed condition names.
func isPublic(text string) bool {
	var d document
	if json.Unmarshal([]byte(text), &d) != nil {
		return true
	}
	return slices.ContainsFunc(d.Statement, func(s statement) bool { return s.public() })
}

func (s *statement) public() bool {
	if s.Effect != "Allow" || !forEverybody(s.Principal) {
		return false
	}
	for operator, keys := range s.Condition {
		for key, values := range keys {
			if slices.Contains(fixing, strings.ToLower(key)) && fixed(operator, values) {
				return false
			}
		}
	}
	return true
}

// forEverybody reports whether a Principal names everybody: "*", {"AWS": "*"}.
func forEverybody(principal json.RawMessage) bool {
	var any string
	if json.Unmarshal(principal, &any) == nil {
		return any == "*"
	}
	var sorts map[string]oneOrMore[string]
	if json.Unmarshal(principal, &sorts) != nil {
		return true
	}
	return slices.Contains(sorts["AWS"], "*")
}

// fixed reports whether a condition compares with values that name something, and not with a pattern of anything.
func fixed(operator string, values []condition) bool {
	operator = strings.ToLower(operator)
	switch operator {
	case "stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike", "ipaddress",
		"foranyvalue:stringequals", "foranyvalue:stringlike":
	default:
		return false
	}
	for _, v := range values {
		if operator == "ipaddress" && tooWide(string(v)) || strings.ContainsAny(string(v), "*?$") {
			return false
		}
	}
	return len(values) > 0
}

// tooWide reports whether a range of addresses is one of everybody: wider than a /8, or than a /32 of IPv6.
func tooWide(text string) bool {
	p, err := netip.ParsePrefix(text)
	if err != nil {
		_, err := netip.ParseAddr(text)
		return err != nil
	}
	if p.Addr().Is4() {
		return p.Bits() < 8
	}
	return p.Bits() < 32
}
