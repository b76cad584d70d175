package document

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"postern/aws/fault"
)

// Values maps a document's parameters to their values, defaults included, each in the form of its type.
type Values map[string]any

// FromLists checks parameters as the API has them, where every value is a list of strings: a String is a list of one,
// a StringMap a list of one JSON object. Its faults have Amazon's code InvalidParameters.
func (d *Document) FromLists(given map[string][]string) (Values, error) {
	return d.values(slices.Sorted(maps.Keys(given)), func(p Parameter) (any, error) { return p.fromList(given[p.Name]) })
}

// FromWire checks parameters as they travel to an agent, where each has the form of its type, or for Boolean and
// Integer that of a string. A nil value is an absent one.
func (d *Document) FromWire(given map[string]any) (Values, error) {
	present := make(map[string]any, len(given))
	for name, v := range given {
		if v != nil {
			present[name] = v
		}
	}
	return d.values(
		slices.Sorted(maps.Keys(present)),
		func(p Parameter) (any, error) { return p.fromWire(present[p.Name]) },
	)
}

func (d *Document) values(names []string, read func(Parameter) (any, error)) (Values, error) {
	out := make(Values, len(d.Parameters))
	for _, name := range names {
		p, ok := d.Parameter(name)
		if !ok {
			return nil, badParameters("the document has no parameter %q", name)
		}
		value, err := read(p)
		if err != nil {
			return nil, badParameters("parameter %s %v", name, err)
		}
		out[name] = value
	}
	for _, p := range d.Parameters {
		if _, ok := out[p.Name]; !ok {
			if p.Default == nil {
				return nil, badParameters("parameter %s must be given", p.Name)
			}
			out[p.Name] = p.Default
		}
		if err := p.check(out[p.Name]); err != nil {
			return nil, badParameters("parameter %s %v", p.Name, err)
		}
	}
	return out, nil
}

func badParameters(format string, args ...any) error {
	return fault.New(fault.Invalid, "document.Values", format, args...).WithCode("InvalidParameters")
}

// Wire returns given parameters (not the defaults, which the agent knows) in the form in which the agent takes them.
func (v Values) Wire(given map[string][]string) map[string]any {
	out := make(map[string]any, len(given))
	for name := range given {
		out[name] = v[name]
	}
	return out
}

func (p Parameter) fromList(list []string) (any, error) {
	if p.Type == StringList {
		out := make([]any, len(list))
		for i, s := range list {
			out[i] = s
		}
		return out, nil
	}
	if p.Type == MapList {
		out := make([]any, len(list))
		for i, s := range list {
			m, err := object(s)
			if err != nil {
				return nil, err
			}
			out[i] = m
		}
		return out, nil
	}
	if len(list) != 1 {
		return nil, fmt.Errorf("is a %s and takes one value, not %d", p.Type, len(list))
	}
	if p.Type == StringMap {
		return object(list[0])
	}
	return p.fromWire(list[0])
}

func object(s string) (any, error) {
	tree, err := decodeJSON([]byte(s))
	if err != nil {
		return nil, fmt.Errorf("is not a JSON object")
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("is not a JSON object")
	}
	return m, nil
}

// fromWire reads a value in the form of its type. It takes Go's own numbers and slices too, so that callers need not
// know how a value was decoded.
func (p Parameter) fromWire(v any) (any, error) {
	switch p.Type {
	case String:
		if s, ok := v.(string); ok {
			return s, nil
		}
	case Boolean:
		return boolean(v)
	case Integer:
		return integer(v)
	case StringList:
		return stringList(v)
	case StringMap:
		if s, ok := v.(string); ok {
			return object(s)
		}
		if m, ok := v.(map[string]any); ok {
			return m, nil
		}
	case MapList:
		return mapList(v)
	}
	return nil, fmt.Errorf("is not a %s", p.Type)
}

func boolean(v any) (any, error) {
	switch v {
	case true, "true":
		return true, nil
	case false, "false":
		return false, nil
	}
	return nil, fmt.Errorf("is not a Boolean: it is true or false")
}

func integer(v any) (any, error) {
	switch n := v.(type) {
	case float64:
		if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
			return json.Number(strconv.FormatInt(int64(n), 10)), nil
		}
	case int:
		return json.Number(strconv.Itoa(n)), nil
	case json.Number, string:
		i, err := strconv.ParseInt(fmt.Sprint(n), 10, 64)
		if err == nil {
			return json.Number(strconv.FormatInt(i, 10)), nil
		}
	}
	return nil, fmt.Errorf("is not an Integer")
}

func stringList(v any) (any, error) {
	switch list := v.(type) {
	case []string:
		out := make([]any, len(list))
		for i, s := range list {
			out[i] = s
		}
		return out, nil
	case []any:
		for _, each := range list {
			if _, ok := each.(string); !ok {
				return nil, fmt.Errorf("is not a StringList: an element is not a string")
			}
		}
		return list, nil
	case string:
		// Amazon takes a lone string as a list of one in defaults.
		return []any{list}, nil
	}
	return nil, fmt.Errorf("is not a StringList")
}

func mapList(v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("is not a MapList")
	}
	for _, each := range list {
		if _, ok := each.(map[string]any); !ok {
			return nil, fmt.Errorf("is not a MapList: an element is not an object")
		}
	}
	return list, nil
}

// check holds a value against the document's bounds. Bounds of items are for lists and maps, those of characters and
// the pattern for each string in the value. What refers to Parameter Store is held against them where it is put in: on
// the node.
func (p Parameter) check(v any) error {
	if len(References(v)) > 0 {
		return nil
	}
	if n, ok := items(v); ok {
		if p.MinItems != nil && n < *p.MinItems {
			return fmt.Errorf("has %d items; at least %d are needed", n, *p.MinItems)
		}
		if p.MaxItems != nil && n > *p.MaxItems {
			return fmt.Errorf("has %d items; at most %d are allowed", n, *p.MaxItems)
		}
	}
	for _, each := range leaves(v) {
		if err := p.checkText(Text(each)); err != nil {
			return err
		}
	}
	return nil
}

func items(v any) (int, bool) {
	switch v := v.(type) {
	case []any:
		return len(v), true
	case map[string]any:
		return len(v), true
	}
	return 0, false
}

// leaves returns the values that the bounds of characters hold for: each element of a list, else the value itself.
func leaves(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func (p Parameter) checkText(s string) error {
	if n := utf8.RuneCountInString(s); p.MinChars != nil && n < *p.MinChars {
		return fmt.Errorf("has %d characters; at least %d are needed", n, *p.MinChars)
	} else if p.MaxChars != nil && n > *p.MaxChars {
		return fmt.Errorf("has %d characters; at most %d are allowed", n, *p.MaxChars)
	}
	if p.allowed != nil && !p.allowed.MatchString(s) {
		return fmt.Errorf("does not match the allowed pattern %s", p.AllowedPattern)
	}
	if len(p.AllowedValues) == 0 {
		return nil
	}
	allowed := make([]string, len(p.AllowedValues))
	for i, a := range p.AllowedValues {
		allowed[i] = Text(a)
	}
	if !slices.Contains(allowed, s) {
		return fmt.Errorf("is not one of the allowed values: %s", strings.Join(allowed, ", "))
	}
	return nil
}
