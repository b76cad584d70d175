package ssm

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
)

// MaxTags bounds the number of tags of a resource, as Amazon does.
const MaxTags = 50

// CheckTags holds a resource's tags against Amazon's rules: at most 50, keys of 1 to 128 characters that do not begin
// with "aws:", values of at most 256.
func CheckTags(tags map[string]string) error {
	const op = "ssm.CheckTags"
	if len(tags) > MaxTags {
		return fault.New(fault.Limit, op, "a resource may have %d tags", MaxTags).WithCode("TooManyTagsError")
	}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		v := tags[k]
		var why string
		switch n := utf8.RuneCountInString(k); {
		case n < 1 || n > 128:
			why = "its key does not have 1 to 128 characters"
		case strings.HasPrefix(strings.ToLower(k), "aws:"):
			why = "keys that begin with aws: are reserved"
		case utf8.RuneCountInString(v) > 256:
			why = "its value has more than 256 characters"
		default:
			continue
		}
		return fault.New(fault.Invalid, op, "tag %q is not valid: %s", k, why).WithCode("ValidationException")
	}
	return nil
}
