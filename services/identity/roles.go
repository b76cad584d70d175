package identity

import (
	"context"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
	"postern/record"
)

// The bounds of a role's longest session.
const (
	minMaxSession = time.Hour
	maxMaxSession = 12 * time.Hour
)

// Role is an IAM role.
type Role struct {
	Partition           string `json:",omitempty"`
	Account, Path, Name string
	ID                  string // AROA…
	Created             time.Time
	Description         string
	Trust               string        // the trust policy, JSON
	MaxSession          time.Duration // the longest session of AssumeRole, 1 h to 12 h
	Tags                []Tag
	Permissions

	trust *iam.Policy
}

func (r *Role) id() string { return key(r.Account, r.Name) }

// compile compiles the trust policy and the inline policies.
func (r *Role) compile() (err error) {
	if r.trust, err = iam.Parse(iam.Trust, r.ARN(), r.Trust); err != nil {
		return err
	}
	return r.Permissions.compile()
}

// ARN is the role's name in policies.
func (r Role) ARN() string {
	return arn.Global(r.Partition, "iam", r.Account, "role"+r.Path+r.Name).String()
}

var (
	rolesByPolicy = &record.Index[Role]{Terms: func(r *Role) []record.Term {
		return policyTerms(r.Account, r.Attached...)
	}}
	rolesByBoundary = &record.Index[Role]{Terms: func(r *Role) []record.Term {
		return policyTerms(r.Account, r.Boundary)
	}}
	roles = &record.Kind[Role]{
		Name:    "role",
		Key:     (*Role).id,
		Groups:  func(r *Role) []string { return []string{r.Account} },
		Indexes: []*record.Index[Role]{rolesByPolicy, rolesByBoundary},
		Prepare: (*Role).compile,
	}
)

// NewRole says what CreateRole is to make.
type NewRole struct {
	Account, Path, Name string
	Description         string
	Trust               string
	MaxSession          time.Duration // zero is an hour
	Boundary            string        // ARN of a managed policy, or empty
	Tags                []Tag
}

// CreateRole makes a role.
func (s *Service) CreateRole(ctx context.Context, n NewRole) (Role, error) {
	r := &Role{
		Partition: s.partition,
		Account:   n.Account, Name: n.Name, Created: s.stamp(), ID: newID(prefixRole), Description: n.Description,
		Trust: n.Trust, MaxSession: n.MaxSession,
	}
	if r.MaxSession == 0 {
		r.MaxSession = minMaxSession
	}
	err := s.change(ctx, n.Account, func(p *plan) (err error) {
		if err := checkName("roleName", n.Name, maxName); err != nil {
			return err
		}
		if r.Path, err = checkPath(n.Path); err != nil {
			return err
		}
		if isServiceLinked(r.Path) {
			return invalid("The path %s is reserved for service-linked roles.", serviceLinkedPath)
		}
		if r.Tags, err = mergeTags(nil, n.Tags); err != nil {
			return err
		}
		if err := r.check(); err != nil {
			return err
		}
		if err := p.needAccount(n.Account); err != nil {
			return err
		}
		if err := p.checkTrust(r); err != nil {
			return err
		}
		if err := s.quotas.checkTrust(r.Trust); err != nil {
			return err
		}
		if _, ok := roles.Get(p.Tables, r.id()); ok {
			return exists("Role with name %s already exists.", n.Name)
		}
		if n.Boundary != "" {
			if _, err := p.policyFor(n.Account, n.Boundary); err != nil {
				return err
			}
		}
		r.Boundary = n.Boundary
		roles.Put(p.Plan, r, false)
		return nil
	})
	if err != nil {
		return Role{}, err
	}
	return *r, nil
}

// check checks what UpdateRole may change.
func (r *Role) check() error {
	if r.MaxSession < minMaxSession || r.MaxSession > maxMaxSession {
		return invalid(
			"1 validation error detected: Value '%d' at 'maxSessionDuration' failed to satisfy constraint: Member must "+
				"be between %d and %d",
			r.MaxSession/time.Second,
			minMaxSession/time.Second,
			maxMaxSession/time.Second,
		)
	}
	return checkDescription(r.Description)
}

// checkTrust parses the trust policy. Users and roles that it names must exist, if their account does.
func (st *state) checkTrust(r *Role) error {
	p, err := parsePolicy(iam.Trust, r.ARN(), r.Trust)
	if err != nil {
		return err
	}
	for _, name := range p.AWSPrincipals() {
		a, err := arn.Parse(name)
		if err != nil || a.Service != "iam" {
			continue
		}
		if _, ok := accounts.Get(st.tables, a.Account); !ok {
			continue
		}
		found := false
		switch last := a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]; a.Type() {
		case "user":
			u, ok := users.Get(st.tables, key(a.Account, last))
			found = ok && u.ARN() == name
		case "role":
			other, ok := roles.Get(st.tables, key(a.Account, last))
			found = ok && other.ARN() == name || name == r.ARN()
		}
		if !found {
			return fault.New(fault.Invalid, "identity", `Invalid principal in policy: "AWS":%q`, name).
				WithCode("MalformedPolicyDocument")
		}
	}
	return nil
}

func (st *state) role(account, name string) (*Role, error) {
	if r, ok := roles.Get(st.tables, key(account, name)); ok {
		return r, nil
	}
	return nil, notFound("The role with name %.128s cannot be found.", name)
}

// Role returns a role.
func (s *Service) Role(account, name string) (Role, error) {
	r, err := s.state().role(account, name)
	if err != nil {
		return Role{}, err
	}
	return *r, nil
}

// Roles returns an account's roles below a path, by name.
func (s *Service) Roles(account, path string) []Role {
	all := listed(roles, s.state(), account, func(r *Role) string { return r.Name })
	return below(all, path, func(r *Role) string { return r.Path })
}

// RoleUpdate says what UpdateRole is to change; nil leaves things as they are.
type RoleUpdate struct {
	Description *string
	MaxSession  *time.Duration
	Trust       *string
}

// UpdateRole changes a role.
func (s *Service) UpdateRole(ctx context.Context, account, name string, u RoleUpdate) (Role, error) {
	var next Role
	err := s.change(ctx, account, func(p *plan) error {
		r, err := p.role(account, name)
		if err != nil {
			return err
		}
		next = *r
		if u.MaxSession != nil || u.Trust != nil {
			if err := r.mustBeOwn(); err != nil {
				return err
			}
		}
		if u.Description != nil {
			next.Description = *u.Description
		}
		if u.MaxSession != nil {
			next.MaxSession = *u.MaxSession
		}
		if u.Trust != nil {
			next.Trust = *u.Trust
			if err := p.checkTrust(&next); err != nil {
				return err
			}
			if err := s.quotas.checkTrust(next.Trust); err != nil {
				return err
			}
		}
		if err := next.check(); err != nil {
			return err
		}
		roles.Put(p.Plan, &next, false)
		return nil
	})
	return next, err
}

// DeleteRole deletes a role that has no policies left and is in no instance profile. Its sessions end.
func (s *Service) DeleteRole(ctx context.Context, account, name string) error {
	return s.change(ctx, account, func(p *plan) error {
		r, err := p.ownRole(account, name)
		if err != nil {
			return err
		}
		for range profilesByRole.Find(p.Tables, r.id()) {
			return inUse("Cannot delete entity, must remove roles from instance profile first.")
		}
		if err := r.mustBeFree(); err != nil {
			return err
		}
		roles.Delete(p.Plan, roles.Key(r), false)
		return nil
	})
}
