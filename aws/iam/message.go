package iam

import (
	"fmt"
	"strings"
)

// String tells people what decided: "explicit deny by statement 2 (NoShell) of identity-based policy \"ops\"".
func (d Decision) String() string {
	by := fmt.Sprintf("statement %d", d.Statement+1)
	if d.Sid != "" {
		by += " (" + d.Sid + ")"
	}
	by += " of " + d.Kind.String()
	if d.Policy != "" {
		by += fmt.Sprintf(" %q", d.Policy)
	}
	var unjudged string
	if d.Unjudged != "" {
		unjudged = ", where the condition key " + d.Unjudged + " cannot be judged"
	}
	switch {
	case d.Reason == ByRoot:
		return "allowed to the account's root user"
	case d.Allow:
		return "allowed by " + by
	case d.Reason == ExplicitDeny:
		return "explicit deny by " + by + unjudged
	}
	return "no " + d.Kind.String() + " allows it" + unjudged
}

// Message returns the refusal in Amazon's words, for the caller. on is the resource as the service's refusals show it;
// empty leaves it out. Which statement refused, and what it rests on, String and Explain say.
func (d Decision) Message(r *Request, on string) string {
	var b strings.Builder
	switch c := r.Principal; {
	case c.Kind == Anonymous:
		b.WriteString("User: anonymous")
	case c.ARN == "":
		b.WriteString("Service: " + c.Name)
	default:
		b.WriteString("User: " + c.ARN)
	}
	b.WriteString(" is not authorized to perform: " + r.Action)
	if on != "" {
		b.WriteString(" on resource: " + on)
	}
	switch {
	case d.Reason != ExplicitDeny:
		b.WriteString(" because no " + d.Kind.String() + " allows the " + r.Action + " action")
	case d.Kind == Identity:
		b.WriteString(" with an explicit deny in an " + d.Kind.String())
	default:
		b.WriteString(" with an explicit deny in a " + d.Kind.String())
	}
	return b.String()
}

// DenyingPolicy returns the ARN of the policy that denies explicitly, where it is one that Amazon's refusals name: a
// managed policy of the caller's. It is empty for others.
func (d Decision) DenyingPolicy() string {
	if d.Reason == ExplicitDeny && d.Kind <= ServiceControl && strings.HasPrefix(d.Policy, "arn:") {
		return d.Policy
	}
	return ""
}
