package api

import (
	"slices"
	"strings"

	"postern/aws/action"
)

// UntoldKey is a condition key that requests for an action may have on AWS, and of which nothing here tells whether
// they do.
type UntoldKey struct {
	// Action is the operation's; Type is the type of the resource that is asked about, "" for "*".
	Action, Type, Key string
}

// UntoldKeys walks the rows of a service whose table is filled in, against AWS's actions.
func (h *Handler) UntoldKeys(name string) (untold []UntoldKey) {
	s := h.services[name]
	for i := range s.Operations {
		op := &s.Operations[i]
		if op.reference == nil {
			continue
		}
		prefix, _, _ := strings.Cut(op.Action, ":")
		acting := h.byPrefix[prefix]
		for _, m := range op.matters(acting) {
			for _, key := range keysOf(op.reference, m.kind) {
				asked := strings.ToLower(key)
				if action.Family(key) {
					asked += "x"
				}
				if h.source(m, asked) == unknownKey {
					untold = append(untold, UntoldKey{op.Action, m.kind, key})
				}
			}
		}
	}
	return untold
}

// matters returns what an operation may be about: types of resources, new and old ones. Those of a lookup that names no
// types, of an ARN that the request names, and of what a handler asks for, are all that AWS's action and the service
// have.
func (op *Operation) matters(acting *service) (all []matter) {
	add := func(kind string, isNew bool) {
		m := matter{acting: acting, op: op, may: func(string) bool { return true }, kind: kind, any: isNew}
		if !slices.ContainsFunc(all, func(o matter) bool { return o.kind == kind && o.any == isNew }) {
			all = append(all, m)
		}
	}
	anyType := op.resources.asked
	for _, t := range op.resources.templates {
		if t.kind == "" {
			anyType = true
		} else {
			add(t.kind, t.member == nil)
		}
	}
	for _, l := range op.resources.lookups {
		for _, kind := range l.types {
			add(strings.TrimSuffix(kind, "?"), false)
		}
		anyType = anyType || len(l.types) == 0
	}
	for _, r := range op.reference.Resources {
		if t, ok := acting.types[r.Type]; ok && anyType && (t.Tags != nil || len(t.TagFamilies) > 0) {
			add(r.Type, false)
		}
	}
	if len(all) == 0 {
		add("", false)
	}
	return all
}

// keysOf are the condition keys that AWS's action has in requests about a resource of a type, of any for "".
func keysOf(a *action.Action, kind string) []string {
	all := slices.Clone(a.Keys)
	for _, r := range a.Resources {
		if r.Type == kind || kind == "" {
			all = append(all, r.Keys...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
