package api

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"postern/aws/consent"
)

// Beside names the types of resource that an operation changes beside those that it is about, and why nothing has to
// allow it: as a rule because AWS has no such resource type for the action. A policy that denies one of them explicitly
// is obeyed all the same.
func Beside(reason string, types ...string) Option {
	return func(op *Operation) {
		if reason == "" {
			panic("api.Beside: " + op.Name + " gives no reason")
		}
		op.beside = append(op.beside, types...)
	}
}

// agreement records what the judge was asked about one request. It implements consent.Giver: whatever else the
// operation turns out to touch is asked about before the change is committed.
type agreement struct {
	x    *exchange
	keys map[string][]string
	tags []requestTag

	mu    sync.Mutex // guards what follows
	asked []string
	made  map[string]bool // nil until the operation makes something
}

// also asks for another action than the operation's own. What another service's action was asked about need not be
// asked again for this one's: it is that service's resource.
func (x *exchange) also(ctx context.Context, q Question, keys map[string][]string) error {
	acting, _, _ := strings.Cut(q.Action, ":")
	own, _, _ := strings.Cut(x.op.Action, ":")
	if acting == own && x.agreed.keys != nil { // what the row tells is true of this as well
		all := maps.Clone(x.agreed.keys)
		maps.Copy(all, keys)
		keys = all
	}
	if err := x.ask(ctx, q, keys); err != nil {
		return err
	}
	if acting != own {
		x.agreed.note(q.Resource)
	}
	return nil
}

func (a *agreement) note(resource string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, resource)
}

// record adds what the judge said to the record of the request.
func (a *agreement) record(rec *Record, j Judgement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(rec.Judged) < maxJudged || j.Explanation != nil {
		rec.Judged = append(rec.Judged, j)
	}
}

// resources returns those that were asked about.
func (a *agreement) resources() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Compact(slices.Sorted(slices.Values(a.asked)))
}

// Lacking implements consent.Giver.
func (a *agreement) Lacking(touched []consent.Touch) []consent.Touch {
	a.mu.Lock()
	defer a.mu.Unlock()
	asked := make(map[string]bool, len(a.asked))
	for _, resource := range a.asked {
		asked[resource] = true
	}
	if asked["*"] { // AWS has no resource types for the action
		return nil
	}
	var lacking []consent.Touch
	for _, t := range touched {
		if t.Made {
			if a.made == nil {
				a.made = map[string]bool{}
			}
			a.made[t.Resource] = true
		}
	}
	for _, t := range touched {
		if asked[t.Resource] || a.made[t.Resource] && (!t.Made || asked[anyOf(t.Resource)] || a.isBeside(t.Resource)) {
			continue
		}
		lacking = append(lacking, t)
	}
	return lacking
}

// Ask implements consent.Giver.
func (a *agreement) Ask(ctx context.Context, lacking []consent.Touch) error {
	for _, t := range lacking {
		resource := t.Resource
		if t.Made {
			resource = anyOf(resource)
		}
		q := Question{Call: a.x.call, Action: a.x.op.Action, Resource: resource, DenyOnly: a.isBeside(resource)}
		if !q.DenyOnly && a.x.h.undeclared != nil {
			a.x.h.undeclared(a.x.op, resource)
		}
		if err := a.x.ask(ctx, q, a.keys); err != nil {
			return err
		}
		a.note(resource)
	}
	return nil
}

func (a *agreement) isBeside(resource string) bool {
	return slices.ContainsFunc(a.x.op.beside, func(kind string) bool { return strings.Contains(resource, ":"+kind+"/") })
}

// anyOf is the ARN with the wildcard for the resource's id: "…:subnet/*".
func anyOf(resource string) string {
	kind, _, _ := strings.Cut(resource, "/")
	return kind + "/*"
}
