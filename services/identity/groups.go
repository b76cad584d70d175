package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/aws/arn"
	"postern/aws/iam"
	"postern/record"
)

// Group is an IAM group: its policies are part of what each of its users may do. It has no permissions boundary.
type Group struct {
	Partition           string `json:",omitempty"` // of its ARN; empty is "aws"
	Account, Path, Name string
	ID                  string // AGPA…
	Created             time.Time
	Permissions
}

func (g *Group) id() string { return key(g.Account, g.Name) }

// ARN is the group's name in policies.
func (g Group) ARN() string {
	return arn.Global(g.Partition, "iam", g.Account, "group"+g.Path+g.Name).String()
}

// membership says that a user is in a group, both by their unique ids, which stay with them under another name.
type membership struct{ Account, Group, User string }

func (m *membership) id() string { return m.Account + "/" + m.Group + "/" + m.User }

var (
	groupsByPolicy = &record.Index[Group]{Terms: func(g *Group) []record.Term {
		return policyTerms(g.Account, g.Attached...)
	}}
	groupsByID = &record.Index[Group]{Terms: func(g *Group) []record.Term { return []record.Term{{Value: g.ID}} }}
	groups     = &record.Kind[Group]{
		Name:    "group",
		Key:     (*Group).id,
		Groups:  func(g *Group) []string { return []string{g.Account} },
		Indexes: []*record.Index[Group]{groupsByPolicy, groupsByID},
		Prepare: func(g *Group) error { return g.compile() },
	}
	membersByGroup = &record.Index[membership]{Terms: func(m *membership) []record.Term {
		return []record.Term{{Value: m.Group}}
	}}
	membersByUser = &record.Index[membership]{Terms: func(m *membership) []record.Term {
		return []record.Term{{Value: m.User}}
	}}
	memberships = &record.Kind[membership]{
		Name:    "membership",
		Key:     (*membership).id,
		Groups:  func(m *membership) []string { return []string{m.Account} },
		Indexes: []*record.Index[membership]{membersByGroup, membersByUser},
	}
)

// CreateGroup makes a group without users.
func (s *Service) CreateGroup(ctx context.Context, account, path, name string) (Group, error) {
	g := &Group{Partition: s.partition, Account: account, Name: name, ID: newID(prefixGroup), Created: s.stamp()}
	err := s.change(ctx, account, func(p *plan) (err error) {
		if err := checkName("groupName", name, maxLongName); err != nil {
			return err
		}
		if g.Path, err = checkPath(path); err != nil {
			return err
		}
		if err := p.needAccount(account); err != nil {
			return err
		}
		if _, ok := groups.Get(p.Tables, g.id()); ok {
			return exists("Group with name %s already exists.", name)
		}
		groups.Put(p.Plan, g, false)
		return nil
	})
	if err != nil {
		return Group{}, err
	}
	return *g, nil
}

func (st *state) group(account, name string) (*Group, error) {
	if g, ok := groups.Get(st.tables, key(account, name)); ok {
		return g, nil
	}
	return nil, notFound("The group with name %.128s cannot be found.", name)
}

// Group returns a group.
func (s *Service) Group(account, name string) (Group, error) {
	g, err := s.state().group(account, name)
	if err != nil {
		return Group{}, err
	}
	return *g, nil
}

// Groups returns an account's groups below a path, by name.
func (s *Service) Groups(account, path string) []Group {
	all := listed(groups, s.state(), account, func(g *Group) string { return g.Name })
	return below(all, path, func(g *Group) string { return g.Path })
}

// Members returns a group's users, by name.
func (s *Service) Members(account, name string) ([]User, error) {
	st := s.state()
	g, err := st.group(account, name)
	if err != nil {
		return nil, err
	}
	var all []User
	for m := range membersByGroup.Find(st.tables, g.ID) {
		for u := range usersByID.Find(st.tables, m.User) {
			all = append(all, *u)
		}
	}
	slices.SortFunc(all, func(a, b User) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// GroupsOf returns the groups that a user is in, by name.
func (s *Service) GroupsOf(account, user string) ([]Group, error) {
	st := s.state()
	u, err := st.user(account, user)
	if err != nil {
		return nil, err
	}
	return st.groupsOf(u), nil
}

func (st *state) groupsOf(u *User) []Group {
	var all []Group
	for m := range membersByUser.Find(st.tables, u.ID) {
		for g := range groupsByID.Find(st.tables, m.Group) {
			all = append(all, *g)
		}
	}
	slices.SortFunc(all, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// userPolicies returns the policies that a user is judged by: its own and its groups'.
func (st *state) userPolicies(u *User) (all []*iam.Policy, boundary *iam.Policy) {
	all, boundary = st.identityPolicies(&u.Permissions)
	for _, g := range st.groupsOf(u) {
		of, _ := st.identityPolicies(&g.Permissions)
		all = append(all, of...)
	}
	return all, boundary
}

// GroupUpdate says what UpdateGroup changes; nil leaves it.
type GroupUpdate struct{ Name, Path *string }

// UpdateGroup gives a group another name or path. Its unique id, its users and its policies stay with it.
func (s *Service) UpdateGroup(ctx context.Context, account, name string, to GroupUpdate) error {
	return s.change(ctx, account, func(p *plan) error {
		g, err := p.group(account, name)
		if err != nil {
			return err
		}
		next := *g
		if to.Path != nil {
			if next.Path, err = checkPath(*to.Path); err != nil {
				return err
			}
		}
		if to.Name != nil {
			if err := checkName("newGroupName", *to.Name, maxLongName); err != nil {
				return err
			}
			next.Name = *to.Name
			if other, ok := groups.Get(p.Tables, next.id()); ok && other != g {
				return exists("Group with name %s already exists.", next.Name)
			}
			groups.Delete(p.Plan, g.id(), false)
		}
		groups.Put(p.Plan, &next, false)
		return nil
	})
}

// DeleteGroup deletes a group that has no users and no policies left.
func (s *Service) DeleteGroup(ctx context.Context, account, name string) error {
	return s.change(ctx, account, func(p *plan) error {
		g, err := p.group(account, name)
		if err != nil {
			return err
		}
		for range membersByGroup.Find(p.Tables, g.ID) {
			return inUse("Cannot delete entity, must remove users from group first.")
		}
		if err := g.mustBeFree(); err != nil {
			return err
		}
		groups.Delete(p.Plan, g.id(), false)
		return nil
	})
}

// MaxGroupsOfUser is how many groups a user may be in.
const MaxGroupsOfUser = 10

// AddToGroup puts a user into a group; one that is in it already is no error.
func (s *Service) AddToGroup(ctx context.Context, account, group, user string) error {
	return s.changeMember(ctx, &membership{Account: account}, group, user, func(p *plan, m *membership) error {
		if _, ok := memberships.Get(p.Tables, m.id()); ok {
			return nil
		}
		in := 0
		for range membersByUser.Find(p.Tables, m.User) {
			in++
		}
		if in >= MaxGroupsOfUser {
			return limit("Cannot exceed quota for GroupsPerUser: %d", MaxGroupsOfUser)
		}
		memberships.Put(p.Plan, m, false)
		return nil
	})
}

// RemoveFromGroup takes a user out of a group.
func (s *Service) RemoveFromGroup(ctx context.Context, account, group, user string) error {
	return s.changeMember(ctx, &membership{Account: account}, group, user, func(p *plan, m *membership) error {
		if _, ok := memberships.Get(p.Tables, m.id()); !ok {
			return notFound("The user with name %.128s is not in the group with name %.128s.", user, group)
		}
		memberships.Delete(p.Plan, m.id(), false)
		return nil
	})
}

// changeMember plans a change of whether a user is in a group.
func (s *Service) changeMember(
	ctx context.Context, m *membership, group, user string, do func(p *plan, m *membership) error,
) error {
	return s.change(ctx, m.Account, func(p *plan) error {
		g, err := p.group(m.Account, group)
		if err != nil {
			return err
		}
		u, err := p.user(m.Account, user)
		if err != nil {
			return err
		}
		m.Group, m.User = g.ID, u.ID
		return do(p, m)
	})
}
