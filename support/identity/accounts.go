package identity

import (
	"context"
	"slices"
	"strings"

	"postern/aws/arn"
	"postern/aws/fault"
)

// NewAccessKey is an access key with its secret, as it is given out once.
type NewAccessKey struct {
	AccessKey
	Secret string
}

// EnsureAccount makes an account with an access key of its root user, unless it is there. The key is returned only when
// it was made: the secret cannot be had again.
func (s *Service) EnsureAccount(ctx context.Context, account string) (made *NewAccessKey, err error) {
	return s.ensureAccount(ctx, account, func() (NewAccessKey, error) {
		id, err := newKeyID(prefixKey, account)
		return NewAccessKey{AccessKey: AccessKey{ID: id}, Secret: newSecret()}, err
	})
}

// EnsureAccountWithKey is EnsureAccount with a root key that is chosen by the operator. Keys that others know belong in
// tests and laboratories only.
func (s *Service) EnsureAccountWithKey(ctx context.Context, account, keyID, secret string) error {
	if keyID == "" || len(keyID) > 128 || secret == "" {
		return invalid("The access key of account %s must have an id of 1 to 128 characters and a secret", account)
	}
	_, err := s.ensureAccount(ctx, account, func() (NewAccessKey, error) {
		return NewAccessKey{AccessKey: AccessKey{ID: keyID}, Secret: secret}, nil
	})
	return err
}

func (s *Service) ensureAccount(ctx context.Context, account string, newKey func() (NewAccessKey, error)) (made *NewAccessKey, err error) {
	if !accountPattern.MatchString(account) {
		return nil, invalid("An account is a number of twelve digits, not %.40q", account)
	}
	err = s.change(ctx, func(st *state) ([]Change, error) {
		made = nil
		if _, ok := st.accounts[account]; ok {
			return nil, nil
		}
		k, err := newKey()
		if err != nil {
			return nil, err
		}
		if _, ok := st.keys[k.ID]; ok {
			return nil, exists("Access key %s already exists.", k.ID)
		}
		k.Account, k.Active, k.Created = account, true, s.stamp()
		k.Sealed = s.sealer.Seal([]byte(k.Secret), sealPurpose(k.ID))
		made = &k
		return []Change{put(&Account{ID: account, Created: k.Created}), put(&k.AccessKey)}, nil
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// Accounts returns all accounts, by number.
func (s *Service) Accounts() []Account {
	var all []Account
	s.view(func(st *state) { all = listed(st.accounts, "", func(a *Account) string { return a.ID }) })
	return all
}

// RootARN is the ARN of an account's root user.
func RootARN(account string) string { return arn.New("iam", "", account, "root").String() }

// listed returns the entities of an account, or all if account is empty, in the order of their names.
func listed[E any](table map[string]*E, account string, name func(*E) string) []E {
	var found []*E
	for id, e := range table {
		if account == "" || strings.HasPrefix(id, account+"/") {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *E) int { return strings.Compare(name(a), name(b)) })
	all := make([]E, len(found))
	for i, e := range found {
		all[i] = *e
	}
	return all
}

// needAccount refuses an account that does not exist.
func (st *state) needAccount(account string) error {
	if _, ok := st.accounts[account]; !ok {
		return fault.New(fault.NotFound, "identity", "account %s does not exist", account).WithCode("NoSuchEntity")
	}
	return nil
}
