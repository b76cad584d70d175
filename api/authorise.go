package api

import (
	"context"

	"postern/aws/fault"
	"postern/aws/wire"
)

// authorise asks for permission on every resource of the call. in is the decoded input, or the request of a stream.
func (x *exchange) authorise(ctx context.Context, in any) error {
	var own map[string][]string
	if x.op.keys != nil {
		own = x.op.keys(x.call, in)
	}
	for _, resource := range x.op.resources(x.call, in) {
		if err := x.ask(ctx, x.op.Action, resource, own); err != nil {
			return err
		}
	}
	return nil
}

// ask puts one question to the authoriser and turns a no into a fault.
func (x *exchange) ask(ctx context.Context, action, resource string, own map[string][]string) error {
	q := Question{
		Caller: x.call.Caller, Action: action, Resource: resource, Call: x.call, own: own,
		Exempt: x.op.Auth != Signed,
	}
	a, err := x.h.authoriser.Authorise(ctx, q)
	if err != nil {
		return err
	}
	x.record.Statement = a.Statement
	if a.Allow {
		return nil
	}
	return x.deny(q, a)
}

// deny says no in Amazon's words.
func (x *exchange) deny(q Question, a Answer) error {
	who := "User: " + q.Caller.Principal
	if q.Caller.Principal == "" {
		who = "User: anonymous"
		if q.Caller.Node != "" {
			who = "Managed node: " + q.Caller.Node
		}
	}
	text := who + " is not authorized to perform: " + q.Action + " on resource: " + q.Resource
	if a.Reason != "" {
		text += " " + a.Reason
	}
	if x.service.Protocol == wire.EC2 {
		text = "You are not authorized to perform this operation. " + text
	}
	return fault.New(fault.Denied, "api.authorise", "%s", text)
}
