package network

import (
	"cmp"
	"strings"

	"postern/aws/arn"
	"postern/aws/scope"
)

// instanceType names instances, whose records another service keeps.
var instanceType = resourceType{prefix: "i", name: "instance"}

// resourceARN names a resource by its id, "" where policies know no name of it.
func resourceARN(c scope.Scope, id string) string {
	t := &instanceType
	if !strings.HasPrefix(id, "i-") {
		holder := typeOf(id)
		if holder == nil {
			return ""
		}
		t = holder.typ()
	}
	if t.name == "" {
		return ""
	}
	return arn.New(cmp.Or(t.service, "ec2"), c.Region, c.Account, t.name+"/"+id).String()
}

// difference returns what stands in one list only.
func difference(a, b []string) []string {
	count := map[string]int{}
	for _, id := range a {
		count[id] |= 1
	}
	for _, id := range b {
		count[id] |= 2
	}
	var out []string
	for _, id := range append(append([]string(nil), a...), b...) {
		if count[id] == 1 || count[id] == 2 {
			out = append(out, id)
			count[id] = 0
		}
	}
	return out
}
