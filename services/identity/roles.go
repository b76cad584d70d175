package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/aws/iam"
)

// The bounds of a role's longest session.
const (
	minMaxSession = time.Hour
	maxMaxSession = 12 * time.Hour
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
	err := s.change(ctx, func(st *state) (_ []Change, err error) {
		if err := checkName("roleName", n.Name, maxName); err != nil {
			return nil, err
		}
		if r.Path, err = checkPath(n.Path); err != nil {
			return nil, err
		}
		if r.Tags, err = mergeTags(nil, n.Tags); err != nil {
			return nil, err
		}
		if err := r.check(); err != nil {
			return nil, err
		}
		if err := st.needAccount(n.Account); err != nil {
			return nil, err
		}
		if err := st.checkTrust(r); err != nil {
			return nil, err
		}
		if err := s.quotas.checkTrust(r.Trust); err != nil {
			return nil, err
		}
		if _, ok := st.roles[r.id()]; ok {
			return nil, exists("Role with name %s already exists.", n.Name)
		}
		if n.Boundary != "" {
			if _, err := st.policyByARN(n.Boundary); err != nil {
				return nil, err
			}
		}
		r.Boundary = n.Boundary
		return []Change{put(r)}, nil
	})
	if err != nil {
		return Role{}, err
	}
	return *r, nil
}

// check checks what UpdateRole may change.
func (r *Role) check() error {
	if r.MaxSession < minMaxSession || r.MaxSession > maxMaxSession {
		return invalid("1 validation error detected: Value '%d' at 'maxSessionDuration' failed to satisfy constraint: Member must be between %d and %d",
			r.MaxSession/time.Second, minMaxSession/time.Second, maxMaxSession/time.Second)
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
		if err != nil || st.accounts[a.Account] == nil || a.Service != "iam" {
			continue
		}
		found := false
		switch last := a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]; a.Type() {
		case "user":
			u, ok := st.users[key(a.Account, last)]
			found = ok && u.ARN() == name
		case "role":
			other, ok := st.roles[key(a.Account, last)]
			found = ok && other.ARN() == name || name == r.ARN()
		}
		if !found {
			return fault.New(fault.Invalid, "identity", `Invalid principal in policy: "AWS":%q`, name).WithCode("MalformedPolicyDocument")
		}
	}
	return nil
}

func (st *state) role(account, name string) (*Role, error) {
	if r, ok := st.roles[key(account, name)]; ok {
		return r, nil
	}
	return nil, notFound("The role with name %.128s cannot be found.", name)
}

// Role returns a role.
func (s *Service) Role(account, name string) (r Role, err error) {
	s.view(func(st *state) {
		var found *Role
		if found, err = st.role(account, name); err == nil {
			r = *found
		}
	})
	return r, err
}

// Roles returns an account's roles below a path, by name.
func (s *Service) Roles(account, path string) []Role {
	var all []Role
	s.view(func(st *state) { all = listed(st.roles, account, func(r *Role) string { return r.Name }) })
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
	err := s.change(ctx, func(st *state) ([]Change, error) {
		r, err := st.role(account, name)
		if err != nil {
			return nil, err
		}
		next = *r
		if u.Description != nil {
			next.Description = *u.Description
		}
		if u.MaxSession != nil {
			next.MaxSession = *u.MaxSession
		}
		if u.Trust != nil {
			next.Trust = *u.Trust
			if err := st.checkTrust(&next); err != nil {
				return nil, err
			}
			if err := s.quotas.checkTrust(next.Trust); err != nil {
				return nil, err
			}
		}
		if err := next.check(); err != nil {
			return nil, err
		}
		return []Change{put(&next)}, nil
	})
	return next, err
}

// DeleteRole deletes a role that has no policies left and is in no instance profile. Its sessions end.
func (s *Service) DeleteRole(ctx context.Context, account, name string) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		r, err := st.role(account, name)
		if err != nil {
			return nil, err
		}
		for _, p := range st.profiles {
			if p.Account == account && strings.EqualFold(p.Role, name) {
				return nil, inUse("Cannot delete entity, must remove roles from instance profile first.")
			}
		}
		if err := r.mustBeFree(); err != nil {
			return nil, err
		}
		return []Change{remove(r)}, nil
	})
}

// NewInstanceProfile says what CreateInstanceProfile is to make.
type NewInstanceProfile struct {
	Account, Path, Name string
	Tags                []Tag
}

// CreateInstanceProfile makes an instance profile without role.
func (s *Service) CreateInstanceProfile(ctx context.Context, n NewInstanceProfile) (InstanceProfile, error) {
	p := &InstanceProfile{Partition: s.partition, Account: n.Account, Name: n.Name, Created: s.stamp(), ID: newID(prefixProfile)}
	err := s.change(ctx, func(st *state) (_ []Change, err error) {
		if err := checkName("instanceProfileName", n.Name, maxLongName); err != nil {
			return nil, err
		}
		if p.Path, err = checkPath(n.Path); err != nil {
			return nil, err
		}
		if p.Tags, err = mergeTags(nil, n.Tags); err != nil {
			return nil, err
		}
		if err := st.needAccount(n.Account); err != nil {
			return nil, err
		}
		if _, ok := st.profiles[p.id()]; ok {
			return nil, exists("Instance Profile %s already exists.", n.Name)
		}
		return []Change{put(p)}, nil
	})
	if err != nil {
		return InstanceProfile{}, err
	}
	return *p, nil
}

func (st *state) profile(account, name string) (*InstanceProfile, error) {
	if p, ok := st.profiles[key(account, name)]; ok {
		return p, nil
	}
	return nil, notFound("Instance Profile %.128s cannot be found.", name)
}

// InstanceProfile returns an instance profile by its name.
func (s *Service) InstanceProfile(account, name string) (p InstanceProfile, err error) {
	s.view(func(st *state) {
		var found *InstanceProfile
		if found, err = st.profile(account, name); err == nil {
			p = *found
		}
	})
	return p, err
}

// InstanceProfiles returns an account's instance profiles below a path, by name; only those with the role if role is not
// empty.
func (s *Service) InstanceProfiles(account, path, role string) []InstanceProfile {
	var all []InstanceProfile
	s.view(func(st *state) { all = listed(st.profiles, account, func(p *InstanceProfile) string { return p.Name }) })
	all = below(all, path, func(p *InstanceProfile) string { return p.Path })
	return slices.DeleteFunc(all, func(p InstanceProfile) bool { return role != "" && !strings.EqualFold(p.Role, role) })
}

// DeleteInstanceProfile deletes an instance profile that has no role.
func (s *Service) DeleteInstanceProfile(ctx context.Context, account, name string) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		p, err := st.profile(account, name)
		if err != nil {
			return nil, err
		}
		if p.Role != "" {
			return nil, inUse("Cannot delete entity, must remove roles from instance profile first.")
		}
		return []Change{remove(p)}, nil
	})
}

// AddRole puts a role into an instance profile, which holds one at most.
func (s *Service) AddRole(ctx context.Context, account, profile, role string) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		p, err := st.profile(account, profile)
		if err != nil {
			return nil, err
		}
		r, err := st.role(account, role)
		if err != nil {
			return nil, err
		}
		if p.Role != "" {
			return nil, limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		next := *p
		next.Role = r.Name
		return []Change{put(&next)}, nil
	})
}

// RemoveRole takes a role out of an instance profile.
func (s *Service) RemoveRole(ctx context.Context, account, profile, role string) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		p, err := st.profile(account, profile)
		if err != nil {
			return nil, err
		}
		if role == "" || !strings.EqualFold(p.Role, role) {
			return nil, notFound("Role %.128s in Instance Profile %s cannot be found.", role, p.Name)
		}
		next := *p
		next.Role = ""
		return []Change{put(&next)}, nil
	})
}
