package iam

import (
	"postern/aws/arn"
)

// Kind is the sort of a policy: where it is attached, and so what may stand in it.
type Kind uint8

// The kinds of policy.
const (
	Identity        Kind = iota // of a user or a role: no Principal
	Boundary                    // limits what identity policies can allow: no Principal
	Session                     // given when a session begins, limits it: no Principal
	ServiceControl              // of an account or of all, limits everybody in it: no Principal
	Resource                    // of a resource, such as a bucket or a key: Principal
	Trust                       // of a role, says who may assume it: Principal, no Resource, actions of sts
	Endpoint                    // of an interface endpoint: Principal; never grants anything
	GatewayEndpoint             // of a gateway endpoint, where an account in Principal is its root user alone
)

// String returns the kind in Amazon's words, as they stand in messages.
func (k Kind) String() string {
	return [...]string{
		"identity-based policy", "permissions boundary", "session policy", "service control policy",
		"resource-based policy", "role trust policy", "VPC endpoint policy", "VPC endpoint policy",
	}[k]
}

// Policy is a compiled policy document. It does not change and may be used by many goroutines.
type Policy struct {
	// Name identifies the policy in messages: an inline policy's name, a managed policy's ARN, an endpoint's id.
	Name string
	// Kind holds the kind that the policy was parsed as.
	Kind Kind

	statements []statement
	index      index
	document   string
}

// A statement is one element of Statement.
type statement struct {
	sid  string
	deny bool
	text string // as it stands in the document
	from int    // the offset where it begins there

	actions   []*arn.Pattern
	notAction bool

	resources   []template
	notResource bool
	anyResource bool // Resource has "*", or the kind has no resources

	principals   *principals
	notPrincipal bool

	conditions []condition
}

// applies reports whether the statement is about the request, and how closely it names the caller. A condition or a
// variable whose key nobody can tell makes a statement that denies apply, and one that allows not; unjudged is then the
// key.
func (s *statement) applies(a *asked) (g grant, unjudged string) {
	r := a.Request
	if !s.aboutAction(r.Action) {
		return grantNone, ""
	}
	about, unjudged := s.aboutResource(r)
	if !about {
		return grantNone, ""
	}
	g = grantDirect
	if s.principals != nil {
		if s.notPrincipal {
			g = s.principals.excepts(r.Principal, s.deny, a.bounded)
		} else {
			g = s.principals.names(r.Principal)
		}
		if g == grantNone {
			return grantNone, ""
		}
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		if key := c.unjudged(r); key != "" {
			unjudged = key
		} else if !c.holds(r, !s.deny) {
			return grantNone, ""
		}
	}
	if unjudged != "" && !s.deny {
		g = grantNone
	}
	return g, unjudged
}

func (s *statement) aboutAction(action string) bool {
	for i := range s.actions {
		if s.actions[i].Match(action) {
			return !s.notAction
		}
	}
	return s.notAction
}

// aboutResource reports whether the statement is about the request's resource, or may be: unjudged is then the variable
// that it hangs on.
func (s *statement) aboutResource(r *Request) (about bool, unjudged string) {
	if s.anyResource {
		return !s.notResource, ""
	}
	for i := range s.resources {
		f, key := s.resources[i].match(r, r.Resource)
		switch f {
		case fits:
			return !s.notResource, ""
		case unknown:
			unjudged = key
		}
	}
	if !s.notResource {
		return unjudged != "", unjudged
	}
	for i := range s.resources {
		switch f, key := s.resources[i].obstacle(r); {
		case s.deny:
		case f == unresolved: // what is excepted is not known
			return false, ""
		case f == unknown:
			unjudged = key
		}
	}
	return true, unjudged
}

// A finding is what one policy says about a request: its first statement that denies, and the one that allows most.
type finding struct {
	deny, allow int // index of the statement, -1 for none
	grant       grant
	// unjudged is a condition key that nobody can tell: the one on which it denies, else one without which it might allow.
	unjudged string
}

func (p *Policy) find(a *asked) finding {
	f := finding{deny: -1, allow: -1}
	may := p.index.find(a)
	for i := may.next(0, p.index.denies, true); i >= 0; i = may.next(i+1, p.index.denies, true) {
		if a.over() {
			return f
		}
		g, unjudged := p.statements[i].applies(a)
		if g != grantNone {
			f.deny, f.unjudged = i, unjudged
			return f
		}
	}
	for i := may.next(0, p.index.denies, false); i >= 0; i = may.next(i+1, p.index.denies, false) {
		if a.over() || f.grant == grantDirect {
			return f
		}
		g, unjudged := p.statements[i].applies(a)
		switch {
		case g == grantNone && unjudged != "":
			f.unjudged = unjudged
		case g > f.grant:
			f.allow, f.grant = i, g
		}
	}
	return f
}

// AWSPrincipals returns the ARNs and accounts that the policy's Principal elements name, for a check that they exist.
func (p *Policy) AWSPrincipals() []string {
	var all []string
	for _, s := range p.statements {
		if s.principals != nil {
			all = append(append(all, s.principals.accounts...), s.principals.arns...)
		}
	}
	return all
}
