package document

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A value may refer to what Parameter Store holds: {{ssm:NAME}}, or with the number of a version or a label,
// {{ssm:NAME:3}}. The node reads it with its own permissions when the document runs.
var storeReference = regexp.MustCompile(`\{\{ *ssm:([/\w.:-]+) *\}\}`)

// StoredParameter is the parameter that a reference names. Its type is Parameter Store's.
type StoredParameter struct{ Type, Value string }

// Types of stored parameters that are not plain text.
const (
	storedList   = "StringList"
	storedSecret = "SecureString"
)

// References returns the names in all references to Parameter Store in a tree of maps, lists and strings, each once,
// sorted.
func References(tree any) []string {
	found := map[string]bool{}
	collect(tree, found)
	return slices.Sorted(maps.Keys(found))
}

func collect(tree any, found map[string]bool) {
	switch t := tree.(type) {
	case string:
		for _, m := range storeReference.FindAllStringSubmatch(t, -1) {
			found[m[1]] = true
		}
	case []any:
		for _, each := range t {
			collect(each, found)
		}
	case map[string]any:
		for _, each := range t {
			collect(each, found)
		}
	}
}

// PutStored puts stored parameters, by the names that References gave, into a tree, which itself is not changed. One of
// type StringList can only be the whole of a list's element, and becomes as many elements as it has items; one of type
// SecureString can be nothing. Values are not searched for further references.
func PutStored(tree any, stored map[string]StoredParameter) (any, error) {
	switch t := tree.(type) {
	case string:
		return putText(t, stored)
	case []any:
		return putList(t, stored)
	case map[string]any:
		out := make(map[string]any, len(t))
		for _, k := range slices.Sorted(maps.Keys(t)) {
			put, err := PutStored(t[k], stored)
			if err != nil {
				return nil, err
			}
			out[k] = put
		}
		return out, nil
	default:
		return tree, nil
	}
}

func putList(list []any, stored map[string]StoredParameter) (any, error) {
	out := make([]any, 0, len(list))
	for _, each := range list {
		if text, ok := each.(string); ok {
			if m := storeReference.FindStringSubmatch(text); m != nil && m[0] == strings.TrimSpace(text) &&
				stored[m[1]].Type == storedList {
				for item := range strings.SplitSeq(stored[m[1]].Value, ",") {
					out = append(out, item)
				}
				continue
			}
		}
		put, err := PutStored(each, stored)
		if err != nil {
			return nil, err
		}
		out = append(out, put)
	}
	return out, nil
}

func putText(text string, stored map[string]StoredParameter) (string, error) {
	var wrong []error
	out := storeReference.ReplaceAllStringFunc(text, func(reference string) string {
		name := storeReference.FindStringSubmatch(reference)[1]
		p, ok := stored[name]
		switch {
		case !ok:
			wrong = append(wrong, fmt.Errorf("there is no parameter %s in Parameter Store", name))
		case p.Type == storedSecret:
			wrong = append(wrong, fmt.Errorf("parameter %s of type SecureString cannot be used here", name))
		case p.Type == storedList:
			wrong = append(wrong, fmt.Errorf("parameter %s of type StringList cannot be used as a String", name))
		}
		return p.Value
	})
	return out, errors.Join(wrong...)
}
