package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
)

// authorise asks for permission on every resource of the call. in is the decoded input, or the request of a stream.
func (x *exchange) authorise(ctx context.Context, in any) error {
	own, err := x.op.ownKeys(x.call, in)
	if err != nil {
		return err
	}
	x.agreed.x, x.agreed.keys, x.agreed.tags = x, own, x.op.tagsOf(in)
	if err := boundTags(x.agreed.tags); err != nil {
		return err
	}
	about, err := x.op.resources.of(x.call, in)
	if err != nil {
		return err
	}
	action := x.op.Action
	if x.op.acts != nil {
		action = first(x.op.acts(x.call, in), action)
	}
	// A list that the request left empty: nobody may do something to nothing unasked.
	if len(about) == 0 && !x.op.resources.asked {
		about = []string{"*"}
	}
	for _, resource := range about {
		q := Question{Call: x.call, Action: action, Resource: resource, Exempt: x.op.Auth.exempt()}
		if err := x.ask(ctx, q, own); err != nil {
			return err
		}
		x.agreed.note(resource)
	}
	return nil
}

// What the judge is given at most. Amazon's ARNs have 2,048 characters, its tags 128 and 256.
const (
	maxResource  = 4096 // bytes of a resource's ARN
	maxKeyValues = 1000 // of one condition key
	// MaxKeyValue bounds a condition key's name and each of its values, in bytes. A row that would give a longer value
	// gives an empty list, which says that the value is not known.
	MaxKeyValue = 4096
)

// boundKeys refuses a request whose condition keys are longer than any that AWS has.
func boundKeys(own map[string][]string) error {
	for _, name := range slices.Sorted(maps.Keys(own)) {
		switch values := own[name]; {
		case len(name) > MaxKeyValue, slices.ContainsFunc(values, func(v string) bool { return len(v) > MaxKeyValue }):
			return tooLong("%.100s has a name or a value of more than %d bytes", name, MaxKeyValue)
		case len(values) > maxKeyValues:
			return tooLong("%.100s has more than %d values", name, maxKeyValues)
		}
	}
	return nil
}

func tooLong(format string, args ...any) error {
	return fault.New(fault.Invalid, "api.authorise", "The request cannot be authorized: "+format, args...)
}

// ask puts one question to the policy judge and turns a no into a fault, in Amazon's words.
func (x *exchange) ask(ctx context.Context, q Question, own map[string][]string) error {
	if err := ctx.Err(); err != nil { // a request may be about many resources
		return fmt.Errorf("ask for %s: %w", q.Action, err)
	}
	if len(q.Resource) > maxResource {
		return tooLong("the name of the resource %.100s… has more than %d bytes", q.Resource, maxResource)
	}
	var policies iam.Policies
	if x.own != nil && !q.Exempt {
		policies = *x.own
	}
	prefix, _, _ := strings.Cut(q.Action, ":")
	acting := x.h.byPrefix[prefix]
	if acting != nil && acting.Uncontrolled {
		policies.Control = nil
	}
	if !x.op.makes || q.Action != x.op.Action {
		x.h.resourceOf(prefix, &q, &policies)
	}
	if x.h.guards != nil {
		if err := x.h.guards.Guard(ctx, q, &policies); err != nil {
			return err
		}
	}
	asking := x.asking(ctx, &q, acting, own)
	request := &iam.Request{
		Principal: x.call.Caller.IAM, Action: q.Action, Resource: q.Resource, Account: q.Owner,
		Time: x.call.Time, Keys: asking.keys, Judged: asking.judged,
	}
	if request.Principal == nil {
		request.Principal = &iam.Principal{}
	}
	if q.Exempt {
		policies = iam.Policies{Endpoint: policies.Endpoint, Resource: openToAll}
	}
	decision, err := iam.EvaluateContext(ctx, request, &policies)
	if err != nil {
		return fmt.Errorf("judge %s: %w", q.Action, err)
	}
	judged := Judgement{Action: q.Action, Resource: q.Resource, Owner: q.Owner, Decision: decision}
	if decision.Allow || q.DenyOnly && decision.Reason != iam.ExplicitDeny {
		x.agreed.record(&x.record, judged)
		return nil
	}
	// At once, whether anybody reads it or not: the keys follow from state that changes (BenchmarkRefusal).
	explanation := iam.Explain(request, &policies)
	redact(&explanation)
	judged.Explanation = &explanation
	x.agreed.record(&x.record, judged)
	return fault.New(fault.Denied, "api.authorise", "%s", x.refusal(&q, acting, request, &explanation))
}

// openToAll stands in the place of all other policies for exempt callers.
var openToAll = func() *iam.Policy {
	p, err := iam.Parse(iam.Resource, "exempt",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)
	if err != nil {
		panic(err)
	}
	return p
}()

// resourceOf finds out whose the resource of an action with this prefix is, and its policy.
func (h *Handler) resourceOf(prefix string, q *Question, p *iam.Policies) {
	if of := h.policies[prefix]; of != nil {
		p.Resource, q.Owner, p.ResourceDecides = of.ResourcePolicy(q.Resource)
	}
	if q.Owner == "" {
		q.Owner = owner(q.Resource)
	}
}

// owner is the account that an ARN names, or "".
func owner(resource string) string {
	parts, ok := arn.Split(resource)
	if !ok {
		return ""
	}
	return parts[4]
}
