package identity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/iam"
	"postern/record"
)

// Policy is a managed policy: a customer's, or one of Amazon's (Account "aws").
type Policy struct {
	Partition           string `json:",omitempty"`
	Account, Path, Name string
	ID                  string // ANPA…
	Created, Updated    time.Time
	Description         string
	Versions            []PolicyVersion // oldest first
	Default             string          // the version in force, such as "v1"
	Last                int             // number of the newest version ever made
	Tags                []Tag

	compiled *iam.Policy
}

// PolicyVersion is one text of a managed policy.
type PolicyVersion struct {
	ID      string // "v1"
	Text    string
	Created time.Time
}

func (p *Policy) id() string { return key(p.Account, p.Name) }

func (p *Policy) compile() (err error) {
	v, ok := p.Version(p.Default)
	if !ok {
		return fmt.Errorf("has no version %s", p.Default)
	}
	p.compiled, err = iam.Parse(iam.Identity, p.ARN(), v.Text)
	return err
}

// ARN is the policy's name for attaching it.
func (p Policy) ARN() string {
	return arn.Global(p.Partition, "iam", p.Account, "policy"+p.Path+p.Name).String()
}

// Version returns a version by its id.
func (p Policy) Version(id string) (PolicyVersion, bool) {
	i := slices.IndexFunc(p.Versions, func(v PolicyVersion) bool { return v.ID == id })
	if i < 0 {
		return PolicyVersion{}, false
	}
	return p.Versions[i], true
}

var policies = &record.Kind[Policy]{
	Name:    "policy",
	Key:     (*Policy).id,
	Groups:  func(p *Policy) []string { return []string{p.Account} },
	Prepare: (*Policy).compile,
}

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
	err := s.change(ctx, n.Account, func(in *plan) (err error) {
		if err := checkName("policyName", n.Name, maxLongName); err != nil {
			return err
		}
		if p.Path, err = checkPath(n.Path); err != nil {
			return err
		}
		if err := checkDescription(n.Description); err != nil {
			return err
		}
		if p.Tags, err = mergeTags(nil, n.Tags); err != nil {
			return err
		}
		if err := s.checkManaged(p.ARN(), n.Text); err != nil {
			return err
		}
		if err := in.needAccount(n.Account); err != nil {
			return err
		}
		if _, ok := policies.Get(in.Tables, p.id()); ok {
			return exists("A policy called %s already exists. Duplicate names are not allowed.", n.Name)
		}
		policies.Put(in.Plan, p, false)
		return nil
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
func (s *Service) Policy(account, arn string) (Policy, error) {
	p, err := s.state().policyFor(account, arn)
	if err != nil {
		return Policy{}, err
	}
	return *p, nil
}

func (st *state) policyFor(account, arn string) (*Policy, error) {
	p, err := st.policyByARN(arn)
	if err == nil && p.Account != account && p.Account != amazonOwner {
		return nil, noPolicy(arn)
	}
	return p, err
}

func noPolicy(arn string) error {
	return notFound("Policy %.200s does not exist or is not attachable.", arn)
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
	if owner != AmazonOwned {
		all = listed(policies, s.state(), account, func(p *Policy) string { return p.Name })
	}
	if owner != CustomerOwned {
		for _, id := range slices.Sorted(maps.Keys(s.amazon)) {
			all = append(all, *s.amazon[id])
		}
	}
	slices.SortStableFunc(all, func(a, b Policy) int { return strings.Compare(a.Name, b.Name) })
	return below(all, path, func(p *Policy) string { return p.Path })
}

// PolicyEntities are the users, roles and groups that use a managed policy, by name.
type PolicyEntities struct {
	Users, Roles, Groups       []string
	BoundedUsers, BoundedRoles []string // those whose boundary it is
}

// Attached counts what the policy is attached to.
func (e PolicyEntities) Attached() int { return len(e.Users) + len(e.Roles) + len(e.Groups) }

// Bounding counts what the policy is the boundary of.
func (e PolicyEntities) Bounding() int { return len(e.BoundedUsers) + len(e.BoundedRoles) }

// PolicyEntities returns who uses a policy within an account.
func (s *Service) PolicyEntities(account, arn string) (PolicyEntities, error) {
	st := s.state()
	if _, err := st.policyFor(account, arn); err != nil {
		return PolicyEntities{}, err
	}
	return st.policyEntities(account, arn), nil
}

func (st *state) policyEntities(account, arn string) PolicyEntities {
	user, role := func(u *User) string { return u.Name }, func(r *Role) string { return r.Name }
	return PolicyEntities{
		Users: namesBy(usersByPolicy, st, account, arn, user), BoundedUsers: namesBy(usersByBoundary, st, account, arn, user),
		Roles: namesBy(rolesByPolicy, st, account, arn, role), BoundedRoles: namesBy(rolesByBoundary, st, account, arn, role),
		Groups: namesBy(groupsByPolicy, st, account, arn, func(g *Group) string { return g.Name }),
	}
}

// namesBy returns the names of an account's users, roles or groups that an index finds by a policy.
func namesBy[T any](x *record.Index[T], st *state, account, arn string, name func(*T) string) []string {
	var names []string
	for r := range x.Find(st.tables, policyTerms(account, arn)[0].Value) {
		names = append(names, name(r))
	}
	slices.Sort(names)
	return names
}

// changePolicy plans on a copy of a customer's policy.
func (s *Service) changePolicy(ctx context.Context, account, arn string, edit func(p *Policy) error) (Policy, error) {
	var next Policy
	err := s.change(ctx, account, func(in *plan) error {
		p, err := in.policyFor(account, arn)
		if err != nil {
			return err
		}
		if p.Account == amazonOwner {
			return invalid("Policy %s is managed by AWS and cannot be changed.", arn)
		}
		next = *p
		next.Versions, next.Tags = slices.Clone(p.Versions), slices.Clone(p.Tags)
		if err := edit(&next); err != nil {
			return err
		}
		policies.Put(in.Plan, &next, false)
		return nil
	})
	return next, err
}

// CreatePolicyVersion adds a text to a policy, and makes it the one in force if setDefault.
func (s *Service) CreatePolicyVersion(
	ctx context.Context,
	account, arn, text string,
	setDefault bool,
) (PolicyVersion, error) {
	if err := s.checkManaged(arn, text); err != nil {
		return PolicyVersion{}, err
	}
	var v PolicyVersion
	_, err := s.changePolicy(ctx, account, arn, func(p *Policy) error {
		if len(p.Versions) >= MaxPolicyVersions {
			return limit(
				"A managed policy can have up to %d versions. Before you create a new version, you must delete an existing "+
					"version.",
				MaxPolicyVersions,
			)
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
	_, err := s.changePolicy(ctx, account, arn, func(p *Policy) error {
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
	_, err := s.changePolicy(ctx, account, arn, func(p *Policy) error {
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
	return s.change(ctx, account, func(in *plan) error {
		p, err := in.policyFor(account, arn)
		if err != nil {
			return err
		}
		e := in.policyEntities(account, arn)
		switch {
		case p.Account == amazonOwner:
			return invalid("Policy %s is managed by AWS and cannot be deleted.", arn)
		case e.Attached()+e.Bounding() > 0:
			return inUse("Cannot delete a policy attached to entities.")
		case len(p.Versions) > 1:
			return inUse(
				"This policy has more than one version. Before you delete a policy, you must delete the policy's versions. " +
					"The default version is deleted with the policy.",
			)
		}
		policies.Delete(in.Plan, policies.Key(p), false)
		return nil
	})
}
