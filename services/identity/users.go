package identity

import (
	"context"
	"strings"
)

// MaxAccessKeys is how many access keys a user may have.
const MaxAccessKeys = 2

// NewUser says what CreateUser is to make.
type NewUser struct {
	Account, Path, Name string
	Boundary            string // ARN of a managed policy, or empty
	Tags                []Tag
}

// CreateUser makes a user.
func (s *Service) CreateUser(ctx context.Context, n NewUser) (User, error) {
	u := &User{Partition: s.partition, Account: n.Account, Name: n.Name, Created: s.stamp(), ID: newID(prefixUser)}
	err := s.change(ctx, func(st *state) (_ []Change, err error) {
		if err := checkName("userName", n.Name, maxName); err != nil {
			return nil, err
		}
		if u.Path, err = checkPath(n.Path); err != nil {
			return nil, err
		}
		if u.Tags, err = mergeTags(nil, n.Tags); err != nil {
			return nil, err
		}
		if err := st.needAccount(n.Account); err != nil {
			return nil, err
		}
		if _, ok := st.users[u.id()]; ok {
			return nil, exists("User with name %s already exists.", n.Name)
		}
		if n.Boundary != "" {
			if _, err := st.policyByARN(n.Boundary); err != nil {
				return nil, err
			}
		}
		u.Boundary = n.Boundary
		return []Change{put(u)}, nil
	})
	if err != nil {
		return User{}, err
	}
	return *u, nil
}

func (st *state) user(account, name string) (*User, error) {
	if u, ok := st.users[key(account, name)]; ok {
		return u, nil
	}
	return nil, notFound("The user with name %.128s cannot be found.", name)
}

// User returns a user.
func (s *Service) User(account, name string) (u User, err error) {
	s.view(func(st *state) {
		var found *User
		if found, err = st.user(account, name); err == nil {
			u = *found
		}
	})
	return u, err
}

// Users returns an account's users below a path, by name.
func (s *Service) Users(account, path string) []User {
	var all []User
	s.view(func(st *state) { all = listed(st.users, account, func(u *User) string { return u.Name }) })
	return below(all, path, func(u *User) string { return u.Path })
}

// below keeps what stands below a path; the empty path is everything.
func below[E any](all []E, path string, of func(*E) string) []E {
	kept := all[:0]
	for i := range all {
		if strings.HasPrefix(of(&all[i]), path) {
			kept = append(kept, all[i])
		}
	}
	return kept
}

// UserUpdate says what UpdateUser changes; nil leaves it.
type UserUpdate struct{ Name, Path *string }

// UpdateUser gives a user another name or path. Its unique id, its keys and its policies stay with it; who named it by
// its ARN names nobody then.
func (s *Service) UpdateUser(ctx context.Context, account, name string, to UserUpdate) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		u, err := st.user(account, name)
		if err != nil {
			return nil, err
		}
		next := *u
		if to.Path != nil {
			if next.Path, err = checkPath(*to.Path); err != nil {
				return nil, err
			}
		}
		if to.Name == nil {
			return []Change{put(&next)}, nil
		}
		if err := checkName("newUserName", *to.Name, maxName); err != nil {
			return nil, err
		}
		next.Name = *to.Name
		if other := st.users[next.id()]; other != nil && other != u {
			return nil, exists("User with name %s already exists.", next.Name)
		}
		changes := []Change{remove(u), put(&next)}
		for _, k := range st.keysOf(account, u.Name) {
			k.User = next.Name
			changes = append(changes, put(&k))
		}
		return changes, nil
	})
}

// DeleteUser deletes a user that has no keys and no policies left.
func (s *Service) DeleteUser(ctx context.Context, account, name string) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		u, err := st.user(account, name)
		if err != nil {
			return nil, err
		}
		if len(st.keysOf(account, u.Name)) > 0 {
			return nil, inUse("Cannot delete entity, must delete access keys first.")
		}
		if err := u.mustBeFree(); err != nil {
			return nil, err
		}
		return []Change{remove(u)}, nil
	})
}

// CreateAccessKey makes an access key for a user, or for the account's root user where user is empty.
func (s *Service) CreateAccessKey(ctx context.Context, account, user string) (NewAccessKey, error) {
	id, err := newKeyID(prefixKey, account)
	if err != nil {
		return NewAccessKey{}, invalid("%s", err)
	}
	k := NewAccessKey{Secret: newSecret(), AccessKey: AccessKey{Account: account, ID: id, Active: true, Created: s.stamp()}}
	k.Sealed = s.sealer.Seal([]byte(k.Secret), sealPurpose(id))
	err = s.change(ctx, func(st *state) ([]Change, error) {
		if user != "" {
			u, err := st.user(account, user)
			if err != nil {
				return nil, err
			}
			k.User = u.Name
		} else if err := st.needAccount(account); err != nil {
			return nil, err
		}
		if len(st.keysOf(account, k.User)) >= MaxAccessKeys {
			return nil, limit("Cannot exceed quota for AccessKeysPerUser: %d", MaxAccessKeys)
		}
		if _, ok := st.keys[id]; ok {
			return nil, exists("Access key %s already exists.", id)
		}
		return []Change{put(&k.AccessKey)}, nil
	})
	if err != nil {
		return NewAccessKey{}, err
	}
	return k, nil
}

func (st *state) keysOf(account, user string) []AccessKey {
	var found []AccessKey
	for _, k := range listed(st.keys, "", func(k *AccessKey) string { return k.ID }) {
		if k.Account == account && k.User == user {
			found = append(found, k)
		}
	}
	return found
}

// AccessKeys returns the keys of a user, or of the root user where user is empty, by id.
func (s *Service) AccessKeys(account, user string) (keys []AccessKey, err error) {
	s.view(func(st *state) {
		if user != "" {
			var u *User
			if u, err = st.user(account, user); err != nil {
				return
			}
			user = u.Name
		}
		keys = st.keysOf(account, user)
	})
	return keys, err
}

func (st *state) accessKey(account, user, id string) (*AccessKey, error) {
	k, ok := st.keys[id]
	if !ok || k.Account != account || !strings.EqualFold(k.User, user) {
		return nil, notFound("The Access Key with id %.128s cannot be found.", id)
	}
	return k, nil
}

// SetAccessKey makes a key active or inactive.
func (s *Service) SetAccessKey(ctx context.Context, account, user, id string, active bool) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		k, err := st.accessKey(account, user, id)
		if err != nil {
			return nil, err
		}
		next := *k
		next.Active = active
		return []Change{put(&next)}, nil
	})
}

// DeleteAccessKey deletes a key.
func (s *Service) DeleteAccessKey(ctx context.Context, account, user, id string) error {
	return s.change(ctx, func(st *state) ([]Change, error) {
		k, err := st.accessKey(account, user, id)
		if err != nil {
			return nil, err
		}
		return []Change{remove(k)}, nil
	})
}
