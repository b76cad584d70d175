package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/aws/iam"
)

// MaxPolicyVersions is how many versions a managed policy may have.
const MaxPolicyVersions = 5

// NewPolicy says what CreatePolicy is to make.
type NewPolicy struct {
	Account, Path, Name string
	Description         string
	Text                string
	Tags                []Tag
}

// CreatePolicy makes a managed policy.
func (s *Service) CreatePolicy(ctx context.Context, n NewPolicy) (Policy, error) {
	now := s.stamp()
	p := &Policy{
		Partition: s.partition,
		Account:   n.Account, Name: n.Name, ID: newID(prefixPolicy), Created: now, Updated: now, Description: n.Description,
		Versions: []PolicyVersion{{ID: "v1", Text: n.Text, Created: now}}, Default: "v1", Last: 1,
	}
	err := s.change(ctx, func(st *state) (_ []Change, err error) {
		if err := checkName("policyName", n.Name, maxLongName); err != nil {
			return nil, err
		}
		if p.Path, err = checkPath(n.Path); err != nil {
			return nil, err
		}
		if err := checkDescription(n.Description); err != nil {
			return nil, err
		}
		if p.Tags, err = mergeTags(nil, n.Tags); err != nil {
			return nil, err
		}
		if err := s.checkManaged(p.ARN(), n.Text); err != nil {
			return nil, err
		}
		if err := st.needAccount(n.Account); err != nil {
			return nil, err
		}
		if _, ok := st.policies[p.id()]; ok {
			return nil, exists("A policy called %s already exists. Duplicate names are not allowed.", n.Name)
		}
		return []Change{put(p)}, nil
	})
	if err != nil {
		return Policy{}, err
	}
	return *p, nil
}

// checkManaged checks the text of a managed policy.
func (s *Service) checkManaged(arn, text string) error {
	if _, err := parsePolicy(iam.Identity, arn, text); err != nil {
		return err
	}
	if _, err := iam.ParseManaged(arn, text); err != nil {
		return malformed(err)
	}
	return s.quotas.checkManaged(text)
}

// Policy returns a managed policy that an account may use: its own, or one of Amazon's.
func (s *Service) Policy(account, arn string) (p Policy, err error) {
	s.view(func(st *state) {
		var found *Policy
		if found, err = st.policyFor(account, arn); err == nil {
			p = *found
		}
	})
	return p, err
}

func (st *state) policyFor(account, arn string) (*Policy, error) {
	p, err := st.policyByARN(arn)
	if err == nil && p.Account != account && p.Account != amazonOwner {
		err = notFound("Policy %s was not found.", arn)
	}
	return p, err
}

// PolicyOwner says whose managed policies to list.
type PolicyOwner int

// The owners.
const (
	AnyOwner PolicyOwner = iota
	AmazonOwned
	CustomerOwned
)

// ManagedPolicies returns the managed policies that an account may use below a path, by name.
func (s *Service) ManagedPolicies(account, path string, owner PolicyOwner) []Policy {
	var all []Policy
	name := func(p *Policy) string { return p.Name }
	s.view(func(st *state) {
		if owner != AmazonOwned {
			all = listed(st.policies, account, name)
		}
		if owner != CustomerOwned {
			all = append(all, listed(st.policies, amazonOwner, name)...)
		}
	})
	slices.SortStableFunc(all, func(a, b Policy) int { return strings.Compare(a.Name, b.Name) })
	return below(all, path, func(p *Policy) string { return p.Path })
}

// PolicyEntities are the users and roles that use a managed policy, by name.
type PolicyEntities struct {
	Users, Roles               []string
	BoundedUsers, BoundedRoles []string // those whose boundary it is
}

// PolicyEntities returns who uses a policy within an account.
func (s *Service) PolicyEntities(account, arn string) (e PolicyEntities, err error) {
	s.view(func(st *state) {
		if _, err = st.policyFor(account, arn); err == nil {
			e = st.policyEntities(account, arn)
		}
	})
	return e, err
}

func (st *state) policyEntities(account, arn string) (e PolicyEntities) {
	for _, u := range listed(st.users, account, func(u *User) string { return u.Name }) {
		if slices.Contains(u.Attached, arn) {
			e.Users = append(e.Users, u.Name)
		}
		if u.Boundary == arn {
			e.BoundedUsers = append(e.BoundedUsers, u.Name)
		}
	}
	for _, r := range listed(st.roles, account, func(r *Role) string { return r.Name }) {
		if slices.Contains(r.Attached, arn) {
			e.Roles = append(e.Roles, r.Name)
		}
		if r.Boundary == arn {
			e.BoundedRoles = append(e.BoundedRoles, r.Name)
		}
	}
	return e
}

// changePolicy plans on a copy of a customer's policy.
func (s *Service) changePolicy(ctx context.Context, account, arn string, plan func(st *state, p *Policy) error) (Policy, error) {
	var next Policy
	err := s.change(ctx, func(st *state) ([]Change, error) {
		p, err := st.policyFor(account, arn)
		if err != nil {
			return nil, err
		}
		if p.Account == amazonOwner {
			return nil, invalid("Policy %s is managed by AWS and cannot be changed.", arn)
		}
		next = *p
		next.Versions, next.Tags = slices.Clone(p.Versions), slices.Clone(p.Tags)
		if err := plan(st, &next); err != nil {
			return nil, err
		}
		return []Change{put(&next)}, nil
	})
	return next, err
}

// CreatePolicyVersion adds a text to a policy, and makes it the one in force if setDefault.
func (s *Service) CreatePolicyVersion(ctx context.Context, account, arn, text string, setDefault bool) (PolicyVersion, error) {
	if err := s.checkManaged(arn, text); err != nil {
		return PolicyVersion{}, err
	}
	var v PolicyVersion
	_, err := s.changePolicy(ctx, account, arn, func(_ *state, p *Policy) error {
		if len(p.Versions) >= MaxPolicyVersions {
			return limit("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", MaxPolicyVersions)
		}
		p.Last++
		p.Updated = s.stamp()
		v = PolicyVersion{ID: fmt.Sprintf("v%d", p.Last), Text: text, Created: p.Updated}
		p.Versions = append(p.Versions, v)
		if setDefault {
			p.Default = v.ID
		}
		return nil
	})
	return v, err
}

// SetDefaultPolicyVersion puts another version of a policy in force.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, account, arn, version string) error {
	_, err := s.changePolicy(ctx, account, arn, func(_ *state, p *Policy) error {
		if _, err := p.NeedVersion(version); err != nil {
			return err
		}
		p.Default, p.Updated = version, s.stamp()
		return nil
	})
	return err
}

// NeedVersion is Version with a NotFound fault.
func (p Policy) NeedVersion(id string) (PolicyVersion, error) {
	v, ok := p.Version(id)
	if !ok {
		return v, notFound("Policy %s version %.20s does not exist or is not attachable.", p.ARN(), id)
	}
	return v, nil
}

// DeletePolicyVersion deletes a version that is not in force.
func (s *Service) DeletePolicyVersion(ctx context.Context, account, arn, version string) error {
	_, err := s.changePolicy(ctx, account, arn, func(_ *state, p *Policy) error {
		if _, err := p.NeedVersion(version); err != nil {
			return err
		}
		if p.Default == version {
			return inUse("Cannot delete the default version of a policy.")
		}
		p.Versions = slices.DeleteFunc(p.Versions, func(v PolicyVersion) bool { return v.ID == version })
		p.Updated = s.stamp()
		return nil
	})
	return err
}

// DeletePolicy deletes a policy that nobody uses and that has no version but the one in force.
func (s *Service) DeletePolicy(ctx context.Context, account, arn string) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		p, err := st.policyFor(account, arn)
		if err != nil {
			return nil, err
		}
		e := st.policyEntities(account, arn)
		switch {
		case p.Account == amazonOwner:
			return nil, invalid("Policy %s is managed by AWS and cannot be deleted.", arn)
		case len(e.Users)+len(e.Roles)+len(e.BoundedUsers)+len(e.BoundedRoles) > 0:
			return nil, inUse("Cannot delete a policy attached to entities.")
		case len(p.Versions) > 1:
			return nil, inUse("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return []Change{remove(p)}, nil
	})
}
