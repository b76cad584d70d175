package iam

import (
	"strconv"
	"strings"
)

// String tells people what decided: "explicit deny by statement 2 (NoShell) of identity-based policy \"ops\"".
func (d Decision) String() string {
	var room [128]byte // few are longer
	text := room[:0]
	switch {
	case d.Reason == ByRoot:
		return "allowed to the account's root user"
	case d.Allow:
		text = d.appendBy(append(text, "allowed by "...))
	case d.Reason == ExplicitDeny:
		text = d.appendBy(append(text, "explicit deny by "...))
	default:
		text = append(append(append(text, "no "...), d.Kind.String()...), " allows it"...)
	}
	if d.Unjudged != "" && !d.Allow {
		text = append(append(append(text, ", where the condition key "...), d.Unjudged...), " cannot be judged"...)
	}
	return string(text)
}

// appendBy appends the statement and the policy that decided.
func (d Decision) appendBy(text []byte) []byte {
	text = strconv.AppendInt(append(text, "statement "...), int64(d.Statement+1), 10)
	if d.Sid != "" {
		text = append(append(append(text, " ("...), d.Sid...), ')')
	}
	text = append(append(text, " of "...), d.Kind.String()...)
	if d.Policy != "" {
		text = strconv.AppendQuote(append(text, ' '), d.Policy)
	}
	return text
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
