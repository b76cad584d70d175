package iam

import (
	"context"
)

// Policies holds the policies that one request is judged by. Those that do not exist are nil.
type Policies struct {
	// Identity are the policies of the user or role that the caller is.
	Identity []*Policy
	// Boundary is the permissions boundary of that user or role.
	Boundary *Policy
	// Session are the policies given when the session began; empty means that none were.
	Session []*Policy
	// Control are the service control policies of the caller's account and of what is above it; each of them has to
	// allow. They limit the root user as well, and neither services nor service-linked roles.
	Control []*Policy
	// Resource is the policy of the resource: a bucket's, a key's, a role's trust policy.
	Resource *Policy
	// ResourceDecides is set for resources to which nothing is allowed without their own policy: roles that are to be
	// assumed, and keys.
	ResourceDecides bool
	// Endpoint is the policy of the VPC endpoint that the request came through; nil is full access.
	Endpoint *Policy
}

// Reason says which step of the evaluation decided.
type Reason uint8

// The reasons, in the order in which they are looked for.
const (
	// ExplicitDeny: a statement denies it.
	ExplicitDeny Reason = iota
	// EndpointSilent: no statement of the endpoint's policy allows it.
	EndpointSilent
	// ControlSilent: a service control policy does not allow it.
	ControlSilent
	// ResourceSilent: the resource's policy is needed (another account's resource, a role, a key) and does not allow it.
	ResourceSilent
	// IdentitySilent: no identity policy allows it.
	IdentitySilent
	// BoundarySilent: the permissions boundary does not allow it.
	BoundarySilent
	// SessionSilent: no session policy allows it.
	SessionSilent
	// ByRoot: the caller is the account's root user.
	ByRoot
	// ByIdentity: an identity policy allows it, and nothing limits that.
	ByIdentity
	// ByResource: the resource's own policy allows it to the caller.
	ByResource
)

// Decision is the answer, and the statement that it rests on.
//
//	allow = ¬deny(identity ∨ boundary ∨ session ∨ control ∨ resource ∨ endpoint)
//	      ∧ allow(endpoint) ∧ allow(every control)             no policy = allow; never enough by themselves
//	      ∧ ( same account, resource does not decide:  own ∨ everybody ∧ limits ∨ named
//	        ∨ same account, resource decides:          account ∧ own ∨ everybody ∧ limits ∨ named
//	        ∨ another account's resource:              (account ∨ everybody ∨ named) ∧ own
//	        ∨ a service, or nobody:                    everybody ∨ named )
//
//	own       = root ∨ allow(identity) ∧ limits
//	limits    = allow(boundary) ∧ allow(session)               no policy = allow; root has neither
//	control   = of the caller's account; a service, a service-linked role and nobody have none
//	account   = the resource's policy allows it to the caller's account
//	everybody = … to the caller's role, to the user who federated it, or to "*"
//	named     = … to the caller's own ARN
//
// The order of statements and policies changes nothing but which of several statements with the same effect is named.
type Decision struct {
	Allow  bool
	Reason Reason
	// Kind and Policy are the policy that decided; Policy is empty where none allows.
	Kind   Kind
	Policy string
	// Statement is the index of the statement, -1 where none decided; Sid is its name, if it has one.
	Statement int
	Sid       string
	// Unjudged is a condition key of which it is not known whether the request has it, and on which the refusal rests: it
	// stands in the statement that denies, or in one that would allow.
	Unjudged string
}

// Evaluate judges a request.
func Evaluate(r *Request, p *Policies) Decision {
	d, _ := EvaluateContext(context.Background(), r, p) // which never ends
	return d
}

// EvaluateContext is Evaluate for a request whose caller may leave. Its error is the context's, and then nothing is
// decided.
func EvaluateContext(ctx context.Context, r *Request, p *Policies) (Decision, error) {
	j := judge{r: r, p: p}
	j.asked.ask(ctx, r, p)
	d, ok := j.collect()
	if err := j.asked.err; err != nil {
		return Decision{Reason: IdentitySilent, Statement: -1}, err
	}
	if ok {
		return d, nil
	}
	if d = j.decide(); !d.Allow {
		d.Unjudged = j.unjudged()
	}
	return d, nil
}

// decide weighs what the policies say, of which none denies.
func (j *judge) decide() Decision {
	r, p := j.r, j.p
	if p.Endpoint != nil && j.endpoint.allow < 0 {
		return silent(EndpointSilent, Endpoint)
	}
	if j.uncontrolled {
		return silent(ControlSilent, ServiceControl)
	}
	switch c := r.Principal; {
	case c.Kind == Service || c.Kind == Anonymous:
		if j.resource.grant >= grantLimited {
			return j.byResource()
		}
		return silent(ResourceSilent, j.resourceKind())
	case isAccount(r.Account) && r.Account != c.Account:
		return j.crossAccount()
	}
	return j.sameAccount()
}

// judge holds what the policies say while a request is judged.
type judge struct {
	r     *Request
	p     *Policies
	asked asked

	identity         finding
	identityPolicy   *Policy
	boundary         finding
	session          finding
	sessionPolicy    *Policy
	resource         finding
	endpoint         finding
	withheld         string // a key without which an identity or session policy might allow
	limits           Reason // BoundarySilent or SessionSilent, if limited
	limited, allowed bool   // by limits; by identity or root
	uncontrolled     bool   // a service control policy does not allow
}

// collect asks every policy, and reports the first explicit deny.
func (j *judge) collect() (Decision, bool) {
	none := finding{deny: -1, allow: -1}
	j.identity, j.boundary, j.session, j.resource, j.endpoint = none, none, none, none, none
	root := j.r.Principal.Kind == Root
	if !root {
		if d, ok := j.collectOwn(); ok {
			return d, true
		}
	}
	if d, ok := j.collectControl(); ok {
		return d, true
	}
	for _, one := range []struct {
		policy *Policy
		into   *finding
	}{{j.p.Resource, &j.resource}, {j.p.Endpoint, &j.endpoint}} {
		if one.policy == nil {
			continue
		}
		if *one.into = one.policy.find(&j.asked); one.into.deny >= 0 {
			return denied(one.policy, *one.into), true
		}
	}
	j.allowed = root || j.identity.allow >= 0
	switch {
	case root:
	case j.p.Boundary != nil && j.boundary.allow < 0:
		j.limited, j.limits = true, BoundarySilent
	case len(j.p.Session) > 0 && j.session.allow < 0:
		j.limited, j.limits = true, SessionSilent
	}
	return Decision{}, false
}

// collectOwn asks the policies that the caller brings along; root brings none.
func (j *judge) collectOwn() (Decision, bool) {
	for _, policy := range j.p.Identity {
		f := policy.find(&j.asked)
		if f.deny >= 0 {
			return denied(policy, f), true
		}
		if f.allow >= 0 && j.identity.allow < 0 {
			j.identity, j.identityPolicy = f, policy
		}
		j.note(f)
	}
	if j.p.Boundary != nil {
		if j.boundary = j.p.Boundary.find(&j.asked); j.boundary.deny >= 0 {
			return denied(j.p.Boundary, j.boundary), true
		}
	}
	for _, policy := range j.p.Session {
		f := policy.find(&j.asked)
		if f.deny >= 0 {
			return denied(policy, f), true
		}
		if f.allow >= 0 && j.session.allow < 0 {
			j.session, j.sessionPolicy = f, policy
		}
		j.note(f)
	}
	return Decision{}, false
}

// collectControl asks the service control policies.
func (j *judge) collectControl() (Decision, bool) {
	if !j.p.controls(j.r.Principal) {
		return Decision{}, false
	}
	for _, policy := range j.p.Control {
		f := policy.find(&j.asked)
		if f.deny >= 0 {
			return denied(policy, f), true
		}
		if f.allow < 0 {
			j.uncontrolled = true
		}
		j.note(f)
	}
	return Decision{}, false
}

func (j *judge) sameAccount() Decision {
	switch j.resource.grant {
	case grantDirect:
		return j.byResource()
	case grantLimited:
		if !j.limited {
			return j.byResource()
		}
	case grantNone:
		if j.p.ResourceDecides {
			return silent(ResourceSilent, j.resourceKind())
		}
	}
	return j.own()
}

// crossAccount decides on another account's resource. Where the resource's policy leaves it to the caller's account,
// and that has no policy for it, Amazon names the resource's policy.
func (j *judge) crossAccount() Decision {
	grant := j.resource.grant
	if grant == grantNone || grant == grantAccount && !j.allowed && j.resourceKind() != Trust {
		return silent(ResourceSilent, j.resourceKind())
	}
	return j.own()
}

// own decides by the policies of the caller's own account.
func (j *judge) own() Decision {
	switch {
	case !j.allowed:
		return silent(IdentitySilent, Identity)
	case j.limited && j.limits == BoundarySilent:
		return silent(BoundarySilent, Boundary)
	case j.limited:
		return silent(SessionSilent, Session)
	case j.identityPolicy == nil:
		return Decision{Allow: true, Reason: ByRoot, Statement: -1}
	}
	return allowed(ByIdentity, j.identityPolicy, j.identity.allow)
}

func (j *judge) byResource() Decision { return allowed(ByResource, j.p.Resource, j.resource.allow) }

func (j *judge) resourceKind() Kind {
	if j.p.Resource != nil {
		return j.p.Resource.Kind
	}
	return Resource
}

func denied(p *Policy, f finding) Decision {
	d := allowed(ExplicitDeny, p, f.deny)
	d.Allow, d.Unjudged = false, f.unjudged
	return d
}

// asked is a request while policies are asked about it.
type asked struct {
	*Request
	bounded bool // the caller has a permissions boundary
	ctx     context.Context
	err     error // the context's, once it has ended
	looked  int   // at so many statements

	found, about [maxWords]uint64 // room for sets
}

// ask makes it ready for a request.
func (a *asked) ask(ctx context.Context, r *Request, p *Policies) {
	a.Request, a.ctx, a.bounded = r, ctx, p.Boundary != nil && r.Principal.Kind != Root
}

// stride counts the statements that are looked at before the context is asked again.
const stride = 16

// over reports whether the caller has left.
func (a *asked) over() bool {
	if a.looked++; a.looked%stride == 0 && a.err == nil {
		a.err = a.ctx.Err()
	}
	return a.err != nil
}

// note remembers a key without which one of the caller's own policies might allow.
func (j *judge) note(f finding) {
	if f.unjudged != "" {
		j.withheld = f.unjudged
	}
}

// unjudged returns a key without which some policy might allow.
func (j *judge) unjudged() string {
	for _, key := range []string{j.withheld, j.boundary.unjudged, j.resource.unjudged, j.endpoint.unjudged} {
		if key != "" {
			return key
		}
	}
	return ""
}

func allowed(reason Reason, p *Policy, statement int) Decision {
	return Decision{
		Allow: true, Reason: reason, Kind: p.Kind, Policy: p.Name, Statement: statement, Sid: p.statements[statement].sid,
	}
}

func silent(reason Reason, kind Kind) Decision {
	return Decision{Reason: reason, Kind: kind, Statement: -1}
}
