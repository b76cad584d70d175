package identity

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
	"postern/aws/iam"
)

// The lengths that names may have, in characters.
const (
	maxName        = 64  // of users and roles
	maxLongName    = 128 // of policies and instance profiles
	maxPath        = 512
	maxDescription = 1000
	maxTags        = 50
	maxTagKey      = 128
	maxTagValue    = 256
)

var (
	namePattern    = regexp.MustCompile(`^[\w+=,.@-]+$`)
	pathPattern    = regexp.MustCompile(`^/([!-~]+/)?$`)
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	tagPattern     = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "identity", format, args...).WithCode("ValidationError")
}

func notFound(format string, args ...any) error {
	return fault.New(fault.NotFound, "identity", format, args...).WithCode("NoSuchEntity")
}

func exists(format string, args ...any) error {
	return fault.New(fault.Exists, "identity", format, args...).WithCode("EntityAlreadyExists")
}

func inUse(format string, args ...any) error {
	return fault.New(fault.InUse, "identity", format, args...).WithCode("DeleteConflict")
}

func limit(format string, args ...any) error {
	return fault.New(fault.Limit, "identity", format, args...).WithCode("LimitExceeded")
}

// checkName checks a name; member is what the API calls it.
func checkName(member, name string, most int) error {
	switch {
	case name == "":
		return fault.New(fault.Missing, "identity", "The parameter %s is required", member).WithCode("ValidationError")
	case len(name) > most:
		return invalid(
			"1 validation error detected: Value at '%s' failed to satisfy constraint: Member must have length less "+
				"than or equal to %d",
			member,
			most,
		)
	case !namePattern.MatchString(name):
		return invalid(
			"The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-",
			member,
		)
	}
	return nil
}

// checkPath checks a path; the empty one becomes "/".
func checkPath(path string) (string, error) {
	if path == "" {
		return "/", nil
	}
	if len(path) > maxPath || !pathPattern.MatchString(path) {
		return "", invalid(
			"The specified value for path is invalid. It must begin and end with / and contain only printable ASCII " +
				"characters and/or the following: /",
		)
	}
	return path, nil
}

func checkDescription(text string) error {
	if utf8.RuneCountInString(text) > maxDescription {
		return invalid("Description must have at most %d characters", maxDescription)
	}
	return nil
}

// mergeTags puts tags over the ones that are there.
func mergeTags(have, more []Tag) ([]Tag, error) {
	merged := append([]Tag(nil), have...)
	seen := map[string]bool{}
	for _, t := range more {
		lower := strings.ToLower(t.Key)
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > maxTagKey || !tagPattern.MatchString(t.Key):
			return nil, invalid(
				"The tag key %.140q is not valid: it has 1 to %d characters: letters, numbers, spaces and _.:/=+-@",
				t.Key,
				maxTagKey,
			)
		case strings.HasPrefix(lower, "aws:"):
			return nil, invalid("System tags with the prefix aws: cannot be set")
		case utf8.RuneCountInString(t.Value) > maxTagValue || !tagPattern.MatchString(t.Value):
			return nil, invalid(
				"The value of tag %q is not valid: it has at most %d characters: letters, numbers, spaces and _.:/=+-@",
				t.Key,
				maxTagValue,
			)
		case seen[lower]:
			return nil, invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		seen[lower] = true
		merged = replaceTag(merged, t)
	}
	if len(merged) > maxTags {
		return nil, limit("The number of tags has reached the maximum limit: %d", maxTags)
	}
	return merged, nil
}

func replaceTag(tags []Tag, t Tag) []Tag {
	for i := range tags {
		if strings.EqualFold(tags[i].Key, t.Key) {
			tags[i] = t
			return tags
		}
	}
	return append(tags, t)
}

func dropTags(have []Tag, keys []string) []Tag {
	var left []Tag
	for _, t := range have {
		drop := false
		for _, k := range keys {
			drop = drop || strings.EqualFold(t.Key, k)
		}
		if !drop {
			left = append(left, t)
		}
	}
	return left
}

// tagMap is tags as policies see them: by key in lower case. What stands in a later list overrides.
func tagMap(lists ...[]Tag) map[string]string {
	m := map[string]string{}
	for _, tags := range lists {
		for _, t := range tags {
			m[strings.ToLower(t.Key)] = t.Value
		}
	}
	return m
}

// maxDocument is the longest policy document in bytes, white space included; Amazon's API takes as much.
const maxDocument = 131072

// parsePolicy compiles a document that a caller gave.
func parsePolicy(kind iam.Kind, name, text string) (*iam.Policy, error) {
	if text == "" {
		return nil, fault.New(fault.Missing, "identity", "The policy document is required").WithCode("ValidationError")
	}
	if len(text) > maxDocument {
		return nil, limit("Cannot exceed quota for PolicySize: %d", maxDocument)
	}
	p, err := iam.ParseNew(kind, name, text)
	if err != nil {
		return nil, malformed(err)
	}
	return p, nil
}

func malformed(err error) error {
	return fault.New(fault.Invalid, "identity", "%s", err).WithCode("MalformedPolicyDocument")
}
