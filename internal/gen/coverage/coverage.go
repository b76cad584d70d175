// Package coverage writes docs/coverage.md: which of Amazon's operations Postern does, out of the tables that serve
// them.
package coverage

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"postern/api"
	"postern/aws/wire"
)

// Markdown writes the report on services whose tables are filled in, as api.Handler.Services returns them. It is the
// same for the same tables.
func Markdown(services []api.Service) []byte {
	services = slices.Clone(services)
	slices.SortFunc(services, func(a, b api.Service) int { return strings.Compare(a.Name, b.Name) })
	var b bytes.Buffer
	b.WriteString("# What is built\n\n" +
		"Generated from the tables of operations; do not edit. What Amazon's service has and\n" +
		"Postern does not answers HTTP 501 with an error of that service that names the operation.\n\n" +
		"| service | protocol | built | of |\n|---|---|---:|---:|\n")
	for _, s := range services {
		_, missing := split(s)
		built := len(s.Operations)
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %d | %d |\n", s.Name, s.Name, protocol(s.Protocol), built, built+len(missing))
	}
	for _, s := range services {
		section(&b, s)
	}
	return b.Bytes()
}

func section(b *bytes.Buffer, s api.Service) {
	private, missing := split(s)
	fmt.Fprintf(b, "\n## %s\n\n| operation | a policy must allow | who may call |\n|---|---|---|\n", s.Name)
	operations := slices.Clone(s.Operations)
	slices.SortFunc(operations, func(a, b api.Operation) int { return strings.Compare(a.Name, b.Name) })
	for _, op := range operations {
		name := op.Name
		if private[name] {
			name += " ¹"
		}
		fmt.Fprintf(b, "| %s | `%s` | %s |\n", name, op.Action, caller(op.Auth))
	}
	if len(private) > 0 {
		b.WriteString("\n¹ Not in Amazon's published model: what its agent uses.\n")
	}
	if len(missing) > 0 {
		fmt.Fprintf(b, "\n<details><summary>Not built: %d</summary>\n\n", len(missing))
		fmt.Fprintf(b, "%s\n\n</details>\n", strings.Join(missing, ", "))
	}
}

// split finds the operations that Amazon does not publish, and those that are not built.
func split(s api.Service) (private map[string]bool, missing []string) {
	built := map[string]bool{}
	private = map[string]bool{}
	for _, op := range s.Operations {
		built[op.Name] = true
		private[op.Name] = !slices.Contains(s.Known, op.Name)
	}
	for name, is := range private {
		if !is {
			delete(private, name)
		}
	}
	for _, name := range s.Known {
		if !built[name] {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return private, missing
}

func protocol(p wire.Protocol) string {
	switch p {
	case wire.JSON:
		return "JSON 1.1"
	case wire.EC2:
		return "EC2 query"
	case wire.Query:
		return "AWS query"
	}
	return "REST"
}

func caller(a api.Auth) string {
	switch a {
	case api.Unsigned:
		return "whoever the body proves, signed or not"
	case api.Anyone:
		return "any known key"
	case api.Node:
		return "a managed node, by its own key"
	}
	return "whoever policies allow"
}
