package identity

import (
	"context"
	"time"

	"postern/aws/arn"
	"postern/record"
)

// User is an IAM user.
type User struct {
	Partition           string `json:",omitempty"` // of its ARN; empty is "aws"
	Account, Path, Name string
	ID                  string // AIDA…
	Created             time.Time
	Tags                []Tag
	Permissions
}

func (u *User) id() string { return key(u.Account, u.Name) }

// ARN is the user's name in policies.
func (u User) ARN() string {
	return arn.Global(u.Partition, "iam", u.Account, "user"+u.Path+u.Name).String()
}

var (
	usersByPolicy = &record.Index[User]{Terms: func(u *User) []record.Term {
		return policyTerms(u.Account, u.Attached...)
	}}
	usersByBoundary = &record.Index[User]{Terms: func(u *User) []record.Term {
		return policyTerms(u.Account, u.Boundary)
	}}
	usersByID = &record.Index[User]{Terms: func(u *User) []record.Term { return []record.Term{{Value: u.ID}} }}
	users     = &record.Kind[User]{
		Name:    "user",
		Key:     (*User).id,
		Groups:  func(u *User) []string { return []string{u.Account} },
		Indexes: []*record.Index[User]{usersByPolicy, usersByBoundary, usersByID},
		Prepare: func(u *User) error { return u.compile() },
	}
)

// NewUser says what CreateUser is to make.
type NewUser struct {
	Account, Path, Name string
	Boundary            string // ARN of a managed policy, or empty
	Tags                []Tag
}

// CreateUser makes a user.
func (s *Service) CreateUser(ctx context.Context, n NewUser) (User, error) {
	u := &User{Partition: s.partition, Account: n.Account, Name: n.Name, Created: s.stamp(), ID: newID(prefixUser)}
	err := s.change(ctx, n.Account, func(p *plan) (err error) {
		if err := checkName("userName", n.Name, maxName); err != nil {
			return err
		}
		if u.Path, err = checkPath(n.Path); err != nil {
			return err
		}
		if u.Tags, err = mergeTags(nil, n.Tags); err != nil {
			return err
		}
		if err := p.needAccount(n.Account); err != nil {
			return err
		}
		if _, ok := users.Get(p.Tables, u.id()); ok {
			return exists("User with name %s already exists.", n.Name)
		}
		if n.Boundary != "" {
			if _, err := p.policyFor(n.Account, n.Boundary); err != nil {
				return err
			}
		}
		u.Boundary = n.Boundary
		users.Put(p.Plan, u, false)
		return nil
	})
	if err != nil {
		return User{}, err
	}
	return *u, nil
}

func (st *state) user(account, name string) (*User, error) {
	if u, ok := users.Get(st.tables, key(account, name)); ok {
		return u, nil
	}
	return nil, notFound("The user with name %.128s cannot be found.", name)
}

// User returns a user.
func (s *Service) User(account, name string) (User, error) {
	u, err := s.state().user(account, name)
	if err != nil {
		return User{}, err
	}
	return *u, nil
}

// Users returns an account's users below a path, by name.
func (s *Service) Users(account, path string) []User {
	all := listed(users, s.state(), account, func(u *User) string { return u.Name })
	return below(all, path, func(u *User) string { return u.Path })
}

// UserUpdate says what UpdateUser changes; nil leaves it.
type UserUpdate struct{ Name, Path *string }

// UpdateUser gives a user another name or path. Its unique id, its keys and its policies stay with it; who named it by
// its ARN names nobody then.
func (s *Service) UpdateUser(ctx context.Context, account, name string, to UserUpdate) error {
	return s.change(ctx, account, func(p *plan) error {
		u, err := p.user(account, name)
		if err != nil {
			return err
		}
		next := *u
		if to.Path != nil {
			if next.Path, err = checkPath(*to.Path); err != nil {
				return err
			}
		}
		if to.Name == nil {
			users.Put(p.Plan, &next, false)
			return nil
		}
		if err := checkName("newUserName", *to.Name, maxName); err != nil {
			return err
		}
		next.Name = *to.Name
		if other, ok := users.Get(p.Tables, next.id()); ok && other != u {
			return exists("User with name %s already exists.", next.Name)
		}
		for _, k := range p.keysOf(account, u.Name) {
			k.User = next.Name
			accessKeys.Put(p.Plan, &k, false)
		}
		users.Delete(p.Plan, u.id(), false)
		users.Put(p.Plan, &next, false)
		return nil
	})
}

// DeleteUser deletes a user that has no keys and no policies left and is in no group.
func (s *Service) DeleteUser(ctx context.Context, account, name string) error {
	return s.change(ctx, account, func(p *plan) error {
		u, err := p.user(account, name)
		if err != nil {
			return err
		}
		if len(p.keysOf(account, u.Name)) > 0 {
			return inUse("Cannot delete entity, must delete access keys first.")
		}
		for range membersByUser.Find(p.Tables, u.ID) {
			return inUse("Cannot delete entity, must remove users from group first.")
		}
		if err := u.mustBeFree(); err != nil {
			return err
		}
		users.Delete(p.Plan, users.Key(u), false)
		return nil
	})
}
