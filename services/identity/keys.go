package identity

import (
	"context"
	"strings"
	"time"

	"postern/record"
)

// AccessKey is a long-term key. The secret is not in it.
type AccessKey struct {
	Account string
	ID      string // AKIA…
	User    string // the user's name; empty for the account's root user
	Active  bool
	Created time.Time
	Sealed  []byte // the secret, sealed
}

var (
	keysByOwner = &record.Index[AccessKey]{Terms: func(k *AccessKey) []record.Term {
		return []record.Term{{Value: key(k.Account, k.User)}}
	}}
	accessKeys = &record.Kind[AccessKey]{
		Name:    "access-key",
		Key:     func(k *AccessKey) string { return k.ID },
		Groups:  func(k *AccessKey) []string { return []string{k.Account} },
		Indexes: []*record.Index[AccessKey]{keysByOwner},
	}
)

func sealPurpose(keyID string) string { return "access-key " + keyID }

// secretOf opens a key's secret.
func (s *Service) secretOf(k *AccessKey) (string, error) {
	secret, err := s.sealer.Open(k.Sealed, sealPurpose(k.ID))
	return string(secret), err
}

// Reseal seals all secrets anew with the present key, in one commit, and returns how many.
func (s *Service) Reseal(ctx context.Context) (n int, err error) {
	err = s.change(ctx, "", func(p *plan) error {
		n = 0
		for k := range accessKeys.All(p.Tables) {
			secret, err := s.secretOf(k)
			if err != nil {
				return err
			}
			next := *k
			next.Sealed = s.sealer.Seal([]byte(secret), sealPurpose(k.ID))
			accessKeys.Put(p.Plan, &next, false)
			n++
		}
		return nil
	})
	return n, err
}

// MaxAccessKeys is how many access keys a user may have.
const MaxAccessKeys = 2

// CreateAccessKey makes an access key for a user, or for the account's root user where user is empty.
func (s *Service) CreateAccessKey(ctx context.Context, account, user string) (NewAccessKey, error) {
	id, err := newKeyID(prefixKey, account)
	if err != nil {
		return NewAccessKey{}, invalid("%s", err)
	}
	k := NewAccessKey{
		Secret: newSecret(), AccessKey: AccessKey{Account: account, ID: id, Active: true, Created: s.stamp()},
	}
	k.Sealed = s.sealer.Seal([]byte(k.Secret), sealPurpose(id))
	err = s.change(ctx, account, func(p *plan) error {
		if user != "" {
			u, err := p.user(account, user)
			if err != nil {
				return err
			}
			k.User = u.Name
		} else if err := p.needAccount(account); err != nil {
			return err
		}
		if len(p.keysOf(account, k.User)) >= MaxAccessKeys {
			return limit("Cannot exceed quota for AccessKeysPerUser: %d", MaxAccessKeys)
		}
		if _, ok := accessKeys.Get(p.Tables, id); ok {
			return exists("Access key %s already exists.", id)
		}
		kept := k.AccessKey
		accessKeys.Put(p.Plan, &kept, false)
		return nil
	})
	if err != nil {
		return NewAccessKey{}, err
	}
	return k, nil
}

func (st *state) keysOf(account, user string) []AccessKey {
	var found []AccessKey
	for k := range keysByOwner.Find(st.tables, key(account, user)) {
		found = append(found, *k)
	}
	return found
}

// AccessKeys returns the keys of a user, or of the root user where user is empty, by id.
func (s *Service) AccessKeys(account, user string) ([]AccessKey, error) {
	st := s.state()
	if user != "" {
		if _, err := st.user(account, user); err != nil {
			return nil, err
		}
	}
	return st.keysOf(account, user), nil
}

func (st *state) accessKey(account, user, id string) (*AccessKey, error) {
	k, ok := accessKeys.Get(st.tables, id)
	if !ok || k.Account != account || !strings.EqualFold(k.User, user) {
		return nil, noKey(id)
	}
	return k, nil
}

func noKey(id string) error { return notFound("The Access Key with id %.128s cannot be found.", id) }

// SetAccessKey makes a key active or inactive.
func (s *Service) SetAccessKey(ctx context.Context, account, user, id string, active bool) error {
	return s.change(ctx, account, func(p *plan) error {
		k, err := p.accessKey(account, user, id)
		if err != nil {
			return err
		}
		next := *k
		next.Active = active
		accessKeys.Put(p.Plan, &next, false)
		return nil
	})
}

// DeleteAccessKey deletes a key.
func (s *Service) DeleteAccessKey(ctx context.Context, account, user, id string) error {
	return s.change(ctx, account, func(p *plan) error {
		k, err := p.accessKey(account, user, id)
		if err != nil {
			return err
		}
		accessKeys.Delete(p.Plan, accessKeys.Key(k), false)
		keyUses.Delete(p.Plan, k.ID, false)
		return nil
	})
}
