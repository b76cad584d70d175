package document

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// Type is a parameter's type.
type Type string

// The types. Their values are string, []any of strings, bool, json.Number, map[string]any and []any of maps.
const (
	String     Type = "String"
	StringList Type = "StringList"
	Boolean    Type = "Boolean"
	Integer    Type = "Integer"
	StringMap  Type = "StringMap"
	MapList    Type = "MapList"
)

var types = []Type{String, StringList, Boolean, Integer, StringMap, MapList}

// Parameter declares a value that the caller of a document gives. Bounds are nil where the document sets none.
type Parameter struct {
	Name        string
	Type        Type
	Description string
	// Default is nil for a parameter that must be given.
	Default        any
	AllowedValues  []any
	AllowedPattern string
	MinItems       *int
	MaxItems       *int
	MinChars       *int
	MaxChars       *int
	// InterpolationType says how the value gets into a script: "" puts it where {{ name }} stands, EnvVar into an
	// environment variable.
	InterpolationType string

	allowed *regexp.Regexp
}

// EnvVar is the interpolation type with which the agent sets the environment variable SSM_name to the value, so that a
// script takes it as data and never as code. Schema 2.2 has it, for parameters of type String.
const EnvVar = "ENV_VAR"

var parameterName = regexp.MustCompile(`^[a-zA-Z0-9]+$`)

func readParameter(name string, node any) (Parameter, error) {
	p := Parameter{Name: name}
	if !parameterName.MatchString(name) {
		return p, badContent("parameter name %q does not match %s", name, parameterName)
	}
	m, ok := node.(map[string]any)
	if !ok {
		return p, badContent("parameter %s is not an object", name)
	}
	text, _ := m["type"].(string)
	p.Type = Type(text)
	if !slices.Contains(types, p.Type) {
		return p, badContent("parameter %s: type %q is not one of %s", name, text, joined(types))
	}
	p.Description, _ = m["description"].(string)
	if err := p.readInterpolation(m["interpolationType"]); err != nil {
		return p, err
	}
	if err := p.readBounds(m); err != nil {
		return p, err
	}
	if d, ok := m["default"]; ok && d != nil {
		value, err := p.fromWire(d)
		if err != nil {
			return p, badContent("parameter %s: its default %v", name, err)
		}
		p.Default = value
	}
	return p, nil
}

func (p *Parameter) readInterpolation(node any) error {
	if node == nil {
		return nil
	}
	if node != EnvVar {
		return badContent("parameter %s: interpolationType %q is not %s", p.Name, Text(node), EnvVar)
	}
	if p.Type != String {
		return badContent(
			"parameter %s: interpolationType %s is for parameters of type String, not %s",
			p.Name,
			EnvVar,
			p.Type,
		)
	}
	p.InterpolationType = EnvVar
	return nil
}

func (p *Parameter) readBounds(m map[string]any) error {
	switch values := m["allowedValues"].(type) {
	case nil:
	case []any:
		p.AllowedValues = values
	default:
		return badContent("parameter %s: allowedValues is not a list", p.Name)
	}
	switch pattern := m["allowedPattern"].(type) {
	case nil:
	case string:
		// Amazon's patterns must match the whole value.
		re, err := regexp.Compile(`^(?:` + pattern + `)$`)
		if err != nil {
			return badContent("parameter %s: allowedPattern cannot be compiled: %s", p.Name, patternFault(err))
		}
		p.AllowedPattern, p.allowed = pattern, re
	default:
		return badContent("parameter %s: allowedPattern is not a string", p.Name)
	}
	for _, b := range []struct {
		key   string
		bound **int
	}{{"minItems", &p.MinItems}, {"maxItems", &p.MaxItems}, {"minChars", &p.MinChars}, {"maxChars", &p.MaxChars}} {
		text := scalarText(m[b.key])
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return badContent("parameter %s: %s is %q, not a number of 0 or more", p.Name, b.key, text)
		}
		*b.bound = &n
	}
	return nil
}

func patternFault(err error) string {
	var s *syntax.Error
	if errors.As(err, &s) {
		return string(s.Code)
	}
	return err.Error()
}

func joined(list []Type) string {
	texts := make([]string, len(list))
	for i, t := range list {
		texts[i] = string(t)
	}
	return strings.Join(texts, ", ")
}

// Text returns a value as {{ }} inside other text shows it: strings as they are, all else as JSON.
func Text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(encode(v))
}
