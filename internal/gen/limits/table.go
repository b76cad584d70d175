package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// omitted are shapes whose limits are known better elsewhere.
var omitted = map[string]string{
	"InstanceType": "what types there are is the table of instance types",
}

// write prints a line for each shape that a request can hold and that has a limit: see aws/wire's limits.go, which
// reads it. A structure's line says which limits its members have.
func (m *model) write(b *bytes.Buffer) {
	names := m.goNames()
	lines := map[string]string{}
	for name, typ := range names {
		if s := m.Shapes[name]; s.Type == "structure" {
			if members := m.members(s); members != "" {
				lines[typ] = " {" + members
			}
		} else if m.limited(name) {
			lines[name] = m.line(s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lines)) {
		fmt.Fprintf(b, "%s%s\n", name, lines[name])
	}
}

// goNames maps the shapes that requests can hold to the names of their Go types: an operation's own input is called
// after the operation, whatever it is in the model.
func (m *model) goNames() map[string]string {
	names := map[string]string{}
	var visit func(name string)
	follow := func(r *reference) {
		if r != nil {
			visit(r.Shape)
		}
	}
	visit = func(name string) {
		if names[name] != "" {
			return
		}
		names[name] = name
		s := m.Shapes[name]
		follow(s.Member)
		follow(s.Key)
		follow(s.Value)
		for _, r := range s.Members {
			visit(r.Shape)
		}
	}
	for _, operation := range slices.Sorted(maps.Keys(m.Operations)) {
		if input := m.Operations[operation].Input; input != nil {
			visit(input.Shape)
			names[input.Shape] = operation + "Input"
		}
	}
	return names
}

// limited reports whether a shape that is no structure has a limit, itself or in what it holds.
func (m *model) limited(name string) bool {
	s := m.Shapes[name]
	if s.Type == "structure" {
		return false
	}
	if omitted[name] != "" {
		return false
	}
	if s.Min != nil || s.Max != nil || s.Pattern != "" || len(s.Enum) > 0 {
		return true
	}
	for _, r := range []*reference{s.Member, s.Key, s.Value} {
		if r != nil && m.limited(r.Shape) {
			return true
		}
	}
	return false
}

// members lists " Field:Shape" of the members with limits. In Go a member's name begins upper case.
func (m *model) members(s *shape) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.Members)) {
		if of := s.Members[name].Shape; m.limited(of) {
			fmt.Fprintf(&b, " %s%s:%s", strings.ToUpper(name[:1]), name[1:], of)
		}
	}
	return b.String()
}

// line holds what follows the name of a shape.
func (m *model) line(s *shape) string {
	var b strings.Builder
	if s.Min != nil || s.Max != nil {
		fmt.Fprintf(&b, " %s..%s", cmp.Or(s.Min, new(json.Number)), cmp.Or(s.Max, new(json.Number)))
	}
	if s.Sensitive {
		b.WriteString(" !")
	}
	if s.Key != nil && m.limited(s.Key.Shape) {
		b.WriteString(" <" + s.Key.Shape)
	}
	if elem := cmp.Or(s.Member, s.Value); elem != nil && m.limited(elem.Shape) {
		b.WriteString(" >" + elem.Shape)
	}
	// These two run to the end of the line: they may hold spaces.
	if len(s.Enum) > 0 {
		b.WriteString(" |" + strings.Join(s.Enum, "|"))
	} else if s.Pattern != "" {
		b.WriteString(" ~" + s.Pattern)
	}
	return b.String()
}
