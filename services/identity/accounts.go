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
	err = s.change(ctx, func(st *state) ([]Change, error) {
		made = nil
		if _, ok := st.accounts[account]; ok {
			return nil, nil
		}
		id, err := newKeyID(prefixKey, account)
		if err != nil {
			return nil, invalid("%s", err)
		}
		made = &NewAccessKey{Secret: newSecret(), AccessKey: AccessKey{ID: id}}
		return s.withRootKey(st, account, made)
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// EnsureAccountWithKey makes an account unless it is there, and gives its root user this key, which the operator keeps: a
// new one beside those that are there, or an old one with another secret. A key that was given before and has been
// deleted or made inactive since stays so. Keys that strangers know belong in tests and laboratories only.
func (s *Service) EnsureAccountWithKey(ctx context.Context, account, keyID, secret string) error {
	if keyID == "" || len(keyID) > 128 || secret == "" {
		return invalid("The access key of account %s must have an id of 1 to 128 characters and a secret", account)
	}
	return s.change(ctx, func(st *state) ([]Change, error) {
		if a, k := st.accounts[account], st.keys[keyID]; a != nil && a.RootKey == keyID && (k == nil || k.secret == secret) {
			return nil, nil
		}
		return s.withRootKey(st, account, &NewAccessKey{Secret: secret, AccessKey: AccessKey{ID: keyID}})
	})
}

// withRootKey plans the account, where it is missing, and a key of its root user.
func (s *Service) withRootKey(st *state, account string, k *NewAccessKey) ([]Change, error) {
	if !accountPattern.MatchString(account) {
		return nil, invalid("An account is a number of twelve digits, not %.40q", account)
	}
	if other := st.keys[k.ID]; other != nil && (other.Account != account || other.User != "") {
		return nil, exists("Access key %s already exists.", k.ID)
	}
	k.Account, k.Active, k.Created = account, true, s.stamp()
	k.Sealed = s.sealer.Seal([]byte(k.Secret), sealPurpose(k.ID))
	a := Account{ID: account, Created: k.Created}
	if there := st.accounts[account]; there != nil {
		a.Created = there.Created
	}
	a.RootKey = k.ID
	return []Change{put(&k.AccessKey), put(&a)}, nil
}

// Accounts returns all accounts, by number.
func (s *Service) Accounts() []Account {
	var all []Account
	s.view(func(st *state) { all = listed(st.accounts, "", func(a *Account) string { return a.ID }) })
	return all
}

// rootARN is the ARN of an account's root user.
func (st *state) rootARN(account string) string {
	return arn.Global(st.partition, "iam", account, "root").String()
}

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
