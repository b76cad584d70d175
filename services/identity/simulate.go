package identity

import (
	"path"
	"slices"
	"strings"

	"postern/aws/arn"
	"postern/aws/iam"
)

// Simulated holds the policies by which a user, role or group is judged, for simulations of requests.
type Simulated struct {
	Principal iam.Principal
	// Policies holds its identity policies, its boundary and its account's service control policies.
	Policies iam.Policies

	names map[*iam.Policy]string
}

// SourceOf returns what simulators call a policy: a managed policy's name, and KIND_HOLDER_NAME of an inline one.
func (s *Simulated) SourceOf(p *iam.Policy) string {
	if name, ok := s.names[p]; ok {
		return name
	}
	return p.Name
}

// simulationSession stands in the place of a session's name where a role is the simulated caller.
const simulationSession = "simulation"

// Simulate returns what the user, role or group of an account with this ARN is judged by.
func (s *Service) Simulate(account, name string) (*Simulated, error) {
	st := s.state()
	a, err := arn.Parse(name)
	if err != nil || a.Service != "iam" || !slices.Contains([]string{"user", "role", "group"}, a.Type()) {
		return nil, invalid("The ARN %.200s does not name a user, a group or a role.", name)
	}
	notThere := notFound("The entity %.200s cannot be found.", name)
	if a.Account != account {
		return nil, notThere
	}
	out := &Simulated{Principal: SimulatedCaller(name), names: map[*iam.Policy]string{}}
	out.Policies.Control = st.controls(account)
	last := a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
	switch a.Type() {
	case "user":
		u, err := st.user(account, last)
		if err != nil || u.ARN() != name {
			return nil, notThere
		}
		out.Principal = u.principal()
		out.hold(st, Holder{Kind: OfUser, Name: u.Name}, &u.Permissions)
		for _, g := range st.groupsOf(u) {
			out.hold(st, Holder{Kind: OfGroup, Name: g.Name}, &g.Permissions)
		}
	case "role":
		r, err := st.role(account, last)
		if err != nil || r.ARN() != name {
			return nil, notThere
		}
		out.Principal.UserID, out.Principal.Tags = r.ID+":"+simulationSession, tagMap(r.Tags)
		out.Principal.ServiceLinked = isServiceLinked(r.Path)
		out.hold(st, Holder{Kind: OfRole, Name: r.Name}, &r.Permissions)
	default:
		g, err := st.group(account, last)
		if err != nil || g.ARN() != name {
			return nil, notThere
		}
		out.hold(st, Holder{Kind: OfGroup, Name: g.Name}, &g.Permissions)
	}
	return out, nil
}

// hold adds a holder's policies. One that is attached to a user and to its group is judged once.
func (s *Simulated) hold(st *state, h Holder, p *Permissions) {
	all, boundary := st.identityPolicies(p)
	if boundary != nil {
		s.Policies.Boundary = boundary
	}
	for i, policy := range all {
		if s.names[policy] != "" {
			continue
		}
		if s.names[policy] = path.Base(policy.Name); i < len(p.inline) {
			s.names[policy] = h.Kind.String() + "_" + h.Name + "_" + policy.Name
		}
		s.Policies.Identity = append(s.Policies.Identity, policy)
	}
}

// SimulatedCaller returns the caller that an ARN of a user, role or group supposes, of whom nothing more is known.
func SimulatedCaller(name string) iam.Principal {
	a, err := arn.Parse(name)
	if err != nil {
		return iam.Principal{Kind: iam.User}
	}
	p := iam.Principal{Kind: iam.User, ARN: name, Account: a.Account}
	last := a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
	switch a.Type() {
	case "user":
		p.Name = last
	case "role":
		p.Kind, p.Role = iam.AssumedRole, name
		p.ARN = arn.Global(a.Partition, "sts", a.Account, "assumed-role/"+last+"/"+simulationSession).String()
	}
	return p
}
