package identity

import (
	"context"
	"time"

	"postern/aws/arn"
	"postern/aws/fault"
	"postern/record"
)

// Account is one AWS account.
type Account struct {
	ID      string // twelve digits
	Created time.Time
	// RootKey is the id of the root user's key that was made with the account, or last given by the operator.
	RootKey string
	// Alias is the account's name; empty for none. Aliases are unique.
	Alias string `json:",omitempty"`
}

var accounts = &record.Kind[Account]{
	Name:   "account",
	Key:    func(a *Account) string { return a.ID },
	Groups: func(*Account) []string { return nil },
}

// NewAccessKey is an access key with its secret, as it is given out once.
type NewAccessKey struct {
	AccessKey
	Secret string
}

// EnsureAccount makes an account with an access key of its root user, unless it is there. The key is returned only when
// it was made: the secret cannot be had again.
func (s *Service) EnsureAccount(ctx context.Context, account string) (made *NewAccessKey, err error) {
	err = s.change(ctx, account, func(p *plan) error {
		made = nil
		if _, ok := accounts.Get(p.Tables, account); ok {
			return nil
		}
		var err error
		made, err = s.newRootKey(p, account)
		return err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// CreateAccount makes an account with an access key of its root user, whose secret cannot be had again. An empty number
// is chosen at random, and an alias may be empty. Faults are Exists (number or alias) and Invalid.
func (s *Service) CreateAccount(ctx context.Context, number, alias string) (Account, NewAccessKey, error) {
	if number == "" {
		number = newAccountNumber()
	}
	var made *NewAccessKey
	err := s.change(ctx, number, func(p *plan) error {
		if _, ok := accounts.Get(p.Tables, number); ok {
			return exists("The account %s already exists.", number)
		}
		if !accountPattern.MatchString(number) {
			return notAccount(number)
		}
		if alias != "" {
			if err := p.checkAlias(number, alias); err != nil {
				return err
			}
			accounts.Put(p.Plan, &Account{ID: number, Created: s.stamp(), Alias: alias}, false)
		}
		var err error
		made, err = s.newRootKey(p, number)
		return err
	})
	if err != nil {
		return Account{}, NewAccessKey{}, err
	}
	a, err := s.Account(number)
	return a, *made, err
}

// newRootKey plans another key of an account's root user, and the account where it is missing.
func (s *Service) newRootKey(p *plan, account string) (*NewAccessKey, error) {
	id, err := newKeyID(prefixKey, account)
	if err != nil {
		return nil, invalid("%s", err)
	}
	made := &NewAccessKey{Secret: newSecret(), AccessKey: AccessKey{ID: id}}
	return made, s.putRootKey(p, account, made)
}

func notAccount(number string) error {
	return invalid("An account is a number of twelve digits, not %.40q", number)
}

// ResetRootKey makes another access key of an account's root user. deactivate makes those inactive that there were, and
// returns how many.
func (s *Service) ResetRootKey(
	ctx context.Context, account string, deactivate bool,
) (made *NewAccessKey, inactive int, err error) {
	err = s.change(ctx, account, func(p *plan) (err error) {
		if err := p.needAccount(account); err != nil {
			return err
		}
		if inactive = 0; deactivate {
			inactive = p.deactivateRootKeys(account, "")
		}
		made, err = s.newRootKey(p, account)
		return err
	})
	return made, inactive, err
}

// DeactivateRootKeys makes all access keys of an account's root user inactive but one, and returns how many.
func (s *Service) DeactivateRootKeys(ctx context.Context, account, but string) (n int, err error) {
	err = s.change(ctx, account, func(p *plan) error {
		n = p.deactivateRootKeys(account, but)
		return nil
	})
	return n, err
}

func (p *plan) deactivateRootKeys(account, but string) (n int) {
	for _, k := range p.keysOf(account, "") {
		if k.Active && k.ID != but {
			k.Active = false
			accessKeys.Put(p.Plan, &k, false)
			n++
		}
	}
	return n
}

// EnsureAccountWithKey makes an account unless it is there, and gives its root user this key, which the operator keeps:
// a new one beside those that are there, or an old one with another secret. A key that was given before and has been
// deleted or made inactive since stays so. Keys that strangers know belong in tests and laboratories only.
func (s *Service) EnsureAccountWithKey(ctx context.Context, account, keyID, secret string) error {
	if keyID == "" || len(keyID) > 128 || secret == "" {
		return invalid("The access key of account %s must have an id of 1 to 128 characters and a secret", account)
	}
	return s.change(ctx, account, func(p *plan) error {
		if a, ok := accounts.Get(p.Tables, account); ok && a.RootKey == keyID {
			k, ok := accessKeys.Get(p.Tables, keyID)
			if !ok {
				return nil
			}
			if was, err := s.secretOf(k); err != nil || was == secret {
				return err
			}
		}
		return s.putRootKey(p, account, &NewAccessKey{Secret: secret, AccessKey: AccessKey{ID: keyID}})
	})
}

// putRootKey plans the account, where it is missing, and a key of its root user.
func (s *Service) putRootKey(p *plan, account string, k *NewAccessKey) error {
	if !accountPattern.MatchString(account) {
		return notAccount(account)
	}
	if other, ok := accessKeys.Get(p.Tables, k.ID); ok && (other.Account != account || other.User != "") {
		return exists("Access key %s already exists.", k.ID)
	}
	k.Account, k.Active, k.Created = account, true, s.stamp()
	k.Sealed = s.sealer.Seal([]byte(k.Secret), sealPurpose(k.ID))
	a := Account{ID: account, Created: k.Created}
	if there, ok := accounts.Get(p.Tables, account); ok {
		a.Created, a.Alias = there.Created, there.Alias
	}
	a.RootKey = k.ID
	kept := k.AccessKey
	accessKeys.Put(p.Plan, &kept, false)
	accounts.Put(p.Plan, &a, false)
	return nil
}

// Accounts returns all accounts, by number.
func (s *Service) Accounts() []Account {
	var all []Account
	for a := range accounts.All(s.state().tables) {
		all = append(all, *a)
	}
	return all
}

// rootARN returns the ARN of an account's root user.
func (st *state) rootARN(account string) string {
	return arn.Global(st.partition, "iam", account, "root").String()
}

func (st *state) account(id string) (*Account, error) {
	if a, ok := accounts.Get(st.tables, id); ok {
		return a, nil
	}
	return nil, fault.New(fault.NotFound, "identity", "account %s does not exist", id).WithCode("NoSuchEntity")
}

// needAccount refuses an account that does not exist.
func (st *state) needAccount(account string) error {
	_, err := st.account(account)
	return err
}
