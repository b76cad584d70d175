package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/record"
)

// InstanceProfile gives a role to instances.
type InstanceProfile struct {
	Partition           string `json:",omitempty"`
	Account, Path, Name string
	ID                  string // AIPA…
	Created             time.Time
	Role                string // the role's name, or empty
	Tags                []Tag
}

func (p *InstanceProfile) id() string { return key(p.Account, p.Name) }

// ARN is the profile's name in RunInstances and policies.
func (p InstanceProfile) ARN() string {
	return arn.Global(p.Partition, "iam", p.Account, "instance-profile"+p.Path+p.Name).String()
}

var (
	profilesByRole = &record.Index[InstanceProfile]{Terms: func(p *InstanceProfile) []record.Term {
		if p.Role == "" {
			return nil
		}
		return []record.Term{{Value: key(p.Account, p.Role)}}
	}}
	profiles = &record.Kind[InstanceProfile]{
		Name:    "instance-profile",
		Key:     (*InstanceProfile).id,
		Groups:  func(p *InstanceProfile) []string { return []string{p.Account} },
		Indexes: []*record.Index[InstanceProfile]{profilesByRole},
	}
)

// NewInstanceProfile says what CreateInstanceProfile is to make.
type NewInstanceProfile struct {
	Account, Path, Name string
	Tags                []Tag
}

// CreateInstanceProfile makes an instance profile without role.
func (s *Service) CreateInstanceProfile(ctx context.Context, n NewInstanceProfile) (InstanceProfile, error) {
	p := &InstanceProfile{
		Partition: s.partition, Account: n.Account, Name: n.Name, Created: s.stamp(), ID: newID(prefixProfile),
	}
	err := s.change(ctx, n.Account, func(in *plan) (err error) {
		if err := checkName("instanceProfileName", n.Name, maxLongName); err != nil {
			return err
		}
		if p.Path, err = checkPath(n.Path); err != nil {
			return err
		}
		if p.Tags, err = mergeTags(nil, n.Tags); err != nil {
			return err
		}
		if err := in.needAccount(n.Account); err != nil {
			return err
		}
		if _, ok := profiles.Get(in.Tables, p.id()); ok {
			return exists("Instance Profile %s already exists.", n.Name)
		}
		profiles.Put(in.Plan, p, false)
		return nil
	})
	if err != nil {
		return InstanceProfile{}, err
	}
	return *p, nil
}

func (st *state) profile(account, name string) (*InstanceProfile, error) {
	if p, ok := profiles.Get(st.tables, key(account, name)); ok {
		return p, nil
	}
	return nil, notFound("Instance Profile %.128s cannot be found.", name)
}

// InstanceProfile returns an instance profile by its name.
func (s *Service) InstanceProfile(account, name string) (InstanceProfile, error) {
	p, err := s.state().profile(account, name)
	if err != nil {
		return InstanceProfile{}, err
	}
	return *p, nil
}

// InstanceProfiles returns an account's instance profiles below a path, by name; only those with the role if role is
// not empty.
func (s *Service) InstanceProfiles(account, path, role string) []InstanceProfile {
	all := listed(profiles, s.state(), account, func(p *InstanceProfile) string { return p.Name })
	all = below(all, path, func(p *InstanceProfile) string { return p.Path })
	return slices.DeleteFunc(all, func(p InstanceProfile) bool { return role != "" && !strings.EqualFold(p.Role, role) })
}

// DeleteInstanceProfile deletes an instance profile that has no role.
func (s *Service) DeleteInstanceProfile(ctx context.Context, account, name string) error {
	return s.change(ctx, account, func(in *plan) error {
		p, err := in.profile(account, name)
		if err != nil {
			return err
		}
		if p.Role != "" {
			return inUse("Cannot delete entity, must remove roles from instance profile first.")
		}
		profiles.Delete(in.Plan, profiles.Key(p), false)
		return nil
	})
}

// AddRole puts a role into an instance profile, which holds one at most.
func (s *Service) AddRole(ctx context.Context, account, profile, role string) error {
	return s.change(ctx, account, func(in *plan) error {
		p, err := in.profile(account, profile)
		if err != nil {
			return err
		}
		r, err := in.ownRole(account, role)
		if err != nil {
			return err
		}
		if p.Role != "" {
			return limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
		}
		next := *p
		next.Role = r.Name
		profiles.Put(in.Plan, &next, false)
		return nil
	})
}

// RemoveRole takes a role out of an instance profile.
func (s *Service) RemoveRole(ctx context.Context, account, profile, role string) error {
	return s.change(ctx, account, func(in *plan) error {
		p, err := in.profile(account, profile)
		if err != nil {
			return err
		}
		if role == "" || !strings.EqualFold(p.Role, role) {
			return notFound("Role %.128s in Instance Profile %s cannot be found.", role, p.Name)
		}
		next := *p
		next.Role = ""
		profiles.Put(in.Plan, &next, false)
		return nil
	})
}
