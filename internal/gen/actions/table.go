package main

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// write prints the lines that package aws/action reads: see its table.go.
func (r *reference) write(b *bytes.Buffer) error {
	sets := r.sets()
	for i, set := range sets {
		fmt.Fprintf(b, "keys %d %s\n", i+1, set)
	}
	number := func(keys []string) int { return slices.Index(sets, setOf(keys)) + 1 }
	for _, name := range slices.Sorted(maps.Keys(r.types)) {
		fmt.Fprintf(b, "type %s %s\n", r.types[name].Key, anyValue.ReplaceAllString(r.types[name].ARN, "*"))
	}
	for _, name := range slices.Sorted(maps.Keys(r.actions)) {
		a := r.actions[name]
		fmt.Fprintf(b, "action %s %d", a.Name, number(a.ConditionKeys))
		for _, t := range a.ResourceTypes {
			if r.types[t.Name] == nil {
				return fmt.Errorf("%s is about %s, which is no resource type", a.Name, t.Name)
			}
			required := ""
			if t.Required {
				required = "!"
			}
			fmt.Fprintf(b, " %s%s:%d", t.Name, required, number(r.keysOf(t.Name, t.ConditionKeys)))
		}
		b.WriteString("\n")
	}
	if len(r.actions) == 0 {
		return fmt.Errorf("the service has no actions: is it another format?")
	}
	return nil
}

// keysOf are the condition keys of an action's resources of one type: those that the action says, or the type's own.
func (r *reference) keysOf(name string, said []string) []string {
	if len(said) == 0 {
		return r.types[name].ConditionKeys
	}
	return said
}

// sets are all sets of keys that an action, or its resources of one type, have, each once.
func (r *reference) sets() []string {
	all := map[string]bool{}
	for _, a := range r.actions {
		all[setOf(a.ConditionKeys)] = true
		for _, t := range a.ResourceTypes {
			if r.types[t.Name] != nil {
				all[setOf(r.keysOf(t.Name, t.ConditionKeys))] = true
			}
		}
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all))
}

// anyValue is a part of an ARN or a key that requests say.
var anyValue = regexp.MustCompile(`\$\{[^}]*\}`)

// variable is the end of a key that requests say: S3's reference writes <key>.
var variable = regexp.MustCompile(`(\$\{|<).*$`)

// setOf writes keys in order. Keys with a variable end are families, which end with the character before it. Those of
// other identity providers, which are named after domains, are left out: no such identity comes here.
func setOf(keys []string) string {
	var out []string
	for _, key := range keys {
		service, _, _ := strings.Cut(key, ":")
		if strings.ContainsAny(service, ".$") || service == "saml" {
			continue
		}
		key = key[:len(key)-len(variable.FindString(key))]
		out = append(out, strings.TrimSuffix(key, "tag-key"))
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}
