package parameter

import (
	"regexp"
	"strings"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/scope"
)

const (
	// maxName bounds a parameter's ARN, in characters.
	maxName = 1011
	// maxLevels bounds the depth of a hierarchy, the parameter itself included.
	maxLevels = 15
)

var namePattern = regexp.MustCompile(`^/?[a-zA-Z0-9_.\-]+$|^(/[a-zA-Z0-9_.\-]+)+$`)

// bare returns a name without the slash that it may begin with: "/a" and "a" are one.
func bare(name string) string { return strings.TrimPrefix(name, "/") }

// ARN returns the ARN of a parameter, as policies name it.
func ARN(scope scope.Scope, name string) string {
	if isPublic(name) {
		return publicARN(scope, name)
	}
	return arn.New("ssm", scope.Region, scope.Account, "parameter/"+bare(name)).String()
}

// CheckName holds the name of a new parameter against Amazon's rules.
func CheckName(scope scope.Scope, name string) error {
	first, _, _ := strings.Cut(strings.ToLower(bare(name)), "/")
	switch {
	case name == "":
		return fault.New(fault.Missing, "parameter.Put", "Name is missing")
	case len(ARN(scope, name)) > maxName:
		return invalid("Name is too long: with the ARN before it, it may have %d characters", maxName)
	case !namePattern.MatchString(name):
		return invalid(
			"Name %q is not valid: it is made of letters, digits and _.-, and one in a hierarchy is whole, from its "+
				"leading slash",
			name,
		)
	case strings.Count(bare(name), "/") >= maxLevels:
		return refuse("HierarchyLevelLimitExceededException", "Name %q has more than %d levels", name, maxLevels)
	case first == "aws" && first != strings.ToLower(name):
		return fault.New(fault.Denied, "parameter.Put", "no access to the reserved parameter name %s", name).
			WithCode("AccessDeniedException")
	case strings.HasPrefix(first, "aws") || strings.HasPrefix(first, "ssm"):
		return invalid("Name %q begins with aws or ssm, which are reserved", name)
	}
	return nil
}

// Reference names a parameter, and one of its versions where Selector is not empty: by number or label.
type Reference struct{ Name, Selector string }

// ParseReference reads "NAME", "NAME:VERSION", "NAME:LABEL" or the same with the parameter's ARN. The ARN of another
// account's or region's parameter is one that does not exist: nothing is shared.
func ParseReference(scope scope.Scope, text string) (Reference, error) {
	text = strings.TrimSpace(text)
	rest := text
	if strings.HasPrefix(text, "arn:") {
		a, err := arn.Parse(text)
		if err != nil || a.Service != "ssm" || a.Type() != "parameter" {
			return Reference{}, invalid("%q is not the ARN of a parameter", text)
		}
		if rest = a.ID(); strings.Contains(rest, "/") {
			rest = "/" + rest
		}
		if a.Region != scope.Region || a.Account != scope.Account && (a.Account != "" || !isPublic(rest)) {
			return Reference{}, notFound(text)
		}
	}
	name, selector, selected := strings.Cut(rest, ":")
	switch {
	case !namePattern.MatchString(name), selected && (selector == "" || strings.Contains(selector, ":")):
		return Reference{}, invalid("%q does not name a parameter", text)
	}
	return Reference{name, selector}, nil
}

// whole refuses references where only a parameter itself can be meant.
func whole(scope scope.Scope, text string) (string, error) {
	r, err := ParseReference(scope, text)
	if err == nil && (r.Selector != "" || strings.HasPrefix(text, "arn:")) {
		err = invalid("%q is not the name of a parameter", text)
	}
	return r.Name, err
}
